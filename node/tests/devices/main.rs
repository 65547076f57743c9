//! Three whole nodes over loopback, and a device that speaks their protocol by hand: beats, armed subscriptions, notices,
//! draining, nodes that are cut off, devices that flood, and what is left of a session that ended.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod absurd;
mod ending;
mod hostile;
mod standing_by;
mod stopping;
mod subscribing;
mod support;

//! Three whole nodes over loopback, and a device that speaks their protocol by hand: beats, armed subscriptions, notices,
//! draining, and nodes that are cut off.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod standing_by;
mod stopping;
mod support;

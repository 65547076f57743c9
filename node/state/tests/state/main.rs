//! The state machine from outside: stories of alice, bob and carol, and properties that hold whatever anybody does.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod accounts;
mod blocked;
mod conversations;
mod costs;
mod devices;
mod erasure;
mod feeds;
mod groups;
mod log;
mod messages;
mod names;
mod own;
mod properties;
mod sessions;
mod world;

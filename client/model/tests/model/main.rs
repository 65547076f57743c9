//! The model's decisions as stories: alice, bob and carol, the real state machine, and devices that may crash.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod agree;
mod crash;
mod drafts;
mod feed;
mod groups;
mod large;
mod marks;
mod notify;
mod outbox;
mod pinned;
mod scrolling;
mod sending;
mod timeline;
mod typing;
mod world;

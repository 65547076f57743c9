//! The transport over loopback, with certificates made on the spot.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod attacks;
mod budgets;
mod clocks;
mod conversation;
mod endings;
mod flood;
mod moving;
mod peers;
mod refusals;
mod support;
mod told;

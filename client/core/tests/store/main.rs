//! The local store against what it promises.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod naive;
mod random;
mod stories;
mod world;

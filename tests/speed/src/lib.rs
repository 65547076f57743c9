//! What is measured of the pure parts: as time by `benches/pure.rs`, as instructions by `tests/counts.rs`. Never knows how.
#![expect(clippy::unwrap_used, reason = "what is measured here fails by panicking")]

mod case;
mod entries;
mod feeds;
mod model;
mod town;

pub use case::{Case, Source, Work};

/// All of them.
pub fn cases() -> Vec<Case> {
    [&entries::CASES[..], &feeds::CASES, &model::CASES].concat()
}

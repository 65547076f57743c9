//! What is measured of the pure parts: as time by `benches/pure.rs`, as instructions by `tests/counts.rs`. Never knows how.
#![expect(clippy::unwrap_used, reason = "what is measured here fails by panicking")]

mod entries;
mod feeds;
mod model;
mod town;

/// Something to be measured, once.
pub type Work = Box<dyn FnOnce()>;
/// Prepares the work, each time anew, which is not measured.
pub type Source = Box<dyn FnMut() -> Work>;

/// One thing that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is done, and to how much.
    pub name: &'static str,
    source: fn() -> Source,
}

impl Case {
    /// Makes what the work is done to.
    pub fn source(&self) -> Source {
        (self.source)()
    }
}

/// All of them.
pub fn cases() -> Vec<Case> {
    [&entries::CASES[..], &feeds::CASES, &model::CASES].concat()
}

//! The feature level: what a cluster may hold in its log and rows, so that every member can read it. Knows nothing of who is in
//! the cluster.
//!
//! A program knows all levels up to [`Level::newest`]. The state machine holds the one that the cluster is at; it is raised
//! through the log once every member knows the next. What came with a level is refused until then, by name, and never
//! proposed: so nodes of two versions make one cluster, and either may be put in the other's place.

use std::fmt;

use minicbor::{Decode, Encode};

/// A feature level, from 1. Each holds all that those before it hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Level(#[n(0)] pub u32);

impl Level {
    /// What every program knows, and a new cluster begins with.
    pub const FIRST: Self = Self(1);

    /// The highest that this program knows. Whoever adds an act, a command or a row makes it one more, once a release.
    pub fn newest() -> Self {
        #[cfg(feature = "next-level")]
        return next::newest();
        #[cfg(not(feature = "next-level"))]
        Self::FIRST
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::FIRST
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The program after this one, for the tests of an upgrade: it knows one level more where it is told to.
#[cfg(feature = "next-level")]
mod next {
    use std::sync::OnceLock;

    use super::Level;

    /// The highest level that the program is to know: 1 or 2.
    const VARIABLE: &str = "RAFTCHAT_TEST_LEVEL";

    pub(super) fn newest() -> Level {
        static NEWEST: OnceLock<Level> = OnceLock::new();
        *NEWEST.get_or_init(|| {
            let told = std::env::var(VARIABLE).ok().and_then(|level| level.parse().ok());
            told.map_or(Level::FIRST, Level)
        })
    }
}

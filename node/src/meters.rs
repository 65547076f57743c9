//! The meters of one node, one for each budget that its callers share, by the names that `cluster status --json` shows.
//! Never knows the bounds: those are in `schema/src/budgets.rs`.

use std::sync::Arc;

use raftchat_transport::{Meter, MeterReading};

/// How full each budget of this node is. Clones share the meters.
///
/// Whoever adds a budget adds a field here and a line in [`Meters::readings`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Meters {
    /// Password hashes that run or wait.
    pub(crate) hashes: Arc<Meter>,
}

impl Meters {
    /// Each meter's name, in kebab-case, and what it shows.
    #[expect(dead_code, reason = "shown by the status service")]
    pub(crate) fn readings(&self) -> Vec<(&'static str, MeterReading)> {
        vec![("hashes", self.hashes.reading())]
    }
}

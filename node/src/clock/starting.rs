//! The clock of a node that starts: what it knows of the time before it has heard from anybody.

use std::sync::Arc;
use std::time::SystemTime;

use raftchat_certs::{FileError, LeafFiles};

use super::{Machine, NodeClock, moment};
use crate::node::NodeError;
use crate::store::{StoreError, Stores};

/// Starts the clock. A certificate that is out of its time by this machine's clock alone is no reason not to start, as the other
/// nodes tell what time it is; one that was over before the last entry of this node's log is.
pub(crate) fn start(leaf: &LeafFiles, stores: &Stores) -> Result<Arc<NodeClock>, NodeError> {
    let unreadable = |reason: String| StoreError::StateDatabase { doing: "reading", reason };
    let last_stamp = raftchat_state::stamp(&stores.state.view()).map_err(|error| unreadable(error.to_string()))?;
    let valid_from = leaf.valid_from();
    if let Err(error) = leaf.check_time(SystemTime::now()) {
        let last = moment(last_stamp.0);
        let is_over = matches!(error, FileError::Expired { .. });
        if is_over && (last_stamp.0 == 0 || leaf.check_time(last.max(valid_from)).is_err()) {
            return Err(error.into());
        }
        tracing::warn!(%error, "by this machine's clock, which is perhaps wrong: the other nodes are asked what time it is");
    }
    Ok(NodeClock::start(Box::new(Machine::new()), last_stamp, valid_from))
}

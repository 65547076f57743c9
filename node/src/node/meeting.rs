//! How a node meets the others after a start. Never knows how it is reached.

use raftchat_certs::LeafFiles;
use raftchat_schema::id::NodeId;
use zeroize::Zeroizing;

use super::NodeError;
use crate::config::NodeConfig;
use crate::peers::greeting::{Greeter, Sealer};
use crate::raft::RaftHandle;
use crate::store::Stores;

/// In the data directory: what the other nodes have said of how far they are.
const REMEMBERED_FILE: &str = "peers";

/// What this node says to the others. One that has others to ask gives no vote before one of them has answered.
pub(super) fn greeter(
    config: &NodeConfig,
    leaf: &LeafFiles,
    stores: &Stores,
    raft: &RaftHandle,
) -> Result<Greeter, NodeError> {
    let own = stores.identity.node;
    let told = config.bootstrap_members().map_err(NodeError::Config)?;
    let is_new = stores.log.bounds().last.is_none() && stores.log.vote().is_none();
    let founds = (is_new && !config.join).then(|| told.clone());
    if founds.is_some() {
        config.must_be_founding_list().map_err(NodeError::Config)?;
    }
    let membership = stores.state.applied()?.membership.membership;
    let voters: Vec<NodeId> = if membership.configs.is_empty() {
        told.iter().map(|(node, _)| *node).collect()
    } else {
        membership.configs.concat()
    };
    if voters.iter().any(|node| *node != own) {
        raft.doubt();
    }
    let sealer = Sealer::new(own, &config.cluster, &Zeroizing::new(leaf.leaf.key_der()));
    Ok(Greeter::new(raft.clone(), sealer, config.data.join(REMEMBERED_FILE), founds))
}

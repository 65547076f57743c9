//! The directory of a node that is to be started for the first time: its certificate, what it is told, and the mark that it is
//! new. Knows nothing of the cluster that it is for.

use std::net::IpAddr;
use std::path::Path;

use raftchat_certs::{Authorities, IssueError, Leaf, Subject};
use raftchat_node::config::{MemberConfig, NodeConfig};
use raftchat_node::store::open::NEW_FILE;

use super::directory::{self, NODE_CONFIG, NODE_DATA};
use super::init::Endpoints;
use crate::failure::Failure;

/// A certificate for a new node, and what the others are to know of the node.
pub(super) fn member(
    authorities: &Authorities,
    node: u64,
    endpoints: &Endpoints,
    now: std::time::SystemTime,
) -> Result<(Leaf, MemberConfig), Failure> {
    let leaf = authorities.issue_node(node, now)?;
    let fingerprint = leaf.fingerprint().map_err(|error| Failure::System(error.to_string()))?.to_string();
    let (peer_address, client_address) = (endpoints.peer.to_string(), endpoints.client.to_string());
    Ok((leaf, MemberConfig { node, peer_address, client_address, fingerprint }))
}

/// Makes `home`, which must not be there yet, with all that the node needs.
pub(super) fn write(home: &Path, authorities: &Authorities, leaf: &Leaf, config: &NodeConfig) -> Result<(), Failure> {
    directory::make_private(home)?;
    let subject = Subject::node(config.node).map_err(IssueError::from)?;
    leaf.write(&home.join(&config.certs), &authorities.anchors_for(&subject))?;
    let text = config.to_file().map_err(|error| Failure::System(error.to_string()))?;
    directory::write_new(&home.join(NODE_CONFIG), &text)?;
    let data = home.join(NODE_DATA);
    directory::make_private(&data)?;
    // Tells a new node from one whose disk was lost, which must not vote again.
    directory::write_new(&data.join(NEW_FILE), &format!("{}\n", config.cluster))
}

/// Refuses a host that nobody can connect to.
pub(super) fn must_be_reachable(host: IpAddr) -> Result<(), Failure> {
    if host.is_unspecified() || host.is_multicast() {
        return Err(Failure::Usage(format!("--host {host} is no address that a device can connect to")));
    }
    Ok(())
}

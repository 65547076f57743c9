//! A cluster of one's own: made for the occasion on free ports of this machine, run as child processes, and thrown away
//! afterwards unless somebody wants to keep it. Knows nothing of what it is made for.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use raftchat_certs::DeviceName;
use raftchat_client::Profile;
use tempfile::TempDir;

use crate::cluster::device;
use crate::cluster::directory::ClusterDir;
use crate::cluster::init::{self, Endpoints, Plan, Strictness};
use crate::cluster::observer::{Observer, Seen};
use crate::failure::Failure;
use crate::process::nodes::{Ended, Nodes};
use crate::retry::until_found;

/// Below the ports that systems hand out by themselves: a client's socket must not take a node's place while the node
/// is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// The time that a cluster may take until all of its nodes serve and know their leader.
const READY_PATIENCE: Duration = Duration::from_secs(30);

/// A cluster and its running nodes. Dropping it kills them and, if it is temporary, removes its files.
pub(crate) struct Scratch {
    /// The nodes that run.
    pub(crate) nodes: Nodes,
    cluster: ClusterDir,
    observer: Observer,
    // After the nodes, so that none of them writes into what is being removed.
    _home: Option<TempDir>,
}

impl Scratch {
    /// In a new temporary directory.
    pub(crate) fn temporary(prefix: &str, nodes: u16, strictness: Strictness) -> Result<Self, Failure> {
        let home = tempfile::Builder::new().prefix(prefix).tempdir();
        let home = home.map_err(Failure::file(&std::env::temp_dir(), "written"))?;
        let dir = home.path().join("cluster");
        make(&dir, nodes, strictness)?;
        Self::of(ClusterDir::new(dir), Some(home))
    }

    /// In a directory that stays; it is missing or empty.
    pub(crate) fn new_in(dir: &Path, nodes: u16) -> Result<Self, Failure> {
        make(dir, nodes, Strictness::Usual)?;
        Self::of(ClusterDir::new(dir), None)
    }

    /// A cluster that is there.
    pub(crate) fn of(cluster: ClusterDir, home: Option<TempDir>) -> Result<Self, Failure> {
        let observer = Observer::of_cluster(&cluster)?;
        Ok(Self { nodes: Nodes::of(cluster.clone()), cluster, observer, _home: home })
    }

    /// The cluster's directory.
    pub(crate) fn cluster(&self) -> &ClusterDir {
        &self.cluster
    }

    /// Starts all nodes that do not run.
    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        let running: BTreeSet<u64> = self.nodes.numbers().into_iter().collect();
        let all = self.cluster.nodes()?;
        all.into_iter().filter(|node| !running.contains(node)).try_for_each(|node| self.nodes.start(node))
    }

    /// Waits until all running nodes serve and agree on a leader among them, and gives it.
    pub(crate) async fn ready(&mut self) -> Result<u64, Failure> {
        let running: BTreeSet<u64> = self.nodes.numbers().into_iter().collect();
        let agreed = until_found(READY_PATIENCE, async || agreed_leader(&self.observer.look().await, &running));
        let found = tokio::select! {
            ended = self.nodes.next_end() => return Err(Failure::Failed(ended.to_string())),
            found = agreed => found,
        };
        found
            .ok_or_else(|| Failure::Unreachable(format!("the nodes have not agreed on a leader in {READY_PATIENCE:?}")))
    }

    /// What each node says of itself.
    pub(crate) async fn look(&self) -> Vec<Seen> {
        self.observer.look().await
    }

    /// The profile of a device, made if it is not there.
    pub(crate) fn profile(&self, name: &str) -> Result<Profile, Failure> {
        Ok(Profile::open(&self.profile_dir(name)?)?)
    }

    /// The directory of a device's profile, made if it is not there.
    pub(crate) fn profile_dir(&self, name: &str) -> Result<PathBuf, Failure> {
        let dir = self.cluster.device(name);
        if dir.is_dir() {
            return Ok(dir);
        }
        let name: DeviceName = name.parse().map_err(raftchat_certs::IssueError::from)?;
        device::make(&self.cluster, &name, SystemTime::now())
    }

    /// Ends all nodes as they are ended every day.
    pub(crate) async fn stop(&mut self) -> Vec<Ended> {
        self.nodes.stop().await
    }
}

fn make(dir: &Path, nodes: u16, strictness: Strictness) -> Result<(), Failure> {
    let plan = Plan { dir: dir.to_owned(), endpoints: free_endpoints(nodes)?, strictness };
    init::make(&plan, SystemTime::now()).map(drop)
}

/// The leader, if every running node answers and names the same one, which runs too.
fn agreed_leader(seen: &[Seen], running: &BTreeSet<u64>) -> Option<u64> {
    let of_running = seen.iter().filter(|seen| running.contains(&seen.node));
    let named: BTreeSet<_> = of_running.map(|seen| seen.status.as_ref().ok()?.leader).collect();
    match (named.len(), named.into_iter().next().flatten()) {
        (1, Some(leader)) if running.contains(&leader.0) => Some(leader.0),
        _ => None,
    }
}

/// Ports that nobody has now. All are held until all are found, so that they are different.
fn free_endpoints(nodes: u16) -> Result<Vec<Endpoints>, Failure> {
    let mut random = [0; 2];
    getrandom::fill(&mut random).map_err(|error| Failure::System(format!("no random bytes: {error}")))?;
    let width = PORTS.end - PORTS.start;
    let start = u16::from_be_bytes(random) % width;
    let candidates = (0..width).map(|step| PORTS.start + (start + step) % width);
    let wanted = usize::from(nodes) * 2;
    let held: Vec<UdpSocket> =
        candidates.filter_map(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()).take(wanted).collect();
    let addresses: Vec<SocketAddr> = held.iter().filter_map(|socket| socket.local_addr().ok()).collect();
    if addresses.len() < wanted {
        return Err(Failure::System(format!("there are no {wanted} free UDP ports on this machine")));
    }
    let (pairs, _) = addresses.as_chunks::<2>();
    Ok(pairs.iter().map(|[client, peer]| Endpoints { client: *client, peer: *peer }).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::id::{NodeId, StateHash};
    use raftchat_schema::level::Level;
    use raftchat_schema::view::{NodeStatus, Role};

    use super::*;

    #[test]
    fn free_ports_are_all_different() {
        let endpoints = free_endpoints(9).unwrap();
        let ports: BTreeSet<_> = endpoints.iter().flat_map(|pair| [pair.client.port(), pair.peer.port()]).collect();
        assert_eq!(ports.len(), 18);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }

    #[test]
    fn a_leader_counts_once_all_running_nodes_name_it() {
        let seen = |node, leader: Option<u64>| {
            let status = NodeStatus {
                node: NodeId(node),
                role: Role::Follower,
                term: 1,
                leader: leader.map(NodeId),
                applied: 0,
                last_log: 0,
                sessions: 0,
                lag_ms: 0,
                state_hash: StateHash([0; 32]),
                address: String::new(),
                version: String::new(),
                clock_offset_ms: 0,
                disk_free_bytes: 0,
                sync_ms: 2,
                budgets: Vec::new(),
                refuses_words: false,
                unclean_since: None,
                certificate_days: 300,
                level: Level::FIRST,
                newest_level: Level::FIRST,
            };
            Seen { node, address: String::new(), status: Ok(status) }
        };
        let silent = |node| Seen { node, address: String::new(), status: Err("it is silent".to_owned()) };
        let all = BTreeSet::from([1, 2, 3]);
        let some = BTreeSet::from([1, 2]);
        let agreed = |seen: &[Seen], running| agreed_leader(seen, running);
        assert_eq!(agreed(&[seen(1, Some(2)), seen(2, Some(2)), seen(3, Some(2))], &all), Some(2));
        assert_eq!(agreed(&[seen(1, Some(2)), seen(2, Some(2)), silent(3)], &all), None);
        assert_eq!(agreed(&[seen(1, Some(2)), seen(2, Some(2)), silent(3)], &some), Some(2));
        assert_eq!(agreed(&[seen(1, Some(3)), seen(2, Some(3)), silent(3)], &some), None, "the leader is dead");
        assert_eq!(agreed(&[seen(1, None), seen(2, Some(2))], &some), None);
    }
}

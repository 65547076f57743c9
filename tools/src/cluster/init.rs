//! `raftchatctl cluster init`: the directory of a new cluster, all of it or nothing.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use raftchat_certs::{Authorities, ClusterId, Leaf};
use raftchat_config::places;
use raftchat_node::config::{LimitsConfig, NodeConfig};
use serde::Serialize;

use super::directory::{self, ClusterDir};
use super::home;
use crate::failure::Failure;
use crate::shell::output::Output;

/// Where the cluster is to be, and where its nodes listen.
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Where to: a directory that is missing or empty
    #[arg(long, value_name = "CLUSTER", env = "RAFTCHAT_DIR", default_value_os_t = places::cluster())]
    dir: PathBuf,
    /// How many nodes; with an odd number more than half survives the most deaths
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=9))]
    nodes: u16,
    /// The address that nodes listen on and devices connect to
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,
    /// The first UDP port: each node takes two, for devices and for the other nodes
    #[arg(long, value_name = "PORT", default_value_t = 7400)]
    base_port: u16,
}

/// The addresses that one node listens at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// The endpoint for devices.
    pub(crate) client: SocketAddr,
    /// The endpoint for the other nodes.
    pub(crate) peer: SocketAddr,
}

/// How hard nodes make it for strangers: what a password's hash costs, and how much a device may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// As a node does by default.
    Usual,
    /// As little as a node takes, and no rates: for clusters that are thrown away after a measurement.
    Least,
}

/// A cluster that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The directory that it is made in.
    pub(crate) dir: PathBuf,
    /// Nodes 1, 2, 3 …
    pub(crate) endpoints: Vec<Endpoints>,
    /// For all nodes.
    pub(crate) strictness: Strictness,
}

#[derive(Debug, Serialize)]
struct Made {
    cluster: String,
    dir: String,
    nodes: Vec<MadeNode>,
}

#[derive(Debug, Serialize)]
struct MadeNode {
    node: u64,
    address: String,
    peer_address: String,
    config: String,
}

pub(super) fn run(arguments: &InitArguments, output: Output) -> Result<(), Failure> {
    let endpoints = endpoints(arguments.host, arguments.base_port, arguments.nodes)?;
    let plan = Plan { dir: arguments.dir.clone(), endpoints, strictness: Strictness::Usual };
    let cluster = make(&plan, SystemTime::now())?;
    let made = Made::of(&plan, &cluster);
    output.answer(&made, || made.words())
}

/// Two ports a node, one after the other.
fn endpoints(host: IpAddr, base_port: u16, nodes: u16) -> Result<Vec<Endpoints>, Failure> {
    home::must_be_reachable(host)?;
    let Some(last) = base_port.checked_add(2 * nodes - 1).filter(|_| base_port > 0) else {
        let reason = format!("{nodes} nodes need {} ports from --base-port on, all within 1 to 65535", 2 * nodes);
        return Err(Failure::Usage(reason));
    };
    let pairs = (base_port..=last).step_by(2);
    let at = |port| SocketAddr::new(host, port);
    Ok(pairs.map(|port| Endpoints { client: at(port), peer: at(port.saturating_add(1)) }).collect())
}

/// Makes the cluster's directory. If anything fails, or the machine stops in the middle, there is none.
pub(crate) fn make(plan: &Plan, now: SystemTime) -> Result<ClusterId, Failure> {
    must_be_free(&plan.dir)?;
    let part = directory::part_of(&plan.dir)?;
    directory::clear_part(&part, |name| matches!(name, "pki" | "devices") || name.starts_with("node-"))?;
    let cluster = Cluster::create(plan, now)?;
    let parent = directory::parent_of(&plan.dir);
    fs::create_dir_all(&parent).map_err(Failure::file(&parent, "made"))?;
    let written = cluster.write(&ClusterDir::new(&part)).and_then(|()| directory::put_in_place(&part, &plan.dir));
    if let Err(failure) = written {
        // What stays is cleared away the next time.
        let _ = fs::remove_dir_all(&part);
        return Err(failure);
    }
    Ok(cluster.authorities.cluster().clone())
}

fn must_be_free(dir: &Path) -> Result<(), Failure> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::AlreadyExists(dir.to_owned())),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Err(Failure::AlreadyExists(dir.to_owned())),
        Err(error) => Err(Failure::file(dir, "read")(error)),
    }
}

/// All of a new cluster, in memory.
struct Cluster {
    authorities: Authorities,
    nodes: Vec<(Leaf, NodeConfig)>,
}

impl Cluster {
    fn create(plan: &Plan, now: SystemTime) -> Result<Self, Failure> {
        let authorities = Authorities::create(now)?;
        let mut leaves = Vec::new();
        let mut members = Vec::new();
        for (node, endpoints) in (1..).zip(&plan.endpoints) {
            let (leaf, member) = home::member(&authorities, node, endpoints, now)?;
            members.push(member);
            leaves.push(leaf);
        }
        let cluster = authorities.cluster().as_str();
        let configs = (1..).zip(&plan.endpoints).map(|(node, endpoints)| {
            let config = NodeConfig::new(cluster, node, endpoints.client, endpoints.peer, members.clone());
            guarded(config, plan.strictness)
        });
        let nodes = leaves.into_iter().zip(configs).collect();
        Ok(Self { authorities, nodes })
    }

    fn write(&self, dir: &ClusterDir) -> Result<(), Failure> {
        directory::make_private(dir.root())?;
        self.authorities.save(&dir.pki())?;
        directory::make_private(&dir.devices())?;
        for (leaf, config) in &self.nodes {
            home::write(&dir.node(config.node), &self.authorities, leaf, config)?;
        }
        Ok(())
    }
}

fn guarded(config: NodeConfig, strictness: Strictness) -> NodeConfig {
    match strictness {
        Strictness::Usual => config,
        Strictness::Least => {
            NodeConfig { password_memory_kib: 19_456, password_passes: 2, limits: LimitsConfig::NONE, ..config }
        }
    }
}

impl Made {
    fn of(plan: &Plan, cluster: &ClusterId) -> Self {
        let dir = ClusterDir::new(&plan.dir);
        let node = |(node, endpoints): (u64, &Endpoints)| MadeNode {
            node,
            address: endpoints.client.to_string(),
            peer_address: endpoints.peer.to_string(),
            config: dir.node_config(node).display().to_string(),
        };
        let nodes = (1..).zip(&plan.endpoints).map(node).collect();
        Self { cluster: cluster.to_string(), dir: plan.dir.display().to_string(), nodes }
    }

    fn words(&self) -> String {
        let count = self.nodes.len();
        let mut lines = vec![format!("made cluster {} of {count} nodes in {}", self.cluster, self.dir)];
        lines
            .extend(self.nodes.iter().map(|node| format!("  node {}  devices connect to {}", node.node, node.address)));
        if count.is_multiple_of(2) {
            lines.push(format!(
                "an odd number is better: {count} nodes survive no more deaths than {} would",
                count.saturating_sub(1)
            ));
        }
        lines.push(format!("run it with: raftchatctl cluster up --dir {}", self.dir));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use raftchat_certs::LeafFiles;
    use raftchat_node::store::open::NEW_FILE;

    use super::*;

    fn plan(dir: PathBuf) -> Plan {
        let endpoints = endpoints([127, 0, 0, 1].into(), 7400, 3).unwrap();
        Plan { dir, endpoints, strictness: Strictness::Usual }
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_node_has_all_that_it_needs_and_no_key_is_open_to_others() {
        let home = tempfile::tempdir().unwrap();
        let dir = ClusterDir::new(home.path().join("ships/anna"));
        let cluster = make(&plan(dir.root().to_owned()), SystemTime::now()).unwrap();
        assert_eq!(dir.nodes().unwrap(), [1, 2, 3]);
        for node in 1..=3 {
            let config = dir.load_node(node).unwrap();
            assert_eq!((config.cluster.as_str(), config.node, config.members.len()), (cluster.as_str(), node, 3));
            let files = LeafFiles::load(&config.certs, SystemTime::now()).unwrap();
            assert_eq!(files.identity.to_string(), format!("node {node} of cluster {cluster}"));
            let listed = config.members.iter().find(|member| member.node == node).unwrap();
            assert_eq!(listed.fingerprint, files.leaf.fingerprint().unwrap().to_string());
            assert_eq!(fs::read_to_string(dir.node_data(node).join(NEW_FILE)).unwrap(), format!("{cluster}\n"));
            assert_eq!(mode(&config.certs), 0o700);
            assert_eq!(mode(&config.certs.join("leaf.key")), 0o600);
        }
        assert_eq!((mode(dir.root()), mode(&dir.pki()), mode(&dir.devices())), (0o700, 0o700, 0o700));
        assert!(!home.path().join("ships/anna.part").exists());
    }

    #[test]
    fn ports_go_in_pairs_and_stay_in_range() {
        let pairs = endpoints([127, 0, 0, 1].into(), 7400, 2).unwrap();
        let shown: Vec<_> = pairs.iter().map(|pair| format!("{} {}", pair.client, pair.peer)).collect();
        assert_eq!(shown, ["127.0.0.1:7400 127.0.0.1:7401", "127.0.0.1:7402 127.0.0.1:7403"]);
        assert!(endpoints([127, 0, 0, 1].into(), 65_535 - 17, 9).is_ok());
        for (host, base_port) in [([127, 0, 0, 1], 65_535 - 16), ([127, 0, 0, 1], 0), ([0, 0, 0, 0], 7400)] {
            assert_eq!(endpoints(host.into(), base_port, 9).unwrap_err().exit_status(), 2);
        }
    }

    #[test]
    fn nothing_is_overwritten_and_an_interrupted_making_is_cleared_away() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("home");
        fs::create_dir_all(home.path().join("home.part/node-1")).unwrap();
        fs::create_dir(&dir).unwrap();
        make(&plan(dir.clone()), SystemTime::now()).unwrap();
        let again = make(&plan(dir), SystemTime::now()).unwrap_err();
        assert_eq!((again.code(), again.exit_status()), ("already-exists", 2));

        fs::create_dir(home.path().join("other.part")).unwrap();
        fs::write(home.path().join("other.part/letter"), "dear").unwrap();
        let foreign = make(&plan(home.path().join("other")), SystemTime::now()).unwrap_err();
        assert_eq!(foreign.code(), "already-exists");
        assert!(home.path().join("other.part/letter").exists(), "what is not ours stays");
        fs::write(home.path().join("file"), "").unwrap();
        assert_eq!(make(&plan(home.path().join("file")), SystemTime::now()).unwrap_err().code(), "already-exists");
    }

    #[test]
    fn an_even_number_of_nodes_is_advised_against() {
        let mut plan = plan("home".into());
        let words = |plan: &Plan| Made::of(plan, &"abcdefghij".parse().unwrap()).words();
        assert!(!words(&plan).contains("odd"));
        plan.endpoints.pop();
        assert!(words(&plan).contains("an odd number is better"));
    }
}

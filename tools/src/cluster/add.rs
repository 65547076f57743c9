//! `raftchatctl cluster add`: one more node, its directory made here and its name told to the cluster.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use raftchat_certs::Authorities;
use raftchat_config::places;
use raftchat_node::config::{MemberConfig, NodeConfig};
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::{Member, Membership};
use serde::Serialize;

use super::admin::{AdminClient, Change};
use super::directory::{self, ClusterDir};
use super::home;
use super::init::Endpoints;
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::hex;

/// How long the cluster may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// To which cluster, and where the new node listens.
#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", env = "RAFTCHAT_DIR", default_value_os_t = places::cluster())]
    dir: PathBuf,
    /// The address that the node listens on, and devices and the other nodes connect to
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,
    /// The UDP port for devices [default: the first free pair of ports after those of the cluster]
    #[arg(long, value_name = "PORT", requires = "peer_port", value_parser = clap::value_parser!(u16).range(1..))]
    client_port: Option<u16>,
    /// The UDP port for the other nodes
    #[arg(long, value_name = "PORT", requires = "client_port", value_parser = clap::value_parser!(u16).range(1..))]
    peer_port: Option<u16>,
}

#[derive(Debug, Serialize)]
struct Added {
    node: u64,
    address: String,
    peer_address: String,
    role: &'static str,
    config: String,
}

pub(super) async fn run(arguments: &AddArguments, output: Output) -> Result<(), Failure> {
    home::must_be_reachable(arguments.host)?;
    let cluster = ClusterDir::new(&arguments.dir);
    let configs = cluster.configs()?;
    let authorities = Authorities::load(&cluster.pki())?;
    let mut admin = AdminClient::of_cluster(&cluster, &configs)?;
    let present = admin.members_by_leader(PATIENCE).await?.membership.membership;

    let node = next_number(&cluster, &configs, &present)?;
    let endpoints = endpoints(arguments, highest_port(&configs, &present))?;
    let config = make(&cluster, &authorities, &configs, &present, node, &endpoints)?;
    register(&mut admin, &cluster, &config).await?;

    let added = Added {
        node,
        address: endpoints.client.to_string(),
        peer_address: endpoints.peer.to_string(),
        role: "learner",
        config: cluster.node_config(node).display().to_string(),
    };
    output.answer(&added, || added.words(&cluster))
}

/// Above every number that was ever given, as far as anybody here knows.
fn next_number(cluster: &ClusterDir, configs: &[NodeConfig], present: &Membership) -> Result<u64, Failure> {
    let here = cluster.numbers()?;
    let told = configs.iter().flat_map(|config| &config.members).map(|member| member.node);
    let known = present.members.iter().map(|(node, _)| node.0).chain(told).chain(here);
    Ok(known.max().unwrap_or(0).saturating_add(1))
}

fn highest_port(configs: &[NodeConfig], present: &Membership) -> u16 {
    let port_of = |address: &String| address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let told = configs.iter().flat_map(|config| &config.members);
    let told = told.flat_map(|member| [&member.client_address, &member.peer_address]);
    let members = present.members.iter().flat_map(|(_, member)| [&member.client_address, &member.peer_address]);
    let listened = configs.iter().flat_map(|config| [config.client_listen.port(), config.peer_listen.port()]);
    told.chain(members).filter_map(port_of).chain(listened).max().unwrap_or(0)
}

fn endpoints(arguments: &AddArguments, highest: u16) -> Result<Endpoints, Failure> {
    let at = |port| SocketAddr::new(arguments.host, port);
    if let (Some(client), Some(peer)) = (arguments.client_port, arguments.peer_port) {
        if client == peer {
            return Err(Failure::Usage("--client-port and --peer-port must be different".to_owned()));
        }
        return Ok(Endpoints { client: at(client), peer: at(peer) });
    }
    let pairs = (highest.saturating_add(1)..u16::MAX).step_by(2);
    let mut pairs = pairs.map(|port| Endpoints { client: at(port), peer: at(port.saturating_add(1)) });
    pairs.find(|pair| is_free(pair.client) && is_free(pair.peer)).ok_or_else(|| {
        let reason = format!("there are no free ports after {highest}: name them with --client-port and --peer-port");
        Failure::Usage(reason)
    })
}

/// Of another machine's address nothing can be said from here.
fn is_free(address: SocketAddr) -> bool {
    !matches!(UdpSocket::bind(address), Err(error) if error.kind() == io::ErrorKind::AddrInUse)
}

/// Makes the node's directory, all of it or nothing.
fn make(
    cluster: &ClusterDir,
    authorities: &Authorities,
    configs: &[NodeConfig],
    present: &Membership,
    node: u64,
    endpoints: &Endpoints,
) -> Result<NodeConfig, Failure> {
    let (leaf, member) = home::member(authorities, node, endpoints, SystemTime::now())?;
    let mut members: Vec<_> = present.members.iter().map(|(node, member)| as_told(*node, member)).collect();
    members.push(member);
    let cluster_id = authorities.cluster().as_str();
    let usual = NodeConfig::new(cluster_id, node, endpoints.client, endpoints.peer, members);
    let config = configs.first().map_or_else(|| usual.clone(), |other| in_the_manner_of(other, &usual));
    let config = NodeConfig { join: true, founding: None, ..config };

    let place = cluster.node(node);
    let part = directory::part_of(&place)?;
    directory::clear_part(&part, |name| matches!(name, "certs" | directory::NODE_CONFIG | directory::NODE_DATA))?;
    let written = home::write(&part, authorities, &leaf, &config).and_then(|()| directory::put_in_place(&part, &place));
    if let Err(failure) = written {
        remove_all(&part);
        return Err(failure);
    }
    Ok(config)
}

/// With the times and sizes that another node of the cluster was given.
fn in_the_manner_of(other: &NodeConfig, usual: &NodeConfig) -> NodeConfig {
    NodeConfig {
        cluster: usual.cluster.clone(),
        node: usual.node,
        join: usual.join,
        founding: usual.founding.clone(),
        client_listen: usual.client_listen,
        peer_listen: usual.peer_listen,
        certs: usual.certs.clone(),
        data: usual.data.clone(),
        members: usual.members.clone(),
        ..other.clone()
    }
}

fn as_told(node: NodeId, member: &Member) -> MemberConfig {
    MemberConfig {
        node: node.0,
        peer_address: member.peer_address.clone(),
        client_address: member.client_address.clone(),
        fingerprint: hex(&member.fingerprint),
    }
}

/// Tells the cluster. If it says no, there is no new directory either.
async fn register(admin: &mut AdminClient, cluster: &ClusterDir, config: &NodeConfig) -> Result<(), Failure> {
    let told = config.bootstrap_members().map_err(Failure::Configuration)?;
    let own = told.into_iter().find(|(node, _)| node.0 == config.node);
    let Some((node, member)) = own else {
        return Err(Failure::System(format!("node {} is missing from its own configuration", config.node)));
    };
    match admin.change(&Change::Add(node, member), PATIENCE).await {
        Ok(()) => Ok(()),
        Err(Failure::OutcomeUnknown(reason)) => Err(Failure::OutcomeUnknown(format!(
            "{reason}. If it has no node {node}, remove {} and add one again; if it has, go on with that one",
            cluster.node(config.node).display()
        ))),
        Err(failure) => {
            remove_all(&cluster.node(config.node));
            Err(failure)
        }
    }
}

fn remove_all(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::debug!(path = %path.display(), %error, "what was made is not removed");
    }
}

impl Added {
    fn words(&self, cluster: &ClusterDir) -> String {
        let (node, dir) = (self.node, cluster.root().display());
        [
            format!("node {node} is added and does not vote yet: devices connect to {}", self.address),
            format!("  start it:      raftchatctl cluster up --dir {dir} --node {node}"),
            format!("  or where it is to run: raftchatd --config {}", self.config),
            format!("  then:          raftchatctl cluster promote --dir {dir} {node}"),
        ]
        .join("\n")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_certs::LeafFiles;
    use raftchat_node::store::open::NEW_FILE;

    use super::*;
    use crate::cluster::init::{self, Plan, Strictness};

    fn arguments(ports: Option<(u16, u16)>) -> AddArguments {
        let (client_port, peer_port) = ports.unzip();
        AddArguments { dir: "home".into(), host: [127, 0, 0, 1].into(), client_port, peer_port }
    }

    fn two_nodes(home: &Path) -> (ClusterDir, Authorities, Membership) {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let endpoints = [7400, 7402].map(|port| Endpoints { client: at(port), peer: at(port + 1) }).to_vec();
        let plan = Plan { dir: home.join("home"), endpoints, strictness: Strictness::Least };
        init::make(&plan, SystemTime::now()).unwrap();
        let cluster = ClusterDir::new(&plan.dir);
        let members = cluster.load_node(1).unwrap().bootstrap_members().unwrap();
        let present = Membership { configs: vec![vec![NodeId(1), NodeId(2)]], members };
        let authorities = Authorities::load(&cluster.pki()).unwrap();
        (cluster, authorities, present)
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let home = tempfile::tempdir().unwrap();
        let (cluster, _, mut present) = two_nodes(home.path());
        let next = |cluster: &ClusterDir, present: &Membership| {
            next_number(cluster, &cluster.configs().unwrap(), present).unwrap()
        };
        assert_eq!(next(&cluster, &present), 3);
        present.members.push((NodeId(4), Member::default()));
        assert_eq!(next(&cluster, &present), 5, "one that was added elsewhere");
        cluster.mark_removed(6).unwrap();
        assert_eq!(next(&cluster, &present), 7, "one that was removed");
        assert_eq!(cluster.nodes().unwrap(), [1, 2]);
    }

    #[test]
    fn a_node_that_is_added_is_told_who_is_there_and_begins_nothing() {
        let home = tempfile::tempdir().unwrap();
        let (cluster, authorities, present) = two_nodes(home.path());
        let configs = cluster.configs().unwrap();
        let pair = endpoints(&arguments(Some((9000, 9001))), 0).unwrap();
        make(&cluster, &authorities, &configs, &present, 3, &pair).unwrap();
        let config = cluster.load_node(3).unwrap();
        assert!(config.join && config.members.len() == 3);
        assert_eq!((config.client_listen.port(), config.peer_listen.port()), (9000, 9001));
        assert_eq!(config.password_memory_kib, 19_456, "as the others were told");
        let files = LeafFiles::load(&config.certs, SystemTime::now()).unwrap();
        assert_eq!(files.leaf.fingerprint().unwrap().to_string(), config.members.last().unwrap().fingerprint);
        assert!(cluster.node_data(3).join(NEW_FILE).exists());

        let known: Vec<_> = cluster.client_config().unwrap().nodes.iter().map(|entry| entry.node).collect();
        assert_eq!(known, [1, 2, 3], "a new device knows it too");
        cluster.mark_removed(1).unwrap();
        cluster.mark_removed(1).unwrap();
        let known: Vec<_> = cluster.client_config().unwrap().nodes.iter().map(|entry| entry.node).collect();
        assert_eq!(known, [2, 3], "and not one that was removed");
    }

    #[test]
    fn ports_follow_on_the_clusters_unless_they_are_taken() {
        let home = tempfile::tempdir().unwrap();
        let (cluster, _, present) = two_nodes(home.path());
        assert_eq!(highest_port(&cluster.configs().unwrap(), &present), 7403);
        let taken = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let found = endpoints(&arguments(None), port.saturating_sub(1));
        assert!(found.is_err() || found.unwrap().client.port() > port);
        assert_eq!(endpoints(&arguments(Some((7, 7))), 0).unwrap_err().code(), "wrong-usage");
        assert_eq!(endpoints(&arguments(None), u16::MAX).unwrap_err().code(), "wrong-usage");
    }
}

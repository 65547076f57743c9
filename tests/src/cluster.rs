//! A cluster of real nodes, each a process of its own on loopback.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use raftchat_certs::Authorities;
use raftchat_client::{Client, ClientConfig, ClientOptions, NodeEntry, Profile};
use raftchat_node::config::{MemberConfig, NodeConfig};
use raftchat_node::store::open::NEW_FILE;
use raftchat_schema::level::Level;
use raftchat_schema::view::{NodeStatus, Role};

use crate::clocks::{self, Clocks};
use crate::network::namespace::Namespace;
use crate::network::{CLIENT_PORT, Family, Network, PEER_PORT};
use crate::people::Person;
use crate::process::{self, NodeProcess};
use crate::{PATIENCE, places, until};

/// So many lines are told of each node where a test fails.
const LAST_WORDS: usize = 12;

/// Tells a program under test which levels it knows (`schema/src/level.rs`).
pub(crate) const LEVEL_VARIABLE: &str = "RAFTCHAT_TEST_LEVEL";

/// A cluster, its files and the nodes of it that run.
pub struct Cluster {
    dir: tempfile::TempDir,
    program: PathBuf,
    authorities: Authorities,
    nodes: Vec<NodeEntry>,
    /// Of each node that has one.
    namespaces: BTreeMap<u64, Arc<Namespace>>,
    running: RefCell<BTreeMap<u64, NodeProcess>>,
    /// The highest feature level that a node's program is to know; the first where nothing is said.
    levels: RefCell<BTreeMap<u64, Level>>,
    /// Of the nodes, where they are not the machine's.
    clocks: Option<Clocks>,
    observer: Client,
}

/// Where a node is.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where it waits for devices.
    pub client: SocketAddr,
    /// Where devices are told that it is: a relay's address, if there is one in front of it.
    pub told: SocketAddr,
    /// Where it waits for other nodes, which are told the same.
    pub peer: SocketAddr,
    /// In which namespace it runs; none: where whoever starts it is.
    pub namespace: Option<Arc<Namespace>>,
}

impl Site {
    /// That many nodes on loopback.
    fn on_loopback(count: u64) -> Vec<Self> {
        let site = |_node| {
            let client = places::next();
            Self { client, told: client, peer: places::next(), namespace: None }
        };
        (1..=count).map(site).collect()
    }

    /// The nodes of a network, each in its namespace.
    pub fn in_network(network: &Network, family: Family) -> Vec<Self> {
        let site = |node| {
            let at = |port| network.at(family, node, port);
            let namespace = Some(Arc::clone(network.node(node)));
            Self { client: at(CLIENT_PORT), told: at(CLIENT_PORT), peer: at(PEER_PORT), namespace }
        };
        (1..=network.count()).map(site).collect()
    }
}

impl Cluster {
    /// Makes and starts a cluster whose nodes run as `program node`; ready when a leader is known to all. `adapt` may
    /// change what each node is told.
    pub async fn start(program: &str, count: u64, adapt: impl Fn(&mut NodeConfig)) -> Self {
        let cluster = Self::make(program, count, adapt);
        cluster.start_all();
        cluster.serving(count).await;
        cluster
    }

    /// Makes the files and starts nothing.
    pub fn make(program: &str, count: u64, adapt: impl Fn(&mut NodeConfig)) -> Self {
        Self::make_at(program, Site::on_loopback(count), adapt)
    }

    /// The same, of nodes that are where they are said to be.
    pub fn make_at(program: &str, sites: Vec<Site>, adapt: impl Fn(&mut NodeConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authorities = Authorities::create(SystemTime::now()).unwrap();
        let mut members = Vec::new();
        let mut leaves = Vec::new();
        for (node, site) in (1..).zip(&sites) {
            let leaf = authorities.issue_node(node, SystemTime::now()).unwrap();
            members.push(MemberConfig {
                node,
                client_address: site.told.to_string(),
                peer_address: site.peer.to_string(),
                fingerprint: leaf.fingerprint().unwrap().to_string(),
            });
            leaves.push(leaf);
        }
        let cluster = authorities.cluster().as_str();
        for ((member, leaf), site) in members.iter().zip(&leaves).zip(&sites) {
            let mut config = NodeConfig::new(cluster, member.node, site.client, site.peer, members.clone());
            // As cheap as is allowed: these people come and go often.
            (config.password_memory_kib, config.password_passes) = (19_456, 2);
            adapt(&mut config);
            let home = dir.path().join(format!("node-{}", member.node));
            fs::create_dir_all(home.join("data")).unwrap();
            fs::write(home.join("data").join(NEW_FILE), cluster).unwrap();
            fs::write(home.join("node.toml"), config.to_file().unwrap()).unwrap();
            leaf.write(&home.join("certs"), &authorities.anchors_for(&leaf_subject(member.node))).unwrap();
        }
        let nodes: Vec<_> = members
            .iter()
            .map(|member| NodeEntry { node: member.node, address: member.client_address.clone() })
            .collect();
        let observer = observer(&authorities, &nodes);
        let namespaces = (1..).zip(sites).filter_map(|(node, site)| Some((node, site.namespace?))).collect();
        Self {
            dir,
            program: program.into(),
            authorities,
            nodes,
            namespaces,
            running: RefCell::default(),
            levels: RefCell::default(),
            clocks: None,
            observer,
        }
    }

    /// Gives each node that is started from now on a clock of its own; none where that cannot be done here, which is said.
    pub fn with_clocks(self) -> Option<(Self, Clocks)> {
        let clocks = Clocks::find(self.dir.path())?;
        Some((self.on_clocks(&clocks), clocks))
    }

    /// Gives each node that is started from now on one of these clocks.
    #[must_use]
    pub fn on_clocks(mut self, clocks: &Clocks) -> Self {
        self.clocks = Some(clocks.clone());
        self
    }

    /// Where everything lies.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The authorities of the cluster.
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// The nodes as clients know them.
    pub fn nodes(&self) -> &[NodeEntry] {
        &self.nodes
    }

    /// A node's configuration file.
    pub fn config(&self, node: u64) -> PathBuf {
        self.dir.path().join(format!("node-{node}/node.toml"))
    }

    /// All that a node has said.
    pub fn log(&self, node: u64) -> String {
        process::read(&self.log_path(node))
    }

    /// Where that is.
    pub fn log_path(&self, node: u64) -> PathBuf {
        self.dir.path().join(format!("node-{node}.log"))
    }

    /// Starts a node.
    pub fn start_node(&self, node: u64) {
        let (program, config, log) = (&self.program, self.config(node), self.log_path(node));
        let clock = |clocks: &Clocks| clocks.environment(&clocks::of_node(node));
        let mut environment = self.clocks.as_ref().map_or_else(Vec::new, clock);
        if let Some(level) = self.levels.borrow().get(&node) {
            environment.push((LEVEL_VARIABLE, level.to_string().into()));
        }
        let start = || NodeProcess::start_with(program, &config, &log, environment.clone());
        let process = self.namespaces.get(&node).map_or_else(start, |namespace| namespace.run(start));
        self.running.borrow_mut().insert(node, process);
    }

    /// Stops a node and starts it with a program that knows feature levels up to this one.
    ///
    /// # Panics
    ///
    /// If it does not end well.
    pub fn put_in_place(&self, node: u64, newest: Level) {
        assert!(self.stop(node).success(), "{}", self.log(node));
        self.levels.borrow_mut().insert(node, newest);
        self.start_node(node);
    }

    /// Starts all nodes that do not run.
    pub fn start_all(&self) {
        for entry in &self.nodes {
            if !self.running.borrow().contains_key(&entry.node) {
                self.start_node(entry.node);
            }
        }
    }

    /// Knows a node from now on whose directory was added.
    pub fn take_in(&mut self, node: u64) {
        let address = NodeConfig::load(&self.config(node)).unwrap().client_listen.to_string();
        self.nodes.push(NodeEntry { node, address });
        self.observer = observer(&self.authorities, &self.nodes);
    }

    /// The same; it runs in that namespace.
    pub fn take_in_at(&mut self, node: u64, namespace: Arc<Namespace>) {
        self.namespaces.insert(node, namespace);
        self.take_in(node);
    }

    /// Knows a node no more that was removed.
    pub fn let_go(&mut self, node: u64) {
        self.nodes.retain(|entry| entry.node != node);
        self.observer = observer(&self.authorities, &self.nodes);
    }

    /// SIGKILLs a node.
    pub fn kill(&self, node: u64) {
        self.take(node).kill();
    }

    /// SIGKILLs all nodes.
    pub fn kill_all(&self) {
        let running = std::mem::take(&mut *self.running.borrow_mut());
        running.into_values().for_each(NodeProcess::kill);
    }

    /// Asks a node to stop and waits for its end.
    pub fn stop(&self, node: u64) -> ExitStatus {
        self.take(node).stop()
    }

    /// Asks a node to stop and does not wait.
    pub fn ask_to_stop(&self, node: u64) {
        self.running.borrow().get(&node).unwrap().ask_to_stop();
    }

    /// SIGHUP for a node.
    pub fn hang_up(&self, node: u64) {
        self.running.borrow().get(&node).unwrap().hang_up();
    }

    /// The process of a node that runs.
    pub fn pid(&self, node: u64) -> u32 {
        self.running.borrow().get(&node).unwrap().pid()
    }

    /// Waits until a node has ended by itself.
    pub fn ended(&self, node: u64) -> ExitStatus {
        self.take(node).wait()
    }

    /// Pauses a node.
    pub fn pause(&self, node: u64) {
        self.running.borrow().get(&node).unwrap().pause();
    }

    /// Lets a paused node go on.
    pub fn resume(&self, node: u64) {
        self.running.borrow().get(&node).unwrap().resume();
    }

    /// Whether a node was started and neither killed nor seen to end.
    pub fn runs(&self, node: u64) -> bool {
        self.running.borrow().contains_key(&node)
    }

    /// The nodes that have ended and were not waited for, and how.
    pub fn ended_by_themselves(&self) -> Vec<(u64, ExitStatus)> {
        let mut running = self.running.borrow_mut();
        let ended: Vec<_> = running.iter_mut().filter_map(|(node, process)| Some((*node, process.end()?))).collect();
        for (node, _) in &ended {
            running.remove(node);
        }
        ended
    }

    fn take(&self, node: u64) -> NodeProcess {
        self.running.borrow_mut().remove(&node).unwrap()
    }

    /// How the nodes are that answer.
    pub async fn statuses(&self) -> Vec<NodeStatus> {
        let asked = self.observer.statuses().await;
        asked.into_iter().filter_map(|(_, status)| status.ok()).collect()
    }

    /// Waits until so many nodes follow one leader that is among them.
    ///
    /// # Panics
    ///
    /// If they do not, at once if a node ends by itself meanwhile.
    pub async fn serving(&self, count: u64) -> u64 {
        until("nodes follow one leader", async || {
            for (node, process) in self.running.borrow_mut().iter_mut() {
                assert_eq!(process.end(), None, "node {node} ended by itself");
            }
            let statuses = self.statuses().await;
            let leader = statuses.iter().find(|status| status.role == Role::Leader)?.node;
            let follow = statuses.iter().filter(|status| status.leader == Some(leader)).count();
            (follow as u64 >= count).then_some(leader.0)
        })
        .await
    }

    /// Waits until all that run have applied the same entries, and compares their state hashes there.
    ///
    /// # Panics
    ///
    /// If they differ, or do not come to the same entry.
    pub async fn agree(&self) {
        let count = self.running.borrow().len();
        let statuses = until("all nodes have applied the same", async || {
            let statuses = self.statuses().await;
            let applied = statuses.first()?.applied;
            (statuses.len() == count && statuses.iter().all(|status| status.applied == applied)).then_some(statuses)
        })
        .await;
        let first = statuses.first().unwrap();
        for status in &statuses {
            assert_eq!(status.state_hash, first.state_hash, "node {} differs at entry {}", status.node, status.applied);
        }
    }

    /// A new device with its profile directory.
    pub fn device(&self, name: &str) -> PathBuf {
        let home = self.dir.path().join("devices").join(name);
        let leaf = self.authorities.issue_device(name, SystemTime::now()).unwrap();
        let subject = raftchat_certs::Subject::device(name).unwrap();
        leaf.write(&home.join("certs"), &self.authorities.anchors_for(&subject)).unwrap();
        Profile::create(&home, &self.client_config()).unwrap();
        home
    }

    /// What clients are told of the cluster.
    pub fn client_config(&self) -> ClientConfig {
        ClientConfig { cluster: self.authorities.cluster().as_str().to_owned(), nodes: self.nodes.clone() }
    }

    /// Somebody new, registered on a device of theirs.
    pub async fn person(&self, name: &str) -> Person {
        let person = Person::on(name, &self.device(name), None);
        person.register().await;
        person
    }

    /// Somebody on a second device, logged in there, which tries that node first.
    pub async fn phone(&self, name: &str, node: u64) -> Person {
        let phone = Person::on(name, &self.device(&format!("{name}-phone")), Some(self.address(node)));
        phone.login().await;
        phone
    }

    /// The address of a node's client endpoint.
    pub fn address(&self, node: u64) -> String {
        self.nodes.iter().find(|entry| entry.node == node).unwrap().address.clone()
    }
}

/// A test that fails tells what its nodes said last: they are gone with it.
impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for entry in &self.nodes {
            let log = self.log(entry.node);
            let lines: Vec<_> = log.lines().collect();
            let (_, last) = lines.split_at(lines.len().saturating_sub(LAST_WORDS));
            println!("node {} at {} said last:\n{}", entry.node, entry.address, last.join("\n"));
        }
    }
}

fn leaf_subject(node: u64) -> raftchat_certs::Subject {
    raftchat_certs::Subject::node(node).unwrap()
}

/// A device that only looks.
fn observer(authorities: &Authorities, nodes: &[NodeEntry]) -> Client {
    let leaf = authorities.issue_device("observer", SystemTime::now()).unwrap();
    let anchors = authorities.anchors_for(&raftchat_certs::Subject::device("observer").unwrap());
    let config = ClientConfig { cluster: authorities.cluster().as_str().to_owned(), nodes: nodes.to_vec() };
    let options = ClientOptions { timeout: Duration::from_secs(2).min(PATIENCE), ..ClientOptions::default() };
    Client::start(Profile::in_memory(config, leaf, anchors), options).unwrap()
}

//! Where it all takes place: nodes with disks and clocks of their own in a network, who talks, who follows, and the watch over all.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use raftchat_client::Target;
use raftchat_schema::id::ConversationId;
use raftchat_schema::view::Role;
use raftchat_tests::clocks::Clocks;
use raftchat_tests::cluster::{Cluster, Site};
use raftchat_tests::disks::Disk;
use raftchat_tests::draw::Draw;
use raftchat_tests::network::namespace::Namespace;
use raftchat_tests::network::{Family, Network};
use raftchat_tests::people::{Person, with};
use raftchat_tests::{PATIENCE, soon};
use tokio::sync::watch;

use super::ledger::Ledger;
use super::tails::Tail;
use super::talkers::Talker;
use super::watch::{Watch, What};
use super::{NODES, RECOVERY};
use crate::PROGRAM;

/// How large a disk is, in MiB.
const DISK_MIB: u64 = 256;
/// What a node keeps for what must go on without words, in MiB.
pub(super) const RESERVE_MIB: u32 = 24;
/// Pauses between two looks, and between two questions how the nodes are.
const LOOKS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));
/// Who talks, and whether near the nodes; all others are on the device.
const PEOPLE: [(&str, bool); 4] = [("alice", false), ("bob", false), ("carol", true), ("dave", true)];

/// The stage. What uses the disks goes first.
pub(super) struct Stage {
    pub(super) cluster: Cluster,
    pub(super) tails: Vec<Tail>,
    pub(super) clocks: Option<Clocks>,
    /// By node.
    pub(super) disks: BTreeMap<u64, Disk>,
    pub(super) network: Network,
    /// In which place of the network each node is.
    pub(super) places: BTreeMap<u64, u64>,
    pub(super) ledger: Arc<Ledger>,
    /// Nodes that a fault may let end by themselves.
    pub(super) may_end: BTreeSet<u64>,
    pub(super) watch: Watch,
    talkers: Vec<JoinHandle<Person>>,
    over: watch::Sender<bool>,
    asked: Instant,
    disks_dir: tempfile::TempDir,
}

impl Stage {
    /// Makes it, and everybody begins.
    pub(super) async fn set(network: Network, seed: u64) -> Self {
        let sites = Site::in_network(&network, Family::Four);
        let cluster = Cluster::make_at(PROGRAM, sites, |config| {
            (config.snapshot_entries, config.keep_entries) = (200, 50);
            config.disk.reserve_mib = RESERVE_MIB;
        });
        cluster.authorities().save(&cluster.dir().join("pki")).unwrap();
        let (cluster, clocks) = with_clocks(cluster);
        let mut stage = Self {
            cluster,
            tails: Vec::new(),
            clocks,
            disks: BTreeMap::new(),
            network,
            places: (1..=NODES).map(|node| (node, node)).collect(),
            ledger: Arc::default(),
            may_end: BTreeSet::new(),
            watch: Watch::default(),
            talkers: Vec::new(),
            over: watch::Sender::new(false),
            asked: Instant::now(),
            disks_dir: tempfile::tempdir().unwrap(),
        };
        for node in 1..=NODES {
            if let Err(reason) = stage.gives_disk(node) {
                println!("disks fail in no way: {reason}");
                break;
            }
        }
        stage.cluster.start_all();
        stage.cluster.serving(NODES).await;
        stage.people_come(seed).await;
        stage
    }

    /// Puts what a node that never ran keeps on a disk of its own.
    pub(super) fn gives_disk(&mut self, node: u64) -> Result<(), String> {
        let disk = Disk::make(self.disks_dir.path(), &format!("disk-{node}"), DISK_MIB)?;
        let (data, there) = (self.cluster.dir().join(format!("node-{node}/data")), disk.path().join("data"));
        std::fs::create_dir(&there).unwrap();
        std::fs::copy(data.join("NEW"), there.join("NEW")).unwrap();
        std::fs::remove_dir_all(&data).unwrap();
        symlink(there, data).unwrap();
        self.disks.insert(node, disk);
        Ok(())
    }

    /// Where somebody is.
    fn home(&self, near: bool) -> Arc<Namespace> {
        Arc::clone(if near { self.network.hub() } else { self.network.device() })
    }

    async fn people_come(&mut self, seed: u64) {
        let mut people = Vec::new();
        for (name, near) in PEOPLE {
            let profile = self.cluster.device(name);
            let person = self.home(near).run(|| Person::on(name, &profile, None));
            person.register().await;
            people.push(person);
        }
        let erin = self.cluster.person("erin").await;
        let [alice, bob, carol, dave] = people.as_slice() else { panic!("four people") };
        let crew = alice.group("Crew", &[bob, carol, dave]).await;
        self.ledger.titled("Crew");
        let Target::Conversation(crew) = crew else { panic!("a group has an id") };
        let pairs = [(alice, bob), (carol, dave), (alice, carol)];
        let mut places: BTreeMap<String, Vec<ConversationId>> = BTreeMap::new();
        for (one, other) in pairs {
            let text = format!("{} greets {}", one.name, other.name);
            let sent = one.say(&other.name, &text).await;
            self.ledger.said(&one.name, sent.conversation, sent.position.0, text);
            for person in [one, other] {
                places.entry(person.name.clone()).or_default().push(sent.conversation);
            }
            soon("finding it", other.client.conversation(&with(&one.name))).await.unwrap();
        }
        let (guest, ledger) = (erin.id().await, Arc::clone(&self.ledger));
        for (person, number) in people.into_iter().zip(1..) {
            self.follows(&person.name).await;
            let mut places = places.remove(&person.name).unwrap_or_default();
            places.push(crew);
            let guest = (person.name == "alice").then_some(guest);
            let talker = Talker { person, places, guest, ledger: Arc::clone(&ledger), draw: Draw(seed ^ number) };
            self.talkers.push(talker.starts(self.over.subscribe()));
        }
    }

    /// A second device of somebody's, which follows.
    async fn follows(&mut self, name: &str) {
        let Some((_, near)) = PEOPLE.iter().find(|(person, _)| *person == name) else { return };
        let phone = self.cluster.phone(name, 1).await;
        let profile: PathBuf = phone.profile.clone();
        drop(phone.client);
        self.tails.push(Tail::start(name, profile, &self.home(*near)));
    }

    /// The nodes there are, by number.
    pub(super) fn nodes(&self) -> Vec<u64> {
        self.places.keys().copied().collect()
    }

    /// Looks whether all holds that must.
    pub(super) async fn look(&mut self) {
        for (node, status) in self.cluster.ended_by_themselves() {
            assert!(self.may_end.contains(&node), "node {node} ended by itself: {status}");
        }
        for tail in &mut self.tails {
            tail.look();
            self.watch.memory(What::Device, &tail.name, tail.pid());
        }
        if !*self.over.borrow() {
            for ended in self.talkers.extract_if(.., |talker| talker.is_finished()) {
                // Nobody ends before they are asked to, but by a panic, which has said why.
                ended.join().unwrap();
            }
        }
        for node in self.nodes() {
            if self.cluster.runs(node) {
                self.watch.memory(What::Node, &format!("node {node}"), self.cluster.pid(node));
            }
            self.watch.log(&self.cluster.log_path(node));
            if let Some(disk) = self.disks.get(&node) {
                self.watch.disk(node, disk.used_bytes());
            }
        }
        if self.asked.elapsed() > LOOKS.1 {
            let statuses = self.cluster.statuses().await;
            self.watch.states(&statuses);
            self.asked = Instant::now();
        }
    }

    /// Time passes, and all holds.
    pub(super) async fn lives_for(&mut self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.look().await;
            tokio::time::sleep(LOOKS.0.min(time.saturating_sub(begun.elapsed()))).await;
        }
    }

    /// Waits until something is so, and all holds.
    pub(super) async fn until<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut is: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> T {
        let begun = Instant::now();
        loop {
            self.look().await;
            if let Some(found) = is(self).await {
                return found;
            }
            assert!(begun.elapsed() < within, "it took longer than {within:?}: {what}");
            tokio::time::sleep(LOOKS.0).await;
        }
    }

    /// Which node leads; waits until one does that all follow.
    pub(super) async fn leader(&mut self) -> u64 {
        let count = self.places.len();
        self.until("all follow one leader", RECOVERY, async |stage| {
            let statuses = stage.cluster.statuses().await;
            let leader = statuses.iter().find(|status| status.role == Role::Leader)?.node;
            let follow = statuses.iter().filter(|status| status.leader == Some(leader)).count();
            (follow >= count).then_some(leader.0)
        })
        .await
    }

    /// Nothing is wrong any more: whatever does not run is started, and everybody is told something again. How long it took.
    pub(super) async fn recovers(&mut self) -> Duration {
        let begun = Instant::now();
        self.cluster.start_all();
        self.leader().await;
        let people = PEOPLE.len();
        self.until("everybody is told that something is stored", RECOVERY, async |stage| {
            (stage.ledger.told_since(begun) >= people).then_some(())
        })
        .await;
        self.may_end.clear();
        begun.elapsed()
    }

    /// The same, when nobody talks any more.
    pub(super) async fn recovers_quietly(&mut self) {
        self.cluster.start_all();
        self.leader().await;
    }

    /// Everybody has said what they had to say; gives them.
    pub(super) async fn people_are_done(&mut self) -> Vec<Person> {
        self.over.send_replace(true);
        let mut people = Vec::new();
        let all = std::mem::take(&mut self.talkers);
        self.until("everybody is done", RECOVERY, async |_| all.iter().all(JoinHandle::is_finished).then_some(()))
            .await;
        for talker in all {
            people.push(talker.join().unwrap());
        }
        people
    }

    /// Waits for the end of a node that ends by itself, or was asked to; none if it does not.
    pub(super) async fn ends(&mut self, node: u64) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            for (ended, status) in self.cluster.ended_by_themselves() {
                if ended == node {
                    return Some(status);
                }
                assert!(self.may_end.contains(&ended), "node {ended} ended by itself: {status}");
            }
            self.look().await;
            tokio::time::sleep(LOOKS.0).await;
        }
        None
    }
}

/// What the nodes said is kept where somebody wants it.
impl Drop for Stage {
    fn drop(&mut self) {
        let Some(kept) = std::env::var_os("RAFTCHAT_NEMESIS_LOGS").map(PathBuf::from) else { return };
        let _ = std::fs::create_dir_all(&kept);
        for entry in std::fs::read_dir(self.cluster.dir()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                let _ = std::fs::copy(entry.path(), kept.join(entry.file_name()));
            }
        }
    }
}

fn with_clocks(cluster: Cluster) -> (Cluster, Option<Clocks>) {
    match Clocks::find(cluster.dir()) {
        Some(clocks) => (cluster.on_clocks(&clocks), Some(clocks)),
        None => (cluster, None),
    }
}

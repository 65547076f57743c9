//! Nodes in one process, joined by calls instead of a network: they elect, agree, and bring back who was away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{self, BoxFuture, FutureExt as _};
use raftchat_node::raft::membership::MembershipFailure;
use raftchat_node::raft::{
    AppendRequest, AppendResponse, AppendStream, AppliedEntry, ApplySink, IncomingSnapshot, Lane, OutgoingSnapshot,
    PeerCallError, PeerCalls, ProposeFailure, RaftHandle, RaftSettings, Role, SnapshotRequest, Target, TransferRequest,
    VoteRequest, VoteResponse,
};
use raftchat_node::store::{Failures, StoreSettings, Stores, Syncs};
use raftchat_schema::id::{NodeId, StateHash};
use raftchat_schema::peer::MembershipRefusal;
use raftchat_schema::stored::{Member, StoredMembership, Vote};
use raftchat_state::suite;

use crate::support::{CLUSTER, batch};

const PATIENCE: Duration = Duration::from_mins(1);
const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
/// Joins later, if at all.
const DAVE: NodeId = NodeId(4);

/// The wires between the nodes.
#[derive(Default)]
pub(crate) struct Wires {
    nodes: Mutex<BTreeMap<NodeId, RaftHandle>>,
    away: Mutex<BTreeSet<NodeId>>,
    streams: Mutex<BTreeMap<(NodeId, NodeId, Lane), AppendStream>>,
    /// So many milliseconds there and back.
    pub(crate) way: AtomicU64,
    /// So many milliseconds for each block of a snapshot.
    block: Arc<AtomicU64>,
    /// Wires that carry nothing, from the one to the other.
    cut: Mutex<BTreeSet<(NodeId, NodeId)>>,
    /// How often each node has asked whether it would be elected.
    pre_votes: Mutex<BTreeMap<NodeId, u32>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Wires {
    fn reach(&self, from: NodeId, to: NodeId) -> Result<RaftHandle, PeerCallError> {
        let away = lock(&self.away);
        let node = lock(&self.nodes).get(&to).cloned();
        let cut = lock(&self.cut).contains(&(from, to));
        let reached = node.filter(|_| !cut && !away.contains(&from) && !away.contains(&to));
        reached.ok_or_else(|| PeerCallError::Unreachable("the wire is cut".into()))
    }

    fn way(&self) -> Duration {
        Duration::from_millis(self.way.load(Ordering::Relaxed))
    }

    pub(crate) fn unplug(&self, node: NodeId) {
        lock(&self.away).insert(node);
        lock(&self.streams).retain(|(from, to, _), _| *from != node && *to != node);
    }
}

/// One node's end of the wires.
struct End {
    own: NodeId,
    wires: Arc<Wires>,
}

fn remote(error: impl std::fmt::Display) -> PeerCallError {
    PeerCallError::Remote(error.to_string())
}

type Answer<T> = BoxFuture<'static, Result<T, PeerCallError>>;

impl End {
    fn call<T: Send + 'static, F>(&self, to: &Target, call: impl FnOnce(RaftHandle) -> F + Send + 'static) -> Answer<T>
    where
        F: Future<Output = Result<T, PeerCallError>> + Send + 'static,
    {
        let (reached, way) = (self.wires.reach(self.own, to.node), self.wires.way());
        async move {
            tokio::time::sleep(way).await;
            call(reached?).await
        }
        .boxed()
    }
}

impl PeerCalls for End {
    fn way(&self, _to: &Target) -> Option<Duration> {
        Some(self.wires.way())
    }

    fn append(&self, to: &Target, lane: Lane, request: AppendRequest, _limit: Duration) -> Answer<AppendResponse> {
        let handle = match self.wires.reach(self.own, to.node) {
            Ok(handle) => handle,
            Err(error) => return future::ready(Err(error)).boxed(),
        };
        if lane == Lane::Urgent {
            let own = self.own;
            return self.call(to, move |node| async move { node.heartbeat(own, request).await.map_err(remote) });
        }
        let way = self.wires.way();
        let mut streams = lock(&self.wires.streams);
        let stream = streams.entry((self.own, to.node, lane)).or_insert_with(|| handle.append_stream(self.own));
        let answer = stream.submit(request);
        async move {
            tokio::time::sleep(way).await;
            answer.await.map_err(remote)
        }
        .boxed()
    }

    fn vote(&self, to: &Target, request: VoteRequest, _limit: Duration) -> Answer<VoteResponse> {
        let own = self.own;
        self.call(to, move |node| async move { node.vote(own, request).await.map_err(remote) })
    }

    fn pre_vote(&self, to: &Target, request: VoteRequest, _limit: Duration) -> Answer<VoteResponse> {
        let own = self.own;
        *lock(&self.wires.pre_votes).entry(own).or_default() += 1;
        self.call(to, move |node| async move { node.pre_vote(own, request).await.map_err(remote) })
    }

    fn open_snapshot(
        &self,
        to: &Target,
        request: SnapshotRequest,
        _limit: Duration,
    ) -> Answer<Box<dyn OutgoingSnapshot>> {
        let (own, block) = (self.own, self.wires.block.clone());
        self.call(to, move |node| async move {
            let transfer = node.receive_snapshot(own, request).await.map_err(remote)?;
            Ok(Box::new(Transfer { transfer: Arc::new(transfer), block }) as Box<dyn OutgoingSnapshot>)
        })
    }

    fn transfer_leadership(&self, to: &Target, request: TransferRequest, _limit: Duration) -> Answer<()> {
        let own = self.own;
        self.call(to, move |node| async move { node.transfer_leadership(own, request).await.map_err(remote) })
    }
}

struct Transfer {
    transfer: Arc<IncomingSnapshot>,
    block: Arc<AtomicU64>,
}

impl OutgoingSnapshot for Transfer {
    fn have(&self) -> u64 {
        self.transfer.have()
    }

    fn block(&mut self, offset: u64, bytes: Bytes, _limit: Duration) -> BoxFuture<'_, Result<(), PeerCallError>> {
        async move {
            tokio::time::sleep(Duration::from_millis(self.block.load(Ordering::Relaxed))).await;
            self.transfer.block(offset, bytes).await.map_err(remote)
        }
        .boxed()
    }

    fn finish(self: Box<Self>, _limit: Duration) -> Answer<Vote> {
        async move { self.transfer.finish().await.map_err(remote) }.boxed()
    }
}

/// What a node was told of what was applied.
#[derive(Default)]
struct Heard {
    hashes: Mutex<BTreeMap<u64, StateHash>>,
    installed: Mutex<u32>,
}

impl ApplySink for Heard {
    fn applied(&self, entry: AppliedEntry) {
        lock(&self.hashes).insert(entry.log_id.index, entry.state_hash);
    }

    fn installed(&self, _membership: &StoredMembership) {
        *lock(&self.installed) += 1;
    }
}

pub(crate) struct Cluster {
    dirs: BTreeMap<NodeId, tempfile::TempDir>,
    pub(crate) wires: Arc<Wires>,
    heard: BTreeMap<NodeId, Arc<Heard>>,
    settings: RaftSettings,
    /// By so many milliseconds each sync takes longer, on all disks.
    pub(crate) slower: Arc<AtomicU64>,
}

fn settings() -> RaftSettings {
    RaftSettings {
        heartbeat: Duration::from_millis(100),
        election_min: Duration::from_millis(600),
        election_max: Duration::from_millis(1200),
        snapshot_every: 40,
        keep_entries: 10,
        lag_max: 50,
        ..RaftSettings::default()
    }
}

fn member(node: NodeId) -> Member {
    let fingerprint = [u8::try_from(node.0).unwrap(); 32];
    Member { peer_address: format!("node-{node}:1"), client_address: format!("node-{node}:2"), fingerprint }
}

impl Cluster {
    async fn of_three() -> Self {
        Self::of(3, settings()).await
    }

    pub(crate) async fn of(nodes: u64, settings: RaftSettings) -> Self {
        let all: Vec<_> = (1..=nodes).map(NodeId).collect();
        let also = || all.iter().copied().chain([DAVE]);
        let dirs = also().map(|node| (node, tempfile::tempdir().unwrap())).collect();
        let heard = also().map(|node| (node, Arc::default())).collect();
        let cluster = Self { dirs, wires: Arc::default(), heard, settings, slower: Arc::default() };
        for node in &all {
            cluster.start(*node).await;
        }
        let members: Vec<_> = all.iter().map(|node| (*node, member(*node))).collect();
        assert!(cluster.node(NodeId(1)).initialize(&members).await.unwrap());
        assert!(!cluster.node(NodeId(1)).initialize(&members).await.unwrap());
        cluster
    }

    async fn start(&self, node: NodeId) {
        let stores = StoreSettings { syncs: Syncs::slowed_by(self.slower.clone()), ..StoreSettings::default() };
        let stores = Stores::open(self.dirs[&node].path(), node, CLUSTER, &stores, Failures::default()).unwrap();
        let end = Arc::new(End { own: node, wires: self.wires.clone() });
        let settings = self.settings.clone();
        let handle = RaftHandle::start(settings, stores, self.heard[&node].clone(), end).await.unwrap();
        lock(&self.wires.nodes).insert(node, handle);
        lock(&self.wires.away).remove(&node);
    }

    pub(crate) async fn stop(&self, node: NodeId) {
        self.wires.unplug(node);
        let handle = lock(&self.wires.nodes).remove(&node).unwrap();
        handle.shutdown().await.unwrap();
    }

    pub(crate) fn node(&self, node: NodeId) -> RaftHandle {
        lock(&self.wires.nodes)[&node].clone()
    }

    /// The node that leads, once one of those that are here does.
    pub(crate) async fn leader(&self) -> RaftHandle {
        let found = async {
            loop {
                let away = lock(&self.wires.away).clone();
                let nodes: Vec<_> = lock(&self.wires.nodes).values().cloned().collect();
                let leads = |node: &RaftHandle| node.watch_leadership().borrow().role == Role::Leader;
                if let Some(leader) = nodes.into_iter().find(|node| !away.contains(&node.status().node) && leads(node))
                {
                    return leader;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("somebody leads in the end")
    }

    /// Has a batch committed, whoever leads.
    pub(crate) async fn propose(&self, batch: &[u8]) {
        let done = async {
            loop {
                match self.leader().await.propose(Bytes::copy_from_slice(batch)).await {
                    Ok(()) => return,
                    Err(ProposeFailure::Fatal(error)) => panic!("{error}"),
                    Err(_settling) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, done).await.expect("it is committed in the end");
    }

    pub(crate) async fn register(&self, people: std::ops::Range<u8>) {
        for person in people {
            let command = suite::register(&format!("person{person}"), person);
            self.propose(&batch(u64::from(person), &[command])).await;
        }
    }

    /// Waits until all that are here have applied what the leader has, and compares them.
    pub(crate) async fn agree(&self) {
        let leader = self.leader().await;
        let index = leader.watch_applied().borrow().unwrap();
        let expected = raftchat_state::state_hash(&leader.stores().state.view()).unwrap();
        let nodes = lock(&self.wires.nodes).clone();
        for (node, handle) in nodes {
            let applied = tokio::time::timeout(PATIENCE, handle.wait_applied(index)).await;
            applied.unwrap_or_else(|_| panic!("node {node} stays behind: {:?}", handle.status())).unwrap();
            assert_eq!(raftchat_state::state_hash(&handle.stores().state.view()).unwrap(), expected, "node {node}");
        }
        let mut seen: BTreeMap<u64, StateHash> = BTreeMap::new();
        for (index, hash) in self.heard.values().flat_map(|heard| lock(&heard.hashes).clone()) {
            assert_eq!(*seen.entry(index).or_insert(hash), hash, "at entry {index}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_elect_agree_and_hand_leadership_on() {
    let cluster = Cluster::of_three().await;
    cluster.register(0..20).await;
    cluster.agree().await;
    let leader = cluster.leader().await;
    let index = leader.read_index().await.unwrap();
    assert!(leader.status().applied.unwrap().index >= index);
    let own = leader.status().node;
    leader.hand_on_leadership(PATIENCE).await.unwrap();
    let next = cluster.leader().await.status().node;
    assert_ne!(next, own);
    let outcome = leader.propose(batch(1, &[]).into()).await;
    assert!(matches!(outcome, Err(ProposeFailure::NotLeader { .. } | ProposeFailure::Retry)), "{outcome:?}");
    cluster.register(20..25).await;
    cluster.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_too_long_is_sent_a_snapshot() {
    let cluster = Cluster::of_three().await;
    cluster.register(0..3).await;
    cluster.agree().await;
    let leader = cluster.leader().await.status().node;
    let bob = ALL.into_iter().find(|node| *node != leader).unwrap();
    cluster.stop(bob).await;
    cluster.register(3..130).await;
    let purged = async {
        while cluster.leader().await.status().purged.is_none_or(|purged| purged.index < 10) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, purged).await.expect("the log is purged");
    cluster.start(bob).await;
    cluster.agree().await;
    assert!(*lock(&cluster.heard[&bob].installed) > 0, "it came by a snapshot");
    cluster.register(130..140).await;
    cluster.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_caught_up_while_others_write_more_than_a_snapshot_takes_to_send() {
    let cluster = Arc::new(Cluster::of_three().await);
    cluster.register(0..3).await;
    cluster.agree().await;
    let leader = cluster.leader().await;
    let bob = ALL.into_iter().find(|node| *node != leader.status().node).unwrap();
    cluster.stop(bob).await;
    // Meanwhile the leader makes several.
    cluster.wires.block.store(3000, Ordering::Relaxed);
    let writing = {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            for stamp in 0.. {
                cluster.propose(&batch(stamp, &[])).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    let purged = async {
        while leader.status().purged.is_none_or(|purged| purged.index < 100) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, purged).await.expect("the log is purged");
    let written = leader.watch_applied().borrow().unwrap();
    cluster.start(bob).await;
    let caught_up = tokio::time::timeout(PATIENCE, cluster.node(bob).wait_applied(written + 500)).await;
    assert!(caught_up.is_ok(), "{:?}", cluster.node(bob).status());
    assert_eq!(*lock(&cluster.heard[&bob].installed), 1, "by one snapshot");
    writing.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_damaged_on_the_leaders_disk_is_made_anew() {
    let cluster = Cluster::of_three().await;
    cluster.register(0..3).await;
    cluster.agree().await;
    let leader = cluster.leader().await.status().node;
    let bob = ALL.into_iter().find(|node| *node != leader).unwrap();
    cluster.stop(bob).await;
    cluster.register(3..130).await;
    let purged = async {
        while cluster.leader().await.status().purged.is_none_or(|purged| purged.index < 10) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, purged).await.expect("the log is purged");
    let leader = cluster.leader().await;
    let file = leader.stores().snapshots.current().unwrap();
    let mut bytes = std::fs::read(&file.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&file.path, bytes).unwrap();
    cluster.start(bob).await;
    // Nobody says anything meanwhile: the next snapshot would come by itself.
    cluster.agree().await;
    assert!(*lock(&cluster.heard[&bob].installed) > 0, "it came by a snapshot");
    assert_ne!(leader.stores().snapshots.current().unwrap().id, file.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_outlives_its_leader_and_a_restart_of_all() {
    let cluster = Cluster::of_three().await;
    cluster.register(0..10).await;
    let first = cluster.leader().await.status().node;
    cluster.stop(first).await;
    cluster.register(10..20).await;
    cluster.start(first).await;
    cluster.agree().await;
    for node in ALL {
        cluster.stop(node).await;
    }
    for node in ALL {
        cluster.start(node).await;
    }
    for node in ALL {
        assert!(cluster.node(node).wait_for_recovery(PATIENCE).await, "node {node}");
    }
    cluster.register(20..25).await;
    cluster.agree().await;
}

/// Openraft itself would wait for hours until it missed anybody.
fn patient() -> RaftSettings {
    RaftSettings { election_min: Duration::from_hours(1), election_max: Duration::from_hours(2), ..settings() }
}

/// What each of these sees: the port of that node is closed.
fn see_closed(cluster: &Cluster, seeing: &[NodeId], node: NodeId) {
    for seeing in seeing {
        let seeing = cluster.node(*seeing);
        seeing.note_closed([node].into());
        tokio::spawn(seeing.keep_replacing());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_port_is_closed_is_replaced_before_anybody_misses_it() {
    let cluster = Cluster::of(3, patient()).await;
    cluster.register(0..5).await;
    let leader = cluster.leader().await.status().node;
    let others: Vec<_> = ALL.into_iter().filter(|node| *node != leader).collect();
    cluster.stop(leader).await;
    see_closed(&cluster, &others, leader);
    cluster.register(5..10).await;
    cluster.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_missed_the_leader_believes_the_one_that_found_its_port_closed() {
    let cluster = Cluster::of(3, patient()).await;
    cluster.register(0..5).await;
    let leader = cluster.leader().await.status().node;
    let told = ALL.into_iter().find(|node| *node != leader).unwrap();
    cluster.stop(leader).await;
    let silent = async {
        let other = ALL.into_iter().find(|node| ![leader, told].contains(node)).unwrap();
        while cluster.node(other).status().contact_age_ms.is_none_or(|age| age < 250) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, silent).await.expect("it hears nothing");
    see_closed(&cluster, &[told], leader);
    cluster.register(5..10).await;
    cluster.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_alone_misses_the_leader_asks_and_replaces_nobody() {
    let cluster = Cluster::of(3, patient()).await;
    cluster.register(0..5).await;
    let before = cluster.leader().await.status().leadership;
    let leader = before.leader.unwrap();
    let alone = ALL.into_iter().find(|node| *node != leader).unwrap();
    lock(&cluster.wires.cut).insert((leader, alone));
    see_closed(&cluster, &[alone], leader);
    let asked = async {
        while lock(&cluster.wires.pre_votes).get(&alone).is_none_or(|asked| *asked < 3) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("it asks again");
    cluster.register(5..10).await;
    assert_eq!(cluster.leader().await.status().leadership, before);
    lock(&cluster.wires.cut).clear();
    cluster.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_the_leader_asks_nobody_whatever_the_system_says() {
    let cluster = Cluster::of(3, patient()).await;
    cluster.register(0..5).await;
    let before = cluster.leader().await.status().leadership;
    let deceived: Vec<_> = ALL.into_iter().filter(|node| Some(*node) != before.leader).collect();
    see_closed(&cluster, &deceived, before.leader.unwrap());
    cluster.register(5..30).await;
    assert_eq!(cluster.leader().await.status().leadership, before);
    cluster.agree().await;
}

/// Asks the leader for another membership until it is done, whoever leads and however far the nodes are.
async fn change(cluster: &Cluster, ask: impl AsyncFn(RaftHandle) -> Result<(), MembershipFailure>) {
    let done = async {
        while ask(cluster.leader().await).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.expect("the membership is changed in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_by_a_snapshot_learns_votes_and_others_leave() {
    let cluster = Cluster::of_three().await;
    cluster.register(0..100).await;
    let leader = cluster.leader().await;
    let refused = |refusal| Err(MembershipFailure::Refused(refusal));
    assert_eq!(leader.promote(DAVE).await, refused(MembershipRefusal::NoSuchNode));
    leader.add_learner(DAVE, member(DAVE)).await.unwrap();
    leader.add_learner(DAVE, member(DAVE)).await.unwrap();
    let other = Member { fingerprint: [99; 32], ..member(DAVE) };
    assert_eq!(leader.add_learner(DAVE, other).await, refused(MembershipRefusal::Taken));
    let silent = MembershipRefusal::NotCaughtUp { behind: None };
    assert_eq!(leader.promote(DAVE).await, refused(silent), "it does not even run");

    cluster.start(DAVE).await;
    cluster.register(100..105).await;
    cluster.agree().await;
    assert_eq!(cluster.node(DAVE).watch_leadership().borrow().role, Role::Learner);
    change(&cluster, async |leader| leader.promote(DAVE).await).await;

    // The leader goes itself: it hands on, and who leads next carries it out.
    let leaving = cluster.leader().await.status().node;
    let elsewhere = cluster.node(leaving).remove_member(leaving).await;
    let Err(MembershipFailure::NotLeader { leader: Some(next) }) = elsewhere else { panic!("{elsewhere:?}") };
    assert_ne!(next, leaving);
    change(&cluster, async |leader| match leader.remove_member(leaving).await {
        // Asked again after an answer that was lost, say.
        Err(MembershipFailure::Refused(MembershipRefusal::NoSuchNode)) => Ok(()),
        outcome => outcome,
    })
    .await;
    cluster.stop(leaving).await;

    // Needs two of the three that stay: Dave's disk counts.
    let own = cluster.leader().await.status().node;
    let staying: Vec<_> = ALL.into_iter().chain([DAVE]).filter(|node| *node != leaving).collect();
    let third = staying.iter().copied().find(|node| *node != own && *node != DAVE).unwrap();
    cluster.stop(third).await;
    cluster.register(105..110).await;
    cluster.agree().await;
    let membership = cluster.node(DAVE).members().membership.membership;
    assert_eq!(membership.configs, [staying]);
}

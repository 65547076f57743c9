//! All that the rest of the node asks of Raft: propose, read safely, know who leads, stop. Hides openraft whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::{
    ClientWriteError, ForwardReason, ForwardToLeader, InitializeError, LinearizableReadError, RaftError,
};
use openraft::{Instant as _, Raft, RaftMetrics, ReadPolicy, ServerState};
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::Mark;
use raftchat_schema::stored::{LogId, Member, Vote};
use raftchat_transport::Damped;
use tokio::sync::watch;

use super::apply::{Applier, ApplySink};
use super::claims::Known;
use super::convert;
use super::doubts::{Doubts, Holds, News};
use super::log_storage::RaftLog;
use super::machine::Machine;
use super::membership::motions::Motions;
use super::messages::{AppendResponse, PeerCalls, VoteRequest};
use super::network::Network;
use super::settings::RaftSettings;
use super::status::{Leadership, RaftStatus, Role};
use super::types::{BatchBytes, TypeConfig};
use crate::store::{StoreError, Stores};

/// For how long a leader's word is good that another is to stand.
const HANDING_ON: Duration = Duration::from_secs(3);
/// So much later than the one who stands may the leader's word arrive.
const HANDING_LATE: Duration = Duration::from_millis(50);

/// A reason not to stand: it is not known whether this node's data is what it was.
const IN_DOUBT: &str = "in doubt";
/// Another: its clock is wrong.
const WRONG_CLOCK: &str = "wrong clock";

/// What goes wrong with a follower again and again is told so often.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// Why Raft did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The times or sizes contradict each other.
    #[error("the Raft settings do not fit together: {0}. The election time must be well above the heartbeat")]
    Settings(String),
    /// The store is not usable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// openraft found something in the stores that it cannot go on from.
    #[error("Raft cannot start from what is stored: {0}")]
    Raft(String),
}

/// Why a batch was not committed here and now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeFailure {
    /// Another node leads, or nobody. Nothing was stored.
    #[error("this node does not lead: ask node {}", .leader.map_or_else(|| "(unknown)".to_owned(), |node| node.to_string()))]
    NotLeader {
        /// Who does.
        leader: Option<NodeId>,
    },
    /// This node leads but cannot be sure of it yet, or leadership is just being handed on. Nothing was stored: try again
    /// in a moment.
    #[error("leadership is being settled: try again in a moment")]
    Retry,
    /// Leadership was lost while the batch was under way. It may have been stored or not.
    #[error("leadership was lost: whether the batch was stored is not known")]
    Unknown,
    /// The node is stopping.
    #[error("the node is stopping: {0}")]
    Fatal(String),
}

/// Why no read index can be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadFailure {
    /// Another node leads, or nobody.
    #[error("this node does not lead: ask node {}", .leader.map_or_else(|| "(unknown)".to_owned(), |node| node.to_string()))]
    NotLeader {
        /// Who does.
        leader: Option<NodeId>,
    },
    /// No majority confirmed that this node leads.
    #[error("no majority answered: try again in a moment")]
    Retry,
    /// The node is stopping.
    #[error("the node is stopping: {0}")]
    Fatal(String),
}

pub(super) type OurRaft = Raft<TypeConfig, Machine>;

/// Raft on this node. Clones are the same one.
#[derive(Clone)]
pub struct RaftHandle {
    pub(super) raft: OurRaft,
    pub(super) stores: Stores,
    pub(super) applier: Applier,
    applied: watch::Receiver<Option<u64>>,
    leadership: watch::Receiver<Leadership>,
    contact: Arc<Contact>,
    /// For how long what a node has said tells that it is there.
    pub(super) contact_limit: Duration,
    /// One change of the membership at a time.
    pub(super) changing: Arc<tokio::sync::Mutex<()>>,
    /// To whom the leader last handed on, and when.
    handing: watch::Sender<Option<(NodeId, Instant)>>,
    motions: Arc<Mutex<Motions>>,
    doubts: Arc<Mutex<Doubts>>,
    /// Why this node does not stand for election at present.
    held_back: Arc<Mutex<BTreeSet<&'static str>>>,
    /// The newest term that each of the others has told.
    told_terms: Arc<Mutex<BTreeMap<NodeId, u64>>>,
}

impl std::fmt::Debug for RaftHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftHandle").field("node", &self.stores.identity.node).finish_non_exhaustive()
    }
}

/// When the leader was last heard.
struct Contact {
    start: Instant,
    /// Milliseconds after `start`, plus one; 0 for never.
    last: AtomicU64,
}

impl Contact {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn age(&self) -> Option<u64> {
        let last = self.last.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.now().saturating_sub(last))
    }
}

impl RaftHandle {
    /// Starts Raft on the stores. The sink hears of every entry applied from now on.
    pub async fn start(
        settings: RaftSettings,
        stores: Stores,
        sink: Arc<dyn ApplySink>,
        calls: Arc<dyn PeerCalls>,
    ) -> Result<Self, StartError> {
        let node = stores.identity.node.0;
        let config =
            settings.config(&stores.identity.cluster).map_err(|error| StartError::Settings(error.to_string()))?;
        let applier = Applier::start(stores.clone(), sink)?;
        let applied = applier.progress();
        let contact_limit = settings.election_max;
        let log = RaftLog { log: stores.log.clone(), state: stores.state.clone() };
        let machine =
            Machine { applier: applier.clone(), state: stores.state.clone(), snapshots: stores.snapshots.clone() };
        let network = Network {
            own: node,
            calls,
            settings: Arc::new(settings),
            snapshots: stores.snapshots.clone(),
            progress: Arc::default(),
            told: Arc::new(Damped::new(TELL_EVERY)),
        };
        let raft = Raft::new(node, config, network, log, machine)
            .await
            .map_err(|error| StartError::Raft(error.to_string()))?;
        let leadership = watch_leadership(&raft, &stores);
        let contact = Arc::new(Contact { start: Instant::now(), last: AtomicU64::new(0) });
        Ok(Self {
            raft,
            stores,
            applier,
            applied,
            leadership,
            contact,
            contact_limit,
            changing: Arc::default(),
            handing: watch::Sender::new(None),
            motions: Arc::default(),
            doubts: Arc::default(),
            held_back: Arc::default(),
            told_terms: Arc::default(),
        })
    }

    /// From now on this node does not stand for election, for that reason and maybe others.
    pub(crate) fn hold_back(&self, reason: &'static str) {
        let mut reasons = lock(&self.held_back);
        reasons.insert(reason);
        self.raft.runtime_config().elect(false);
    }

    /// That is no reason any more.
    pub(crate) fn let_stand(&self, reason: &'static str) {
        let mut reasons = lock(&self.held_back);
        reasons.remove(reason);
        self.raft.runtime_config().elect(reasons.is_empty());
    }

    /// Votes for nobody until another node has said that this one's data is what it was: see [`RaftHandle::hear_of_itself`].
    pub(crate) fn doubt(&self) {
        lock(&self.doubts).begin();
        self.hold_back(IN_DOUBT);
    }

    /// What another node knows of what this one has said before; each mark is one that it has made itself.
    pub(crate) fn hear_of_itself(&self, from: NodeId, known: &[Mark]) {
        let news = lock(&self.doubts).hear(from, known, &self.holds());
        self.tell(news, Some(from));
    }

    /// Looks whether what was missing has come.
    pub(crate) fn look_for_the_missing(&self) {
        let news = lock(&self.doubts).look(&self.holds());
        self.tell(news, None);
    }

    fn tell(&self, news: Option<News>, from: Option<NodeId>) {
        match news {
            None => return,
            Some(News::Sure) => tracing::debug!(?from, "this node's data is what it was"),
            Some(News::CaughtUp) => {
                tracing::warn!("what was missing is here again: this node gives its vote as before")
            }
            Some(News::Older { was, is, replaced }) => {
                let (was, is) = (was.map(|id| id.index), is.map(|id| id.index));
                let from = from.map(|node| node.0);
                let what = if replaced { "another directory than the node had" } else { "an older copy" };
                tracing::error!(
                    told_by = from,
                    was_at = was,
                    ends_at = is,
                    what,
                    "the data of this node goes back behind what it has acknowledged. It gives no vote until the others have \
                     sent it what is missing. Never start a node from a copy of its data"
                );
                return self.hold_back(IN_DOUBT);
            }
        }
        self.let_stand(IN_DOUBT);
    }

    /// Whether this node waits to hear from others before it votes.
    pub(crate) fn is_unasked(&self) -> bool {
        lock(&self.doubts).is_unasked()
    }

    /// Whether this node may stand for election.
    pub(super) fn is_sure(&self) -> bool {
        lock(&self.doubts).is_sure()
    }

    /// Up to where this node must come before it votes; none if nothing is missing.
    pub(crate) fn behind(&self) -> Option<LogId> {
        lock(&self.doubts).behind()
    }

    /// Whether that candidate may have this node's vote, for all that is known of this node's data.
    pub(super) fn may_vote(&self, request: &VoteRequest) -> bool {
        let own = self.stores.identity.node;
        let others = || {
            self.raft
                .metrics()
                .borrow_watched()
                .membership_config
                .voter_ids()
                .map(NodeId)
                .filter(|node| *node != own)
                .collect()
        };
        let doubts = lock(&self.doubts);
        doubts.is_sure() || doubts.may_vote(request, &others())
    }

    /// A later vote than that, which this node has given before its data was set back.
    pub(super) fn promised_later(&self, vote: &Vote) -> Option<Vote> {
        lock(&self.doubts).promised_later(vote)
    }

    /// What this node holds on disk.
    fn holds(&self) -> Holds {
        let (log, identity) = (&self.stores.log, &self.stores.identity);
        // A snapshot that was installed may be ahead of the log that it replaces.
        let applied = self.raft.metrics().borrow_watched().last_applied.map(convert::from_log_id);
        Holds { data: identity.data.clone(), vote: log.vote(), last: log.bounds().last.max(applied) }
    }

    /// How far this node is; without a seal.
    pub(crate) fn mark(&self) -> Mark {
        let applied = self.raft.metrics().borrow_watched().last_applied.map(convert::from_log_id);
        let Holds { data, vote, .. } = self.holds();
        Mark { data, vote, applied, seal: [0; 32] }
    }

    /// Another node says which term it is in.
    pub(crate) fn note_term(&self, from: NodeId, term: u64) {
        let mut terms = lock(&self.told_terms);
        let told = terms.entry(from).or_default();
        *told = (*told).max(term);
    }

    /// What this node knows for itself, to hold against it what that node says.
    pub(super) fn known(&self, from: NodeId) -> Known {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let told = lock(&self.told_terms).iter().filter(|(node, _)| **node != from).map(|(_, term)| *term).max();
        Known {
            term: metrics.current_term.max(told.unwrap_or(0)),
            vote: Some(convert::from_vote(metrics.vote)),
            committed: metrics.local_committed.map(convert::from_log_id),
        }
    }

    /// Whose word it is that a node be removed.
    pub(super) fn motions(&self) -> MutexGuard<'_, Motions> {
        lock(&self.motions)
    }

    /// The leader hands on to that node, which may stand in spite of its lease.
    pub(super) fn note_handing_to(&self, node: NodeId) {
        self.handing.send_replace(Some((node, Instant::now())));
    }

    /// Whether the leader, this node or another, has just handed on to that node. Its word may come a little later than that
    /// of who stands.
    pub(super) async fn is_handed_to(&self, node: NodeId, asked: bool) -> bool {
        let handed =
            |now: &Option<(NodeId, Instant)>| now.is_some_and(|(to, at)| to == node && at.elapsed() < HANDING_ON);
        let mut handing = self.handing.subscribe();
        asked && matches!(tokio::time::timeout(HANDING_LATE, handing.wait_for(handed)).await, Ok(Ok(_)))
    }

    /// Makes a cluster of these nodes, this one among them, if this node has never been in one. Says whether it did. To be
    /// called on one node, or with the same members on all.
    pub async fn initialize(&self, members: &[(NodeId, Member)]) -> Result<bool, StartError> {
        let members: BTreeMap<u64, Member> = members.iter().map(|(node, member)| (node.0, member.clone())).collect();
        match self.raft.initialize(members).await {
            Ok(()) => Ok(true),
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(false),
            Err(error) => Err(StartError::Raft(error.to_string())),
        }
    }

    /// Has a batch, a `Stored.Batch` message, committed and applied. Returns when its effects can be read on this node.
    ///
    /// The caller vouches for every command in it: one that cannot be read stops every node that comes to it.
    pub async fn propose(&self, batch: Bytes) -> Result<(), ProposeFailure> {
        match self.raft.client_write(BatchBytes(batch)).await {
            Ok(_applied) => Ok(()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(elsewhere))) => Err(self.forwarded(&elsewhere)),
            Err(RaftError::APIError(ClientWriteError::LogEntryDiscarded(_))) => Err(ProposeFailure::Unknown),
            Err(error) => Err(ProposeFailure::Fatal(self.reason(&error))),
        }
    }

    fn forwarded(&self, elsewhere: &ForwardToLeader<TypeConfig>) -> ProposeFailure {
        let leader = elsewhere.leader_id.map(NodeId);
        match elsewhere.reason {
            ForwardReason::LeaseExpired | ForwardReason::LeadershipTransfer => ProposeFailure::Retry,
            ForwardReason::NotLeader if leader == Some(self.stores.identity.node) => ProposeFailure::Retry,
            ForwardReason::NotLeader => ProposeFailure::NotLeader { leader },
        }
    }

    /// On the leader, after a majority confirmed that it leads: a log index that, once applied on the node that asks, makes
    /// its reads linearizable. Never rests on a lease.
    pub async fn read_index(&self) -> Result<u64, ReadFailure> {
        match self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(linearizer) => Ok(linearizer.read_log_id().index()),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(elsewhere))) => {
                match self.forwarded(&elsewhere) {
                    ProposeFailure::NotLeader { leader } => Err(ReadFailure::NotLeader { leader }),
                    _ => Err(ReadFailure::Retry),
                }
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => Err(ReadFailure::Retry),
            Err(error) => Err(ReadFailure::Fatal(self.reason(&error))),
        }
    }

    /// Waits until the entry at `index` is applied on this node. Ends with the reason if the node stops first.
    pub async fn wait_applied(&self, index: u64) -> Result<(), ReadFailure> {
        let mut applied = self.applied.clone();
        match applied.wait_for(|applied| *applied >= Some(index)).await {
            Ok(_) => Ok(()),
            Err(_ended) => Err(ReadFailure::Fatal(self.failure())),
        }
    }

    /// The index of the last entry applied on this node.
    pub fn watch_applied(&self) -> watch::Receiver<Option<u64>> {
        self.applied.clone()
    }

    /// Waits, after a start, until this node has applied at least what it had before. Until then it serves nothing but
    /// questions for its health. Says whether that came about in time.
    pub async fn wait_for_recovery(&self, limit: Duration) -> bool {
        self.raft.wait_for_recovery(Some(limit)).await.is_ok()
    }

    /// Who leads; moves on.
    pub fn watch_leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Waits for an answer of `leader`, and gives up when another is known to lead: none.
    pub async fn while_leads<T>(&self, leader: NodeId, answer: impl Future<Output = T>) -> Option<T> {
        let mut leadership = self.leadership.clone();
        let replaced = leadership.wait_for(|now| now.leader.is_some_and(|known| known != leader));
        tokio::select! {
            answer = answer => Some(answer),
            _ = replaced => None,
        }
    }

    /// Says whether this node stands for election, should there be no leader, for all that its clock says.
    pub(crate) fn may_stand(&self, stands: bool) {
        if stands { self.let_stand(WRONG_CLOCK) } else { self.hold_back(WRONG_CLOCK) }
    }

    /// This node's view of its cluster.
    pub fn status(&self) -> RaftStatus {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let leadership = leadership(&metrics);
        let quorum = metrics.last_quorum_acked.map(|acked| acked.elapsed());
        let quorum = quorum.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        RaftStatus {
            node: NodeId(metrics.id),
            leadership,
            last_log: metrics.last_log_index,
            committed: metrics.local_committed.map(convert::from_log_id),
            applied: metrics.last_applied.map(convert::from_log_id),
            snapshot: metrics.snapshot.map(convert::from_log_id),
            purged: metrics.purged.map(convert::from_log_id),
            contact_age_ms: if leadership.role == Role::Leader { quorum } else { self.contact.age() },
            membership: convert::from_stored_membership(&metrics.membership_config),
            failed: self.stores.failures.reason(),
        }
    }

    /// The stores that Raft runs on.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Makes a snapshot now, in the background.
    pub async fn make_snapshot(&self) -> Result<(), ProposeFailure> {
        self.raft.trigger().snapshot().await.map_err(|error| ProposeFailure::Fatal(error.to_string()))
    }

    /// Stops Raft, and makes durable what is stored. A leader should have handed on first.
    pub async fn shutdown(&self) -> Result<(), StoreError> {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "Raft did not end cleanly");
        }
        let stores = self.stores.clone();
        let closed = tokio::task::spawn_blocking(move || stores.close()).await;
        closed.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string())))
    }

    pub(super) fn note_contact(&self, response: &AppendResponse) {
        if matches!(response, AppendResponse::HigherVote(_)) {
            return;
        }
        self.contact.last.store(self.contact.now().saturating_add(1), Ordering::Relaxed);
    }

    fn reason(&self, error: &dyn std::fmt::Display) -> String {
        self.stores.failures.reason().map_or_else(|| error.to_string(), |reason| reason.to_string())
    }

    fn failure(&self) -> String {
        self.reason(&"Raft has ended")
    }
}

/// What is locked here is whole after every step, whoever panicked meanwhile.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn leadership(metrics: &RaftMetrics<TypeConfig>) -> Leadership {
    let role = match metrics.state {
        ServerState::Learner => Role::Learner,
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Leader => Role::Leader,
        ServerState::Shutdown => Role::Stopping,
    };
    Leadership { term: metrics.current_term, leader: metrics.current_leader.map(NodeId), role }
}

/// Follows openraft's metrics: tells who leads, and reports it when openraft has given up.
fn watch_leadership(raft: &OurRaft, stores: &Stores) -> watch::Receiver<Leadership> {
    let mut metrics = raft.metrics();
    let failures = stores.failures.clone();
    let first = leadership(&metrics.borrow_watched());
    let (sender, receiver) = watch::channel(first);
    tokio::spawn(async move {
        while metrics.changed().await.is_ok() {
            let (now, state) = {
                let metrics = metrics.borrow_watched();
                (leadership(&metrics), metrics.running_state.clone())
            };
            if let Err(fatal) = state
                && !matches!(fatal, openraft::errors::Fatal::Stopped)
            {
                failures.report(&format!("Raft cannot go on: {fatal}"));
            }
            sender.send_if_modified(|known| std::mem::replace(known, now) != now);
        }
    });
    receiver
}

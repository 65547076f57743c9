//! All that the rest of the node asks of Raft: propose, read safely, know who leads, stop. Hides openraft whole.

pub(crate) mod clean;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::{
    ClientWriteError, ForwardReason, ForwardToLeader, InitializeError, LinearizableReadError, RaftError,
};
use openraft::raft::linearizable_read::LinearizerOption;
use openraft::{Instant as _, Raft, RaftMetrics, ServerState};
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::Member;
use raftchat_transport::Damped;
use tokio::sync::watch;

use super::elections::Elections;
use super::log_storage::RaftLog;
use super::machine::apply::{Applier, ApplyCounters, ApplySink};
use super::machine::{Machine, OurRaft};
use super::messages::{AppendResponse, PeerCalls, Target};
use super::network::Network;
use super::network::progress::Progress;
use super::settings::RaftSettings;
use super::status::{Leadership, RaftStatus, Role};
use super::types::convert;
use super::types::{BatchBytes, TypeConfig};
use crate::store::{StoreError, Stores};
use trust::Trust;

/// What goes wrong with a follower again and again is told so often.
const TELL_EVERY: Duration = Duration::from_mins(1);
/// How long a majority may take to confirm that this node leads: a few heartbeats on a path of half a second.
const CONFIRM_LIMIT: Duration = Duration::from_secs(1);

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

/// Raft on this node. Clones are the same one.
#[derive(Clone)]
pub struct RaftHandle {
    pub(super) raft: OurRaft,
    pub(super) stores: Stores,
    pub(super) applier: Applier,
    applied: watch::Receiver<Option<u64>>,
    leadership: watch::Receiver<Leadership>,
    contact: Arc<Contact>,
    pub(super) calls: Arc<dyn PeerCalls>,
    /// Nodes whose port is closed.
    pub(super) closed: watch::Sender<BTreeSet<NodeId>>,
    /// Who was told last that it would be elected, for which term, and when.
    pub(super) believed: watch::Sender<Option<(NodeId, u64, Instant)>>,
    /// How often a leader is heard.
    pub(super) heartbeat: Duration,
    /// For how long what a node has said tells that it is there.
    pub(super) contact_limit: Duration,
    /// One change of the membership at a time.
    pub(super) changing: Arc<tokio::sync::Mutex<()>>,
    trust: Trust,
    pub(super) elections: Arc<Elections>,
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
        let (heartbeat, contact_limit) = (settings.heartbeat, settings.election_max);
        let elections = Arc::new(Elections::new(stores.identity.node, stores.syncs.clone()));
        let log = RaftLog { log: stores.log.clone(), state: stores.state.clone(), elections: elections.clone() };
        let progress: Arc<Progress> = Arc::default();
        let machine = Machine {
            applier: applier.clone(),
            state: stores.state.clone(),
            snapshots: stores.snapshots.clone(),
            progress: progress.clone(),
        };
        let network = Network {
            own: node,
            calls: calls.clone(),
            settings: Arc::new(settings),
            snapshots: stores.snapshots.clone(),
            progress,
            told: Arc::new(Damped::new(TELL_EVERY)),
            elections: elections.clone(),
        };
        let raft = Raft::new(node, config, network, log, machine)
            .await
            .map_err(|error| StartError::Raft(error.to_string()))?;
        elections.begin(raft.clone());
        let leadership = watch_leadership(&raft, &stores);
        let contact = Arc::new(Contact { start: Instant::now(), last: AtomicU64::new(0) });
        Ok(Self {
            raft,
            stores,
            applier,
            applied,
            leadership,
            contact,
            calls,
            closed: watch::Sender::default(),
            believed: watch::Sender::default(),
            heartbeat,
            contact_limit,
            changing: Arc::default(),
            trust: Trust::new(),
            elections,
        })
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
        let confirmed_anew = LinearizerOption::new(Some(Duration::ZERO), true).with_wait_timeout(CONFIRM_LIMIT);
        match self.raft.get_read_linearizer(confirmed_anew).await {
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

    /// How long another node may take for what it has to write to its disk: at least so long, and longer where disks are slow.
    pub(crate) fn patience(&self, least: Duration) -> Duration {
        self.elections.pace().entries(least)
    }

    /// Another node says how long its disk takes to make something durable.
    pub(crate) fn hear_of_disk(&self, node: NodeId, sync: Duration) {
        self.elections.hear_of_disk(node, sync);
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

    /// What the apply thread has done so far.
    pub(crate) fn apply_counters(&self) -> &ApplyCounters {
        &self.applier.counters
    }

    /// The stores that Raft runs on.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Stops Raft, and makes durable what is stored. A leader should have handed on first.
    pub async fn shutdown(&self) -> Result<(), StoreError> {
        self.elections.end();
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

    /// How long ago the leader was heard; none if it never was.
    pub(super) fn silent_for(&self) -> Option<Duration> {
        self.contact.age().map(Duration::from_millis)
    }

    /// How long a word takes to that member and back, as far as that was measured.
    pub(super) fn way_to(&self, node: NodeId) -> Duration {
        let members = self.status().membership.membership.members;
        let member = members.into_iter().find(|(member, _)| *member == node);
        let target = member.map(|(node, member)| Target { node, member: Arc::new(member) });
        target.and_then(|target| self.calls.way(&target)).unwrap_or_default()
    }

    fn reason(&self, error: &dyn std::fmt::Display) -> String {
        self.stores.failures.reason().map_or_else(|| error.to_string(), |reason| reason.to_string())
    }

    fn failure(&self) -> String {
        self.reason(&"Raft has ended")
    }
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

//! The thread that applies entries, in order, one after the other. Knows nothing of who proposed them and who waits.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use openraft::EntryPayload;
use raftchat_schema::command::Outcome;
use raftchat_schema::id::{ChangeNumber, ConversationId, NodeId, SessionId, StateHash, UserId};
use raftchat_schema::stored::{LogId, Membership, StoredMembership};
use raftchat_schema::wire::{self, WireError};
use raftchat_state::{Applied, ApplyError, FeedChange, Joined, Overlay, Tables as _, Writes};
use tokio::sync::{oneshot, watch};

use super::convert;
use super::types::LogEntry;
use crate::store::{AppliedState, RowCache, SnapshotFile, StoreError, Stores};

/// What came of a proposal, for the node that waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalOutcome {
    /// Which node waits.
    pub node: NodeId,
    /// Under which number of its own.
    pub number: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// An entry whose effects are in the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedEntry {
    /// Which.
    pub log_id: LogId,
    /// One for each proposal in it, in order.
    pub outcomes: Vec<ProposalOutcome>,
    /// What changed, in order of number.
    pub changes: Vec<FeedChange>,
    /// Sessions that ended.
    pub ended_sessions: Vec<SessionId>,
    /// Who became a member of what.
    pub joined: Vec<Joined>,
    /// Who is no longer a member of what. Who joined and left in the same entry is in both.
    pub left: Vec<(UserId, ConversationId)>,
    /// The number of the last change up to here.
    pub change: ChangeNumber,
    /// The rolling hash up to here: equal on every node.
    pub state_hash: StateHash,
    /// The new membership, if the entry was one.
    pub membership: Option<Membership>,
}

/// Who hears of what was applied. Called on the apply thread, after the rows can be read: must not block.
pub trait ApplySink: Send + Sync + 'static {
    /// An entry was applied. Called for each, in order; after a restart for some of them again.
    fn applied(&self, entry: AppliedEntry);

    /// All rows were replaced by those of a snapshot, and the membership by its: whatever was kept in front of the rows is
    /// void.
    fn installed(&self, membership: &StoredMembership);
}

/// Why an entry cannot be applied. The node stops: to go on would be to differ from the others.
#[derive(Debug, thiserror::Error)]
enum ApplyFailure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "log entry {index} cannot be applied: {reason}. The node stops, as to skip the entry would make it differ \
             from the others. If the others go on, run the version that they run; or add this node back under a new id"
    )]
    Entry { index: u64, reason: String },
}

pub(crate) enum Job {
    Apply { entries: Vec<LogEntry>, done: oneshot::Sender<Result<(), std::io::Error>> },
    Install { file: Box<SnapshotFile>, done: oneshot::Sender<Result<(), std::io::Error>> },
}

/// The apply thread, as others see it.
#[derive(Clone, Debug)]
pub(crate) struct Applier {
    jobs: Sender<Job>,
    applied: watch::Receiver<Option<u64>>,
}

impl Applier {
    /// Starts the thread. It ends when nobody can ask it any more.
    pub(crate) fn start(stores: Stores, sink: Arc<dyn ApplySink>) -> Result<Self, StoreError> {
        let state = stores.state.applied()?;
        let view = stores.state.view();
        let unreadable = |reason: String| StoreError::StateDatabase { doing: "reading", reason };
        let change = raftchat_state::change_number(&view).map_err(|error| unreadable(error.to_string()))?;
        let hash = raftchat_state::state_hash(&view).map_err(|error| unreadable(error.to_string()))?;
        let (progress, applied) = watch::channel(state.log_id.map(|id| id.index));
        let (jobs, queue) = mpsc::channel();
        let thread = Thread { stores, sink, state, change, hash, progress, cache: RowCache::default() };
        std::thread::Builder::new()
            .name("apply".into())
            .spawn(move || thread.run(&queue))
            .map_err(StoreError::io("starting the apply thread of", "the state"))?;
        Ok(Self { jobs, applied })
    }

    /// The index of the last entry applied; moves on.
    pub(crate) fn progress(&self) -> watch::Receiver<Option<u64>> {
        self.applied.clone()
    }

    /// Applies the entries; returns when their effects can be read.
    pub(crate) async fn apply(&self, entries: Vec<LogEntry>) -> Result<(), std::io::Error> {
        self.ask(|done| Job::Apply { entries, done }).await
    }

    /// Replaces the rows; returns when that is durable.
    pub(crate) async fn install(&self, file: SnapshotFile) -> Result<(), std::io::Error> {
        self.ask(|done| Job::Install { file: Box::new(file), done }).await
    }

    async fn ask(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<(), std::io::Error>>) -> Job,
    ) -> Result<(), std::io::Error> {
        let ended = || std::io::Error::other("the apply thread has ended");
        let (done, answer) = oneshot::channel();
        self.jobs.send(job(done)).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

struct Thread {
    stores: Stores,
    sink: Arc<dyn ApplySink>,
    state: AppliedState,
    change: ChangeNumber,
    hash: StateHash,
    progress: watch::Sender<Option<u64>>,
    cache: RowCache,
}

impl Thread {
    fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            let (outcome, done) = match job {
                Job::Apply { entries, done } => (self.apply(entries), done),
                Job::Install { file, done } => (self.install(&file), done),
            };
            let failed = outcome.is_err();
            if let Err(error) = &outcome {
                self.stores.failures.report(error);
            }
            // Whoever asked may have gone; the rows are as they are.
            let _heard = done.send(outcome.map_err(std::io::Error::other));
            if failed {
                return;
            }
        }
    }

    /// One database batch for all of them: on disk are the effects of all, with the last one's id, or of none.
    fn apply(&mut self, entries: Vec<LogEntry>) -> Result<(), ApplyFailure> {
        let Some(last) = entries.last() else {
            return Ok(());
        };
        self.stores.log.wait_synced(last.id.index)?;
        let view = self.stores.state.view();
        let rows = self.cache.over(&view);
        let mut group = Overlay::new(&rows);
        let mut applied = Vec::with_capacity(entries.len());
        let mut hash = None;
        for entry in entries {
            let log_id = convert::from_log_id(entry.id);
            self.state.log_id = Some(log_id);
            let mut nothing = self.nothing(log_id);
            match entry.payload {
                EntryPayload::Blank => applied.push(nothing),
                EntryPayload::Membership(membership) => {
                    let membership = convert::from_membership(&membership);
                    self.state.membership = StoredMembership { log_id: Some(log_id), membership: membership.clone() };
                    nothing.membership = Some(membership);
                    applied.push(nothing);
                }
                EntryPayload::Normal(batch) => {
                    let (entry, writes) = apply_batch(&group, nothing, &batch.0)?;
                    overwrite(&mut group, writes);
                    (self.change, self.hash) = (entry.change, entry.state_hash);
                    hash = Some(entry.state_hash);
                    applied.push(entry);
                }
            }
        }
        let writes = group.into_writes();
        self.stores.state.commit(&writes, &self.state, hash)?;
        self.cache.written(&writes);
        for entry in applied {
            self.sink.applied(entry);
        }
        self.publish();
        Ok(())
    }

    fn install(&mut self, file: &SnapshotFile) -> Result<(), ApplyFailure> {
        self.cache.clear();
        self.stores.state.install(file)?;
        self.state = self.stores.state.applied()?;
        (self.change, self.hash) = (file.header.change, file.header.state_hash);
        self.sink.installed(&self.state.membership);
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        self.progress.send_replace(self.state.log_id.map(|id| id.index));
    }

    fn nothing(&self, log_id: LogId) -> AppliedEntry {
        AppliedEntry {
            log_id,
            outcomes: Vec::new(),
            changes: Vec::new(),
            ended_sessions: Vec::new(),
            joined: Vec::new(),
            left: Vec::new(),
            change: self.change,
            state_hash: self.hash,
            membership: None,
        }
    }
}

fn apply_batch<R: raftchat_state::Rows<Error = StoreError>>(
    rows: &R,
    entry: AppliedEntry,
    bytes: &[u8],
) -> Result<(AppliedEntry, Writes), ApplyFailure> {
    let index = entry.log_id.index;
    let malformed = |error: WireError| ApplyFailure::Entry { index, reason: error.to_string() };
    let batch = wire::decode_batch(bytes).map_err(malformed)?;
    let commands = wire::decode_proposals(&batch).map_err(malformed)?;
    let applied = raftchat_state::apply_batch(rows, batch.stamp, &commands).map_err(|error| match error {
        ApplyError::Store(error) => ApplyFailure::Store(error),
        other => ApplyFailure::Entry { index, reason: other.to_string() },
    })?;
    let Applied { outcomes, changes, writes, change, state_hash, ended_sessions, joined, left } = applied;
    let outcomes = batch.proposals.iter().zip(outcomes);
    let outcomes = outcomes
        .map(|(proposal, outcome)| ProposalOutcome { node: proposal.node, number: proposal.number, outcome })
        .collect();
    Ok((AppliedEntry { outcomes, changes, ended_sessions, joined, left, change, state_hash, ..entry }, writes))
}

fn overwrite<R: raftchat_state::Rows>(group: &mut Overlay<'_, R>, writes: Writes) {
    for (key, row) in writes.0 {
        match row {
            Some(row) => group.put(key, row),
            None => group.delete(key),
        }
    }
}

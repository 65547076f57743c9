//! The thread that applies entries, in order, one after the other. Knows nothing of who proposed them and who waits.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use openraft::EntryPayload;
use raftchat_schema::command::Outcome;
use raftchat_schema::id::{ChangeNumber, NodeId, StateHash};
use raftchat_schema::stored::{LogId, Membership, StoredMembership};
use raftchat_schema::wire::{self, WireError};
use raftchat_state::{Applied, ApplyError, Effects, Overlay, Tables as _, Writes};
use raftchat_transport::counters;
use tokio::sync::{oneshot, watch};

use super::copying::{Copied, Copying};
use crate::clock::wall::wall;
use crate::raft::types::LogEntry;
use crate::raft::types::convert;
use crate::store::{AppliedState, Commit, RowCache, SnapshotFile, StoreError, Stores, Unclean};

/// While a copy is made, how often it is looked whether it is done.
const COPY_LOOK: Duration = Duration::from_millis(20);

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
    /// News for the rest of the node.
    pub effects: Effects,
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
    Copy { clean_upto: u64, done: oneshot::Sender<Result<(), StoreError>> },
}

counters! {
    /// What the apply thread has done.
    pub(crate) struct ApplyCounters of "apply" {
        /// Entries that were applied, empty ones and memberships too.
        entries,
        /// Commands in them.
        commands,
        /// Commands in them that were refused.
        refused,
        /// Changes that they led to, for the feeds.
        changes,
    }
}

/// The apply thread, as others see it.
#[derive(Clone, Debug)]
pub(crate) struct Applier {
    jobs: Sender<Job>,
    applied: watch::Receiver<Option<u64>>,
    pub(crate) counters: Arc<ApplyCounters>,
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
        let counters: Arc<ApplyCounters> = Arc::default();
        let (cache, copying) = (RowCache::default(), None);
        let thread = Thread { stores, sink, state, change, hash, progress, cache, copying, counters: counters.clone() };
        std::thread::Builder::new()
            .name("apply".into())
            .spawn(move || thread.run(&queue))
            .map_err(StoreError::io("starting the apply thread of", "the state"))?;
        Ok(Self { jobs, applied, counters })
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

    /// Writes all rows anew, so that nothing that was removed is left under them; returns when they are in their place. What was
    /// deleted up to the entry `clean_upto` is then nowhere, as log and snapshots must be clean of it already.
    pub(crate) async fn copy(&self, clean_upto: u64) -> Result<(), StoreError> {
        let ended = || StoreError::Failed("the apply thread has ended".into());
        let (done, answer) = oneshot::channel();
        self.jobs.send(Job::Copy { clean_upto, done }).map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
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

/// Whoever waits for the thread must hear of it when it panics, as the database does where its tables are damaged in ways
/// that it did not think of.
struct Alarm(Stores);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state.note_damage();
            let reason = "the apply thread panicked".to_owned();
            self.0.failures.report(&StoreError::StateDatabase { doing: "applying", reason });
        }
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
    copying: Option<Copying>,
    counters: Arc<ApplyCounters>,
}

impl Thread {
    fn run(mut self, queue: &Receiver<Job>) {
        let _alarm = Alarm(self.stores.clone());
        while let Some(job) = self.next(queue) {
            let (outcome, done) = match job {
                Job::Apply { entries, done } => (self.apply(entries), done),
                Job::Install { file, done } => (self.install(&file), done),
                Job::Copy { clean_upto, done } => {
                    self.copy(clean_upto, done);
                    continue;
                }
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

    /// The next job; while a copy is made it is looked whether that has come to an end. None if nobody is left to ask.
    fn next(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        loop {
            let Some(copying) = self.copying.take() else { return queue.recv().ok() };
            match copying.look() {
                Ok(copied) => self.adopt(copied),
                Err(copying) => self.copying = Some(copying),
            }
            match queue.recv_timeout(COPY_LOOK) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn copy(&mut self, clean_upto: u64, done: oneshot::Sender<Result<(), StoreError>>) {
        let refuse = |done: oneshot::Sender<_>, error| {
            // Whoever asked may have gone.
            let _heard = done.send(Err(error));
        };
        if self.copying.is_some() {
            return refuse(done, StoreError::Failed("the state is being copied already".into()));
        }
        match Copying::begin(&self.stores, clean_upto, done) {
            Ok(copying) => self.copying = Some(copying),
            Err(error) => tracing::warn!(%error, "the state is not copied"),
        }
    }

    /// Puts a copy in the place of the rows. What was deleted since it was begun is unclean still.
    fn adopt(&mut self, copied: Copied) {
        let Copied { outcome, clean_upto, meanwhile, done } = copied;
        let later = self.state.unclean.filter(|unclean| unclean.upto > clean_upto);
        let unclean = later.map(|unclean| Unclean { since: wall(), ..unclean });
        let state = AppliedState { unclean, ..self.state.clone() };
        let adopted = outcome.and_then(|fresh| self.stores.state.adopt(fresh, &meanwhile, &state));
        if adopted.is_ok() {
            self.state = state;
        }
        // Whoever asked may have gone.
        let _heard = done.send(adopted);
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
                    self.state.unclean = unclean_after(self.state.unclean, &entry, &writes);
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
        if let Some(copying) = &mut self.copying {
            copying.note(Commit { writes, applied: self.state.clone(), hash });
        }
        for entry in applied {
            self.count(&entry);
            self.sink.applied(entry);
        }
        self.publish();
        Ok(())
    }

    fn install(&mut self, file: &SnapshotFile) -> Result<(), ApplyFailure> {
        if let Some(copying) = self.copying.take() {
            copying.give_up("all rows were replaced by those of a snapshot");
        }
        self.cache.clear();
        self.stores.state.install(file)?;
        self.state = self.stores.state.applied()?;
        (self.change, self.hash) = (file.header.change, file.header.state_hash);
        self.sink.installed(&self.state.membership);
        self.publish();
        Ok(())
    }

    /// Says by their numbers what was proposed in an entry, so that its lines can be found on every node.
    fn count(&self, entry: &AppliedEntry) {
        self.counters.entries.add(1);
        self.counters.commands.add(entry.outcomes.len());
        self.counters.refused.add(entry.outcomes.iter().filter(|told| told.outcome.is_err()).count());
        self.counters.changes.add(entry.effects.changes.len());
        let LogId { index, term, .. } = entry.log_id;
        let _entry = tracing::debug_span!("entry", index, term).entered();
        let proposals = || entry.outcomes.iter().map(|told| (told.node.0, told.number)).collect::<Vec<_>>();
        tracing::debug!(proposals = ?proposals(), change = entry.change.0, "applied");
    }

    fn publish(&self) {
        self.progress.send_replace(self.state.log_id.map(|id| id.index));
    }

    fn nothing(&self, log_id: LogId) -> AppliedEntry {
        AppliedEntry {
            log_id,
            outcomes: Vec::new(),
            effects: Effects::default(),
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
    let Applied { outcomes, writes, change, state_hash, effects } = applied;
    let outcomes = batch.proposals.iter().zip(outcomes);
    let outcomes = outcomes
        .map(|(proposal, outcome)| ProposalOutcome { node: proposal.node, number: proposal.number, outcome })
        .collect();
    Ok((AppliedEntry { outcomes, effects, change, state_hash, ..entry }, writes))
}

/// What is unclean once the entry is applied.
fn unclean_after(before: Option<Unclean>, entry: &AppliedEntry, writes: &Writes) -> Option<Unclean> {
    if !raftchat_state::took_words(writes, &entry.effects.changes) {
        return before;
    }
    let since = before.map_or_else(wall, |unclean| unclean.since);
    Some(Unclean { since, upto: entry.log_id.index })
}

fn overwrite<R: raftchat_state::Rows>(group: &mut Overlay<'_, R>, writes: Writes) {
    for (key, row) in writes.0 {
        match row {
            Some(row) => group.put(key, row),
            None => group.delete(key),
        }
    }
}

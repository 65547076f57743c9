//! The one thread that writes the log. It drains its queue into one batch and one sync, then answers in order, so
//! that a hundred entries cost what one does. Votes pass the same queue: none overtakes an entry.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use fjall::{Database, Keyspace, OwnedWriteBatch, PersistMode};
use raftchat_schema::stored::{LogId, Vote};
use raftchat_schema::wire;

use super::record::{self, Chain, LogRecord};
use super::renew;
use super::scan;
use super::tail::{SharedTail, index_after};
use super::{LogSettings, OpenLog, SharedEntries};
use crate::store::error::StoreError;
use crate::store::failure::Failures;
use crate::store::keys;
use crate::store::syncs::Syncs;
use crate::store::watermark::{HighWater, MarkedEntry, Watermark};

/// Called once, on the writer's thread, when what was asked is durable or has failed.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A group ends when it holds this much.
const GROUP_BYTES_MAX: usize = 1 << 20;
/// A group ends when it holds this many.
const GROUP_ENTRIES_MAX: usize = 4096;
/// Purged entries are removed so many at a time, so that no entry waits long behind them.
const PURGE_SLICE: u64 = 1000;
/// How often the watermark is told.
const WATERMARK_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) enum Op {
    Append {
        records: Vec<LogRecord>,
        generation: u64,
        done: Done,
    },
    Vote {
        vote: Vote,
        done: Done,
    },
    Truncate {
        next: u64,
        done: Done,
    },
    Purge {
        upto: LogId,
        done: Done,
    },
    /// Write the log anew, so that nothing that was purged is left on the disk.
    Renew {
        done: Done,
    },
    Stop {
        done: Done,
    },
}

pub(crate) struct Writer {
    pub(crate) db: Database,
    /// Where it lies.
    pub(crate) dir: PathBuf,
    pub(crate) settings: LogSettings,
    pub(crate) entries: Keyspace,
    pub(crate) meta: Keyspace,
    /// The entries, as who reads them has them.
    pub(crate) shared: SharedEntries,
    /// Who waits for the log to be written anew.
    pub(crate) renewing: Option<Done>,
    pub(crate) tail: Arc<SharedTail>,
    pub(crate) watermark: Watermark,
    pub(crate) failures: Failures,
    /// How long the disk takes.
    pub(crate) syncs: Syncs,
    /// What is durable.
    pub(crate) high_water: HighWater,
    /// The last entry and the chain at it, with the group under way.
    pub(crate) last: Option<LogId>,
    pub(crate) chain: Chain,
    pub(crate) committed: Option<LogId>,
    /// Purged entries still to be removed, the first of them and the first not.
    pub(crate) purged_remains: Option<(u64, u64)>,
    pub(crate) noted: Instant,
    pub(crate) unnoted: bool,
    pub(crate) stopped: bool,
}

/// What the writer does next.
enum Next {
    Asked(Op),
    Idle,
    Nobody,
}

/// Whoever waits for the writer must hear of it when it panics: nobody else would tell them.
struct Alarm {
    failures: Failures,
    tail: Arc<SharedTail>,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = StoreError::Failed("the writer of the log panicked".into());
            self.failures.report(&error);
            self.tail.fail(&error.to_string());
        }
    }
}

struct Group {
    batch: OwnedWriteBatch,
    bytes: usize,
    entries: usize,
    vote: Option<Vote>,
    generation: u64,
    done: Vec<Done>,
}

impl Writer {
    /// Serves the queue until it is stopped or nobody is left to ask.
    pub(crate) fn run(mut self, queue: &Receiver<Op>) {
        let _alarm = Alarm { failures: self.failures.clone(), tail: self.tail.clone() };
        let mut failed: Option<String> = None;
        loop {
            let next = self.next(queue, failed.is_some());
            let outcome = match (next, &failed) {
                (Next::Nobody, _) => break,
                (Next::Asked(op), Some(reason)) => {
                    self.stopped = matches!(op, Op::Stop { .. });
                    refuse(op, reason);
                    Ok(())
                }
                (Next::Asked(op), None) => self.serve(op, queue),
                (Next::Idle, _) => self.idle(),
            };
            if let Err(error) = outcome.map_err(|error| error.explained(&self.dir)) {
                self.failures.report(&error);
                self.tail.fail(&error.to_string());
                failed = Some(error.to_string());
            }
            if self.stopped {
                return;
            }
            if let Some(done) = self.renewing.take() {
                match self.renewed(done) {
                    Ok(writer) => self = writer,
                    Err(reason) => return refuse_all(queue, &reason),
                }
            }
        }
        if failed.is_none()
            && let Err(error) = self.close()
        {
            self.failures.report(&error);
        }
    }

    /// The next request. Does not wait long where there is something to do without one.
    fn next(&self, queue: &Receiver<Op>, failed: bool) -> Next {
        if self.purged_remains.is_some() && !failed {
            return match queue.try_recv() {
                Ok(op) => Next::Asked(op),
                Err(TryRecvError::Empty) => Next::Idle,
                Err(TryRecvError::Disconnected) => Next::Nobody,
            };
        }
        if self.unnoted && !failed {
            return match queue.recv_timeout(WATERMARK_INTERVAL) {
                Ok(op) => Next::Asked(op),
                Err(RecvTimeoutError::Timeout) => Next::Idle,
                Err(RecvTimeoutError::Disconnected) => Next::Nobody,
            };
        }
        queue.recv().map_or(Next::Nobody, Next::Asked)
    }

    fn idle(&mut self) -> Result<(), StoreError> {
        self.remove_slice()?;
        if self.unnoted { self.note() } else { Ok(()) }
    }

    fn serve(&mut self, first: Op, queue: &Receiver<Op>) -> Result<(), StoreError> {
        let mut group = self.group();
        let mut next = Some(first);
        while let Some(op) = next.take() {
            match op {
                Op::Append { records, generation, done } => self.append(&mut group, &records, generation, done),
                Op::Vote { vote, done } => {
                    let sealed = record::seal(&wire::encode_vote(&vote));
                    group.batch.insert(&self.meta, keys::VOTE, sealed);
                    group.vote = Some(vote);
                    group.done.push(done);
                }
                alone => {
                    self.commit(group)?;
                    return self.alone(alone);
                }
            }
            if group.bytes < GROUP_BYTES_MAX && group.entries < GROUP_ENTRIES_MAX {
                next = queue.try_recv().ok();
            }
        }
        self.commit(group)?;
        self.remove_slice()
    }

    fn group(&self) -> Group {
        let batch = self.db.batch().durability(Some(PersistMode::SyncData));
        Group { batch, bytes: 0, entries: 0, vote: None, generation: 0, done: Vec::new() }
    }

    fn append(&mut self, group: &mut Group, records: &[LogRecord], generation: u64, done: Done) {
        for record in records {
            let (bytes, chain) = record::encode(record, self.chain);
            self.chain = chain;
            self.last = Some(record.id);
            group.bytes = group.bytes.saturating_add(bytes.len());
            group.batch.insert(&self.entries, keys::entry(record.id.index), bytes);
        }
        group.entries = group.entries.saturating_add(records.len());
        group.generation = generation;
        group.done.push(done);
    }

    fn commit(&mut self, mut group: Group) -> Result<(), StoreError> {
        if group.done.is_empty() {
            return Ok(());
        }
        let committed = self.tail.lock().committed;
        if let Some(hint) = committed.filter(|_| committed != self.committed) {
            group.batch.insert(&self.meta, keys::COMMITTED, record::seal(&wire::encode_log_id(&hint)));
        }
        let written = self.syncs.time(|| group.batch.commit()).map_err(StoreError::log("writing"));
        if let Err(error) = written.map_err(|error| error.explained(&self.dir)) {
            // Before anybody is answered: who hears of it must find the reason.
            self.failures.report(&error);
            let reason = error.to_string();
            self.tail.fail(&reason);
            group.done.into_iter().for_each(|done| done(Err(StoreError::Failed(reason.clone()))));
            return Err(error);
        }
        let counters = &self.tail.counters;
        counters.batches.add(1);
        counters.entries.add(group.entries);
        counters.bytes.add(group.bytes);
        counters.votes.add(usize::from(group.vote.is_some()));
        self.committed = committed;
        let entry = self.last.map(|id| MarkedEntry { index: id.index, term: id.term, chain: self.chain });
        self.high_water = HighWater { entry, vote: group.vote.or(self.high_water.vote) };
        self.unnoted = true;
        self.tail.update(|tail| {
            tail.vote = group.vote.or(tail.vote);
            if group.entries > 0 {
                tail.synced(index_after(self.last), group.generation);
            }
        });
        group.done.into_iter().for_each(|done| done(Ok(())));
        // A vote is rare, and to lose one is to vote twice.
        if group.vote.is_some() || self.noted.elapsed() >= WATERMARK_INTERVAL { self.note() } else { Ok(()) }
    }

    fn alone(&mut self, op: Op) -> Result<(), StoreError> {
        let (outcome, done) = match op {
            Op::Renew { done } => {
                // By the loop: the database that is written to is exchanged.
                self.renewing = Some(done);
                return Ok(());
            }
            Op::Truncate { next, done } => (self.truncate(next), done),
            Op::Purge { upto, done } => (self.purge(upto), done),
            Op::Stop { done } => {
                self.stopped = true;
                (self.close(), done)
            }
            Op::Append { done, .. } | Op::Vote { done, .. } => (Ok(()), done),
        };
        match outcome {
            Ok(()) => {
                done(Ok(()));
                Ok(())
            }
            Err(error) => {
                let error = error.explained(&self.dir);
                self.failures.report(&error);
                done(Err(StoreError::Failed(error.to_string())));
                Err(error)
            }
        }
    }

    /// Removes the entries from `next` on, all or none of them.
    fn truncate(&mut self, next: u64) -> Result<(), StoreError> {
        self.tail.counters.truncated.add(1);
        let end = index_after(self.last);
        if next >= end {
            return Ok(());
        }
        let (last, chain) = self.before(next)?;
        self.high_water.entry = last.map(|id| MarkedEntry { index: id.index, term: id.term, chain });
        self.note()?;
        self.syncs.time(|| self.watermark.sync())?;
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        for index in next..end {
            batch.remove(&self.entries, keys::entry(index));
        }
        self.syncs.time(|| batch.commit()).map_err(StoreError::log("truncating"))?;
        (self.last, self.chain) = (last, chain);
        Ok(())
    }

    /// What stands right before `next`.
    fn before(&self, next: u64) -> Result<(Option<LogId>, Chain), StoreError> {
        let purged = self.meta.get(keys::PURGED).map_err(StoreError::log("reading"))?;
        let purged = purged.and_then(|bytes| record::decode_purged(&bytes));
        if let Some((id, chain)) = purged.filter(|(id, _)| id.index.saturating_add(1) >= next) {
            return Ok((Some(id), chain));
        }
        let Some(index) = next.checked_sub(1) else {
            return Ok((None, Chain::default()));
        };
        let found = scan::chain_at(&self.entries, index)?;
        Ok(found.map_or((None, Chain::default()), |(id, chain)| (Some(id), chain)))
    }

    /// Marks the entries up to `upto` as gone and removes the first of them; the rest follows between groups.
    fn purge(&mut self, upto: LogId) -> Result<(), StoreError> {
        let chain = scan::chain_at(&self.entries, upto.index)?.map_or(Chain::based_on(upto), |(_, chain)| chain);
        let end = upto.index.saturating_add(1).min(index_after(self.last));
        let start = match self.purged_remains {
            Some((start, _)) => start,
            None => index_after(self.purged()?).min(end),
        };
        let mut batch = self.db.batch().durability(Some(PersistMode::Buffer));
        batch.insert(&self.meta, keys::PURGED, record::encode_purged(upto, chain));
        batch.commit().map_err(StoreError::log("purging"))?;
        self.purged_remains = (start < end).then_some((start, end));
        if self.last.is_none_or(|last| last.index <= upto.index) {
            (self.last, self.chain) = (Some(upto), chain);
        }
        self.remove_slice()
    }

    fn purged(&self) -> Result<Option<LogId>, StoreError> {
        let bytes = self.meta.get(keys::PURGED).map_err(StoreError::log("reading"))?;
        Ok(bytes.and_then(|bytes| record::decode_purged(&bytes)).map(|(id, _)| id))
    }

    fn remove_slice(&mut self) -> Result<(), StoreError> {
        let Some((start, end)) = self.purged_remains.take() else {
            return Ok(());
        };
        let stop = end.min(start.saturating_add(PURGE_SLICE));
        let mut batch = self.db.batch().durability(Some(PersistMode::Buffer));
        for index in start..stop {
            batch.remove(&self.entries, keys::entry(index));
        }
        batch.commit().map_err(StoreError::log("purging"))?;
        self.purged_remains = (stop < end).then_some((stop, end));
        Ok(())
    }

    /// Writes the log anew beside the old one and exchanges the two. What fails before that changes nothing; what fails then
    /// is the end of the writer, and its reason is given.
    fn renewed(mut self, done: Done) -> Result<Self, String> {
        if let Err(error) = self.prepare() {
            renew::discard(&self.dir);
            done(Err(error.explained(&self.dir)));
            return Ok(self);
        }
        let (failures, tail, dir) = (self.failures.clone(), self.tail.clone(), self.dir.clone());
        match self.exchanged() {
            Ok(writer) => {
                done(renew::remove_old(&dir));
                Ok(writer)
            }
            Err(error) => {
                let reason = error.explained(&dir).to_string();
                failures.report(&reason);
                tail.fail(&reason);
                done(Err(StoreError::Failed(reason.clone())));
                Err(reason)
            }
        }
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        while self.purged_remains.is_some() {
            self.remove_slice()?;
        }
        let first = index_after(self.purged()?);
        let written = renew::write(&self.dir, &self.settings, &self.entries, &self.meta, first)?;
        let same =
            (written.bounds.last, written.chain) == (self.last, self.chain) && written.vote == self.high_water.vote;
        if same { Ok(()) } else { Err(StoreError::Failed("the log written anew is not the log".into())) }
    }

    fn exchanged(self) -> Result<Self, StoreError> {
        let shared = self.shared.clone();
        // Who reads waits until the new one is in its place.
        let mut shared = shared.write().unwrap_or_else(PoisonError::into_inner);
        shared.take();
        drop((self.db, self.entries, self.meta));
        renew::exchange(&self.dir)?;
        let OpenLog { db, entries, meta, .. } = OpenLog::open(&self.dir, &self.settings)?;
        *shared = Some(entries.clone());
        Ok(Self { db, entries, meta, ..self })
    }

    fn note(&mut self) -> Result<(), StoreError> {
        self.watermark.note(&self.high_water)?;
        self.noted = Instant::now();
        self.unnoted = false;
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.db.persist(PersistMode::SyncAll).map_err(StoreError::log("closing"))?;
        self.note()?;
        self.watermark.sync()
    }
}

/// Answers all who ask, until nobody does.
fn refuse_all(queue: &Receiver<Op>, reason: &str) {
    while let Ok(op) = queue.recv() {
        let stopped = matches!(op, Op::Stop { .. });
        refuse(op, reason);
        if stopped {
            return;
        }
    }
}

/// Answers that nothing can be done any more.
pub(crate) fn refuse(op: Op, reason: &str) {
    let (Op::Append { done, .. }
    | Op::Vote { done, .. }
    | Op::Truncate { done, .. }
    | Op::Purge { done, .. }
    | Op::Renew { done }
    | Op::Stop { done }) = op;
    done(Err(StoreError::Failed(reason.to_owned())));
}

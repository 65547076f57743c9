//! The log store as openraft wants it. Knows nothing of files.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use futures::stream::{self, Stream};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{OptionalSend, RaftTypeConfig};
use tokio::sync::oneshot;

use super::elections::Elections;
use super::types::convert;
use super::types::{LogEntry, RaftLogId, RaftVote, TypeConfig};
use crate::store::log::Done;
use crate::store::{LogRecord, LogStore, StateStore, StoreError};

/// The most that one request to a follower carries; a single larger entry travels alone.
const REQUEST_BYTES_MAX: usize = 256 << 10;
/// How many entries are read at a time to be applied.
const APPLY_READ_ENTRIES: u64 = 256;

/// The log; for what may be purged, the state; and who must not stand before a vote is written.
#[derive(Clone, Debug)]
pub(crate) struct RaftLog {
    pub(crate) log: LogStore,
    pub(crate) state: StateStore,
    pub(crate) elections: Arc<Elections>,
}

/// A channel's two ends: what the writer calls, and what a task waits for.
fn promise() -> (Done, impl Future<Output = Result<(), io::Error>>) {
    let (sender, receiver) = oneshot::channel();
    let done = Box::new(move |outcome: Result<(), StoreError>| {
        // Whoever asked may have gone.
        let _heard = sender.send(outcome);
    });
    let waiting = async move {
        match receiver.await {
            Ok(outcome) => outcome.map_err(io::Error::from),
            Err(_gone) => Err(io::Error::other("the log's writer has ended")),
        }
    };
    (done, waiting)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, io::Error> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?.map_err(io::Error::from)
}

impl RaftLogStorage<TypeConfig> for RaftLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let bounds = self.log.bounds();
        Ok(LogState {
            last_purged_log_id: bounds.purged.map(convert::to_log_id),
            last_log_id: bounds.last.map(convert::to_log_id),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &RaftVote) -> Result<(), io::Error> {
        let (done, durable) = promise();
        let vote = convert::from_vote(*vote);
        self.log.save_vote(vote, done);
        self.elections.while_written(Some(vote), durable).await
    }

    async fn save_committed(&mut self, committed: Option<RaftLogId>) -> Result<(), io::Error> {
        self.log.note_committed(committed.map(convert::from_log_id));
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<RaftLogId>, io::Error> {
        // The hint may be ahead of a log that lost what was not synced.
        let last = self.log.bounds().last;
        Ok(self.log.committed().min(last).map(convert::to_log_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let records = entries.into_iter().map(|entry| convert::to_record(&entry)).collect();
        let done =
            Box::new(move |outcome: Result<(), StoreError>| callback.io_completed(outcome.map_err(io::Error::from)));
        Ok(self.log.append(records, done)?)
    }

    async fn truncate_after(&mut self, last: Option<RaftLogId>) -> Result<(), io::Error> {
        let next = last.map_or(0, |id| id.index.saturating_add(1));
        let (done, durable) = promise();
        let log = self.log.clone();
        let truncated = async move {
            blocking(move || log.truncate(next, done)).await?;
            durable.await
        };
        self.elections.while_written(None, truncated).await
    }

    async fn purge(&mut self, upto: RaftLogId) -> Result<(), io::Error> {
        // What only the log could give again must be durable first. It is, as a rule, since the snapshot was made: a leader that
        // waits for the disk here sends no heartbeats meanwhile.
        let (state, up_to) = (self.state.clone(), upto.index);
        self.elections.while_written(None, blocking(move || state.sync_upto(up_to))).await?;
        let (done, marked) = promise();
        self.log.purge(convert::from_log_id(upto), done);
        marked.await?;
        tracing::info!(up_to, "entries were purged");
        Ok(())
    }
}

impl RaftLog {
    async fn read(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<LogEntry>, io::Error> {
        if from >= to {
            return Ok(Vec::new());
        }
        let records = if self.log.is_in_memory(from, to) {
            self.log.read_some(from, to, bytes_max)?
        } else {
            let log = self.log.clone();
            blocking(move || log.read_some(from, to, bytes_max)).await?
        };
        records.into_iter().map(decode).collect()
    }
}

fn decode(record: LogRecord) -> Result<LogEntry, io::Error> {
    let index = record.id.index;
    convert::to_entry(record.entry)
        .map_err(|error| io::Error::other(format!("log entry {index} cannot be read: {error}")))
}

fn ends(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(to) => *to,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

impl RaftLogReader<TypeConfig> for RaftLog {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> Result<Vec<LogEntry>, io::Error>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (from, to) = ends(&range);
        self.read(from, to, usize::MAX).await
    }

    async fn read_vote(&mut self) -> Result<Option<RaftVote>, io::Error> {
        Ok(self.log.vote().map(convert::to_vote))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<LogEntry>, io::Error> {
        self.read(start, end, REQUEST_BYTES_MAX).await
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = Result<<TypeConfig as RaftTypeConfig>::Entry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (from, to) = ends(&range);
        let log = self.clone();
        let pages = stream::try_unfold((log, from), move |(log, next)| async move {
            let upto = to.min(next.saturating_add(APPLY_READ_ENTRIES));
            let page = log.read(next, upto, REQUEST_BYTES_MAX).await?;
            let Some(last) = page.last() else {
                return Ok::<_, io::Error>(None);
            };
            let next = last.id.index.saturating_add(1);
            Ok(Some((stream::iter(page.into_iter().map(Ok::<_, io::Error>)), (log, next))))
        });
        Box::pin(futures::TryStreamExt::try_flatten(pages))
    }
}

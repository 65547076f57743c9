//! How what was deleted leaves this node's disk: a snapshot without it, a purge of the log up to that, and log and rows written
//! anew. Knows nothing of when, and not what it was.

use std::time::Duration;

use crate::raft::handle::RaftHandle;
use crate::store::StoreError;

/// How long a snapshot may take: it reads and writes all rows.
const SNAPSHOT_LIMIT: Duration = Duration::from_mins(10);
/// How long a purge may wait for followers that are just being sent what is to go.
const PURGE_LIMIT: Duration = Duration::from_secs(20);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);
/// How often what may have been passed over is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Why this node's disk is not clean yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CleanFailure {
    /// No snapshot was made that has all of it.
    #[error("no snapshot was made in time")]
    NoSnapshot,
    /// The log still holds it: a follower is being sent it.
    #[error("the log was not purged in time")]
    NotPurged,
    /// A store failed; it is as it was.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Raft has ended.
    #[error("the node is stopping")]
    Stopping,
}

impl RaftHandle {
    /// Removes from the disk what was deleted up to now. A follower that is behind what is purged gets the snapshot.
    pub(crate) async fn clean(&self) -> Result<(), CleanFailure> {
        let Some(unclean) = self.stores.state.applied()?.unclean else { return Ok(()) };
        let snapshot = self.snapshot_beyond(unclean.upto).await?;
        self.purge_to(snapshot).await?;
        self.renew_log().await?;
        let snapshots = self.stores.snapshots.clone();
        blocking(move || snapshots.sweep()).await?;
        // Last, as with this it is no longer known that there was anything.
        self.applier.copy(snapshot).await?;
        Ok(())
    }

    /// Has a snapshot that holds what the entry `index` did; says up to which it goes.
    async fn snapshot_beyond(&self, index: u64) -> Result<u64, CleanFailure> {
        let made = || self.status().snapshot.map(|id| id.index).filter(|snapshot| *snapshot >= index);
        let ask = || async {
            // One that is under way began too early, perhaps; then it is asked for again.
            self.raft.trigger().snapshot().await.map_err(|_| CleanFailure::Stopping)
        };
        until(SNAPSHOT_LIMIT, made, ask).await?.ok_or(CleanFailure::NoSnapshot)
    }

    async fn purge_to(&self, index: u64) -> Result<(), CleanFailure> {
        let purged = || self.stores.log.bounds().purged.map(|id| id.index).filter(|purged| *purged >= index);
        let ask = || async { self.raft.trigger().purge_log(index).await.map_err(|_| CleanFailure::Stopping) };
        until(PURGE_LIMIT, purged, ask).await?.map(drop).ok_or(CleanFailure::NotPurged)
    }

    async fn renew_log(&self) -> Result<(), CleanFailure> {
        let (done, renewed) = tokio::sync::oneshot::channel();
        self.stores.log.renew(Box::new(move |outcome| {
            // Whoever asked may have gone.
            let _heard = done.send(outcome);
        }));
        Ok(renewed.await.map_err(|_| CleanFailure::Stopping)??)
    }
}

/// Looks until there is something, and asks for it again and again; none if the time is over before.
async fn until<T, A>(
    limit: Duration,
    look: impl Fn() -> Option<T>,
    ask: impl Fn() -> A,
) -> Result<Option<T>, CleanFailure>
where
    A: Future<Output = Result<(), CleanFailure>>,
{
    let deadline = tokio::time::Instant::now() + limit;
    let mut ask_at = tokio::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(Some(found));
        }
        let now = tokio::time::Instant::now();
        if now >= deadline {
            return Ok(None);
        }
        if now >= ask_at {
            ask().await?;
            ask_at = now + ASK_AGAIN;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, CleanFailure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => Ok(outcome?),
        Err(_ended) => Err(CleanFailure::Stopping),
    }
}

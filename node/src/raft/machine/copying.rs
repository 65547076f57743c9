//! A copy of the rows that is being made while entries go on being applied, and what was committed meanwhile. Knows nothing of
//! entries.

use std::sync::mpsc::{self, Receiver, TryRecvError};

use tokio::sync::oneshot;

use crate::store::{Commit, FreshState, StoreError, Stores, spawn_yielding};

/// Beyond so much that was committed meanwhile the copy is given up, and made again later: it is all held in memory.
const MEANWHILE_BYTES_MAX: usize = 64 << 20;

/// The copy under way.
pub(super) struct Copying {
    outcome: Receiver<Result<FreshState, StoreError>>,
    /// Up to this entry log and snapshots are clean.
    clean_upto: u64,
    meanwhile: Vec<Commit>,
    bytes: usize,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// A copy that is made, or not.
pub(super) struct Copied {
    pub(super) outcome: Result<FreshState, StoreError>,
    pub(super) clean_upto: u64,
    pub(super) meanwhile: Vec<Commit>,
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
}

impl Copying {
    /// Begins to copy the rows as they are now.
    pub(super) fn begin(
        stores: &Stores,
        clean_upto: u64,
        done: oneshot::Sender<Result<(), StoreError>>,
    ) -> Result<Self, StoreError> {
        let (result, outcome) = mpsc::channel();
        let (store, view) = (stores.state.clone(), stores.state.view());
        let copy = move || {
            // Nobody may want it any more.
            let _wanted = result.send(store.copy(&view));
        };
        let thread = spawn_yielding("state-copy", copy);
        thread.map_err(StoreError::io("starting the thread that copies", "the state"))?;
        Ok(Self { outcome, clean_upto, meanwhile: Vec::new(), bytes: 0, done })
    }

    /// Notes what was committed.
    pub(super) fn note(&mut self, commit: Commit) {
        self.bytes = self.bytes.saturating_add(commit.bytes());
        if self.bytes > MEANWHILE_BYTES_MAX {
            self.meanwhile.clear();
        } else {
            self.meanwhile.push(commit);
        }
    }

    /// What has come of it, or itself while nothing has.
    pub(super) fn look(self) -> Result<Copied, Self> {
        match self.outcome.try_recv() {
            Err(TryRecvError::Empty) => Err(self),
            Ok(outcome) => Ok(self.copied(outcome)),
            Err(TryRecvError::Disconnected) => Ok(self.copied(Err(died()))),
        }
    }

    /// Waits for the end of it, and throws it away.
    pub(super) fn give_up(self, why: &str) {
        drop(self.outcome.recv());
        // Whoever asked may have gone.
        let _heard = self.done.send(Err(StoreError::Failed(why.to_owned())));
    }

    fn copied(self, outcome: Result<FreshState, StoreError>) -> Copied {
        let Self { clean_upto, meanwhile, bytes, done, .. } = self;
        let outcome = outcome.and_then(|fresh| {
            if bytes <= MEANWHILE_BYTES_MAX {
                return Ok(fresh);
            }
            Err(StoreError::Failed("more was written meanwhile than is held in memory".into()))
        });
        Copied { outcome, clean_upto, meanwhile, done }
    }
}

fn died() -> StoreError {
    StoreError::Failed("the thread that copies the state panicked".into())
}

//! The threads that hash: a fixed few, so that whatever callers do, no more hashes run at once. What is to be done belongs to
//! the pool from the moment it is taken: a caller that is gone frees its place, and what has begun is finished in its own
//! thread. Never knows what is hashed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::budgets::HASH_WAIT_MS_MAX;
use raftchat_transport::Meter;
use tokio::sync::oneshot;

use super::PasswordError;
use super::queue::{Asker, Places, Queue, Wanted};
use crate::health::meters::Meters;
use crate::store::spawn_yielding;

/// What a hash is taken to need before the first one has shown it.
const FIRST_GUESS: Duration = Duration::from_millis(250);
/// Who is refused is never told to come back sooner, nor later.
const COME_BACK_MIN: Duration = Duration::from_millis(100);
const COME_BACK_MAX: Duration = Duration::from_secs(10);

/// The threads, for as long as somebody may ask them for something.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    news: Condvar,
    threads: u32,
    running: Arc<Meter>,
    waiting: Arc<Meter>,
}

struct State {
    queue: Queue<Box<dyn Task>>,
    /// What one takes, as it was of late.
    usual: Duration,
    closed: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// Something to do, whose caller may be gone.
trait Task: Send {
    fn is_wanted(&self) -> bool;
    fn run(self: Box<Self>);
    fn refuse(self: Box<Self>, wait: Duration);
}

impl Wanted for Box<dyn Task> {
    fn is_wanted(&self) -> bool {
        self.as_ref().is_wanted()
    }
}

struct Asked<T, F> {
    work: F,
    answer: oneshot::Sender<Result<T, PasswordError>>,
}

impl<T: Send, F: FnOnce() -> Result<T, PasswordError> + Send> Task for Asked<T, F> {
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(self: Box<Self>) {
        let Self { work, answer } = *self;
        // A thread that ended would be missed for as long as the node runs.
        let outcome = catch_unwind(AssertUnwindSafe(work));
        let outcome = outcome.unwrap_or_else(|_| Err(PasswordError::Failed("hashing panicked".to_owned())));
        // The caller may be gone.
        let _heard = answer.send(outcome);
    }

    fn refuse(self: Box<Self>, wait: Duration) {
        let _heard = self.answer.send(Err(PasswordError::Busy { wait }));
    }
}

impl Pool {
    /// Starts the threads.
    pub(super) fn start(threads: u32, places: Places, meters: &Meters) -> std::io::Result<Self> {
        let state = State { queue: Queue::new(places), usual: FIRST_GUESS, closed: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            news: Condvar::new(),
            threads,
            running: meters.hashes_running.clone(),
            waiting: meters.hashes_waiting.clone(),
        });
        let pool = Self { shared };
        for number in 0..threads {
            let shared = pool.shared.clone();
            spawn_yielding(format!("password-{number}"), move || shared.work())?;
        }
        Ok(pool)
    }

    /// Does it when its turn comes, unless the caller is gone by then.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let (answer, outcome) = oneshot::channel();
        self.shared.enter(asker, Box::new(Asked { work, answer }));
        match tokio::time::timeout(Duration::from_millis(HASH_WAIT_MS_MAX), outcome).await {
            Ok(outcome) => outcome.map_err(|_| PasswordError::Failed("the node stops".to_owned()))?,
            Err(_) => Err(PasswordError::Busy { wait: self.shared.lock().come_back(self.shared.threads) }),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.queue.clear();
        drop(state);
        self.shared.news.notify_all();
    }
}

impl Shared {
    fn enter(&self, asker: Asker, task: Box<dyn Task>) {
        let mut state = self.lock();
        let refused = state.queue.enter(asker, task).err();
        self.note_waiting(&state);
        let wait = state.come_back(self.threads);
        drop(state);
        self.news.notify_one();
        if let Some(refused) = refused {
            self.waiting.refuse();
            refused.refuse(wait);
        }
    }

    fn work(&self) {
        while let Some(task) = self.next() {
            let (begun, running) = (Instant::now(), self.running.hold(1));
            task.run();
            drop(running);
            let mut state = self.lock();
            state.usual = (state.usual.saturating_mul(3).saturating_add(begun.elapsed())) / 4;
        }
    }

    /// Waits for the next task; none when the pool is closed.
    fn next(&self) -> Option<Box<dyn Task>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(task) = state.queue.next() {
                self.note_waiting(&state);
                return Some(task);
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn note_waiting(&self, state: &State) {
        self.waiting.set(u64::try_from(state.queue.len()).unwrap_or(u64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The queue is whole after every step, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// In what time all that waits will have been done.
    fn come_back(&self, threads: u32) -> Duration {
        let rounds = u32::try_from(self.queue.len()).unwrap_or(u32::MAX) / threads.max(1);
        self.usual.saturating_mul(rounds.saturating_add(1)).clamp(COME_BACK_MIN, COME_BACK_MAX)
    }
}

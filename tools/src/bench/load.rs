//! Many users at once on a few threads: each with a link of its own, one message on its way at a time. Knows nothing of
//! what comes of the figures.

mod user;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::LocalSet;

use self::user::User;
use super::arena::Access;
use super::door::Door;
use super::tally::Tally;
use crate::failure::Failure;

/// Hashing a password takes a node's whole attention: more at a time would only wait.
const REGISTERING_AT_ONCE: usize = 8;

/// Who does what.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    /// The number of users; users 2k-1 and 2k talk to each other.
    pub(super) users: usize,
    /// So many of them send.
    pub(super) senders: usize,
    /// So many of them listen.
    pub(super) receivers: usize,
    /// Length of a text, in bytes.
    pub(super) size: usize,
    /// What their names begin with: different for each measurement.
    pub(super) name: String,
    /// The password of all of them.
    pub(super) password: String,
    /// Whether their accounts are deleted at the end.
    pub(super) afterwards: Afterwards,
}

/// What becomes of the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// They go with their cluster.
    ThrownAway,
    /// They are deleted.
    Deleted,
}

/// Phases of a measurement. Each is waited for by all users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Accounts are made.
    Registering,
    /// Conversations and subscriptions are opened.
    Opening,
    /// Everybody sends, nothing counts.
    WarmingUp,
    /// Everybody sends, and everything counts.
    Measuring,
    /// No more is sent.
    Over,
}

/// What all users share.
#[derive(Clone)]
struct Shared {
    crowd: Arc<Crowd>,
    phase: watch::Receiver<Phase>,
    reports: mpsc::UnboundedSender<Result<(), String>>,
    turns: Arc<Semaphore>,
    clock: Instant,
}

/// The users at work.
pub(super) struct Load {
    phase: watch::Sender<Phase>,
    reports: mpsc::UnboundedReceiver<Result<(), String>>,
    threads: Vec<JoinHandle<Result<Tally, String>>>,
    users: usize,
}

impl Load {
    /// Starts the threads; everybody begins to register.
    pub(super) fn start(access: &Access, crowd: Crowd, threads: usize) -> Result<Self, Failure> {
        let (phase, in_phase) = watch::channel(Phase::Registering);
        let (report, reports) = mpsc::unbounded_channel();
        let users = crowd.users;
        let shared = Shared {
            crowd: Arc::new(crowd),
            phase: in_phase,
            reports: report,
            turns: Arc::new(Semaphore::new(REGISTERING_AT_ONCE)),
            clock: Instant::now(),
        };
        let mut running = Vec::new();
        for thread in 0..threads {
            let (access, shared) = (access.clone(), shared.clone());
            let mine: Vec<usize> = (0..users).skip(thread).step_by(threads).collect();
            let work = move || run_thread(access, &shared, mine);
            let spawned = thread::Builder::new().name(format!("load {thread}")).spawn(work);
            running.push(spawned.map_err(|error| Failure::System(format!("no thread for the load: {error}")))?);
        }
        Ok(Self { phase, reports, threads: running, users })
    }

    /// Waits until every user has come to the end of the phase.
    pub(super) async fn all_are_there(&mut self) -> Result<(), Failure> {
        for _ in 0..self.users {
            match self.reports.recv().await {
                Some(Ok(())) => {}
                Some(Err(told)) => return Err(Failure::Failed(format!("the load cannot be set up: {told}"))),
                None => return Err(Failure::Failed("the load has ended by itself".to_owned())),
            }
        }
        Ok(())
    }

    /// Everybody goes on with the next phase.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Waits until all users have gone, and gives what they saw.
    pub(super) async fn end(self) -> Result<Tally, Failure> {
        self.enter(Phase::Over);
        let threads = self.threads;
        let join = move || {
            let mut total = Tally::new().map_err(|error| error.to_string())?;
            for thread in threads {
                let tally = thread.join().map_err(|_| "a thread of the load broke off".to_owned())??;
                total.add(&tally).map_err(|error| error.to_string())?;
            }
            Ok(total)
        };
        let joined = tokio::task::spawn_blocking(join).await.map_err(|error| Failure::Failed(error.to_string()))?;
        joined.map_err(Failure::Failed)
    }
}

fn run_thread(access: Access, shared: &Shared, numbers: Vec<usize>) -> Result<Tally, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let tally = Rc::new(RefCell::new(Tally::new().map_err(|error| error.to_string())?));
    let door = Rc::new(Door::new(access).map_err(|error| error.to_string())?);
    let local = LocalSet::new();
    for number in numbers {
        let user = User { number, door: Rc::clone(&door), tally: Rc::clone(&tally), shared: shared.clone() };
        local.spawn_local(user.live());
    }
    // Until all of them are done: a `LocalSet` ends with its last task.
    runtime.block_on(async {
        let mut phase = shared.phase.clone();
        // The sender goes only with the whole measurement.
        let _ = local.run_until(phase.wait_for(|phase| *phase == Phase::Over)).await;
        local.await;
    });
    let tally = std::mem::replace(&mut *tally.borrow_mut(), Tally::new().map_err(|error| error.to_string())?);
    Ok(tally)
}

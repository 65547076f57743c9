//! The client as a program holds it: a handle that sends what is asked to the client's own thread, where links and
//! capabilities live, and awaits the outcome. Knows nothing of how it is done there.

mod account;
mod acting;
mod reading;

use std::any::Any;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use raftchat_schema::level::Level;
use raftchat_schema::view::NodeStatus;
use raftchat_transport::{Dialer, DialerConfig, LinkLimits, LinkTiming, Role};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;

use crate::call::status;
use crate::error::{ClientError, StartError};
use crate::feed::Feed;
use crate::feed::follower::{self, EVENTS_WAITING_MAX};
use crate::feed::subscription::Subscription;
use crate::link::state::LinkState;
use crate::link::worker::{Published, Worker};
use crate::options::{Attention, ClientOptions, Following};
use crate::profile::clock::{DeviceClock, Told};
use crate::profile::{NodeEntry, Profile};

/// How long dropping the last handle waits for the client's thread.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// Something to do on the client's thread.
type Job = Box<dyn FnOnce(Rc<Worker>) -> LocalBoxFuture<'static, ()> + Send>;

/// A device's client. Clones are the same client; dropping the last, and the last [`Subscription`], ends its thread and
/// its links.
///
/// Every call may be repeated inside, over several nodes, until the timeout of [`ClientOptions`] is over, and has its
/// effect once. A call whose future is dropped is given up; it may have taken effect.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    /// None only while being dropped.
    jobs: Option<mpsc::UnboundedSender<Job>>,
    states: watch::Receiver<LinkState>,
    levels: watch::Receiver<Option<Level>>,
    clock: Arc<DeviceClock>,
    /// Ends with the thread.
    alive: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Client {
    /// Starts the client's thread. No node is contacted before something is asked.
    pub fn start(profile: Profile, options: ClientOptions) -> Result<Self, StartError> {
        let dialer = Dialer::new(&DialerConfig {
            role: Role::Device,
            credentials: profile.credentials().clone(),
            nodes: profile.node_anchors().clone(),
            timing: LinkTiming::device(),
            limits: LinkLimits::device(),
        })?;
        let clock = Arc::new(profile.clock());
        let dialer = dialer.judging_by(clock.clone());
        let (jobs, orders) = mpsc::unbounded_channel();
        let (publish, states) = watch::channel(LinkState::Connecting);
        let (tell_level, levels) = watch::channel(None);
        let given = Arc::clone(&clock);
        let (living, alive) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("client".to_owned()).spawn(move || {
            let worker = Rc::new(Worker::new(
                profile,
                options,
                dialer,
                Published { states: publish, levels: tell_level },
                given,
            ));
            runtime.block_on(LocalSet::new().run_until(obey(orders, worker)));
            // A name that is still being looked up must not hold up the end.
            runtime.shutdown_background();
            drop(living);
        })?;
        let alive = Mutex::new(alive);
        Ok(Self { inner: Arc::new(Inner { jobs: Some(jobs), states, levels, clock, alive }) })
    }

    /// Follows everything that changes for the user, over as many links as it takes, until the subscription is dropped.
    pub fn subscribe(&self, from: Following) -> Subscription {
        Subscription::new(self.feed(from))
    }

    /// The same in batches, each to be acknowledged when it was taken in.
    pub fn feed(&self, from: Following) -> Feed {
        let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
        self.submit(Box::new(move |worker| follower::follow(worker, from, sender).boxed_local()));
        Feed::new(events, Arc::clone(&self.inner) as Arc<dyn Any + Send + Sync>)
    }

    /// Asks every known node how it is, all at once and each over a link of its own; needs no session.
    pub async fn statuses(&self) -> Vec<(NodeEntry, Result<NodeStatus, ClientError>)> {
        let asked = self.run(|worker| async move { Ok(status::all(&worker).await) }).await;
        // Fails only where the thread is gone, and with it all that could be told.
        asked.unwrap_or_default()
    }

    /// Says whether somebody looks, which is taken for so until it is said otherwise. While somebody looks and something is
    /// subscribed, a node that falls silent is replaced within a moment; otherwise it takes seconds and costs next to nothing.
    pub fn attend(&self, attention: Attention) {
        self.submit(Box::new(move |worker| async move { worker.attend(attention) }.boxed_local()));
    }

    /// How the link is, now and at every change.
    pub fn link(&self) -> watch::Receiver<LinkState> {
        self.inner.states.clone()
    }

    /// The cluster's feature level, as nodes told it when they let this device in, or as what they sent shows; none before any has.
    /// An act that came with a higher one is refused with `not-yet`.
    pub fn level(&self) -> Option<Level> {
        *self.inner.levels.borrow()
    }

    /// What time it is in the cluster, as nodes have told it.
    pub(crate) fn told(&self) -> watch::Receiver<Option<Told>> {
        self.inner.clock.told()
    }

    /// Does something on the client's thread, and gives it up when nobody waits for it any more.
    async fn run<T, Fut>(&self, make: impl FnOnce(Rc<Worker>) -> Fut + Send + 'static) -> Result<T, ClientError>
    where
        T: Send + 'static,
        Fut: Future<Output = Result<T, ClientError>> + 'static,
    {
        let (mut answer, outcome) = oneshot::channel();
        self.submit(Box::new(move |worker| {
            let work = make(worker);
            async move {
                let outcome = tokio::select! {
                    outcome = work => outcome,
                    () = answer.closed() => return,
                };
                // Nobody waits for it any more: then it is not needed.
                let _ = answer.send(outcome);
            }
            .boxed_local()
        }));
        outcome.await.unwrap_or_else(|_| Err(ClientError::Program("the client's thread has ended".to_owned())))
    }

    fn submit(&self, job: Job) {
        // A thread that is gone drops the job, and with it the way back: whoever waits is told by that.
        if let Some(jobs) = &self.inner.jobs
            && jobs.send(job).is_err()
        {
            tracing::error!("the client's thread has ended");
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("link", &*self.inner.states.borrow()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    /// Waits until the node was told and what was seen is on the disk, so that a program may end right after.
    fn drop(&mut self) {
        self.jobs = None;
        let alive = self.alive.get_mut().unwrap_or_else(PoisonError::into_inner);
        if alive.recv_timeout(END_PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the client's thread is still ending after {END_PATIENCE:?}");
        }
    }
}

async fn obey(mut orders: mpsc::UnboundedReceiver<Job>, worker: Rc<Worker>) {
    tokio::task::spawn_local(Rc::clone(&worker).keep_time());
    while let Some(job) = orders.recv().await {
        tokio::task::spawn_local(job(Rc::clone(&worker)));
    }
    worker.end().await;
}

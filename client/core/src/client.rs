//! The client as a program holds it: a handle that sends what is asked to the client's own thread, where links and
//! capabilities live, and awaits the outcome. Knows nothing of how it is done there.

use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use raftchat_schema::id::{ConversationId, MessageId, NodeId, Position, SessionId, Username};
use raftchat_schema::view::{ConversationView, MessageView, NodeStatus, UserView};
use raftchat_transport::{Dialer, DialerConfig, LinkLimits, LinkTiming, Role};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use zeroize::Zeroizing;

use crate::error::{ClientError, StartError};
use crate::follow;
use crate::profile::{NodeEntry, Profile};
use crate::rpc::Sent;
use crate::subscription::{Following, Subscription};
use crate::worker::{LinkState, Worker};
use crate::{account, conversations, status};

/// How long dropping the last handle waits for the client's thread.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// `host:port` of a node to try before all others.
    pub first: Option<String>,
    /// How long a call may take with all its repeats.
    pub timeout: Duration,
}

impl Default for ClientOptions {
    /// No node first, ten seconds.
    fn default() -> Self {
        Self { first: None, timeout: Duration::from_secs(10) }
    }
}

/// Whose conversation is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The direct conversation with this user; it comes into being with its first message.
    User(Username),
    /// A conversation that exists.
    Conversation(ConversationId),
}

/// A session, whose it is, and who granted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The user.
    pub user: UserView,
    /// The session.
    pub session: SessionId,
    /// The node that answered.
    pub node: NodeId,
}

/// The answer to [`Client::whoami`].
pub type WhoAmI = SessionInfo;

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
        let (jobs, orders) = mpsc::unbounded_channel();
        let (publish, states) = watch::channel(LinkState::Connecting);
        let (living, alive) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("client".to_owned()).spawn(move || {
            let work = async move { obey(orders, Rc::new(Worker::new(profile, options, dialer, publish))).await };
            runtime.block_on(LocalSet::new().run_until(work));
            // A name that is still being looked up must not hold up the end.
            runtime.shutdown_background();
            drop(living);
        })?;
        let alive = Mutex::new(alive);
        Ok(Self { inner: Arc::new(Inner { jobs: Some(jobs), states, alive }) })
    }

    /// Makes an account and logs in with it. An empty display name stands for the username.
    pub async fn register(
        &self,
        username: Username,
        display_name: String,
        password: Zeroizing<String>,
    ) -> Result<SessionInfo, ClientError> {
        self.run(move |worker| account::register(worker, username, display_name, password)).await
    }

    /// Logs in; the profile's session is from now on this one.
    pub async fn login(&self, username: Username, password: Zeroizing<String>) -> Result<SessionInfo, ClientError> {
        self.run(move |worker| account::login(worker, username, password)).await
    }

    /// Ends the session everywhere and forgets it. A session that has ended already is no error.
    pub async fn logout(&self) -> Result<(), ClientError> {
        self.run(account::logout).await
    }

    /// Deletes the account, ends all its sessions and forgets this one. Messages stay.
    pub async fn delete_account(&self, password: Zeroizing<String>) -> Result<(), ClientError> {
        self.run(move |worker| account::delete(worker, password)).await
    }

    /// Who is logged in, and which node says so.
    pub async fn whoami(&self) -> Result<WhoAmI, ClientError> {
        self.run(account::whoami).await
    }

    /// Everybody with an account, in order of id.
    pub async fn users(&self) -> Result<Vec<UserView>, ClientError> {
        self.run(conversations::users).await
    }

    /// The user's conversations, in order of id.
    pub async fn conversations(&self) -> Result<Vec<ConversationView>, ClientError> {
        self.run(conversations::all).await
    }

    /// One conversation. Its id is 0 where it is a direct one in which nothing was said yet.
    pub async fn conversation(&self, target: &Target) -> Result<ConversationView, ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::one(worker, target)).await
    }

    /// The newest `limit` messages with a position below `before` (none: the newest of all), in ascending order.
    pub async fn history(
        &self,
        target: &Target,
        before: Option<Position>,
        limit: u32,
    ) -> Result<Vec<MessageView>, ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::history(worker, target, before, limit)).await
    }

    /// Sends a message. Done means that it is on the disks of a majority. Sending the same `message_id` again has the
    /// first outcome and stores nothing.
    pub async fn send(&self, target: &Target, message_id: MessageId, payload: Vec<u8>) -> Result<Sent, ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::send(worker, target, message_id, payload)).await
    }

    /// Leaves a tombstone where one's own message was. Deleting again is no error.
    pub async fn delete(&self, target: &Target, position: Position) -> Result<(), ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::delete(worker, target, position)).await
    }

    /// Moves the read mark forward to `position`, or to the last message there is.
    pub async fn mark_read(&self, target: &Target, position: Option<Position>) -> Result<(), ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::mark_read(worker, target, position)).await
    }

    /// Follows everything that changes for the user, over as many links as it takes, until the subscription is dropped.
    pub fn subscribe(&self, from: Following) -> Subscription {
        let (sender, events) = mpsc::channel(follow::EVENTS_WAITING_MAX);
        self.submit(Box::new(move |worker| follow::follow(worker, from, sender).boxed_local()));
        Subscription::new(events, self.clone())
    }

    /// Asks every known node how it is, all at once and each over a link of its own; needs no session.
    pub async fn statuses(&self) -> Vec<(NodeEntry, Result<NodeStatus, ClientError>)> {
        let asked = self.run(|worker| async move { Ok(status::all(&worker).await) }).await;
        // Fails only where the thread is gone, and with it all that could be told.
        asked.unwrap_or_default()
    }

    /// How the link is, now and at every change.
    pub fn link(&self) -> watch::Receiver<LinkState> {
        self.inner.states.clone()
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
    while let Some(job) = orders.recv().await {
        tokio::task::spawn_local(job(Rc::clone(&worker)));
    }
    worker.end().await;
}

//! What lives on the client's thread: the current link, the session on it, and how far this device has seen. Knows
//! nothing of what is asked over the link.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, Shared};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::{conversation, gateway};
use raftchat_schema::id::NodeId;
use raftchat_transport::{Dialer, Link};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use crate::call::Failure;
use crate::client::{ClientOptions, Target};
use crate::connect::{Reached, race};
use crate::cursor;
use crate::error::ClientError;
use crate::order::{ConnectFailure, Preferences, candidates, merge};
use crate::profile::{NodeEntry, Profile};
use crate::request::RequestNumbers;
use crate::rpc::{self, Granted};
use crate::session_file::{SessionToken, StoredSession};

/// How long the end of the client waits for the node to hear of it: a word to the wire, not its answer.
const GOODBYE: Duration = Duration::from_millis(20);

/// How the client's link is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// There is none yet; it is made when something is asked.
    Connecting,
    /// There is one.
    Connected {
        /// To which node.
        node: NodeId,
        /// Where that node is.
        address: String,
        /// The round trip measured when the link was made.
        rtt: Duration,
    },
    /// It was lost or left. Another is made when something is asked, or at once while a subscription lives.
    Lost {
        /// Why, as a sentence.
        cause: String,
    },
}

/// A link to a node that let this device in.
pub(crate) struct Connected {
    pub(crate) link: Link,
    pub(crate) gateway: gateway::Client,
    pub(crate) node: NodeId,
    address: String,
    session: Mutex<Option<Rc<OpenSession>>>,
    left: watch::Sender<bool>,
}

impl Connected {
    fn new(reached: Reached) -> Self {
        let Reached { link, gateway, node, address, nodes: _ } = reached;
        Self { link, gateway, node, address, session: Mutex::default(), left: watch::Sender::new(false) }
    }

    /// Resolves when the client has turned to another link. What is under way here may be finished.
    pub(crate) async fn left(&self) {
        // Cannot fail: the sender lives as long as this.
        let _ = self.left.subscribe().wait_for(|left| *left).await;
    }
}

/// A session on a link, and the conversations that were opened over it.
pub(crate) struct OpenSession {
    pub(crate) granted: Granted,
    pub(crate) token: SessionToken,
    pub(crate) conversations: RefCell<BTreeMap<Target, conversation::Client>>,
}

type Connecting = Shared<LocalBoxFuture<'static, Result<Rc<Connected>, ConnectFailure>>>;

/// The client's thread's own state.
pub(crate) struct Worker {
    profile: Profile,
    options: ClientOptions,
    dialer: Dialer,
    pub(crate) numbers: Arc<RequestNumbers>,
    states: watch::Sender<LinkState>,
    known: RefCell<Vec<NodeEntry>>,
    last_good: RefCell<Option<String>>,
    avoid: RefCell<Option<String>>,
    current: RefCell<Option<Rc<Connected>>>,
    connecting: RefCell<Option<Connecting>>,
    seen: RefCell<Option<Vec<u8>>>,
}

impl Worker {
    pub(crate) fn new(
        profile: Profile,
        options: ClientOptions,
        dialer: Dialer,
        states: watch::Sender<LinkState>,
        numbers: Arc<RequestNumbers>,
    ) -> Self {
        let known = RefCell::new(profile.config().nodes.clone());
        let seen = RefCell::new(profile.session().and_then(|session| session.seen));
        Self {
            profile,
            options,
            dialer,
            numbers,
            states,
            known,
            last_good: RefCell::default(),
            avoid: RefCell::default(),
            current: RefCell::default(),
            connecting: RefCell::default(),
            seen,
        }
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.options.timeout
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    pub(crate) fn states(&self) -> watch::Receiver<LinkState> {
        self.states.subscribe()
    }

    /// The nodes of the profile and those that nodes told of, in order of number.
    pub(crate) fn known(&self) -> Vec<NodeEntry> {
        let mut known = self.known.borrow().clone();
        known.sort_by_key(|entry| entry.node);
        known
    }

    pub(crate) fn knows_other_nodes(&self) -> bool {
        self.known.borrow().len() > 1
    }

    /// The current link; made now if there is none, once for all who ask.
    pub(crate) async fn connected(self: &Rc<Self>) -> Result<Rc<Connected>, ConnectFailure> {
        let current = self.current.borrow().clone();
        if let Some(current) = current {
            match current.link.failure() {
                None => return Ok(current),
                Some(failure) => self.leave(&current, &failure.to_string()),
            }
        }
        let under_way = self.connecting.borrow().clone();
        under_way.unwrap_or_else(|| self.begin_connecting()).await
    }

    /// Connecting goes on to its end even if who asked for it gives up: the next to ask gets the link.
    fn begin_connecting(self: &Rc<Self>) -> Connecting {
        let worker = Rc::clone(self);
        let task = tokio::task::spawn_local(async move {
            let outcome = worker.connect().await;
            worker.connecting.take();
            outcome
        });
        let stopped = || ConnectFailure::Unreachable("the client is ending".to_owned());
        let connecting = task.map(move |outcome| outcome.unwrap_or_else(|_| Err(stopped()))).boxed_local().shared();
        self.connecting.replace(Some(connecting.clone()));
        connecting
    }

    async fn connect(self: &Rc<Self>) -> Result<Rc<Connected>, ConnectFailure> {
        let tried = {
            let (last_good, avoid) = (self.last_good.borrow(), self.avoid.borrow());
            let preferences = Preferences {
                first: self.options.first.as_deref(),
                last_good: last_good.as_deref(),
                avoid: avoid.as_deref(),
            };
            // Without randomness the order is still one, only always the same.
            candidates(&self.known.borrow(), &preferences, || getrandom::u32().unwrap_or(0))
        };
        let mut reached = race(&self.dialer, &self.profile.config().cluster, tried).await.inspect_err(|failure| {
            let (ConnectFailure::NotAccepted(cause) | ConnectFailure::Unreachable(cause)) = failure;
            self.publish(LinkState::Lost { cause: cause.clone() });
        })?;
        merge(&mut self.known.borrow_mut(), std::mem::take(&mut reached.nodes));
        let connected = Rc::new(Connected::new(reached));
        let (node, address, rtt) = (connected.node, connected.address.clone(), connected.link.rtt());
        tracing::info!(%node, address, ?rtt, "linked");
        self.last_good.replace(Some(address.clone()));
        self.avoid.replace(None);
        self.current.replace(Some(Rc::clone(&connected)));
        self.publish(LinkState::Connected { node, address, rtt });
        tokio::task::spawn_local(Rc::clone(self).watch(Rc::clone(&connected)));
        Ok(connected)
    }

    /// Notices the end of a link that nobody is calling over.
    async fn watch(self: Rc<Self>, connected: Rc<Connected>) {
        tokio::select! {
            failure = connected.link.closed() => self.leave(&connected, &failure.to_string()),
            () = connected.left() => {}
        }
    }

    /// Turns away from a link: what is asked next goes over another, to another node if one answers.
    pub(crate) fn leave(&self, connected: &Rc<Connected>, cause: &str) {
        let mut current = self.current.borrow_mut();
        if current.take_if(|current| Rc::ptr_eq(current, connected)).is_some() {
            tracing::info!(node = %connected.node, cause, "the link is left");
            self.avoid.replace(Some(connected.address.clone()));
            self.publish(LinkState::Lost { cause: cause.to_owned() });
        }
        connected.left.send_replace(true);
    }

    fn publish(&self, state: LinkState) {
        self.states.send_if_modified(|held| {
            let changed = *held != state;
            *held = state;
            changed
        });
    }

    /// The session on `connected`; taken up there if it is not yet.
    pub(crate) async fn session(&self, connected: &Connected) -> Result<Rc<OpenSession>, Failure> {
        let mut slot = connected.session.lock().await;
        if let Some(open) = &*slot {
            return Ok(Rc::clone(open));
        }
        let stored = self.profile.session().ok_or(ClientError::NoSession)?;
        let granted = self.resume(connected, &stored.token).await?;
        if !granted.fresh {
            let node = connected.node;
            tracing::warn!(%node, "no majority confirms that this node is up to date: what it shows may be old");
        }
        self.note_seen(&granted.seen);
        self.keep_seen();
        let open = OpenSession { granted, token: stored.token, conversations: RefCell::default() };
        Ok(Rc::clone(slot.insert(Rc::new(open))))
    }

    async fn resume(&self, connected: &Connected, token: &SessionToken) -> Result<Granted, Failure> {
        let seen = self.seen.borrow().clone().unwrap_or_default();
        match rpc::resume(&connected.gateway, token, &seen).await {
            // The cluster was restored from a backup: what was seen before it is of no meaning any more.
            Err(Failure::Refused(refusal)) if refusal.code == ErrorCode::ForeignCursor && !seen.is_empty() => {
                self.seen.replace(None);
                rpc::resume(&connected.gateway, token, &[]).await
            }
            outcome => outcome,
        }
    }

    /// Takes a session that was just granted over `connected` as the one of this device, and keeps it.
    pub(crate) async fn adopt(
        &self,
        connected: &Connected,
        granted: Granted,
        token: SessionToken,
    ) -> Result<(), ClientError> {
        self.seen.replace((!granted.seen.is_empty()).then(|| granted.seen.clone()));
        let stored = StoredSession {
            username: granted.user.username.clone(),
            user: granted.user.id,
            session: granted.session,
            token: token.clone(),
            seen: self.seen.borrow().clone(),
        };
        let open = OpenSession { granted, token, conversations: RefCell::default() };
        connected.session.lock().await.replace(Rc::new(open));
        self.profile.store(stored)?;
        Ok(())
    }

    /// Forgets the session with this token, here and in the profile.
    pub(crate) async fn forget(&self, token: &SessionToken) -> Result<(), ClientError> {
        let current = self.current.borrow().clone();
        if let Some(current) = current {
            current.session.lock().await.take_if(|open| open.token == *token);
        }
        self.profile.forget(token)?;
        Ok(())
    }

    /// Notes a cursor that was shown.
    pub(crate) fn note_seen(&self, seen: &[u8]) {
        let mut held = self.seen.borrow_mut();
        if cursor::supersedes(seen, held.as_deref()) {
            *held = Some(seen.to_vec());
        }
    }

    /// Keeps in the profile how far this device has seen.
    pub(crate) fn keep_seen(&self) {
        let seen = self.seen.borrow().clone();
        if let (Some(session), Some(seen)) = (self.profile.session(), seen)
            && let Err(error) = self.profile.keep_seen(&session.token, &seen)
        {
            tracing::warn!(%error, "how far this device has seen is not kept");
        }
    }

    /// Keeps what is to be kept and tells the node that this device goes.
    pub(crate) async fn end(&self) {
        self.keep_seen();
        let current = self.current.take();
        if let Some(current) = current {
            // The node finds out by silence if it does not hear.
            let _ = timeout(GOODBYE, current.link.clone().finish()).await;
        }
    }
}

//! A link to a node that let this device in, the session on it, and what it is there for. Knows nothing of other links.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use raftchat_schema::generated::client_capnp::{conversation, gateway, session};
use raftchat_schema::id::{NodeId, SessionId};
use raftchat_transport::Link;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::connect::Reached;
use super::event::LinkCause;
use super::suspicion::{AckMonitor, HeartbeatMonitor};
use crate::cursor;
use crate::options::Target;
use crate::profile::session::SessionToken;
use crate::rpc::Granted;

/// The purpose of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkRole {
    /// Everything goes over it.
    Active,
    /// It takes over when the active one is suspected.
    Standby,
    /// It was suspected: what still comes over it is taken.
    Draining,
    /// It is of no use any more. What is under way may be finished.
    Closed,
}

/// Why a node is suspected, and since when it has not been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suspicion {
    pub(crate) cause: LinkCause,
    pub(crate) since: Instant,
}

/// A move to a link that has not brought anything yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) from: NodeId,
    pub(crate) why: Suspicion,
}

/// A link to a node that let this device in.
pub(crate) struct NodeLink {
    pub(crate) link: Link,
    pub(crate) gateway: gateway::Client,
    pub(crate) node: NodeId,
    pub(crate) address: String,
    pub(crate) session: Mutex<Option<Rc<OpenSession>>>,
    /// The session that was asked for last. What is asked of it goes to the node without waiting for it to be granted.
    asked: RefCell<Option<AskedSession>>,
    /// Whether the node is heard.
    pub(crate) heartbeats: RefCell<HeartbeatMonitor>,
    /// Whether it hears.
    pub(crate) acks: RefCell<AckMonitor>,
    /// The node is suspected, and was not heard since.
    pub(crate) suspicion: Cell<Option<Suspicion>>,
    pub(crate) moving: Cell<Option<Move>>,
    /// The node has said that it has no contact with a majority.
    pub(crate) behind: Cell<bool>,
    /// The path was last made anew because of a silence.
    pub(crate) renewed: Cell<Option<Instant>>,
    /// What the node has told this device, or was told that this device was shown.
    seen: RefCell<Option<Vec<u8>>>,
    role: watch::Sender<LinkRole>,
}

impl NodeLink {
    pub(crate) fn new(reached: Reached) -> Self {
        let Reached { link, gateway, node, address } = reached;
        Self {
            link,
            gateway,
            node,
            address,
            session: Mutex::default(),
            asked: RefCell::default(),
            heartbeats: RefCell::new(HeartbeatMonitor::new(Instant::now())),
            acks: RefCell::new(AckMonitor::new(Instant::now())),
            suspicion: Cell::default(),
            moving: Cell::default(),
            behind: Cell::default(),
            renewed: Cell::default(),
            seen: RefCell::default(),
            role: watch::Sender::new(LinkRole::Standby),
        }
    }

    /// The session that was asked for last, where it was not granted yet.
    pub(crate) fn asked(&self) -> Option<AskedSession> {
        self.asked.borrow().clone()
    }

    pub(crate) fn ask_for(&self, asked: Option<AskedSession>) {
        self.asked.replace(asked);
    }

    pub(crate) fn role(&self) -> watch::Receiver<LinkRole> {
        self.role.subscribe()
    }

    pub(crate) fn has_role(&self, role: LinkRole) -> bool {
        *self.role.borrow() == role
    }

    pub(crate) fn assign(&self, role: LinkRole) {
        self.role.send_replace(role);
    }

    /// The node knows of what is up to that cursor. False if it was known to.
    pub(crate) fn knows(&self, cursor: &[u8]) -> bool {
        let mut seen = self.seen.borrow_mut();
        let is_news = cursor::supersedes(cursor, seen.as_deref());
        if is_news {
            *seen = Some(cursor.to_vec());
        }
        is_news
    }

    /// Looks at what has come in since the last look, and lets go of a suspicion that it disproves: says whether there was one.
    pub(crate) fn listen(&self) -> bool {
        let heard = self.link.heard();
        let (last, acknowledged) = (Instant::from_std(heard.last), Instant::from_std(heard.acknowledged));
        self.acks.borrow_mut().hear(acknowledged);
        let mut heartbeats = self.heartbeats.borrow_mut();
        if last > heartbeats.last_heard() {
            heartbeats.hear(last);
        }
        let Some(why) = self.suspicion.get() else { return false };
        let spoke = match why.cause {
            // Who is about to stop may speak for as long as it likes.
            LinkCause::Drain => false,
            LinkCause::Behind => !self.behind.get(),
            LinkCause::Unheard => acknowledged > why.since,
            _ => last > why.since,
        };
        if spoke {
            self.suspicion.set(None);
        }
        spoke && why.cause.is_a_guess()
    }
}

/// A session that a node was asked for.
#[derive(Clone)]
pub(crate) struct AskedSession {
    pub(crate) client: session::Client,
    pub(crate) session: SessionId,
}

/// A session on a link, and the conversations that were opened over it.
pub(crate) struct OpenSession {
    pub(crate) granted: Granted,
    pub(crate) token: SessionToken,
    pub(crate) conversations: RefCell<BTreeMap<Target, conversation::Client>>,
}

impl OpenSession {
    pub(crate) fn new(granted: Granted, token: SessionToken) -> Rc<Self> {
        Rc::new(Self { granted, token, conversations: RefCell::default() })
    }
}

//! A link to a node, the session on it, and the role that it was given. Knows nothing of other links.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use raftchat_schema::generated::client_capnp::{conversation, gateway, session};
use raftchat_schema::id::{NodeId, SessionId};
use raftchat_transport::Link;
use tokio::sync::{Mutex, watch};

use super::connect::Reached;
use super::engine::{LinkId, LinkRole};
use crate::cursor;
use crate::options::Target;
use crate::profile::session::SessionToken;
use crate::rpc::Granted;

/// A link to a node that has proved itself.
pub(crate) struct NodeLink {
    pub(crate) id: LinkId,
    pub(crate) link: Link,
    pub(crate) gateway: gateway::Client,
    pub(crate) node: NodeId,
    pub(crate) address: String,
    pub(crate) session: Mutex<Option<Rc<OpenSession>>>,
    /// The session that was asked for last. What is asked of it goes to the node without waiting for it to be granted.
    asked: RefCell<Option<AskedSession>>,
    /// What the node has told this device, or was told that this device was shown.
    seen: RefCell<Option<Vec<u8>>>,
    role: watch::Sender<LinkRole>,
}

impl NodeLink {
    pub(crate) fn new(id: LinkId, reached: Reached) -> Self {
        let Reached { link, gateway, node, address } = reached;
        Self {
            id,
            link,
            gateway,
            node,
            address,
            session: Mutex::default(),
            asked: RefCell::default(),
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

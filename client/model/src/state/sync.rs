//! How the contact with the nodes stands, and how far they were followed. Knows nothing of what is asked of them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use raftchat_schema::id::{ChangeNumber, ConversationId, NodeId};

use crate::interface::effect::Write;
use crate::interface::input::Link;
use crate::interface::rows::CursorRow;
use crate::interface::shown::{Connection, Shown};
use crate::turn::Turn;

/// The state of connection and synchronisation.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct SyncState {
    pub(crate) link: Link,
    pub(crate) bootstrapped: bool,
    cursor: Option<CursorRow>,
    /// On this link nothing is missing any more.
    pub(crate) caught_up: bool,
    /// On some link nothing was missing any more: what comes is news.
    pub(crate) ever_caught_up: bool,
    /// A node has said that it reaches no majority, and nothing was stored since.
    pub(crate) no_majority: bool,
    /// Conversations that were asked for on this link.
    pub(crate) asked: BTreeSet<ConversationId>,
    /// Large conversations whose members were asked for on this link, and not changed since.
    pub(crate) members_asked: BTreeSet<ConversationId>,
    shown: Option<Connection>,
}

impl SyncState {
    pub(crate) fn new(cursor: Option<CursorRow>, bootstrapped: bool) -> Self {
        Self {
            link: Link::Offline,
            bootstrapped,
            cursor,
            caught_up: false,
            ever_caught_up: false,
            no_majority: false,
            asked: BTreeSet::new(),
            members_asked: BTreeSet::new(),
            shown: None,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.link, Link::Online { .. } | Link::ReadOnly { .. })
    }

    /// Everything up to and with this change was taken in.
    pub(crate) fn seen(&self) -> ChangeNumber {
        self.cursor.as_ref().map_or(ChangeNumber(0), |cursor| cursor.change)
    }

    pub(crate) fn move_to(&mut self, turn: &mut Turn, bytes: Vec<u8>, change: ChangeNumber) {
        let row = CursorRow { bytes, change: change.max(self.seen()) };
        if self.cursor.as_ref() != Some(&row) {
            turn.write(Write::Cursor(row.clone()));
            self.cursor = Some(row);
        }
    }

    fn connection(&self) -> Connection {
        match self.link {
            Link::Offline => Connection::Offline,
            Link::Connecting => Connection::Connecting,
            // A person is told what lasts, not each link that comes and goes meanwhile.
            Link::ReadOnly { node, rtt_ms } | Link::SentAway { node, rtt_ms } => Connection::ReadOnly { node, rtt_ms },
            Link::Online { node, rtt_ms } if self.no_majority => Connection::ReadOnly { node, rtt_ms },
            Link::Online { node, rtt_ms } if !self.caught_up => Connection::CatchingUp { node, rtt_ms },
            Link::Online { node, rtt_ms } => Connection::Online { node, rtt_ms },
        }
    }

    /// Says how the connection stands, if that is news.
    pub(crate) fn show(&mut self, turn: &mut Turn) {
        let connection = self.connection();
        if self.shown != Some(connection) {
            self.shown = Some(connection);
            turn.show(Shown::Connection(connection));
        }
    }

    pub(crate) fn forget(&mut self) {
        self.bootstrapped = false;
        self.cursor = None;
        self.caught_up = false;
    }
}

pub(crate) fn node_of(link: Link) -> Option<NodeId> {
    match link {
        Link::Offline | Link::Connecting | Link::SentAway { .. } => None,
        Link::Online { node, .. } | Link::ReadOnly { node, .. } => Some(node),
    }
}

//! What a program says to a client besides what it wants done: how to behave, whose conversation is meant, where to begin.
//! Words alone: knows nothing of what is made of them.

use std::time::Duration;

use raftchat_schema::id::{ConversationId, NodeId, Position, SessionId, UserId, Username};
use raftchat_schema::view::UserView;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// `host:port` of a node to try before all others.
    pub first: Option<String>,
    /// How long a call may take with all its repeats.
    pub timeout: Duration,
    /// What is kept ready in case the node is lost, while something is subscribed.
    pub standby: Standby,
}

impl Default for ClientOptions {
    /// No node first, ten seconds, an armed second link.
    fn default() -> Self {
        Self { first: None, timeout: Duration::from_secs(10), standby: Standby::Armed }
    }
}

/// What is kept ready in case the node is lost: the more, the sooner it is replaced, and the more is sent meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standby {
    /// A second link, over which the feed goes on by itself.
    #[default]
    Armed,
    /// A second link with the session on it; the feed is asked for when it is needed.
    Warm,
    /// Nothing: a link is made when it is needed. For a device on battery.
    None,
}

/// Whether somebody looks. Nodes that fall silent are then replaced within a moment, and it costs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Somebody looks.
    Focused,
    /// Nobody looks, or they look elsewhere.
    Away,
}

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Following {
    /// With everything there is.
    FromStart,
    /// With what changes from now on. "Now" has come when catching up is told.
    FromNow,
    /// After this cursor, which an earlier event told.
    After(Vec<u8>),
}

/// Whose conversation is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The direct conversation with this user; it comes into being with its first message.
    User(Username),
    /// The same, by id.
    Person(UserId),
    /// A conversation that exists.
    Conversation(ConversationId),
}

/// Which part of a conversation is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest messages below this position; none: the newest of all.
    Before(Option<Position>),
    /// The oldest messages above this position.
    After(Position),
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

/// The answer to [`Client::whoami`](crate::Client::whoami).
pub type WhoAmI = SessionInfo;

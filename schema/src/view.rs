//! What a client is shown: rows as one user may see them. Knows nothing of how they are stored.

use crate::id::{
    ChangeNumber, ConversationId, Cursor, MessageId, NodeId, Position, SessionId, Stamp, StateHash, UserId, Username,
};

/// Somebody with an account, or who once had one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    /// Who.
    pub id: UserId,
    /// The name to log in with.
    pub username: Username,
    /// The name to show.
    pub display_name: String,
    /// The account is gone.
    pub deleted: bool,
    /// When last seen; none if never.
    pub last_seen: Option<Stamp>,
    /// Some node holds a live session now.
    pub online: bool,
}

/// What kind of conversation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationKind {
    /// Between two.
    Direct,
    /// Among many.
    Group,
}

/// A conversation as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationView {
    /// Which; 0 for a direct one in which nothing was said.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// Empty for a direct one.
    pub title: String,
    /// In order of id.
    pub members: Vec<UserView>,
    /// The last message's position; 0 if there is none.
    pub last_position: Position,
    /// This member's read mark.
    pub read_position: Position,
    /// Messages of others after the read mark that are not deleted.
    pub unread: u64,
}

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// As first sent.
    Original,
    /// Changed by its sender.
    Edited,
    /// A tombstone; the payload is gone.
    Deleted,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageView {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Where in it.
    pub position: Position,
    /// As its sender named it.
    pub message_id: MessageId,
    /// Who sent it.
    pub sender: UserId,
    /// Their username.
    pub sender_name: Username,
    /// When the leader took it.
    pub sent_at: Stamp,
    /// What has become of it.
    pub state: MessageState,
    /// 0 as first sent, one more for each edit.
    pub revision: u32,
    /// What it says; opaque to nodes, empty for a tombstone.
    pub payload: Vec<u8>,
}

/// A row of the feed, as it stands at `number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number in the feed.
    pub number: ChangeNumber,
    /// The row.
    pub row: ChangedRow,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedRow {
    /// A message was sent, edited or deleted.
    Message(MessageView),
    /// A conversation was made or changed; marks and counts are not filled in.
    Conversation(ConversationView),
    /// Somebody has read up to `position`.
    ReadMark {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// Up to where.
        position: Position,
    },
    /// A user joined, was renamed, seen, or is gone.
    User(UserView),
}

impl ChangedRow {
    /// How many bytes count against the push window.
    pub fn weight(&self) -> usize {
        const FRAME: usize = 128;
        match self {
            Self::Message(message) => FRAME + message.payload.len(),
            Self::Conversation(conversation) => FRAME + conversation.members.len() * FRAME,
            Self::ReadMark { .. } | Self::User(_) => FRAME,
        }
    }
}

/// A page of the feed: changes in order, and the cursor after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// In order of number.
    pub changes: Vec<Change>,
    /// Where to go on from.
    pub cursor: Cursor,
}

/// A Raft role as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes proposals.
    Leader,
    /// Votes and follows.
    Follower,
    /// Follows without a vote.
    Learner,
    /// Stands for election.
    Candidate,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Which node.
    pub node: NodeId,
    /// Its role.
    pub role: Role,
    /// Its Raft term.
    pub term: u64,
    /// The leader it knows.
    pub leader: Option<NodeId>,
    /// Log index applied.
    pub applied: u64,
    /// Log index of the last entry it holds.
    pub last_log: u64,
    /// Live sessions on it.
    pub sessions: u32,
    /// For how long it has known that it may be behind, in ms; 0 if it is not.
    pub lag_ms: u64,
    /// Equal on all nodes at the same `applied`.
    pub state_hash: StateHash,
    /// Its client endpoint.
    pub address: String,
    /// Of its program.
    pub version: String,
}

/// A session that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserView,
}

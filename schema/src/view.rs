//! Rows as one user may see them, for a client to show. Knows nothing of how they are stored.

use crate::command::{GroupProfile, MemberRole, Switch};
use crate::id::{
    ChangeNumber, ConversationId, MessageId, NodeId, Position, SessionId, Stamp, StateHash, UserId, Username,
};
use crate::level::Level;

/// Somebody with an account, or who once had one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that go together in any combination")]
pub struct UserView {
    /// The user's id; never given to another.
    pub id: UserId,
    /// The name to log in with.
    pub username: Username,
    /// The name to show.
    pub display_name: String,
    /// The account is gone.
    pub deleted: bool,
    /// The time when last online; none if never, or if it is hidden.
    pub last_seen: Option<Stamp>,
    /// Some node holds a live session now, as far as the node that answers knows, and the user does not hide it.
    pub online: bool,
    /// The user shows nobody when they are there.
    pub presence_hidden: bool,
    /// The user tells nobody what they have read and received.
    pub receipts_off: bool,
    /// The row's latest change.
    pub changed: ChangeNumber,
}

/// Kinds of conversations; the kind never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationKind {
    /// Between two users.
    Direct,
    /// Among up to 1,000 users.
    Group,
}

/// Somebody in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// The user who is in it.
    pub user: UserView,
    /// Their role; in a direct conversation both are plain members.
    pub role: MemberRole,
    /// The time of joining; of somebody who came back, the latest.
    pub joined: Stamp,
    /// They see messages after this position.
    pub since: Position,
    /// The user who added them; themselves if they made the conversation.
    pub added_by: UserId,
    /// Up to where they have read; 0 to others if they do not tell.
    pub read_position: Position,
    /// Up to where a device of theirs holds the conversation; 0 as above, and in large groups.
    pub delivered_position: Position,
    /// The latest change of the membership; the marks have their own.
    pub changed: ChangeNumber,
}

/// A conversation as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationView {
    /// Its id; 0 for a direct one in which nothing was said.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// What a group's admins set; the default for a direct one.
    pub profile: GroupProfile,
    /// The first [`MEMBERS_SHOWN_MAX`](crate::limits::MEMBERS_SHOWN_MAX) in order of user id.
    pub members: Vec<MemberView>,
    /// The number of all its members.
    pub member_count: u32,
    /// The last message's position; 0 if there is none.
    pub last_position: Position,
    /// Messages that the members have pinned, in the order in which they did.
    pub pinned_messages: Vec<Position>,
    /// The time when it was made.
    pub created: Stamp,
    /// The latest change of kind, profile or pins, and the latest joining.
    pub changed: ChangeNumber,
    /// The part that this member alone has; in a change only with the conversation's id.
    pub place: PlaceView,
}

/// The part of a conversation that one member alone has, the same on all their devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceView {
    /// The conversation's id.
    pub conversation: ConversationId,
    /// The counts, which messages change.
    pub counts: Counts,
    /// Marked as unread until the member reads again.
    pub marked_unread: bool,
    /// The end of the silence; 0: it is not muted.
    pub muted_until: Stamp,
    /// Kept on top of the member's list.
    pub pinned: bool,
    /// A payload that was not sent yet; empty: none.
    pub draft: Vec<u8>,
    /// The member sees messages after this position.
    pub since: Position,
}

/// The unread of one member of a conversation, counted by the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The read mark.
    pub read_position: Position,
    /// Messages of others after the read mark that are not deleted.
    pub unread: u64,
    /// Those of them that mention the member.
    pub mentions: u64,
    /// As of which change this holds: of two the higher is the newer.
    pub as_of: ChangeNumber,
}

/// Everybody who reacted to a message with the same emoji.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionView {
    /// One emoji, in the spelling that nodes give it.
    pub emoji: String,
    /// In order of id.
    pub users: Vec<UserId>,
}

/// An earlier version of an edited message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionView {
    /// 0 as first sent.
    pub revision: u32,
    /// The payload of that version; opaque.
    pub payload: Vec<u8>,
    /// The time when that version was written.
    pub written: Stamp,
}

/// One of a user's own sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEntry {
    /// The session's id.
    pub id: SessionId,
    /// The name that the user gave the device.
    pub device_name: String,
    /// The time when it was opened.
    pub created: Stamp,
    /// The time of its last use, to within an hour.
    pub last_used: Stamp,
    /// The IP address it was last used from; empty if not known.
    pub address: String,
    /// It is the one that asks.
    pub current: bool,
}

/// States of a message; it only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// As first sent.
    Original,
    /// Changed by its sender.
    Edited,
    /// A tombstone; the payload is gone.
    Deleted,
}

/// One message, as it now stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageView {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Its position there: 1, 2, 3 … without a hole.
    pub position: Position,
    /// As its sender named it.
    pub message_id: MessageId,
    /// The user who sent it.
    pub sender: UserId,
    /// The sender's username.
    pub sender_name: Username,
    /// The stamp of the entry that it came in.
    pub sent_at: Stamp,
    /// Original, edited or deleted.
    pub state: MessageState,
    /// 0 as first sent, one more for each edit.
    pub revision: u32,
    /// The payload; opaque to nodes, empty for a tombstone.
    pub payload: Vec<u8>,
    /// The time of the last edit; none if there was none.
    pub edited: Option<Stamp>,
    /// The members whose attention it asked for when it was first sent, in order of id.
    pub mentions: Vec<UserId>,
    /// In the order in which each emoji first appeared.
    pub reactions: Vec<ReactionView>,
    /// The latest change of the message itself.
    pub changed: ChangeNumber,
    /// The latest change of its reactions; 0 if there never were any.
    pub reactions_changed: ChangeNumber,
}

/// A row of the feed, as it stands at `number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number in the feed.
    pub number: ChangeNumber,
    /// The row as it stands there.
    pub row: ChangedRow,
}

/// Kinds of rows that appear in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedRow {
    /// A message was sent, edited or deleted.
    Message(MessageView),
    /// A conversation was made, or its title or pins changed, or somebody joined; the place is not filled in.
    Conversation(ConversationView),
    /// Somebody has read up to `position`.
    ReadMark {
        /// The conversation's id.
        conversation: ConversationId,
        /// The member whose mark it is.
        user: UserId,
        /// The position up to which they have read; 0: they no longer tell.
        position: Position,
    },
    /// A user joined, was renamed, seen, or is gone.
    User(UserView),
    /// A device of somebody's holds the conversation up to `position`.
    DeliveredMark {
        /// The conversation's id.
        conversation: ConversationId,
        /// The member whose mark it is.
        user: UserId,
        /// The position up to which a device of theirs holds it; 0: they no longer tell.
        position: Position,
    },
    /// The reactions to a message are now these.
    Reactions {
        /// In which conversation.
        conversation: ConversationId,
        /// To which message.
        position: Position,
        /// All of them.
        reactions: Vec<ReactionView>,
    },
    /// Somebody joined or has another role; marks are not filled in.
    Member {
        /// The conversation's id.
        conversation: ConversationId,
        /// The member, with their role.
        member: MemberView,
    },
    /// Somebody left or was removed.
    MemberLeft {
        /// The conversation's id.
        conversation: ConversationId,
        /// The former member.
        user: UserId,
        /// By whom; themselves if they left.
        by: UserId,
        /// The last position then.
        after: Position,
        /// The time of leaving.
        at: Stamp,
    },
    /// The user's own settings of a conversation changed, or their own read mark.
    Place(PlaceView),
    /// The user is no longer in that conversation.
    Left(ConversationId),
    /// The user has blocked somebody, or no longer.
    Block {
        /// The other user.
        user: UserId,
        /// On: they are blocked now.
        switch: Switch,
    },
}

impl ChangedRow {
    /// Bytes that count against the push window.
    pub fn weight(&self) -> usize {
        const FRAME: usize = 128;
        FRAME
            + match self {
                Self::Message(message) => message.weight(),
                Self::Conversation(conversation) => conversation.weight(),
                Self::Reactions { reactions, .. } => reactions_weight(reactions),
                Self::Place(place) => place.draft.len(),
                Self::ReadMark { .. }
                | Self::User(_)
                | Self::DeliveredMark { .. }
                | Self::Member { .. }
                | Self::MemberLeft { .. }
                | Self::Left(_)
                | Self::Block { .. } => FRAME,
            }
    }

    /// The conversation that it is about; none for what is about people.
    pub const fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::Message(message) => Some(message.conversation),
            Self::Conversation(shown) => Some(shown.id),
            Self::Place(place) => Some(place.conversation),
            Self::Left(conversation)
            | Self::ReadMark { conversation, .. }
            | Self::DeliveredMark { conversation, .. }
            | Self::Reactions { conversation, .. }
            | Self::Member { conversation, .. }
            | Self::MemberLeft { conversation, .. } => Some(*conversation),
            Self::User(_) | Self::Block { .. } => None,
        }
    }
}

impl MessageView {
    /// Its size on the wire, near enough to bound a frame.
    pub fn weight(&self) -> usize {
        const FRAME: usize = 192;
        FRAME + self.payload.len() + 8 * self.mentions.len() + reactions_weight(&self.reactions)
    }
}

impl ConversationView {
    /// Its size on the wire, near enough to bound a frame.
    pub fn weight(&self) -> usize {
        const FRAME: usize = 192;
        const MEMBER: usize = 256;
        FRAME
            + self.profile.title.len()
            + MEMBER * self.members.len()
            + 8 * self.pinned_messages.len()
            + self.place.draft.len()
    }
}

fn reactions_weight(reactions: &[ReactionView]) -> usize {
    const FRAME: usize = 32;
    reactions.iter().map(|reaction| FRAME + reaction.emoji.len() + 8 * reaction.users.len()).sum()
}

/// A Raft role as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes proposals and orders the log.
    Leader,
    /// Votes and follows.
    Follower,
    /// Follows without a vote.
    Learner,
    /// Stands for election.
    Candidate,
}

/// The state of one node, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// The node's number.
    pub node: NodeId,
    /// Its part in Raft.
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
    /// By how many ms the system's clock is ahead of a majority of the nodes; below 0: behind.
    pub clock_offset_ms: i64,
    /// Bytes that are left where its data lies; 0 if that is not known.
    pub disk_free_bytes: u64,
    /// How long its disk takes to make something durable, in ms: 99 of 100 lately took no longer. 0 before the first.
    pub sync_ms: u32,
    /// The budgets that its callers share, in order of name.
    pub budgets: Vec<BudgetView>,
    /// Too many nodes are short of disk: what adds to it is refused.
    pub refuses_words: bool,
    /// Since when something deleted is still on its disk; none if nothing is.
    pub unclean_since: Option<Stamp>,
    /// Whole days until the first of its certificate and its authorities' ends; below 0: one has ended.
    pub certificate_days: i32,
    /// The cluster's feature level, at `applied`.
    pub level: Level,
    /// The highest level that its program knows.
    pub newest_level: Level,
}

/// The filling of one budget of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetView {
    /// The budget's name, in kebab-case.
    pub name: String,
    /// The amount held now, in the budget's own unit.
    pub held: u64,
    /// The most that was held at once since the program started.
    pub most: u64,
    /// Refusals since the program started.
    pub refused: u64,
}

/// A node's word of itself, or of another, to the devices it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is in contact with a majority again.
    Fresh,
    /// For so many milliseconds it has had no contact with a majority, and what it shows may be old.
    Behind(u64),
    /// It has not heard from that node for longer than it should have.
    Suspect(NodeId),
    /// It is going to stop, and refuses new sessions.
    Drain {
        /// Its links end after so many milliseconds at the latest.
        deadline_ms: u32,
        /// A node to go to; none: any other.
        to: Option<NodeId>,
    },
}

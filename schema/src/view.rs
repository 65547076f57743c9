//! What a client is shown: rows as one user may see them. Knows nothing of how they are stored.

use crate::command::{MemberRole, Switch};
use crate::id::{
    ChangeNumber, ConversationId, Cursor, MessageId, NodeId, Position, SessionId, Stamp, StateHash, UserId, Username,
};

/// Somebody with an account, or who once had one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that go together in any combination")]
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
    /// Some node holds a live session now, and the user does not hide it.
    pub online: bool,
    /// The user shows nobody when they are there.
    pub presence_hidden: bool,
    /// The user tells nobody what they have read and received.
    pub receipts_off: bool,
    /// The row's latest change.
    pub changed: ChangeNumber,
}

/// What kind of conversation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationKind {
    /// Between two.
    Direct,
    /// Among many.
    Group,
}

/// Somebody in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Who.
    pub user: UserView,
    /// What they may do; in a direct conversation both are plain members.
    pub role: MemberRole,
    /// When they joined.
    pub joined: Stamp,
    /// They see messages after this position.
    pub since: Position,
    /// Who added them; themselves if they made the conversation.
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
    /// Which; 0 for a direct one in which nothing was said.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// Empty for a direct one.
    pub title: String,
    /// The first [`MEMBERS_SHOWN_MAX`](crate::limits::MEMBERS_SHOWN_MAX) in order of user id.
    pub members: Vec<MemberView>,
    /// How many there are.
    pub member_count: u32,
    /// The last message's position; 0 if there is none.
    pub last_position: Position,
    /// What the members have pinned, in the order in which they did.
    pub pinned_messages: Vec<Position>,
    /// When it was made.
    pub created: Stamp,
    /// The latest change of kind, title or pins, and the latest joining.
    pub changed: ChangeNumber,
    /// What this member alone has of it; only with the conversation's id in a change.
    pub place: PlaceView,
}

/// What one member alone has of a conversation, the same on all their devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceView {
    /// Which conversation.
    pub conversation: ConversationId,
    /// The counts, which messages change.
    pub counts: Counts,
    /// Marked as unread until the member reads again.
    pub marked_unread: bool,
    /// Until when it does not call for attention; 0: it does.
    pub muted_until: Stamp,
    /// Kept on top of the member's list.
    pub pinned: bool,
    /// A payload that was not sent yet; empty: none.
    pub draft: Vec<u8>,
    /// The member sees messages after this position.
    pub since: Position,
}

/// What a member has yet to read.
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

/// Who reacted to a message with the same emoji.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionView {
    /// With what.
    pub emoji: String,
    /// In order of id.
    pub users: Vec<UserId>,
}

/// What a message said before an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionView {
    /// 0 as first sent.
    pub revision: u32,
    /// What it said; opaque.
    pub payload: Vec<u8>,
    /// When that was written.
    pub written: Stamp,
}

/// One of a user's own sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEntry {
    /// Which.
    pub id: SessionId,
    /// What the user calls the device.
    pub device_name: String,
    /// When it was opened.
    pub created: Stamp,
    /// When it was last used, to within an hour.
    pub last_used: Stamp,
    /// The IP address it was last used from; empty if not known.
    pub address: String,
    /// It is the one that asks.
    pub current: bool,
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
    /// When it was last edited.
    pub edited: Option<Stamp>,
    /// Whose attention it asked for when it was first sent.
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
    /// The row.
    pub row: ChangedRow,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedRow {
    /// A message was sent, edited or deleted.
    Message(MessageView),
    /// A conversation was made, or its title or pins changed, or somebody joined; the place is not filled in.
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
    /// A device of somebody's holds the conversation up to `position`.
    DeliveredMark {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// Up to where.
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
        /// Which conversation.
        conversation: ConversationId,
        /// Who, and as what.
        member: MemberView,
    },
    /// Somebody left or was removed.
    MemberLeft {
        /// Which conversation.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// By whom; themselves if they left.
        by: UserId,
        /// The last position then.
        after: Position,
        /// When.
        at: Stamp,
    },
    /// The user's own settings of a conversation changed, or their own read mark.
    Place(PlaceView),
    /// The user is no longer in that conversation.
    Left(ConversationId),
    /// The user has blocked somebody, or no longer.
    Block {
        /// Whom.
        user: UserId,
        /// Whether they are blocked now.
        switch: Switch,
    },
}

impl ChangedRow {
    /// How many bytes count against the push window.
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
        FRAME + self.title.len() + MEMBER * self.members.len() + 8 * self.pinned_messages.len() + self.place.draft.len()
    }
}

fn reactions_weight(reactions: &[ReactionView]) -> usize {
    const FRAME: usize = 32;
    reactions.iter().map(|reaction| FRAME + reaction.emoji.len() + 8 * reaction.users.len()).sum()
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
    /// By how many ms the system's clock is ahead of a majority of the nodes; below 0: behind.
    pub clock_offset_ms: i64,
    /// Bytes that are left where its data lies; 0 if that is not known.
    pub disk_free_bytes: u64,
    /// How full is what its callers share, in order of name.
    pub budgets: Vec<BudgetView>,
    /// Too many nodes are short of disk: what adds to it is refused.
    pub refuses_words: bool,
    /// Since when something deleted is still on its disk; none if nothing is.
    pub unclean_since: Option<Stamp>,
}

/// How full one budget of a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetView {
    /// Which, in kebab-case.
    pub name: String,
    /// What is held now.
    pub held: u64,
    /// The most that was held at once since the program started.
    pub most: u64,
    /// How often somebody was told no since the program started.
    pub refused: u64,
}

/// A session that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserView,
}

/// What a node says of itself, or of another, to the devices it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is in contact with a leader again.
    Fresh,
    /// For so many milliseconds it has had no contact with a leader, and what it shows may be old.
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

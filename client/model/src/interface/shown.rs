//! What a window draws. Knows no colours, no languages and no pixels: messages are as people wrote them; names and titles are
//! safe to stand in a line of ours.

mod timeline;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use raftchat_schema::command::{GroupProfile, MemberRole};
use raftchat_schema::error::Refusal;
use raftchat_schema::id::{ConversationId, NodeId, Position, Stamp, UserId, Username};
use raftchat_schema::view::ConversationKind;

use crate::interface::rows::ChatId;
pub use timeline::{
    Bubble, Happening, Item, ItemKey, Notice, Original, PinnedMessage, Quote, ReactionSummary, Run, TimelineChange,
    TimelineState,
};

/// One change of what is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A line of the list of conversations, new or changed.
    Chat(Box<ChatSummary>),
    /// A line of the list is gone, and with it whatever shows that conversation.
    ChatGone(ChatId),
    /// The name of a conversation changes: its list line, its timeline and its draft go on under another.
    Renamed {
        /// The old name.
        from: ChatId,
        /// The new one.
        to: ChatId,
    },
    /// The open timeline changes; to be applied one after the other.
    Timeline {
        /// The conversation that is open.
        chat: ChatId,
        /// The steps to the new timeline, in order.
        changes: Vec<TimelineChange>,
    },
    /// The messages that the members of the open conversation have pinned: when it is opened, and whenever they read otherwise.
    Pinned {
        /// The conversation that is open.
        chat: ChatId,
        /// In the order in which they did.
        messages: Vec<PinnedMessage>,
    },
    /// The open timeline's place in its conversation.
    TimelineState(TimelineState),
    /// The contents of the entry field of the open conversation: when it is opened, when it was written elsewhere, and when it
    /// was sent.
    Draft {
        /// The conversation that is open.
        chat: ChatId,
        /// The text in it; may be empty.
        text: String,
        /// The message that it answers; none if it answers none.
        reply: Option<Quote>,
    },
    /// The members of the open conversation, or of one that was asked for.
    Members {
        /// The conversation they are in.
        chat: ChatId,
        /// In order of user id.
        members: Vec<MemberItem>,
    },
    /// The members who have received and read a message.
    Receipts {
        /// The conversation it stands in.
        chat: ChatId,
        /// The message's position.
        position: Position,
        /// In order of user id; who does not tell is not in it.
        receipts: Vec<Receipt>,
    },
    /// The members who are writing.
    Typing {
        /// The conversation they write in.
        chat: ChatId,
        /// The names to show, in order of user id; empty: nobody.
        names: Vec<String>,
    },
    /// Somebody, new or changed.
    Person(Box<Person>),
    /// The state of the connection, whenever it changes.
    Connection(Connection),
    /// The session went on over another node. Nothing that is drawn changes by it.
    Moved {
        /// The node before.
        from: NodeId,
        /// The node now.
        to: NodeId,
        /// For how many milliseconds nothing could come.
        ms: u32,
    },
    /// The unread in all conversations that are not muted.
    Total {
        /// Messages, and one for each conversation that is only marked as unread.
        unread: u64,
        /// Those that mention the person.
        mentions: u64,
    },
    /// A group that was asked for is there.
    GroupCreated(ConversationId),
    /// Something that was asked for was not done.
    Failed(Failure),
    /// The session is over: the person has to log in again.
    SessionEnded(Refusal),
}

/// A line of the list of conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is drawn or not")]
pub struct ChatSummary {
    /// The conversation, and the line's name.
    pub chat: ChatId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// The group's title, or the other's name; on one line.
    pub title: String,
    /// What the group's admins set, as they did.
    pub profile: GroupProfile,
    /// The other, in a direct one.
    pub other: Option<UserId>,
    /// The other is there.
    pub online: bool,
    /// The number of its members.
    pub member_count: u32,
    /// The person's role in it.
    pub role: MemberRole,
    /// The last that was said, sent or not.
    pub last: Option<Preview>,
    /// The time when it last came to life: what to sort by, newest first, below those that are pinned.
    pub active: Stamp,
    /// Messages of others to read.
    pub unread: u64,
    /// Those that mention the person.
    pub mentions: u64,
    /// Marked as unread.
    pub marked_unread: bool,
    /// The first message to read; none if there is none.
    pub first_unread: Option<Position>,
    /// The highest position there is.
    pub last_position: Position,
    /// It does not call for attention now.
    pub muted: bool,
    /// The end of the silence; 0 if it is not muted.
    pub muted_until: Stamp,
    /// It is kept on top.
    pub pinned: bool,
    /// A text that was written and not sent; none if nothing.
    pub draft: Option<String>,
    /// Positions that the members have pinned, in the order in which they did.
    pub pinned_messages: Vec<Position>,
}

/// The last that was said in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The user who said it.
    pub sender: UserId,
    /// The sender's name, as it is shown.
    pub sender_name: String,
    /// The person said it.
    pub own: bool,
    /// The text, or why there is none.
    pub body: Body,
    /// The time when it was sent.
    pub at: Stamp,
    /// Its way so far, if it is one's own.
    pub delivery: Option<Delivery>,
    /// It is of somebody whom the person has blocked.
    pub hidden_blocked: bool,
}

/// The content of a message, as far as it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A text, as it was written.
    Text(String),
    /// It was deleted.
    Deleted,
    /// A newer program is needed to read it.
    Newer,
}

/// Stages of a message of one's own, from least to most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way, or waits for a connection.
    Sending,
    /// It was refused.
    Failed(Refusal),
    /// A majority of the nodes holds it.
    Sent,
    /// A device of everybody who tells holds it.
    Delivered,
    /// Everybody who tells has read it.
    Read,
}

/// Somebody in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberItem {
    /// The user who is in it.
    pub user: UserId,
    /// The member's name, as it is shown.
    pub name: String,
    /// The member's role.
    pub role: MemberRole,
    /// The time of joining.
    pub joined: Stamp,
}

/// One member's receipt of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The member who tells it.
    pub user: UserId,
    /// The member's name, as it is shown.
    pub name: String,
    /// The stage it got to: sent, delivered or read.
    pub delivery: Delivery,
}

/// A user, with all that is drawn of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is drawn or not")]
pub struct Person {
    /// The user's id.
    pub user: UserId,
    /// The name to log in with.
    pub username: Username,
    /// The name to show.
    pub display_name: String,
    /// It is the person themselves.
    pub me: bool,
    /// They are there.
    pub online: bool,
    /// The time when they were last online; none if never or if they hide it.
    pub last_seen: Option<Stamp>,
    /// The account is gone.
    pub deleted: bool,
    /// The person has blocked them.
    pub blocked: bool,
    /// They show nobody when they are there.
    pub presence_hidden: bool,
    /// They tell nobody what they have read and received.
    pub receipts_off: bool,
}

/// States of the connection, as a person sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// There is none, and none is tried for.
    Offline,
    /// There is none yet.
    Connecting,
    /// Changes that were missed are coming.
    CatchingUp {
        /// From which node.
        node: NodeId,
        /// The round trip to it, in milliseconds.
        rtt_ms: u32,
    },
    /// Everything works, reading and sending.
    Online {
        /// With which node.
        node: NodeId,
        /// The round trip to it, in milliseconds.
        rtt_ms: u32,
    },
    /// No majority of the nodes: everything can be read, nothing stored.
    ReadOnly {
        /// With which node.
        node: NodeId,
        /// The round trip to it, in milliseconds.
        rtt_ms: u32,
    },
}

/// Something that was asked for was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In which conversation; none for what concerns the account.
    pub chat: Option<ChatId>,
    /// The kind of wish that it was.
    pub what: Undone,
    /// The reason, as a sentence.
    pub why: FailureReason,
}

/// Kinds of wishes that were not fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// A message was not sent.
    Send,
    /// A message was not edited.
    Edit,
    /// A message was not deleted.
    Delete,
    /// A reaction was not put or taken away.
    React,
    /// A message was not pinned or let go.
    PinMessage,
    /// The place was not changed: read mark, mute, pin or draft.
    Place,
    /// A group was not made.
    CreateGroup,
    /// A group was not changed: title, members or roles.
    ChangeGroup,
    /// A group was not left.
    Leave,
    /// The account was not changed.
    Account,
    /// Messages could not be loaded.
    Load,
}

/// Reasons why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailureReason {
    /// The nodes refused it.
    #[error("{0}")]
    Refused(Refusal),
    /// The person is no longer in that conversation.
    #[error("You are no longer in that conversation.")]
    Left,
    /// No node could be asked.
    #[error("No node can be reached just now; what is stored on this device is shown.")]
    Unreachable,
}

//! The items of a conversation as a window draws them, and the steps between them. Knows nothing of the list of conversations.

use raftchat_schema::id::{MessageId, Position, Stamp, UserId, Username};

use super::{Body, Delivery};
use crate::rows::{ChatId, OutboxId};

/// One step from a timeline to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineChange {
    /// These and no others.
    Reset(Vec<Item>),
    /// One more.
    Insert {
        /// Before which.
        at: usize,
        /// What.
        item: Item,
    },
    /// One that is different now.
    Update {
        /// Which.
        at: usize,
        /// What it is now.
        item: Item,
    },
    /// One less.
    Remove {
        /// Which.
        at: usize,
    },
}

/// One thing in a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Something said.
    Bubble(Box<Bubble>),
    /// Something that happened.
    Notice(Notice),
}

/// Names an item as long as it exists: also while a message that is being sent becomes one that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKey {
    /// A message: message ids are unique for their sender only.
    Message {
        /// Who sent it.
        sender: UserId,
        /// How they named it.
        id: MessageId,
    },
    /// Somebody came or went.
    Notice {
        /// Who.
        user: UserId,
        /// When.
        at: Stamp,
    },
}

impl Item {
    /// Its name.
    pub fn key(&self) -> ItemKey {
        match self {
            Self::Bubble(bubble) => ItemKey::Message { sender: bubble.sender, id: bubble.message_id },
            Self::Notice(notice) => ItemKey::Notice { user: notice.user, at: notice.at },
        }
    }

    /// The message, if it is one.
    pub fn bubble(&self) -> Option<&Bubble> {
        match self {
            Self::Bubble(bubble) => Some(bubble),
            Self::Notice(_) => None,
        }
    }
}

/// A message as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is drawn or not")]
pub struct Bubble {
    /// How its sender named it.
    pub message_id: MessageId,
    /// Where it is; none until the nodes hold it.
    pub position: Option<Position>,
    /// Who said it.
    pub sender: UserId,
    /// What they are called.
    pub sender_name: String,
    /// The person said it.
    pub own: bool,
    /// When: by the nodes' clock once they hold it, before by this device's.
    pub at: Stamp,
    /// What it says.
    pub body: Body,
    /// What it answers.
    pub reply: Option<Quote>,
    /// Who said it first, elsewhere.
    pub forwarded_from: Option<Username>,
    /// It was said otherwise before.
    pub edited: bool,
    /// In the order in which each first appeared.
    pub reactions: Vec<ReactionSummary>,
    /// It asks for the person's attention.
    pub mentions_me: bool,
    /// It is pinned for all members.
    pub pinned: bool,
    /// What has become of it: of what is being sent, and of the last of one's own that the nodes hold.
    pub delivery: Option<Delivery>,
    /// It is of somebody whom the person has blocked: not to be shown unless asked for.
    pub hidden_blocked: bool,
    /// Where it is in a run of the same sender's.
    pub run: Run,
    /// The entry of the outbox that sends it, for trying again and discarding.
    pub outbox: Option<OutboxId>,
}

/// The message that another answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Where it is.
    pub position: Position,
    /// What is known of it.
    pub original: Original,
}

/// A message that is pinned for all members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedMessage {
    /// Where it is.
    pub position: Position,
    /// What is known of it: of its text the first words, on one line.
    pub original: Original,
    /// It is of somebody whom the person has blocked: not to be shown unless asked for.
    pub hidden_blocked: bool,
}

/// What is known of a quoted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Original {
    /// It is yet to be loaded.
    Loading,
    /// There is none that the person may see: it is gone, or from before they joined.
    Gone,
    /// It.
    Said {
        /// Who said it.
        sender: UserId,
        /// What they are called.
        sender_name: String,
        /// What it says; deleted, if it is gone.
        body: Body,
    },
}

/// The reactions of one kind to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionSummary {
    /// With what.
    pub emoji: String,
    /// How many.
    pub count: usize,
    /// The person is among them.
    pub mine: bool,
    /// Their names, the person's own included, in order of user id.
    pub names: Vec<String>,
}

/// Where a bubble is in a run: several in a row by one sender, close in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The name goes above it.
    pub first: bool,
    /// The tail and the picture go beside it.
    pub last: bool,
}

/// Something that happened to the members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whom it concerns.
    pub user: UserId,
    /// What they are called.
    pub name: String,
    /// It is the person themselves.
    pub me: bool,
    /// What.
    pub what: Happening,
    /// When.
    pub at: Stamp,
}

/// What happened to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// They made the group.
    Created,
    /// They were added, or came back.
    Joined {
        /// The name of who added them.
        by: String,
        /// That was the person themselves.
        by_me: bool,
    },
    /// They left.
    Left,
    /// They were removed.
    Removed {
        /// The name of who removed them.
        by: String,
        /// That was the person themselves.
        by_me: bool,
    },
}

/// How the open timeline lies in its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineState {
    /// Which conversation.
    pub chat: ChatId,
    /// There is nothing older that the person may see.
    pub at_start: bool,
    /// It reaches the end, and what is said appears in it.
    pub at_end: bool,
    /// How many messages there are below it.
    pub below: u64,
    /// Above which message the line of the unread goes: the first of another's to read; none until that is there. Kept while
    /// the conversation is open.
    pub unread_line: Option<Position>,
    /// The message that was jumped to, once it is there.
    pub jumped_to: Option<Position>,
    /// Something is being loaded.
    pub loading: bool,
}

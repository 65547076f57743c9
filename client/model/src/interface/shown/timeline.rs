//! The items of a conversation as a window draws them, and the steps between them. Knows nothing of the list of conversations.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use raftchat_schema::id::{MessageId, Position, Stamp, UserId, Username};

use super::{Body, Delivery};
use crate::interface::rows::{ChatId, OutboxId};

/// One step from a timeline to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineChange {
    /// All items are these and no others.
    Reset(Vec<Item>),
    /// One item more.
    Insert {
        /// The index that it takes; those from there on move down.
        at: usize,
        /// The item that is new.
        item: Item,
    },
    /// One that is different now.
    Update {
        /// The index of the item.
        at: usize,
        /// The item as it is now.
        item: Item,
    },
    /// One item less.
    Remove {
        /// The index of the item.
        at: usize,
    },
}

/// One thing in a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A message that somebody sent.
    Bubble(Box<Bubble>),
    /// Somebody who came or went.
    Notice(Notice),
}

/// Names an item as long as it exists: also while a message that is being sent becomes one that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKey {
    /// A message: message ids are unique for their sender only.
    Message {
        /// The user who sent it.
        sender: UserId,
        /// The id that its sender gave it.
        id: MessageId,
    },
    /// Somebody came or went.
    Notice {
        /// The user who came or went.
        user: UserId,
        /// The time when they did.
        at: Stamp,
    },
}

impl Item {
    /// The name that the item keeps.
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
    /// The id that its sender gave it.
    pub message_id: MessageId,
    /// Its position; none until the nodes hold it.
    pub position: Option<Position>,
    /// The user who sent it.
    pub sender: UserId,
    /// The sender's name, as it is shown.
    pub sender_name: String,
    /// The person said it.
    pub own: bool,
    /// The time: by the nodes' clock once they hold it, before by this device's.
    pub at: Stamp,
    /// The text, or why there is none.
    pub body: Body,
    /// The message that it answers; none if it answers none.
    pub reply: Option<Quote>,
    /// The user who said it first, in another conversation.
    pub forwarded_from: Option<Username>,
    /// It was said otherwise before.
    pub edited: bool,
    /// In the order in which each first appeared.
    pub reactions: Vec<ReactionSummary>,
    /// It asks for the person's attention.
    pub mentions_me: bool,
    /// It is pinned for all members.
    pub pinned: bool,
    /// Its way so far: of what is being sent, and of the last of one's own that the nodes hold.
    pub delivery: Option<Delivery>,
    /// It is of somebody whom the person has blocked: not to be shown unless asked for.
    pub hidden_blocked: bool,
    /// Its place in a run of the same sender's.
    pub run: Run,
    /// The entry of the outbox that sends it, for trying again and discarding.
    pub outbox: Option<OutboxId>,
}

/// The message that another answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The position of the message that is quoted.
    pub position: Position,
    /// The quoted message, as far as it is known.
    pub original: Original,
}

/// A message that is pinned for all members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedMessage {
    /// The message's position.
    pub position: Position,
    /// The message, as far as it is known: of its text the first words, on one line.
    pub original: Original,
    /// It is of somebody whom the person has blocked: not to be shown unless asked for.
    pub hidden_blocked: bool,
}

/// States of a quoted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Original {
    /// It is yet to be loaded.
    Loading,
    /// There is none that the person may see: it is gone, or from before they joined.
    Gone,
    /// A message that is there.
    Said {
        /// The user who sent it.
        sender: UserId,
        /// The sender's name, as it is shown.
        sender_name: String,
        /// The text; deleted, if it is gone.
        body: Body,
    },
}

/// The reactions of one kind to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionSummary {
    /// The emoji that it is.
    pub emoji: String,
    /// The number of members who reacted so.
    pub count: usize,
    /// The person is among them.
    pub mine: bool,
    /// Their names, the person's own included, in order of user id.
    pub names: Vec<String>,
}

/// A bubble's place in a run: several in a row by one sender, close in time.
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
    /// The user whom it concerns.
    pub user: UserId,
    /// The user's name, as it is shown.
    pub name: String,
    /// It is the person themselves.
    pub me: bool,
    /// The kind of event.
    pub what: Happening,
    /// The time when it happened.
    pub at: Stamp,
}

/// Events in a member's life.
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
    /// They left by themselves.
    Left,
    /// They were removed.
    Removed {
        /// The name of who removed them.
        by: String,
        /// That was the person themselves.
        by_me: bool,
    },
}

/// The open timeline's place in its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineState {
    /// The conversation that is open.
    pub chat: ChatId,
    /// There is nothing older that the person may see.
    pub at_start: bool,
    /// It reaches the end, and what is said appears in it.
    pub at_end: bool,
    /// The number of messages below it.
    pub below: u64,
    /// Above which message the line of the unread goes: the first of another's to read; none until that is there. Kept while
    /// the conversation is open.
    pub unread_line: Option<Position>,
    /// The message that was jumped to, once it is there.
    pub jumped_to: Option<Position>,
    /// Something is being loaded.
    pub loading: bool,
}

//! All that an item or a line of the list is drawn from. Knows nothing of what was drawn before.

use raftchat_schema::command::Act;
use raftchat_schema::id::{Position, UserId};
use raftchat_schema::view::ConversationKind;

use crate::interface::codec::Codec;
use crate::interface::rows::{ChatId, Lane, OutboxEntry};
use crate::outbox::Outbox;
use crate::state::chat::Chat;
use crate::state::people::People;

/// A conversation and what is around it, to look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) me: UserId,
    pub(crate) codec: Codec,
    pub(crate) people: &'a People,
    pub(crate) outbox: &'a Outbox,
    pub(crate) id: ChatId,
    /// None for a direct one before its first message.
    pub(crate) chat: Option<&'a Chat>,
}

impl<'a> Scene<'a> {
    /// Acts that were done and are to be done in it, in order.
    pub(crate) fn acts(&self) -> impl Iterator<Item = &'a Act> + use<'a> {
        self.settled().chain(self.waiting()).map(|entry| &entry.act)
    }

    /// Entries that were done and do not show yet.
    pub(crate) fn settled(&self) -> impl Iterator<Item = &'a OutboxEntry> + use<'a> {
        self.chat.into_iter().flat_map(|chat| &chat.settled)
    }

    /// Entries that are to be done.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &'a OutboxEntry> + use<'a> {
        self.outbox.of(Lane::Chat(self.id))
    }

    pub(crate) fn is_group(&self) -> bool {
        self.chat.is_some_and(|chat| chat.row.kind == ConversationKind::Group)
    }

    /// The person sees messages after this position.
    pub(crate) fn floor(&self) -> Position {
        self.chat.map_or(Position(0), |chat| chat.since(self.me))
    }

    /// The highest position there is.
    pub(crate) fn last_position(&self) -> Position {
        self.chat.map_or(Position(0), |chat| chat.row.last_position)
    }

    /// True if somebody's words there are not shown unless asked for.
    pub(crate) fn hides(&self, user: UserId) -> bool {
        self.is_group() && self.people.is_blocked(user)
    }
}

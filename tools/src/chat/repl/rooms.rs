//! Which conversation is with whom, as far as is known. Knows nothing of what was said.

use std::collections::BTreeMap;

use raftchat_schema::id::{ConversationId, UserId, Username};
use raftchat_schema::view::{ConversationKind, ConversationView, UserView};

use crate::chat::shapes::title;
use crate::text::printable;

/// The conversations of one person.
#[derive(Debug)]
pub(super) struct Rooms {
    me: UserId,
    known: BTreeMap<ConversationId, Room>,
}

#[derive(Debug)]
struct Room {
    title: String,
    /// The other one of a direct conversation.
    partner: Option<Username>,
}

impl Rooms {
    pub(super) fn of(me: &UserView, conversations: &[ConversationView]) -> Self {
        let mut rooms = Self { me: me.id, known: BTreeMap::new() };
        for conversation in conversations {
            rooms.note(conversation);
        }
        rooms
    }

    /// Takes note of a conversation, new or changed.
    pub(super) fn note(&mut self, conversation: &ConversationView) {
        if conversation.id == ConversationId(0) {
            return;
        }
        let other = conversation.members.iter().find(|member| member.id != self.me);
        let partner = match conversation.kind {
            ConversationKind::Direct => other.map(|member| member.username.clone()),
            ConversationKind::Group => None,
        };
        let title = printable(&title(conversation, self.me));
        self.known.insert(conversation.id, Room { title, partner });
    }

    /// With whom a direct conversation is.
    pub(super) fn partner(&self, conversation: ConversationId) -> Option<&Username> {
        self.known.get(&conversation)?.partner.as_ref()
    }

    /// What a conversation is called.
    pub(super) fn title(&self, conversation: ConversationId) -> String {
        self.known.get(&conversation).map_or_else(|| conversation.to_string(), |room| room.title.clone())
    }
}

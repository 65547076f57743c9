//! The person was taken out of a conversation and is in it again, and this device saw neither. Knows nothing of why.

use raftchat_schema::id::ConversationId;

use crate::interface::effect::{Effect, Write};
use crate::interface::rows::{ChatId, Completeness, MemberRow};
use crate::model::Model;
use crate::state::chat::Chat;
use crate::turn::Turn;

impl Model {
    /// Forgets what is from before, if `member` is a new membership of the person's own: they see what is said from then
    /// on. What they wrote and did not send yet stays.
    pub(crate) fn note_rejoining(&mut self, turn: &mut Turn, conversation: ConversationId, member: &MemberRow) {
        if member.user != self.me {
            return;
        }
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        let is_new = |held: &MemberRow| held.joined != member.joined && held.changed < member.changed;
        if !chat.members.get(&self.me).is_some_and(is_new) {
            return;
        }
        let before = core::mem::replace(chat, Chat::new(chat.row.clone()));
        chat.row.complete = Completeness::Partial;
        chat.place.unsaved_draft = before.place.unsaved_draft;
        chat.newest = before.newest.filter(|newest| newest.position > member.since);
        turn.write(Write::RemoveConversation(conversation));
        turn.write(Write::Conversation(chat.row.clone()));
        turn.write(Write::Place(chat.place.clone()));
        turn.write(Write::Member { conversation, member: member.clone() });
        if let Some(newest) = &chat.newest {
            turn.write(Write::Message(newest.clone()));
        }
        chat.members.insert(self.me, member.clone());
        let id = ChatId::Known(conversation);
        if before.notified.is_some() {
            turn.effect(Effect::ClearNotification(id));
        }
        self.sync.asked.remove(&conversation);
        self.fetch_conversation(turn, conversation);
        turn.touch(id).everything = true;
        if self.is_open(id) {
            self.open_chat(turn, id);
        }
    }
}

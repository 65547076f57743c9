//! What calls for the person's attention, and when it no longer does. Knows nothing of desktops.

use alloc::string::String;

use raftchat_schema::id::{ConversationId, Stamp};
use raftchat_schema::view::{MessageState, MessageView};

use crate::interface::effect::{Effect, Notification};
use crate::interface::rows::{ChatId, Lane};
use crate::interface::shown::Body;
use crate::model::Model;
use crate::model::summary::title;
use crate::state::chat::EffectivePlace;
use crate::timeline::bubble::{Effective, sender_name};
use crate::turn::Turn;

impl Model {
    /// The place of a conversation as it will be.
    pub(crate) fn place(&self, conversation: ConversationId) -> Option<EffectivePlace<'_>> {
        let acts = self.outbox.of(Lane::Chat(ChatId::Known(conversation))).map(|entry| &entry.act);
        self.chats.get(&conversation).map(|chat| chat.effective_place(acts))
    }

    /// A message that was not there before has come: the person is told, if they want to be and do not see it.
    pub(crate) fn notify(&mut self, turn: &mut Turn, message: &MessageView) {
        let id = ChatId::Known(message.conversation);
        if message.sender == self.me
            || message.state == MessageState::Deleted
            || !self.sync.ever_caught_up
            || self.people.is_blocked(message.sender)
            || (self.has_focus && self.is_open(id))
        {
            return;
        }
        let scene = self.scene(id);
        let (Some(chat), Some(place)) = (scene.chat, self.place(message.conversation)) else { return };
        if !chat.is_known()
            || is_muted(place.muted_until, turn.cluster_now())
            || place.read_position >= message.position
        {
            return;
        }
        let text = match Effective::of(&scene, message).body() {
            Body::Text(text) => text,
            Body::Deleted | Body::Newer => String::new(),
        };
        turn.effect(Effect::Notify(Notification {
            chat: id,
            title: title(&scene),
            sender: message.sender,
            sender_name: sender_name(&scene, message),
            message_id: message.message_id,
            position: message.position,
            text,
            mentions_me: message.mentions.contains(&self.me),
        }));
        if let Some(chat) = self.chats.get_mut(&message.conversation) {
            chat.notified = Some(message.position);
        }
    }

    /// Takes back what was called attention to, once it is read, here or elsewhere.
    pub(crate) fn settle_notification(&mut self, turn: &mut Turn, conversation: ConversationId) {
        let read = self.place(conversation).map(|place| place.read_position);
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        if chat.notified.is_some_and(|notified| read.is_some_and(|read| read >= notified)) {
            chat.notified = None;
            turn.effect(Effect::ClearNotification(ChatId::Known(conversation)));
        }
    }
}

/// True if a conversation is silent at that time.
pub(crate) fn is_muted(until: Stamp, now: Stamp) -> bool {
    until > now
}

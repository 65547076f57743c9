//! Who is writing: hints that come and go. Knows nothing of what is written.

use raftchat_schema::command::Switch;
use raftchat_schema::id::{ConversationId, Stamp, UserId};
use raftchat_schema::limits::TYPING_MS;

use crate::interface::effect::Effect;
use crate::interface::rows::ChatId;
use crate::interface::shown::Shown;
use crate::model::Model;
use crate::state::timers::Timer;
use crate::turn::Turn;

impl Model {
    /// The person is writing.
    pub(crate) fn writing(&mut self, turn: &mut Turn, chat: ChatId) {
        let ChatId::Known(conversation) = self.resolve(chat) else { return };
        let hidden = self.people.get(self.me).is_some_and(|me| me.presence_hidden);
        if hidden || !self.sync.is_connected() || !self.chats.contains_key(&conversation) {
            return;
        }
        if self.own_typing.is_time(conversation, turn.now) {
            turn.effect(Effect::SendTyping { conversation, switch: Switch::On });
        }
    }

    /// The person is no longer writing.
    pub(crate) fn stop_typing(&mut self, turn: &mut Turn, chat: ChatId) {
        let ChatId::Known(conversation) = chat else { return };
        if self.own_typing.forget(conversation) && self.sync.is_connected() {
            turn.effect(Effect::SendTyping { conversation, switch: Switch::Off });
        }
    }

    pub(crate) fn others_typing(
        &mut self,
        turn: &mut Turn,
        conversation: ConversationId,
        user: UserId,
        switch: Switch,
    ) {
        if switch == Switch::Off {
            return self.typing_over(turn, conversation, user);
        }
        if user == self.me || self.people.is_blocked(user) {
            return;
        }
        let Some(chat) = self.chats.get_mut(&conversation).filter(|chat| chat.members.contains_key(&user)) else {
            return;
        };
        let until = Stamp(turn.now.0.saturating_add(TYPING_MS));
        let is_news = chat.typing.insert(user, until).is_none();
        self.timers.set(Timer::TypingOver(conversation, user), until);
        if is_news {
            self.show_typing(turn, conversation);
        }
    }

    /// Somebody is no longer writing: they said so, they said something, or nothing was heard for too long.
    pub(crate) fn typing_over(&mut self, turn: &mut Turn, conversation: ConversationId, user: UserId) {
        self.timers.cancel(Timer::TypingOver(conversation, user));
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        if chat.typing.remove(&user).is_some() {
            self.show_typing(turn, conversation);
        }
    }

    pub(crate) fn show_typing(&self, turn: &mut Turn, conversation: ConversationId) {
        let Some(chat) = self.chats.get(&conversation) else { return };
        let names = chat.typing.keys().map(|user| self.people.name(*user)).collect();
        turn.show(Shown::Typing { chat: ChatId::Known(conversation), names });
    }
}

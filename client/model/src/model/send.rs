//! Saying something: it is shown at once, below all else, and sent as soon as it can be. Knows nothing of what becomes of it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use raftchat_schema::command::{Act, SendMessage};
use raftchat_schema::id::{MessageId, Position, UserId, Username};
use raftchat_schema::payload::Payload;

use crate::interface::rows::ChatId;
use crate::model::Model;
use crate::model::intents::recipient;
use crate::text::{markup, safe};
use crate::turn::Turn;

/// A message to be sent.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) message_id: MessageId,
    pub(crate) text: String,
    pub(crate) reply_to: Option<Position>,
    pub(crate) forwarded_from: Option<Username>,
}

impl Model {
    pub(crate) fn send(&mut self, turn: &mut Turn, chat: ChatId, said: Said) {
        let chat = self.resolve(chat);
        let is_known = match chat {
            ChatId::Known(conversation) => self.chats.contains_key(&conversation),
            ChatId::Direct(user) => user != self.me,
        };
        if !is_known || safe::is_blank(&said.text) || self.outbox.sending(said.message_id).is_some() {
            return;
        }
        let mentions = self.mentioned(chat, &said.text);
        let Said { message_id, text, reply_to, forwarded_from } = said;
        let payload = (self.codec.encode)(&Payload { text, reply_to, forwarded_from });
        self.enter(turn, Act::Send(SendMessage { to: recipient(chat), message_id, payload, mentions }));
        turn.touch(chat);
        self.draft_sent(turn, chat);
        self.stop_typing(turn, chat);
        if self.is_open(chat) {
            self.jump_to_end(turn);
        }
    }

    /// The members that a text names; not the person themselves.
    fn mentioned(&self, chat: ChatId, text: &str) -> Vec<UserId> {
        let Some(chat) = self.scene(chat).chat.filter(|_| text.contains('@')) else { return Vec::new() };
        let names: BTreeMap<&str, UserId> = chat
            .members
            .keys()
            .filter(|user| **user != self.me)
            .filter_map(|user| self.people.get(*user))
            .map(|view| (view.username.as_str(), view.id))
            .collect();
        markup::mentioned(text, |name| names.get(name).copied())
    }
}

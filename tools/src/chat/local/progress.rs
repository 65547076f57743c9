//! What a messenger has shown of its work: whether it is in contact, and whether anything is on its way. Knows nothing of
//! who waits for it.

use std::collections::BTreeSet;

use raftchat_model::{ChatId, ChatSummary, Connection, Delivery, Shown};

/// How far a messenger has come.
#[derive(Debug, Default)]
pub(in crate::chat) struct Progress {
    online: bool,
    sending: BTreeSet<ChatId>,
}

impl Progress {
    /// Takes note of something that was shown.
    pub(in crate::chat) fn see(&mut self, shown: &Shown) {
        match shown {
            Shown::Connection(connection) => self.online = matches!(connection, Connection::Online { .. }),
            Shown::Chat(chat) if sends(chat) => self.entered(chat.chat),
            Shown::Chat(chat) => self.sent(chat.chat),
            Shown::ChatGone(chat) | Shown::Renamed { from: chat, .. } => self.sent(*chat),
            _ => {}
        }
    }

    /// A message was handed over.
    pub(in crate::chat) fn entered(&mut self, chat: ChatId) {
        self.sending.insert(chat);
    }

    fn sent(&mut self, chat: ChatId) {
        self.sending.remove(&chat);
    }

    /// True if a node answers and everything that was missed has come.
    pub(in crate::chat) fn is_online(&self) -> bool {
        self.online
    }

    /// True if a message is on its way.
    pub(in crate::chat) fn is_sending(&self) -> bool {
        !self.sending.is_empty()
    }
}

/// What is being sent is always the last of a conversation.
fn sends(chat: &ChatSummary) -> bool {
    chat.last.as_ref().is_some_and(|last| last.delivery == Some(Delivery::Sending))
}

//! Ids as the window carries them: as text. Knows nothing of what they name.

use raftchat_model::{ChatId, ItemKey};
use raftchat_schema::id::UserId;

/// `c7` for a conversation, `u7` for the one that a person would begin.
pub(crate) fn chat(chat: ChatId) -> String {
    match chat {
        ChatId::Known(id) => id.to_string(),
        ChatId::Direct(user) => user.to_string(),
    }
}

/// The conversation in such a text.
pub(crate) fn parse_chat(text: &str) -> Option<ChatId> {
    text.parse().map(ChatId::Known).or_else(|_| text.parse().map(ChatId::Direct)).ok()
}

/// The person in a text.
pub(crate) fn parse_user(text: &str) -> Option<UserId> {
    text.parse().ok()
}

/// A name for an item that stays the same while it exists.
pub(crate) fn item(key: ItemKey) -> String {
    match key {
        ItemKey::Message { sender, id } => format!("{sender}/{id:?}"),
        ItemKey::Notice { user, at } => format!("{user}@{at}"),
    }
}

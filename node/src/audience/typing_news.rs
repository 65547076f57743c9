//! That somebody is writing, as nodes and subscriptions pass it on. Knows nothing of who is told.

use raftchat_schema::id::{ConversationId, UserId};

/// Somebody is writing, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypingNews {
    pub(crate) conversation: ConversationId,
    pub(crate) user: UserId,
    pub(crate) active: bool,
}

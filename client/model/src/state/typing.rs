//! When the others were told that the person is writing. Knows nothing of what is written.

use alloc::collections::BTreeMap;

use raftchat_schema::id::{ConversationId, Stamp};

/// The shortest time, in ms, after which the others are told again that the person is writing.
const TELL_EVERY_MS: u64 = 3_000;

/// The times when the others were last told that the person is writing.
#[derive(Debug, Default)]
pub(crate) struct OwnTyping {
    told: BTreeMap<ConversationId, Stamp>,
}

impl OwnTyping {
    pub(crate) fn forget(&mut self, conversation: ConversationId) -> bool {
        self.told.remove(&conversation).is_some()
    }

    pub(crate) fn is_time(&mut self, conversation: ConversationId, now: Stamp) -> bool {
        if self.told.get(&conversation).is_some_and(|told| now.0.saturating_sub(told.0) < TELL_EVERY_MS) {
            return false;
        }
        self.told.insert(conversation, now);
        true
    }
}

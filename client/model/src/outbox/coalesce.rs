//! Which act makes an older one pointless while that waits. Knows nothing of the queue.

use raftchat_schema::command::Act;

/// True if nothing is lost if `older` is never done because `newer` is.
pub(crate) fn replaces(newer: &Act, older: &Act) -> bool {
    match (newer, older) {
        (Act::MarkRead { conversation, position }, Act::MarkRead { conversation: other, position: before }) => {
            conversation == other && position >= before
        }
        (Act::MarkUnread(conversation), Act::MarkUnread(other))
        | (Act::SaveDraft { conversation, .. }, Act::SaveDraft { conversation: other, .. })
        | (Act::Mute { conversation, .. }, Act::Mute { conversation: other, .. })
        | (Act::PinConversation { conversation, .. }, Act::PinConversation { conversation: other, .. })
        | (Act::Rename { conversation, .. }, Act::Rename { conversation: other, .. }) => conversation == other,
        (
            Act::React { conversation, position, emoji, .. },
            Act::React { conversation: other, position: at, emoji: with, .. },
        ) => conversation == other && position == at && emoji == with,
        (Act::PinMessage { conversation, position, .. }, Act::PinMessage { conversation: other, position: at, .. })
        | (
            Act::EditMessage { conversation, position, .. },
            Act::EditMessage { conversation: other, position: at, .. },
        ) => conversation == other && position == at,
        (Act::Block { user, .. }, Act::Block { user: other, .. }) => user == other,
        _ => false,
    }
}

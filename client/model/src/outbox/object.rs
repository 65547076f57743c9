//! Which row of the feed will show that an act was done. Knows nothing of what the act was.

use raftchat_schema::command::Act;
use raftchat_schema::id::Position;

/// A row of a conversation that acts change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// The person's own settings and counts of it.
    Place,
    /// Its title and pins.
    Head,
    /// The text of a message.
    Message(Position),
    /// The reactions to it.
    Reactions(Position),
}

impl Object {
    /// The row that an act changes, if the view of it is changed before the nodes answer.
    pub(crate) fn of(act: &Act) -> Option<Self> {
        match act {
            Act::DeleteMessage { position, .. } | Act::EditMessage { position, .. } => Some(Self::Message(*position)),
            Act::React { position, .. } => Some(Self::Reactions(*position)),
            Act::PinMessage { .. } => Some(Self::Head),
            Act::MarkRead { .. }
            | Act::MarkUnread(_)
            | Act::Mute { .. }
            | Act::PinConversation { .. }
            | Act::SaveDraft { .. } => Some(Self::Place),
            _ => None,
        }
    }
}

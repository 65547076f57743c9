//! What comes of applying: outcomes, writes, and news for the rest of the node, or why it cannot go on. Knows no command.

use alloc::vec::Vec;

use raftchat_schema::command::Outcome;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, SessionId, StateHash, UserId};

use crate::feed::FeedChange;
use crate::read::{Hex, ReadError};
use crate::tables::Writes;

/// Reasons why an entry cannot be applied. The node stops: to skip one would be to leave the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError<E> {
    /// The store could not answer.
    #[error("the state's store failed: {0}")]
    Store(#[source] E),
    /// A row cannot be read, or one that must exist does not.
    #[error("the row {} is damaged or missing: this node's state has to be rebuilt from another's", Hex(.key))]
    DamagedRow {
        /// The key of the row, as the store has it.
        key: Vec<u8>,
    },
    /// A row cannot be encoded.
    #[error("the row {} cannot be encoded: this program is at fault", Hex(.key))]
    UnencodableRow {
        /// The key of the row, as the store has it.
        key: Vec<u8>,
    },
}

impl<E> From<ReadError<E>> for ApplyError<E> {
    fn from(error: ReadError<E>) -> Self {
        match error {
            ReadError::Store(error) => Self::Store(error),
            ReadError::DamagedRow { key } => Self::DamagedRow { key },
        }
    }
}

/// Somebody became a member of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The user who became one.
    pub user: UserId,
    /// The conversation they are in now.
    pub conversation: ConversationId,
    /// They see messages after this position.
    pub since: Position,
}

/// News for the rest of the node, besides outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// In order of number. A row that changed twice is here twice, and in the tables at its latest.
    pub changes: Vec<FeedChange>,
    /// Sessions that ended, in the order they did.
    pub ended_sessions: Vec<SessionId>,
    /// Memberships that began, in the order they did, and still last.
    pub joined: Vec<Joined>,
    /// Memberships that ended, in the order they did. Who joined after that is in both: take in who left before who joined.
    pub left: Vec<(UserId, ConversationId)>,
}

/// The result of applying a log entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
    /// To be stored at once, with what says that the entry is applied.
    pub writes: Writes,
    /// The number of the last change after this entry.
    pub change: ChangeNumber,
    /// The rolling hash after this entry.
    pub state_hash: StateHash,
    /// News for the rest of the node.
    pub effects: Effects,
}

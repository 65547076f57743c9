//! What the rows hold and how they are encoded: CBOR arrays with explicit indices, so that a field can be added
//! without rewriting what is stored. Knows nothing of keys and of what may change when.

mod conversations;
mod erasures;
mod messages;
mod people;

use minicbor::{Decode, Encode};
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, SessionId, Stamp, UserId};
use raftchat_schema::level::Level;

pub(crate) use conversations::{ConversationRow, DepartedRow, KindRow, MemberRow, OwnRow};
pub(crate) use erasures::{AccountStage, ErasureRow};
pub(crate) use messages::{MessageHead, MessageRow, ReactionRow, RevisionRow, SentRow, StateRow};
pub(crate) use people::{AllowanceRow, BlockRow, SessionRow, UserRow, VerifierRow};

/// The last number given of each kind, and the cluster's time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Counters {
    #[n(0)]
    pub(crate) change: ChangeNumber,
    #[n(1)]
    pub(crate) user: UserId,
    #[n(2)]
    pub(crate) session: SessionId,
    #[n(3)]
    pub(crate) conversation: ConversationId,
    #[n(4)]
    pub(crate) stamp: Stamp,
    /// The time that has passed between the stamps, in ms, each step cut to [`raftchat_schema::limits::AGE_STEP_MS_MAX`]: what
    /// ages by it is safe from a clock that jumps.
    #[n(5)]
    pub(crate) age: u64,
    /// The feature level: what may be in the log and in rows from here on.
    #[n(6)]
    pub(crate) level: Level,
}

/// The row that a change is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) enum Reference {
    #[n(0)]
    Message {
        #[n(0)]
        conversation: ConversationId,
        #[n(1)]
        position: Position,
    },
    #[n(1)]
    Conversation {
        #[n(0)]
        conversation: ConversationId,
    },
    #[n(2)]
    ReadMark {
        #[n(0)]
        conversation: ConversationId,
        #[n(1)]
        user: UserId,
    },
    #[n(3)]
    User {
        #[n(0)]
        user: UserId,
    },
    /// The membership, or if there is none any more that it ended.
    #[n(4)]
    Member {
        #[n(0)]
        conversation: ConversationId,
        #[n(1)]
        user: UserId,
    },
    #[n(5)]
    DeliveredMark {
        #[n(0)]
        conversation: ConversationId,
        #[n(1)]
        user: UserId,
    },
    #[n(6)]
    Reactions {
        #[n(0)]
        conversation: ConversationId,
        #[n(1)]
        position: Position,
    },
    #[n(7)]
    Own {
        #[n(0)]
        user: UserId,
        #[n(1)]
        conversation: ConversationId,
    },
    #[n(8)]
    Block {
        #[n(0)]
        user: UserId,
        #[n(1)]
        other: UserId,
    },
}

impl Reference {
    /// The message that it is about, if it is about one.
    pub(crate) fn position(self) -> Option<Position> {
        match self {
            Self::Message { position, .. } | Self::Reactions { position, .. } => Some(position),
            Self::Conversation { .. }
            | Self::ReadMark { .. }
            | Self::DeliveredMark { .. }
            | Self::Member { .. }
            | Self::User { .. }
            | Self::Own { .. }
            | Self::Block { .. } => None,
        }
    }
}

//! What is to be erased and how far that has come: it may be more than one log entry should do at once.

use minicbor::{Decode, Encode};
use raftchat_schema::id::{ConversationId, MessageId, Position};

/// An erasure under way. What it is of is in the key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum ErasureRow {
    /// Of a deleted account.
    #[n(0)]
    Account {
        /// True if the user's messages become tombstones as well.
        #[n(0)]
        messages: bool,
        #[n(1)]
        stage: AccountStage,
    },
    /// Of a group that nobody is in.
    #[n(1)]
    Group {
        /// The messages up to here are gone.
        #[n(0)]
        after: Position,
    },
}

/// Stages of the erasure of an account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum AccountStage {
    /// The user leaves the groups after this one.
    #[n(0)]
    Groups {
        #[n(0)]
        after: ConversationId,
    },
    /// Drafts and other settings, blocks and devices are erased.
    #[n(1)]
    Settings,
    /// The user's messages after this one, in order of their ids, become tombstones.
    #[n(2)]
    Messages {
        #[n(0)]
        after: Option<MessageId>,
    },
}

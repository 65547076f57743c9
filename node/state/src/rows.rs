//! What the rows hold and how they are encoded: CBOR arrays with explicit indices, so that a field can be added
//! without rewriting what is stored. Knows nothing of keys and of what may change when.

use minicbor::{Decode, Encode};
use raftchat_schema::command::Verifier;
use raftchat_schema::id::{
    ChangeNumber, ConversationId, DeviceId, MessageId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId,
    Username,
};
use raftchat_schema::limits::{SESSION_AGE_MS_MAX, SESSION_IDLE_MS_MAX};

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
}

/// A user; stays for ever, for the name and for the messages.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct UserRow {
    #[n(0)]
    pub(crate) username: Username,
    #[n(1)]
    pub(crate) display_name: String,
    #[n(2)]
    pub(crate) created: Stamp,
    #[n(3)]
    pub(crate) last_seen: Option<Stamp>,
    #[n(4)]
    pub(crate) deleted: bool,
    #[n(5)]
    pub(crate) changed: ChangeNumber,
}

/// What a user's password is checked against; apart from the user, so that no list ever touches it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct VerifierRow {
    #[n(0)]
    pub(crate) verifier: Verifier,
    #[n(1)]
    pub(crate) version: u32,
}

/// A session. Carries the username so that sending needs no user row.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SessionRow {
    #[n(0)]
    pub(crate) user: UserId,
    #[n(1)]
    pub(crate) username: Username,
    #[n(2)]
    pub(crate) device: DeviceId,
    #[n(3)]
    pub(crate) device_name: String,
    #[n(4)]
    pub(crate) token: TokenHash,
    #[n(5)]
    pub(crate) created: Stamp,
    /// To within [`crate::apply::LAST_USED_INTERVAL_MS`].
    #[n(6)]
    pub(crate) last_used: Stamp,
    /// The outcomes of requests below are forgotten.
    #[n(7)]
    pub(crate) floor: RequestNumber,
}

impl SessionRow {
    /// When the session ends if it is not used again.
    pub(crate) fn expires_at(&self) -> Stamp {
        let idle = self.last_used.0.saturating_add(SESSION_IDLE_MS_MAX);
        let age = self.created.0.saturating_add(SESSION_AGE_MS_MAX);
        Stamp(idle.min(age))
    }
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ConversationRow {
    #[n(0)]
    pub(crate) kind: KindRow,
    #[n(1)]
    pub(crate) created: Stamp,
    #[n(2)]
    pub(crate) last_position: Position,
    /// The latest change in the conversation's feed.
    #[n(3)]
    pub(crate) last_change: ChangeNumber,
    /// The latest change of the conversation itself.
    #[n(4)]
    pub(crate) changed: ChangeNumber,
}

/// What kind of conversation it is; a group is a variant to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum KindRow {
    #[n(0)]
    Direct {
        #[n(0)]
        lower: UserId,
        #[n(1)]
        higher: UserId,
    },
}

/// A member of a conversation: the read mark, and what must be taken off the messages after it to have the unread.
///
/// Counted so that a message costs the same in a conversation of two and of a thousand: sending touches the
/// sender's row alone, and the rarer deletion touches the others'.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct MemberRow {
    #[n(0)]
    pub(crate) joined: Stamp,
    #[n(1)]
    pub(crate) read_position: Position,
    /// The member's own messages after the read mark, deleted or not.
    #[n(2)]
    pub(crate) own_after_read: u64,
    /// Deleted messages of others after the read mark.
    #[n(3)]
    pub(crate) deleted_after_read: u64,
    /// The latest change of the read mark; 0 while it was never moved.
    #[n(4)]
    pub(crate) read_changed: ChangeNumber,
}

impl MemberRow {
    /// A member who has read nothing.
    pub(crate) fn new(joined: Stamp) -> Self {
        Self {
            joined,
            read_position: Position(0),
            own_after_read: 0,
            deleted_after_read: 0,
            read_changed: ChangeNumber(0),
        }
    }

    /// Messages of others after the read mark that are not deleted.
    pub(crate) fn unread(&self, last_position: Position) -> u64 {
        last_position
            .0
            .saturating_sub(self.read_position.0)
            .saturating_sub(self.own_after_read)
            .saturating_sub(self.deleted_after_read)
    }
}

/// A message. The payload is the last field: [`MessageHead`] reads the beginning alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct MessageRow {
    #[n(0)]
    pub(crate) sender: UserId,
    #[n(1)]
    pub(crate) state: StateRow,
    #[n(2)]
    pub(crate) sender_name: Username,
    #[n(3)]
    pub(crate) message_id: MessageId,
    #[n(4)]
    pub(crate) sent_at: Stamp,
    #[n(5)]
    pub(crate) changed: ChangeNumber,
    #[cbor(n(6), with = "minicbor::bytes")]
    pub(crate) payload: Vec<u8>,
}

/// The fields of a [`MessageRow`] that counting needs.
#[derive(Clone, Debug, PartialEq, Eq, Decode)]
pub(crate) struct MessageHead {
    #[n(0)]
    pub(crate) sender: UserId,
    #[n(1)]
    pub(crate) state: StateRow,
}

/// What has become of a message. 1 is kept for an edited one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum StateRow {
    #[n(0)]
    Original,
    #[n(2)]
    Deleted,
}

/// Where a message went that a sender named so; outlives the session, and is what makes a repeat harmless.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SentRow {
    #[n(0)]
    pub(crate) conversation: ConversationId,
    #[n(1)]
    pub(crate) position: Position,
    #[n(2)]
    pub(crate) sent_at: Stamp,
}

/// Which row a change is of.
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
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_the_beginning_of_a_message() {
        let row = MessageRow {
            sender: UserId(1001),
            state: StateRow::Deleted,
            sender_name: "alice".parse().unwrap(),
            message_id: MessageId([7; 16]),
            sent_at: Stamp(5),
            changed: ChangeNumber(9),
            payload: vec![1; 300],
        };
        let bytes = minicbor::to_vec(&row).unwrap();
        assert_eq!(minicbor::decode::<MessageRow>(&bytes).unwrap(), row);
        let head = minicbor::decode::<MessageHead>(&bytes).unwrap();
        assert_eq!(head, MessageHead { sender: row.sender, state: row.state });
    }
}

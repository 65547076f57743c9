//! Messages, what they said before, and where a sender's message went.

use alloc::string::String;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, Stamp, UserId, Username};

/// A message. [`MessageHead`] reads only what counting needs.
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
    /// In order of id; all were members when it was sent. A tombstone keeps them.
    #[cbor(n(7), default)]
    pub(crate) mentions: Vec<UserId>,
    #[cbor(n(8), default)]
    pub(crate) revision: u32,
    #[n(9)]
    pub(crate) edited: Option<Stamp>,
    /// The reactions' place in the feed; 0 if there never were any.
    #[cbor(n(10), default)]
    pub(crate) reactions_changed: ChangeNumber,
    /// In the order in which each emoji first appeared.
    #[cbor(n(11), default)]
    pub(crate) reactions: Vec<ReactionRow>,
    /// Members who had blocked the sender when it was sent, in order of id: they are not shown it, and it counts for nothing.
    #[cbor(n(12), default)]
    pub(crate) hidden_from: Vec<UserId>,
}

impl MessageRow {
    /// The time when its present version was written.
    pub(crate) fn written(&self) -> Stamp {
        self.edited.unwrap_or(self.sent_at)
    }
}

/// The fields of a [`MessageRow`] that counting needs. The rest is stepped over, the payload in one step.
#[derive(Clone, Debug, PartialEq, Eq, Decode)]
pub(crate) struct MessageHead {
    #[n(0)]
    pub(crate) sender: UserId,
    #[n(1)]
    pub(crate) state: StateRow,
    #[cbor(n(7), default)]
    pub(crate) mentions: Vec<UserId>,
    #[cbor(n(12), default)]
    pub(crate) hidden_from: Vec<UserId>,
}

impl MessageHead {
    /// True if it never counts for `user`: their own, or hidden from them.
    pub(crate) fn counts_not_for(&self, user: UserId) -> bool {
        self.sender == user || self.hidden_from.binary_search(&user).is_ok()
    }

    /// True if it asks for the attention of `user`, who has yet to read it.
    pub(crate) fn mentions(&self, user: UserId) -> bool {
        self.state != StateRow::Deleted && self.sender != user && self.mentions.binary_search(&user).is_ok()
    }
}

/// States of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum StateRow {
    #[n(0)]
    Original,
    #[n(1)]
    Edited,
    #[n(2)]
    Deleted,
}

/// Everybody who reacted to a message with the same emoji.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ReactionRow {
    #[n(0)]
    pub(crate) emoji: String,
    /// In order of id; never empty.
    #[n(1)]
    pub(crate) users: Vec<UserId>,
}

/// An earlier version of a message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct RevisionRow {
    #[n(0)]
    pub(crate) written: Stamp,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) payload: Vec<u8>,
}

/// The place of a message that a sender named so; outlives the session, and is what makes a repeat harmless.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SentRow {
    #[n(0)]
    pub(crate) conversation: ConversationId,
    #[n(1)]
    pub(crate) position: Position,
    #[n(2)]
    pub(crate) sent_at: Stamp,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::vec;

    use super::*;

    fn row() -> MessageRow {
        MessageRow {
            sender: UserId(1001),
            state: StateRow::Deleted,
            sender_name: "alice".parse().unwrap(),
            message_id: MessageId([7; 16]),
            sent_at: Stamp(5),
            changed: ChangeNumber(9),
            payload: vec![1; 300],
            mentions: vec![UserId(2001), UserId(3001)],
            revision: 2,
            edited: Some(Stamp(6)),
            reactions_changed: ChangeNumber(10),
            reactions: vec![ReactionRow { emoji: "👍".to_owned(), users: vec![UserId(2001)] }],
            hidden_from: vec![UserId(4001)],
        }
    }

    #[test]
    fn a_head_is_read_out_of_a_message() {
        let row = row();
        let bytes = minicbor::to_vec(&row).unwrap();
        assert_eq!(minicbor::decode::<MessageRow>(&bytes).unwrap(), row);
        let head = minicbor::decode::<MessageHead>(&bytes).unwrap();
        assert_eq!(
            head,
            MessageHead { sender: row.sender, state: row.state, mentions: row.mentions, hidden_from: row.hidden_from }
        );
    }

    /// As version 0.1.0 wrote it.
    #[derive(Encode)]
    struct FirstMessageRow {
        #[n(0)]
        sender: UserId,
        #[n(1)]
        state: StateRow,
        #[n(2)]
        sender_name: Username,
        #[n(3)]
        message_id: MessageId,
        #[n(4)]
        sent_at: Stamp,
        #[n(5)]
        changed: ChangeNumber,
        #[cbor(n(6), with = "minicbor::bytes")]
        payload: Vec<u8>,
    }

    #[test]
    fn a_message_of_before_there_were_edits_is_an_original_nobody_reacted_to() {
        let MessageRow { sender, sender_name, message_id, sent_at, changed, payload, .. } = row();
        let state = StateRow::Original;
        let first = FirstMessageRow { sender, state, sender_name, message_id, sent_at, changed, payload };
        let bytes = minicbor::to_vec(&first).unwrap();
        let read = minicbor::decode::<MessageRow>(&bytes).unwrap();
        let expected = MessageRow {
            state,
            mentions: Vec::new(),
            revision: 0,
            edited: None,
            reactions_changed: ChangeNumber(0),
            reactions: Vec::new(),
            hidden_from: Vec::new(),
            ..row()
        };
        assert_eq!(read, expected);
    }
}

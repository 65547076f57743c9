//! Conversations, who is in them and who was, and what each has of them alone.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};
use raftchat_schema::command::{GroupProfile, MemberRole};
use raftchat_schema::id::{ChangeNumber, Position, Stamp, UserId};
use raftchat_schema::limits::{MEMBERS_TOLD_MAX, RECEIPT_MEMBERS_MAX};

/// A conversation, direct or group, without its members.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ConversationRow {
    #[n(0)]
    pub(crate) kind: KindRow,
    #[n(1)]
    pub(crate) created: Stamp,
    #[n(2)]
    pub(crate) last_position: Position,
    /// The latest change there ever was in the conversation's feed.
    #[n(3)]
    pub(crate) last_change: ChangeNumber,
    /// The latest change of the conversation itself.
    #[n(4)]
    pub(crate) changed: ChangeNumber,
    /// The default for a direct one.
    #[cbor(n(5), default)]
    pub(crate) profile: GroupProfile,
    /// Of a group: see [`ConversationRow::member_count`].
    #[cbor(n(6), default)]
    pub(crate) group_members: u32,
    /// Messages that are pinned, in the order in which they were.
    #[cbor(n(7), default)]
    pub(crate) pinned: Vec<Position>,
}

impl ConversationRow {
    /// The number of its members. None are in a group that is about to be erased.
    pub(crate) fn member_count(&self) -> u32 {
        match self.kind {
            KindRow::Direct { .. } => 2,
            KindRow::Group => self.group_members,
        }
    }

    /// True if each member is told of the others' marks.
    pub(crate) fn shares_marks(&self) -> bool {
        usize::try_from(self.member_count()).is_ok_and(|count| count <= RECEIPT_MEMBERS_MAX)
    }

    /// True if each member is told of the others' joining, leaving and roles; elsewhere only that the conversation changed.
    pub(crate) fn tells_members(&self) -> bool {
        usize::try_from(self.member_count()).is_ok_and(|count| count <= MEMBERS_TOLD_MAX)
    }
}

/// Kinds of conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum KindRow {
    #[n(0)]
    Direct {
        #[n(0)]
        lower: UserId,
        #[n(1)]
        higher: UserId,
    },
    #[n(1)]
    Group,
}

/// A member of a conversation: the read mark, and what must be taken off the messages after it to have the unread.
///
/// Counted so that a message costs the same in a conversation of two and of a thousand: sending touches the
/// sender's row and those of who is mentioned, and the rarer deletion touches the others'.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct MemberRow {
    #[n(0)]
    pub(crate) joined: Stamp,
    /// Never before `since`.
    #[n(1)]
    pub(crate) read_position: Position,
    /// The member's own messages after the read mark, and those of others that are hidden from them, deleted or not.
    #[n(2)]
    pub(crate) own_after_read: u64,
    /// Deleted messages of others after the read mark.
    #[n(3)]
    pub(crate) deleted_after_read: u64,
    /// The read mark's place in the conversation's feed; 0 if it has none.
    #[n(4)]
    pub(crate) read_changed: ChangeNumber,
    #[cbor(n(5), default)]
    pub(crate) role: MemberRole,
    /// The member sees messages after this position.
    #[cbor(n(6), default)]
    pub(crate) since: Position,
    #[cbor(n(7), default)]
    pub(crate) added_by: UserId,
    /// Messages of others after the read mark that mention the member and are not deleted.
    #[cbor(n(8), default)]
    pub(crate) mentions_after_read: u64,
    /// Up to where a device of the member holds the conversation, as far as others are told.
    #[cbor(n(9), default)]
    pub(crate) delivered_position: Position,
    /// The delivered mark's place in the conversation's feed; 0 if it has none.
    #[cbor(n(10), default)]
    pub(crate) delivered_changed: ChangeNumber,
    /// The latest change of the membership; 0 in a direct conversation, whose members never change.
    #[cbor(n(11), default)]
    pub(crate) member_changed: ChangeNumber,
    /// The membership does not stand in the feed: it began where there were too many to tell of each, with the change of the
    /// conversation that `member_changed` names.
    #[cbor(n(12), default)]
    pub(crate) untold: bool,
    /// Bytes that the member has sent here and that are not yet among those of the account: so that a message need not cost a
    /// row more.
    #[cbor(n(13), default)]
    pub(crate) unsettled: u32,
}

impl MemberRow {
    /// A plain member who sees and has yet to read what comes after `since`.
    pub(crate) fn new(joined: Stamp, since: Position, added_by: UserId) -> Self {
        Self {
            joined,
            read_position: since,
            own_after_read: 0,
            deleted_after_read: 0,
            read_changed: ChangeNumber(0),
            role: MemberRole::Member,
            since,
            added_by,
            mentions_after_read: 0,
            delivered_position: since,
            delivered_changed: ChangeNumber(0),
            member_changed: ChangeNumber(0),
            untold: false,
            unsettled: 0,
        }
    }

    /// The membership's place in the conversation's feed; 0 if it has none.
    pub(crate) fn entry(&self) -> ChangeNumber {
        if self.untold { ChangeNumber(0) } else { self.member_changed }
    }

    /// Messages of others after the read mark that are not deleted.
    pub(crate) fn unread(&self, last_position: Position) -> u64 {
        last_position
            .0
            .saturating_sub(self.read_position.0)
            .saturating_sub(self.own_after_read)
            .saturating_sub(self.deleted_after_read)
    }

    /// Up to where a device of the member holds the conversation: what was read was delivered.
    pub(crate) fn delivered(&self) -> Position {
        self.delivered_position.max(self.read_position)
    }
}

/// That somebody is no longer a member; gone when they join again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct DepartedRow {
    /// The user who removed them; themselves if they left.
    #[n(0)]
    pub(crate) by: UserId,
    /// The last position then.
    #[n(1)]
    pub(crate) after: Position,
    #[n(2)]
    pub(crate) at: Stamp,
    #[n(3)]
    pub(crate) changed: ChangeNumber,
}

/// One user's own settings of a conversation. Made with the first setting, and stays when the user has left, for devices
/// that have yet to hear of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct OwnRow {
    #[n(0)]
    pub(crate) changed: ChangeNumber,
    /// The user is no longer in the conversation; the rest is as in a new row.
    #[n(1)]
    pub(crate) left: bool,
    #[n(2)]
    pub(crate) pinned: bool,
    /// 0: not muted.
    #[n(3)]
    pub(crate) muted_until: Stamp,
    #[cbor(n(4), with = "minicbor::bytes")]
    pub(crate) draft: Vec<u8>,
    #[n(5)]
    pub(crate) marked_unread: bool,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// As version 0.1.0 wrote it.
    #[derive(Encode)]
    struct FirstConversationRow(
        #[n(0)] KindRow,
        #[n(1)] Stamp,
        #[n(2)] Position,
        #[n(3)] ChangeNumber,
        #[n(4)] ChangeNumber,
    );

    /// As version 0.1.0 wrote it.
    #[derive(Encode)]
    struct FirstMemberRow(#[n(0)] Stamp, #[n(1)] Position, #[n(2)] u64, #[n(3)] u64, #[n(4)] ChangeNumber);

    #[test]
    fn a_conversation_of_before_there_were_groups_is_one_of_two() {
        let kind = KindRow::Direct { lower: UserId(1001), higher: UserId(2001) };
        let first = FirstConversationRow(kind, Stamp(5), Position(6), ChangeNumber(7), ChangeNumber(8));
        let read: ConversationRow = minicbor::decode(&minicbor::to_vec(&first).unwrap()).unwrap();
        assert_eq!((read.kind, read.changed, read.member_count()), (kind, ChangeNumber(8), 2));
        assert!(read.profile == GroupProfile::default() && read.pinned.is_empty() && read.shares_marks());
    }

    #[test]
    fn a_member_of_before_there_were_groups_sees_everything() {
        let first = FirstMemberRow(Stamp(5), Position(6), 1, 2, ChangeNumber(7));
        let read: MemberRow = minicbor::decode(&minicbor::to_vec(&first).unwrap()).unwrap();
        let expected = MemberRow {
            read_position: Position(6),
            own_after_read: 1,
            deleted_after_read: 2,
            read_changed: ChangeNumber(7),
            ..MemberRow::new(Stamp(5), Position(0), UserId(0))
        };
        assert_eq!((read.delivered(), read), (Position(6), expected));
    }
}

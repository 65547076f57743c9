//! Messages, and changes of every kind of row, there and back.

use super::*;
use crate::command::{GroupProfile, MemberRole};
use crate::generated::types_capnp::change;
use crate::id::MessageId;
use crate::view::{ConversationKind, ConversationView, Counts, MemberView, PlaceView, UserView};
use crate::wire::view::{decode_place, decode_user, encode_place, encode_user};

fn alice() -> UserView {
    UserView {
        id: UserId(1001),
        username: "alice".parse().unwrap(),
        display_name: "Alice".into(),
        deleted: false,
        last_seen: Some(Stamp(12)),
        online: true,
        presence_hidden: false,
        receipts_off: true,
        changed: ChangeNumber(4),
    }
}

fn member() -> MemberView {
    MemberView {
        user: alice(),
        role: MemberRole::Admin,
        joined: Stamp(11),
        since: Position(2),
        added_by: UserId(2001),
        read_position: Position(3),
        delivered_position: Position(4),
        changed: ChangeNumber(6),
    }
}

fn place() -> PlaceView {
    let counts = Counts { read_position: Position(2), unread: 1, mentions: 1, as_of: ChangeNumber(77) };
    PlaceView {
        conversation: ConversationId(3),
        counts,
        marked_unread: true,
        muted_until: Stamp(u64::MAX),
        pinned: true,
        draft: vec![9],
        since: Position(2),
    }
}

fn message() -> MessageView {
    MessageView {
        conversation: ConversationId(3),
        position: Position(4),
        message_id: MessageId([7; 16]),
        sender: UserId(1001),
        sender_name: "alice".parse().unwrap(),
        sent_at: Stamp(99),
        state: MessageState::Edited,
        revision: 2,
        payload: vec![1, 2, 3],
        edited: Some(Stamp(100)),
        mentions: vec![UserId(2001)],
        reactions: vec![ReactionView { emoji: "👍".into(), users: vec![UserId(2001), UserId(3001)] }],
        changed: ChangeNumber(5),
        reactions_changed: ChangeNumber(6),
    }
}

fn conversation() -> ConversationView {
    ConversationView {
        id: ConversationId(3),
        kind: ConversationKind::Group,
        profile: GroupProfile::titled("Crew"),
        members: vec![member()],
        member_count: 40,
        last_position: Position(4),
        pinned_messages: vec![Position(2), Position(1)],
        created: Stamp(10),
        changed: ChangeNumber(5),
        place: place(),
    }
}

#[test]
fn every_change_survives_the_wire() {
    let (conversation_id, user, position) = (ConversationId(3), UserId(1001), Position(4));
    let rows = [
        ChangedRow::Message(message()),
        ChangedRow::Conversation(conversation()),
        ChangedRow::ReadMark { conversation: conversation_id, user, position },
        ChangedRow::User(alice()),
        ChangedRow::DeliveredMark { conversation: conversation_id, user, position },
        ChangedRow::Reactions { conversation: conversation_id, position, reactions: message().reactions },
        ChangedRow::Member { conversation: conversation_id, member: member() },
        ChangedRow::MemberLeft { conversation: conversation_id, user, by: UserId(2001), after: position, at: Stamp(7) },
        ChangedRow::Place(place()),
        ChangedRow::Left(conversation_id),
        ChangedRow::Block { user, switch: Switch::On },
    ];
    for row in rows {
        let change = Change { number: ChangeNumber(5), row };
        let mut arena = capnp::message::Builder::new_default();
        write_change(arena.init_root::<change::Builder<'_>>(), &change);
        let reader = arena.get_root_as_reader::<change::Reader<'_>>().unwrap();
        assert_eq!(read_change(reader).unwrap(), change);
    }
}

#[test]
fn what_a_store_keeps_survives_its_bytes() {
    assert_eq!(decode_user(&encode_user(&alice())).unwrap(), alice());
    assert_eq!(decode_place(&encode_place(&place())).unwrap(), place());
    assert_eq!(decode_message(&encode_message(&message())).unwrap(), message());
}

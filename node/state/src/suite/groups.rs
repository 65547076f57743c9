//! The part of the story that is about a group: it is made, spoken in, left and erased.

use alloc::borrow::ToOwned;
use alloc::vec;
use alloc::vec::Vec;

use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, Done, MemberRole, Recipient, SendMessage, Switch,
};
use raftchat_schema::id::{ConversationId, MessageId, Position, SessionId, Stamp, UserId};
use raftchat_schema::view::{ChangedRow, MessageState};

use super::{TestTables, commit, in_session, ok};
use crate::feed::PageLimits;
use crate::queries::{self, HistoryRange};

type Person = (UserId, SessionId);

pub(super) fn come_and_go<T: TestTables>(tables: &mut T, [alice, bob, carol]: [Person; 3]) {
    let create = Act::Account(AccountAct::CreateGroup { title: "the boat".to_owned(), members: vec![bob.0, carol.0] });
    let applied = commit(tables, 4100, &[in_session(alice.1, 100, create)]);
    assert_eq!(applied.effects.joined.len(), 3);
    let [Ok(Done::GroupCreated { conversation })] = applied.outcomes[..] else { panic!("no group: {applied:?}") };
    people_speak(tables, [alice, bob, carol], conversation);
    settings_are_read(tables, bob, carol, conversation);
    somebody_leaves(tables, [alice, bob, carol], conversation);
}

/// Erases for as long as there is something to erase.
pub(super) fn erase_all<T: TestTables>(tables: &mut T, stamp: u64) {
    while ok(queries::erasure_pending(tables)) {
        assert_eq!(commit(tables, stamp, &[Command::Erase]).outcomes, [Ok(Done::Nothing)]);
    }
}

fn people_speak<T: TestTables>(tables: &mut T, [alice, bob, carol]: [Person; 3], conversation: ConversationId) {
    let send = |id, mentions| SendMessage {
        to: Recipient::Conversation(conversation),
        message_id: MessageId([id; 16]),
        payload: vec![id],
        mentions,
    };
    let position = Position(1);
    let commands = [
        in_session(alice.1, 0, Act::Send(send(50, vec![carol.0, bob.0]))),
        in_session(carol.1, 0, Act::Send(send(51, vec![]))),
        in_session(alice.1, 101, Act::In(conversation, ConversationAct::EditMessage { position, payload: vec![60] })),
        in_session(
            bob.1,
            102,
            Act::In(conversation, ConversationAct::React { position, emoji: "⛵".to_owned(), switch: Switch::On }),
        ),
        in_session(bob.1, 103, Act::In(conversation, ConversationAct::PinMessage { position, switch: Switch::On })),
    ];
    let outcomes = commit(tables, 4200, &commands).outcomes;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let above = HistoryRange::Above(Position(0));
    let messages = ok(queries::history(tables, bob.0, conversation, above, 1)).expect("bob is in it");
    let [message] = &messages[..] else { panic!("one message: {messages:?}") };
    assert_eq!((message.state, message.revision, &message.payload[..]), (MessageState::Edited, 1, &[60][..]));
    assert_eq!(message.mentions, [bob.0, carol.0]);
    assert!(message.reactions.iter().map(|reaction| &reaction.users[..]).eq([&[bob.0][..]]));
    let revisions = ok(queries::revisions(tables, bob.0, conversation, position)).expect("bob may see it");
    assert!(revisions.iter().map(|revision| (revision.revision, &revision.payload[..])).eq([(0, &[50][..])]));
    let counts = ok(queries::counts(tables, bob.0, conversation)).expect("bob is in it");
    assert_eq!((counts.unread, counts.mentions, counts.as_of), (2, 1, ok(queries::change_number(tables))));
}

fn settings_are_read<T: TestTables>(tables: &mut T, bob: Person, carol: Person, conversation: ConversationId) {
    let commands = [
        in_session(bob.1, 104, Act::In(conversation, ConversationAct::SaveDraft { draft: b"not yet".to_vec() })),
        in_session(bob.1, 105, Act::In(conversation, ConversationAct::Mute { until: Stamp(9000) })),
        in_session(bob.1, 106, Act::Account(AccountAct::Block { user: carol.0, switch: Switch::On })),
    ];
    commit(tables, 4300, &commands);
    let shown = ok(queries::conversation(tables, bob.0, conversation)).expect("bob is in it");
    assert_eq!((&shown.place.draft[..], shown.place.muted_until), (&b"not yet"[..], Stamp(9000)));
    assert_eq!((shown.member_count, shown.pinned_messages), (3, vec![Position(1)]));
    assert!(ok(queries::is_blocked_between(tables, carol.0, bob.0)));
    assert!(ok(queries::blocked_by(tables, bob.0)).iter().map(|user| user.id).eq([carol.0]));
    let roles = ok(queries::members_page(tables, bob.0, conversation, UserId(0), 2))
        .map(|(members, more)| (members.into_iter().map(|member| member.role).collect::<Vec<_>>(), more));
    assert_eq!(roles, Some((vec![MemberRole::Owner, MemberRole::Member], true)));
}

fn somebody_leaves<T: TestTables>(tables: &mut T, [alice, bob, carol]: [Person; 3], conversation: ConversationId) {
    let before = ok(queries::change_number(tables));
    let applied = commit(tables, 4400, &[in_session(alice.1, 107, Act::In(conversation, ConversationAct::Leave))]);
    assert_eq!(applied.effects.left, [(alice.0, conversation)]);
    assert_eq!(ok(queries::is_member(tables, conversation, alice.0)), None);
    let page = ok(crate::feed_page(tables, alice.0, before, PageLimits { changes: 9, bytes: 9999 }));
    assert!(page.changes.iter().map(|change| &change.row).eq([&ChangedRow::Left(conversation)]), "{page:?}");
    assert_eq!(ok(queries::member_count(tables, conversation)), Some(2));

    let leave = [bob.1, carol.1].map(|session| in_session(session, 108, Act::In(conversation, ConversationAct::Leave)));
    commit(tables, 4500, &leave);
    assert!(!ok(queries::conversation_exists(tables, conversation)));
    erase_all(tables, 4600);
}

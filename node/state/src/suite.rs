//! What every implementation of the tables must do, as one story told through [`crate::apply_batch`] and checked by
//! the queries: for the tests of whoever implements them.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod groups;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::ops::ControlFlow;

use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, Done, InSession, OpenSession, Outcome, OwnMessages, Recipient, Register,
    SendMessage, SessionAct, Verifier,
};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{
    ChangeNumber, ConversationId, DeviceId, MessageId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId,
};
use raftchat_schema::view::{ChangedRow, MessageState};

use crate::feed::PageLimits;
use crate::queries::HistoryRange;
use crate::tables::{MemoryTables, Order, Rows, Writes};
use crate::{Applied, invariants, queries};

/// A store that can take over what a log entry wrote.
pub trait TestTables: Rows {
    /// Makes all of it readable, at once.
    fn commit(&mut self, writes: Writes);
}

impl TestTables for MemoryTables {
    fn commit(&mut self, writes: Writes) {
        MemoryTables::commit(self, writes);
    }
}

/// The whole suite; each part begins with a store from `empty`.
///
/// # Panics
///
/// Where the store does not do what it must.
pub fn run<T: TestTables>(mut empty: impl FnMut() -> T) {
    rows_are_read_in_order(&mut empty());
    a_story_is_told_and_read_back(&mut empty());
    the_story_is_the_same_as_in_memory(&mut empty());
}

fn ok<V, E: Debug>(result: Result<V, E>) -> V {
    result.expect("the store can be read")
}

fn rows_are_read_in_order<T: TestTables>(tables: &mut T) {
    let keys: [&[u8]; 6] = [&[1], &[1, 0], &[1, 0xff], &[1, 0xff, 0xff], &[2], &[0xff, 0xff]];
    tables.commit(Writes(keys.iter().map(|key| (key.to_vec(), Some(key.repeat(2)))).collect()));
    for key in keys {
        assert_eq!(ok(tables.get(key)), Some(key.repeat(2)), "{key:?}");
    }
    assert_eq!(ok(tables.get(&[1, 1])), None);
    let within: Vec<_> = keys.into_iter().filter(|key| (&[1, 0][..]..&[2]).contains(key)).collect();
    assert_eq!(scan(tables, &[1, 0], &[2], Order::Ascending, 9), within, "the end is not part of a range");
    let turned: Vec<_> = within.iter().rev().copied().collect();
    assert_eq!(scan(tables, &[1, 0], &[2], Order::Descending, 9), turned);
    assert_eq!(scan(tables, &[1, 0], &[2], Order::Descending, 1), turned.get(..1).unwrap_or_default());
    assert!(scan(tables, &[2], &[1], Order::Ascending, 9).is_empty(), "a range turned around is empty");
    assert!(scan(tables, &[2], &[2], Order::Descending, 9).is_empty());

    tables.commit(Writes([(vec![1], None), (vec![1, 0], Some(vec![])), (vec![7], None)].into()));
    assert_eq!(ok(tables.get(&[1])), None);
    assert_eq!(ok(tables.get(&[1, 0])), Some(vec![]), "an empty row is a row");
    assert_eq!(scan(tables, &[0], &[1, 0xff], Order::Ascending, 9), [[1, 0]]);
}

fn scan<R: Rows>(rows: &R, from: &[u8], to: &[u8], order: Order, most: usize) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    ok(rows.scan(from, to, order, &mut |key, _row| {
        keys.push(key.to_vec());
        if keys.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }));
    keys
}

/// Registers `name` on a device of theirs.
///
/// # Panics
///
/// If `name` cannot be a username.
pub fn register(name: &str, device: u8) -> Command {
    Command::Register(Register {
        username: name.parse().expect("a username"),
        display_name: String::new(),
        verifier: Verifier::Argon2id("$argon2id$".to_owned()),
        device: DeviceId([device; 32]),
        device_name: "desk".to_owned(),
        token: TokenHash([device; 32]),
        address: "192.0.2.1".to_owned(),
    })
}

/// Says `text` to `to`, with a message id made of `id`.
pub fn say(session: SessionId, to: Recipient, id: u8, text: &str) -> Command {
    let send =
        SendMessage { to, message_id: MessageId([id; 16]), payload: text.as_bytes().to_vec(), mentions: Vec::new() };
    in_session(session, 0, Act::Send(send))
}

/// Does `act` as the session's request of that number.
pub fn in_session(session: SessionId, request: u64, act: impl Into<SessionAct>) -> Command {
    let acknowledged_below = RequestNumber(0);
    Command::InSession(InSession { session, request: RequestNumber(request), acknowledged_below, act: act.into() })
}

fn commit<T: TestTables>(tables: &mut T, stamp: u64, commands: &[Command]) -> Applied {
    let applied = ok(crate::apply_batch(tables, Stamp(stamp), commands));
    tables.commit(applied.writes.clone());
    assert_eq!(ok(queries::state_hash(tables)), applied.state_hash);
    assert_eq!(ok(queries::change_number(tables)), applied.change);
    applied
}

fn opened(outcome: Option<&Outcome>) -> (SessionId, UserId) {
    match outcome {
        Some(Ok(Done::SessionOpened { session, user })) => (*session, *user),
        other => panic!("no session but {other:?}"),
    }
}

fn a_story_is_told_and_read_back<T: TestTables>(tables: &mut T) {
    let applied = commit(tables, 1000, &[register("alice", 1), register("bob", 2), register("carol", 3)]);
    let sessions: Vec<_> = applied.outcomes.iter().map(|outcome| opened(Some(outcome))).collect();
    let [(alice_on_desk, alice), (bob_on_desk, bob), (carol_on_desk, carol)] = sessions[..] else {
        panic!("three sessions: {sessions:?}")
    };

    let applied = commit(
        tables,
        2000,
        &[
            say(alice_on_desk, Recipient::Direct(bob), 1, "hello bob"),
            say(bob_on_desk, Recipient::Direct(alice), 2, "hello alice"),
            say(alice_on_desk, Recipient::Direct(bob), 3, "that was wrong"),
        ],
    );
    assert_eq!(applied.effects.joined.len(), 2);
    let conversation = ok(queries::direct(tables, bob, alice)).expect("their conversation");
    assert_eq!(ok(queries::direct(tables, alice, carol)), None);
    messages_are_read(tables, alice, bob, carol, conversation);

    let delete = Act::In(conversation, ConversationAct::DeleteMessage { position: Position(3) });
    let read = Act::In(conversation, ConversationAct::MarkRead { position: Position(1) });
    let seen = commit(tables, 3000, &[]).change;
    let commands = [in_session(alice_on_desk, 1, delete), in_session(bob_on_desk, 1, read)];
    let outcomes = commit(tables, 4000, &commands).outcomes;
    assert_eq!(outcomes, [Ok(Done::Nothing), Ok(Done::Nothing)]);
    changes_are_read(tables, bob, carol, seen);

    groups::come_and_go(tables, [(alice, alice_on_desk), (bob, bob_on_desk), (carol, carol_on_desk)]);
    sessions_come_and_go(tables, carol, carol_on_desk);
    assert_eq!(ok(invariants::check(tables)), []);
}

fn messages_are_read<T: TestTables>(
    tables: &T,
    alice: UserId,
    bob: UserId,
    carol: UserId,
    conversation: ConversationId,
) {
    let page = |range, limit| {
        let messages = ok(queries::history(tables, bob, conversation, range, limit)).expect("bob is in it");
        messages.into_iter().map(|message| (message.position.0, message.payload)).collect::<Vec<_>>()
    };
    let newest = HistoryRange::Below(Position(0));
    assert_eq!(page(newest, 2), [(2, b"hello alice".to_vec()), (3, b"that was wrong".to_vec())]);
    assert_eq!(page(HistoryRange::Below(Position(2)), 9), [(1, b"hello bob".to_vec())]);
    assert_eq!(page(HistoryRange::Above(Position(1)), 1), [(2, b"hello alice".to_vec())]);
    assert_eq!(page(newest, 0), []);
    let refused = ok(queries::history(tables, carol, conversation, newest, 9)).map_err(|refusal| refusal.code);
    assert_eq!(refused, Err(ErrorCode::NotAMember));

    let (shown, more) = ok(queries::conversations_page(tables, bob, ConversationId(0), 10, usize::MAX));
    let counts: Vec<_> = shown.iter().map(|view| (view.id, view.last_position.0, view.place.counts.unread)).collect();
    assert_eq!((counts, more), (vec![(conversation, 3, 2)], false));
    let shown = ok(queries::conversation(tables, alice, conversation)).expect("alice is in it");
    let members: Vec<_> = shown.members.iter().map(|member| member.user.username.as_str()).collect();
    assert_eq!((members, shown.place.counts.unread), (vec!["alice", "bob"], 1));
    assert_eq!(ok(queries::conversation(tables, carol, conversation)), None);
}

fn changes_are_read<T: TestTables>(tables: &T, bob: UserId, carol: UserId, seen: ChangeNumber) {
    let limits = PageLimits { changes: 1, bytes: usize::MAX };
    let first = ok(crate::feed_page(tables, bob, seen, limits));
    let [change] = &first.changes[..] else { panic!("one change: {first:?}") };
    let ChangedRow::Message(message) = &change.row else { panic!("a message: {change:?}") };
    assert_eq!((message.state, message.payload.len()), (MessageState::Deleted, 0));
    assert!(!first.complete);
    let second = ok(crate::feed_page(tables, bob, first.upto, limits));
    assert!(second.complete && second.upto == ok(queries::change_number(tables)));
    assert!(matches!(second.changes.first(), Some(change) if matches!(change.row, ChangedRow::ReadMark { .. })));

    let idle = ok(crate::feed_page(tables, carol, seen, limits));
    assert_eq!((idle.changes.len(), idle.upto, idle.complete), (0, second.upto, true));
}

fn sessions_come_and_go<T: TestTables>(tables: &mut T, carol: UserId, on_desk: SessionId) {
    let open = Command::OpenSession(OpenSession {
        user: carol,
        verifier_version: ok(queries::verifier(tables, carol)).map_or(0, |(_verifier, version)| version),
        device: DeviceId([30; 32]),
        device_name: "boat".to_owned(),
        token: TokenHash([30; 32]),
        address: String::new(),
    });
    let (on_boat, _) = opened(commit(tables, 5000, &[open]).outcomes.first());
    let found = ok(queries::session_by_token(tables, &TokenHash([30; 32]))).expect("the session of the token");
    assert_eq!((found.id, found.user, found.device), (on_boat, carol, DeviceId([30; 32])));
    assert!(ok(queries::knows_device(tables, carol, DeviceId([30; 32]))));

    let applied = commit(tables, 6000, &[in_session(on_boat, 1, Act::Account(AccountAct::EndSession(on_desk)))]);
    assert_eq!(applied.effects.ended_sessions, [on_desk]);
    assert_eq!(ok(queries::session(tables, on_desk)), None);

    let delete = SessionAct::DeleteAccount { verifier_version: 1, messages: OwnMessages::Erase };
    let applied = commit(tables, 7000, &[in_session(on_boat, 2, delete)]);
    assert_eq!(applied.effects.ended_sessions, [on_boat]);
    groups::erase_all(tables, 7100);
    assert!(!ok(queries::knows_device(tables, carol, DeviceId([30; 32]))));
    assert_eq!(ok(queries::verifier(tables, carol)), None);
    assert!(ok(queries::user(tables, carol)).is_some_and(|user| user.deleted));
    let names: Vec<_> = ok(queries::users_page(tables, UserId(0), 10)).into_iter().map(|user| user.username).collect();
    assert_eq!(names.iter().map(raftchat_schema::id::Username::as_str).collect::<Vec<_>>(), ["alice", "bob"]);
}

fn the_story_is_the_same_as_in_memory<T: TestTables>(tables: &mut T) {
    let mut memory = MemoryTables::default();
    a_story_is_told_and_read_back(tables);
    a_story_is_told_and_read_back(&mut memory);
    assert_eq!(ok(queries::state_hash(tables)), ok(queries::state_hash(&memory)));
    let mut rows = MemoryTables::default();
    ok(tables.scan(&[0], &[0xff; 8], Order::Ascending, &mut |key, row| {
        rows.0.insert(key.to_vec(), row.to_vec());
        ControlFlow::Continue(())
    }));
    assert_eq!(rows, memory);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_passes() {
        run(MemoryTables::default);
    }
}

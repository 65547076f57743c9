//! Accounts: a name is given once, what is deleted is gone, and who is seen is noted.

use raftchat_schema::command::{Command, Done, OwnMessages, Recipient, SessionAct};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{DeviceId, Stamp, UserId};
use raftchat_schema::limits::{DISPLAY_NAME_BYTES_MAX, LAST_SEEN_INTERVAL_MS};
use raftchat_schema::view::ChangedRow;
use raftchat_state::{ApplyError, Feed, apply_batch, stamp, user, user_by_name, users_page, verifier};

use crate::world::{World, code, digest, opening, registration, sending};

#[test]
fn a_username_is_given_once_and_for_ever() {
    let (mut world, alice, ..) = World::of_three();
    let device = world.next_device();
    assert_eq!(code(world.one(Command::Register(registration("alice", device)))), ErrorCode::UsernameTaken);
    world.act(alice, SessionAct::DeleteAccount { verifier_version: 1, messages: OwnMessages::Keep }).unwrap();
    assert_eq!(code(world.one(Command::Register(registration("alice", device)))), ErrorCode::UsernameTaken);
    let found = user_by_name(&world.tables, &"alice".parse().unwrap()).unwrap().unwrap();
    assert!(found.id == alice.user && found.deleted);
    world.check();
}

#[test]
fn registering_again_with_the_same_token_opens_the_same_session() {
    let (mut world, ..) = World::of_three();
    let device = world.next_device();
    let dave = registration("dave", device);
    let first = world.one(Command::Register(dave.clone())).unwrap();
    let rows = world.rows();
    assert_eq!(world.one(Command::Register(dave.clone())), Ok(first));
    assert_eq!(world.rows(), rows);

    let stolen = Command::Register(raftchat_schema::command::Register { device: DeviceId(digest(9)), ..dave });
    assert_eq!(code(world.one(stolen)), ErrorCode::WrongCredentials);
    assert_eq!(code(world.one(Command::Register(registration("erin", device)))), ErrorCode::WrongCredentials);
    world.check();
}

#[test]
fn an_empty_display_name_is_the_username_and_a_long_one_too_large() {
    let (mut world, alice, ..) = World::of_three();
    assert_eq!(user(&world.tables, alice.user).unwrap().unwrap().display_name, "alice");
    let mut dave = registration("dave", world.next_device());
    dave.display_name = "d".repeat(DISPLAY_NAME_BYTES_MAX + 1);
    assert_eq!(code(world.one(Command::Register(dave.clone()))), ErrorCode::TooLarge);
    dave.display_name.pop();
    let applied = world.apply(&[Command::Register(dave.clone())]);
    let [change] = &applied.effects.changes[..] else { panic!("one change: {applied:?}") };
    let ChangedRow::User(shown) = &change.change.row else { panic!("a user: {change:?}") };
    assert_eq!((change.feed, &shown.display_name), (Feed::Directory, &dave.display_name));
    let mut erin = registration("erin", world.next_device());
    erin.display_name = "\u{3164}\u{200B}".to_owned();
    let applied = world.apply(&[Command::Register(erin)]);
    let [change] = &applied.effects.changes[..] else { panic!("one change: {applied:?}") };
    let ChangedRow::User(shown) = &change.change.row else { panic!("a user: {change:?}") };
    assert_eq!(shown.display_name, "erin", "a name of which nobody sees anything");
}

#[test]
fn a_deleted_account_leaves_its_messages_and_nothing_to_log_in_with() {
    let (mut world, alice, bob, _) = World::of_three();
    let alice_at_sea = world.login(alice.user);
    let (conversation, _) = world.say(alice, bob, "remember me");
    assert_eq!(
        code(world.act(alice, SessionAct::DeleteAccount { verifier_version: 2, messages: OwnMessages::Keep })),
        ErrorCode::AccountChanged
    );

    let command = crate::world::request(
        alice.session,
        7000,
        0,
        SessionAct::DeleteAccount { verifier_version: 1, messages: OwnMessages::Keep },
    );
    let applied = world.apply(std::slice::from_ref(&command));
    assert_eq!(applied.outcomes, [Ok(Done::Nothing)]);
    assert_eq!(applied.effects.ended_sessions, [alice.session, alice_at_sea.session]);
    assert_eq!(code(world.one(command)), ErrorCode::SessionEnded);

    assert_eq!(verifier(&world.tables, alice.user).unwrap(), None);
    assert!(!contains(&world, b"$argon2id$of-alice\""), "nothing of the verifier is left");
    assert_eq!(world.messages(bob, conversation)[0].payload, b"remember me");
    let device = world.next_device();
    assert_eq!(code(world.one(Command::OpenSession(opening(alice.user, device)))), ErrorCode::AccountChanged);
    for to in [Recipient::Direct(alice.user), Recipient::Conversation(conversation)] {
        assert_eq!(code(world.one(sending(bob.session, to, 77, b"are you there"))), ErrorCode::NoSuchUser);
    }
    let next = users_page(&world.tables, UserId(alice.user.0 - 1), 1).unwrap();
    assert_eq!(next[0].id, alice.user.next(), "a page of users is full although one of them is gone");
    world.check();
}

fn contains(world: &World, text: &[u8]) -> bool {
    world.tables.0.values().any(|row| row.windows(text.len()).any(|window| window == text))
}

#[test]
fn last_seen_is_noted_once_a_minute() {
    let (mut world, alice, bob, _) = World::of_three();
    let nobody = UserId(1 << 40);
    let note = Command::NoteLastSeen(vec![alice.user, nobody, bob.user, alice.user]);
    assert_eq!(world.apply(std::slice::from_ref(&note)).effects.changes.len(), 2);
    let seen = Some(Stamp(world.now));
    assert_eq!(world.apply(std::slice::from_ref(&note)).effects.changes.len(), 0);
    assert_eq!(user(&world.tables, alice.user).unwrap().unwrap().last_seen, seen);
    world.now += LAST_SEEN_INTERVAL_MS;
    assert_eq!(world.apply(&[note]).effects.changes.len(), 2);
    world.check();
}

#[test]
fn the_clusters_time_never_runs_backwards() {
    let (mut world, alice, bob, _) = World::of_three();
    world.say(alice, bob, "first");
    let before = stamp(&world.tables).unwrap();
    world.now = 5;
    let (conversation, _) = world.say(bob, alice, "by a leader whose clock is behind");
    assert_eq!(stamp(&world.tables).unwrap(), before);
    assert_eq!(world.messages(alice, conversation)[1].sent_at, before);
}

#[test]
fn a_damaged_row_stops_the_entry_and_is_named() {
    const SESSIONS: u8 = 5;
    let (mut world, alice, bob, _) = World::of_three();
    let (_, session) = world
        .tables
        .0
        .iter_mut()
        .find(|(key, _)| key[0] == SESSIONS && key.ends_with(&alice.session.0.to_be_bytes()))
        .unwrap();
    session.truncate(3);
    let command = sending(alice.session, Recipient::Direct(bob.user), 1, b"hello");
    let failed = apply_batch(&world.tables, Stamp(world.now), &[command]).unwrap_err();
    assert!(matches!(&failed, ApplyError::DamagedRow { key } if key[0] == SESSIONS), "{failed}");
}

//! Sessions: bound to a device, bounded in number and age, and each of their requests done once.

use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, Done, OtherSessions, OwnMessages, SessionAct, SessionUse, Switch,
    Verifier,
};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{DeviceId, Position, RequestNumber, SessionId, TokenHash};
use raftchat_schema::limits::{
    AGE_STEP_MS_MAX, DEVICE_NAME_BYTES_MAX, REQUEST_AHEAD_MS_MAX, REQUEST_WINDOW, SESSION_AGE_MS_MAX,
    SESSION_IDLE_MS_MAX, SESSIONS_PER_USER_MAX,
};
use raftchat_state::{highest_request, knows_device, outcome, session, session_by_token, sessions_of, verifier};

use crate::world::{World, code, digest, opening, request};

#[test]
fn logging_in_again_with_the_same_token_opens_the_same_session() {
    let (mut world, alice, bob, _) = World::of_three();
    let device = world.next_device();
    let open = opening(alice.user, device);
    let first = world.one(Command::OpenSession(open.clone())).unwrap();
    let rows = world.rows();
    assert_eq!(world.one(Command::OpenSession(open.clone())), Ok(first));
    assert_eq!(world.rows(), rows);

    let elsewhere = raftchat_schema::command::OpenSession { device: DeviceId(digest(1 << 50)), ..open.clone() };
    assert_eq!(code(world.one(Command::OpenSession(elsewhere))), ErrorCode::WrongCredentials);
    let other = raftchat_schema::command::OpenSession { user: bob.user, ..open };
    assert_eq!(code(world.one(Command::OpenSession(other))), ErrorCode::WrongCredentials);
    world.check();
}

#[test]
fn a_password_change_that_came_between_wins() {
    let (mut world, alice, ..) = World::of_three();
    let mut open = opening(alice.user, world.next_device());
    open.verifier_version = 2;
    assert_eq!(code(world.one(Command::OpenSession(open.clone()))), ErrorCode::AccountChanged);
    open.verifier_version = 1;
    open.device_name = "d".repeat(DEVICE_NAME_BYTES_MAX + 1);
    assert_eq!(code(world.one(Command::OpenSession(open))), ErrorCode::TooLarge);
}

/// Whoever holds a device that was logged out is a stranger to the account.
#[test]
fn a_device_is_known_for_as_long_as_a_session_is_open_on_it() {
    let (mut world, alice, bob, _) = World::of_three();
    let log_in = |world: &mut World| {
        let device = world.next_device();
        let Ok(Done::SessionOpened { session, .. }) = world.one(Command::OpenSession(opening(alice.user, device)))
        else {
            panic!("no session")
        };
        (session, DeviceId(digest(device)))
    };
    let (phone, boat, desk) = (log_in(&mut world), log_in(&mut world), log_in(&mut world));
    let known =
        |world: &World| [phone, boat, desk].map(|(_, device)| knows_device(&world.tables, alice.user, device).unwrap());
    assert_eq!(known(&world), [true; 3]);
    assert!(!knows_device(&world.tables, bob.user, phone.1).unwrap());
    world.one(request(phone.0, 1, 0, Act::Account(AccountAct::EndSession(phone.0)))).unwrap();
    assert_eq!(known(&world), [false, true, true], "logged out");
    world.act(alice, Act::Account(AccountAct::EndSession(boat.0))).unwrap();
    assert_eq!(known(&world), [false, false, true], "revoked from another device");
    let verifier = Verifier::Argon2id("$argon2id$new".into());
    world.act(alice, SessionAct::ChangePassword { verifier_version: 1, verifier, others: OtherSessions::End }).unwrap();
    assert_eq!(known(&world), [false; 3], "ended with the password");
    world.check();
}

#[test]
fn what_came_of_a_request_can_be_asked_by_its_number() {
    let (mut world, alice, bob, _) = World::of_three();
    let of = |world: &World, session| outcome(&world.tables, session, RequestNumber(7)).unwrap();
    assert_eq!(of(&world, alice.session), None);
    let verifier = Verifier::Argon2id("$argon2id$new".into());
    let change = SessionAct::ChangePassword { verifier_version: 1, verifier, others: OtherSessions::End };
    world.one(request(alice.session, 7, 0, change)).unwrap();
    assert_eq!(of(&world, alice.session), Some(Ok(Done::Nothing)));
    assert_eq!(of(&world, bob.session), None);
}

#[test]
fn the_longest_unused_session_makes_room() {
    let (mut world, alice, ..) = World::of_three();
    let others: Vec<_> = (1..SESSIONS_PER_USER_MAX).map(|_| world.login(alice.user)).collect();
    world.now += 2 * 3600 * 1000;
    // The oldest is used again, so that the second is now the longest unused.
    assert_eq!(world.act(alice, Act::Account(AccountAct::EndSession(SessionId(1 << 40)))), Ok(Done::Nothing));
    let device = world.next_device();
    let applied = world.apply(&[Command::OpenSession(opening(alice.user, device))]);
    assert_eq!(applied.effects.ended_sessions, [others[0].session]);
    assert!(session(&world.tables, alice.session).unwrap().is_some());
    world.check();
}

#[test]
fn an_unused_session_expires_and_is_swept_at_the_next_login() {
    let (mut world, alice, ..) = World::of_three();
    world.pass(SESSION_IDLE_MS_MAX);
    assert_eq!(code(world.act(alice, Act::Account(AccountAct::EndSession(alice.session)))), ErrorCode::SessionEnded);
    assert_eq!(session(&world.tables, alice.session).unwrap(), None);
    let device = world.next_device();
    let applied = world.apply(&[Command::OpenSession(opening(alice.user, device))]);
    assert_eq!(applied.effects.ended_sessions, [alice.session]);
    world.check();
}

#[test]
fn a_session_that_is_used_lives_long_but_not_for_ever() {
    let (mut world, alice, ..) = World::of_three();
    let device = world.next_device();
    let Ok(Done::SessionOpened { session: id, .. }) = world.one(Command::OpenSession(opening(alice.user, device)))
    else {
        panic!("no session")
    };
    let born = world.now;
    let mut number = 0;
    let mut outcome = Ok(Done::Nothing);
    while outcome.is_ok() {
        assert!(world.now - born < SESSION_AGE_MS_MAX + SESSION_IDLE_MS_MAX);
        world.pass(SESSION_IDLE_MS_MAX / 2);
        number += 1;
        outcome = world.one(request(id, number, number, Act::Account(AccountAct::EndSession(SessionId(1 << 40)))));
    }
    assert_eq!(code(outcome), ErrorCode::SessionEnded);
    assert!(world.now - born >= SESSION_AGE_MS_MAX);
    assert_eq!(session_by_token(&world.tables, &TokenHash(digest(device))).unwrap(), None);
}

#[test]
fn a_repeated_request_is_answered_from_memory() {
    let (mut world, alice, bob, _) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "one");
    let delete = |number, at| {
        request(
            alice.session,
            number,
            0,
            Act::In(conversation, ConversationAct::DeleteMessage { position: Position(at) }),
        )
    };
    assert_eq!(world.one(delete(5, 1)), Ok(Done::Nothing));
    let refused = world.one(delete(6, 2));
    assert_eq!(refused.clone().map_err(|refusal| refusal.code), Err(ErrorCode::NoSuchMessage));
    world.say(alice, bob, "two");

    let rows = world.rows();
    assert_eq!(
        world.one(delete(6, 2)),
        refused,
        "a refusal is an outcome too: it stays, although it could be done now"
    );
    assert_eq!(world.one(delete(5, 2)), Ok(Done::Nothing), "the number alone says what is a repeat");
    assert_eq!(world.rows(), rows);
    world.check();
}

#[test]
fn what_is_acknowledged_or_beyond_the_window_is_forgotten() {
    let (mut world, alice, bob, _) = World::of_three();
    let nothing = Act::Account(AccountAct::Block { user: bob.user, switch: Switch::On });
    let window = REQUEST_WINDOW as u64;
    for number in 1..=window + 2 {
        assert_eq!(world.one(request(alice.session, number, 0, nothing.clone())), Ok(Done::Nothing));
    }
    let again = |world: &mut World, number| world.one(request(alice.session, number, 0, nothing.clone()));
    assert_eq!(code(again(&mut world, 2)), ErrorCode::StaleRequest);
    assert_eq!(again(&mut world, 3), Ok(Done::Nothing));

    world.one(request(alice.session, 1000, 900, nothing.clone())).unwrap();
    assert_eq!(code(again(&mut world, window + 2)), ErrorCode::StaleRequest);
    assert_eq!(again(&mut world, 900), Ok(Done::Nothing), "new, though lower than another");

    world.one(request(alice.session, 1001, 5000, nothing.clone())).unwrap();
    assert_eq!(again(&mut world, 1001), Ok(Done::Nothing), "nobody can have acknowledged what was not done yet");
    world.check();
}

#[test]
fn a_session_is_ended_by_its_own_user_alone() {
    let (mut world, alice, bob, _) = World::of_three();
    let at_sea = world.login(alice.user);
    assert_eq!(code(world.act(bob, Act::Account(AccountAct::EndSession(alice.session)))), ErrorCode::NotYours);
    assert_eq!(world.act(at_sea, Act::Account(AccountAct::EndSession(alice.session))), Ok(Done::Nothing));
    assert_eq!(
        world.act(at_sea, Act::Account(AccountAct::EndSession(alice.session))),
        Ok(Done::Nothing),
        "it is gone, as was asked"
    );
    assert_eq!(code(world.act(alice, Act::Account(AccountAct::EndSession(at_sea.session)))), ErrorCode::SessionEnded);

    let logout = request(at_sea.session, 9000, 0, Act::Account(AccountAct::EndSession(at_sea.session)));
    assert_eq!(world.one(logout.clone()), Ok(Done::Nothing));
    assert_eq!(code(world.one(logout)), ErrorCode::SessionEnded, "the node tells who logs out that it is done");
    world.check();
}

#[test]
fn all_other_sessions_end_at_once() {
    let (mut world, alice, bob, _) = World::of_three();
    let at_sea = world.login(alice.user);
    let others: Vec<_> = (0..3).map(|_| world.login(alice.user).session).collect();
    let command = request(at_sea.session, 9000, 0, Act::Account(AccountAct::EndOtherSessions));
    let applied = world.apply(&[command]);
    let ended = [&[alice.session][..], &others].concat();
    assert_eq!((applied.effects.ended_sessions, applied.outcomes), (ended, vec![Ok(Done::Nothing)]));
    let open = sessions_of(&world.tables, alice.user).unwrap();
    assert_eq!(open.iter().map(|session| session.id).collect::<Vec<_>>(), [at_sea.session]);
    assert!(session(&world.tables, bob.session).unwrap().is_some());
    world.check();
}

#[test]
fn a_new_password_ends_other_sessions_unless_they_are_kept() {
    let (mut world, alice, ..) = World::of_three();
    let at_sea = world.login(alice.user);
    let change = |verifier_version, others| {
        let verifier = Verifier::Argon2id(format!("$argon2id$after-{verifier_version}"));
        SessionAct::ChangePassword { verifier_version, verifier, others }
    };
    assert_eq!(code(world.act(alice, change(2, OtherSessions::End))), ErrorCode::AccountChanged);
    assert_eq!(world.act(alice, change(1, OtherSessions::Keep)), Ok(Done::Nothing));
    assert!(session(&world.tables, at_sea.session).unwrap().is_some());
    assert_eq!(code(world.act(alice, change(1, OtherSessions::Keep))), ErrorCode::AccountChanged);
    assert_eq!(world.act(alice, change(2, OtherSessions::End)), Ok(Done::Nothing));
    assert!(session(&world.tables, at_sea.session).unwrap().is_none());
    assert!(session(&world.tables, alice.session).unwrap().is_some());
    let (current, version) = verifier(&world.tables, alice.user).unwrap().unwrap();
    assert_eq!((current, version), (Verifier::Argon2id("$argon2id$after-2".to_owned()), 3));
    let open = opening(alice.user, world.next_device());
    assert_eq!(code(world.one(Command::OpenSession(open))), ErrorCode::AccountChanged);
    world.check();
}

#[test]
fn the_use_of_a_session_is_noted_by_the_hour_and_where_it_is_from_at_once() {
    let (mut world, alice, ..) = World::of_three();
    let shown = |world: &World| {
        let session = session(&world.tables, alice.session).unwrap().unwrap();
        (session.last_used.0, session.address)
    };
    let opened = shown(&world).0;
    let used = |from: &str| {
        let unknown = SessionUse { session: SessionId(1 << 40), address: from.to_owned() };
        Command::NoteUse(vec![unknown, SessionUse { session: alice.session, address: from.to_owned() }])
    };
    world.one(used("")).unwrap();
    assert_eq!(shown(&world), (opened, String::new()));
    world.one(used("192.0.2.7")).unwrap();
    let moved = world.now;
    assert_eq!(shown(&world), (moved, "192.0.2.7".to_owned()));
    world.one(used("192.0.2.7")).unwrap();
    world.one(used("")).unwrap();
    assert_eq!(shown(&world), (moved, "192.0.2.7".to_owned()));
    world.now += 3_600_000;
    world.one(used("")).unwrap();
    assert_eq!(shown(&world), (world.now, "192.0.2.7".to_owned()));
    world.check();
}

#[test]
fn a_clock_that_jumps_by_years_makes_sessions_a_day_older_and_no_more() {
    let (mut world, alice, bob, _) = World::of_three();
    let left = |world: &World| session(&world.tables, alice.session).unwrap().unwrap().left_ms;
    let before = left(&world);
    world.now += 400 * 24 * 3600 * 1000;
    world.say(alice, bob, "from another year");
    assert_eq!(left(&world), SESSION_IDLE_MS_MAX, "it was used");
    assert!(session(&world.tables, bob.session).unwrap().unwrap().left_ms >= before - AGE_STEP_MS_MAX - 2000);
    // Back: nothing is younger, and time goes on when the clock is past what it was.
    world.now -= 400 * 24 * 3600 * 1000;
    for _ in 0..40 {
        world.now += 24 * 3600 * 1000;
        world.say(alice, bob, "from this year");
    }
    assert!(session(&world.tables, bob.session).unwrap().is_some(), "time that stands still ages nobody");
    world.check();
}

#[test]
fn what_ends_or_secures_is_done_under_any_number() {
    let (mut world, alice, bob, _) = World::of_three();
    let (at_sea, window) = (world.login(alice.user), REQUEST_WINDOW as u64);
    let asked = |act| SessionAct::Asked(Act::Account(act));
    let anything = asked(AccountAct::Block { user: bob.user, switch: Switch::On });
    let at = |number, act: &SessionAct| request(at_sea.session, number, 0, act.clone());
    // A device whose clock was an hour ahead.
    let ahead = (world.now + 3_600_000) * 1_000_000;
    for number in ahead..=ahead + window + 6 {
        world.one(at(number, &anything)).unwrap();
    }
    let now = world.now * 1_000_000;
    assert_eq!(code(world.one(at(now, &anything))), ErrorCode::StaleRequest);
    let known = session(&world.tables, at_sea.session).unwrap().unwrap();
    let highest = highest_request(&world.tables, &known).unwrap();
    assert_eq!(highest, RequestNumber(ahead + window + 6));
    assert_eq!(world.one(at(highest.0 + 1, &anything)), Ok(Done::Nothing), "the client is told, and goes above it");

    let change = SessionAct::ChangePassword {
        verifier_version: 1,
        verifier: Verifier::Argon2id("$argon2id$new".to_owned()),
        others: OtherSessions::Keep,
    };
    assert_eq!(world.one(at(now, &change)), Ok(Done::Nothing));
    assert_eq!(code(world.one(at(now, &change))), ErrorCode::AccountChanged, "once is enough, and told");
    assert_eq!(world.one(at(now, &asked(AccountAct::EndOtherSessions))), Ok(Done::Nothing));
    assert_eq!(session(&world.tables, alice.session).unwrap(), None);
    let delete = SessionAct::DeleteAccount { verifier_version: 1, messages: OwnMessages::Keep };
    assert_eq!(code(world.one(at(u64::MAX, &delete))), ErrorCode::AccountChanged);
    assert_eq!(world.one(at(u64::MAX, &asked(AccountAct::EndSession(at_sea.session)))), Ok(Done::Nothing));
    world.check();
}

#[test]
fn nobody_pushes_the_numbers_of_a_session_to_where_none_is_left() {
    let (mut world, alice, bob, _) = World::of_three();
    let anything = Act::Account(AccountAct::Block { user: bob.user, switch: Switch::On });
    let nanoseconds = |ms: u64| ms * 1_000_000;
    for number in [u64::MAX, nanoseconds(world.now + REQUEST_AHEAD_MS_MAX + 60_000)] {
        let refused = world.one(request(alice.session, number, number, anything.clone()));
        assert_eq!(code(refused), ErrorCode::MalformedRequest, "{number}");
        let ended =
            world.one(request(alice.session, number, number, Act::Account(AccountAct::EndSession(SessionId(1 << 40)))));
        assert_eq!(ended, Ok(Done::Nothing));
    }
    let known = session(&world.tables, alice.session).unwrap().unwrap();
    assert!(highest_request(&world.tables, &known).unwrap().0 < nanoseconds(world.now + REQUEST_AHEAD_MS_MAX));
    assert_eq!(world.one(request(alice.session, nanoseconds(world.now), 0, anything)), Ok(Done::Nothing));
    world.check();
}

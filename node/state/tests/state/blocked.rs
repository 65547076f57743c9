//! Who is blocked: what they see no more, what they can do no more, and what of theirs counts no more.

use raftchat_schema::command::{AccountAct, Act, Command, ConversationAct, Profile, Recipient, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::view::{ChangedRow, UserView};
use raftchat_state::{change_seen_by, member_seen_by, seen_by, user};

use crate::world::{Person, World, code, mentioning};

fn block(world: &mut World, by: Person, whom: Person, switch: Switch) {
    world.act(by, Act::Account(AccountAct::Block { user: whom.user, switch })).unwrap();
}

fn look(world: &World, viewer: Person, of: Person) -> UserView {
    seen_by(&world.tables, viewer.user, user(&world.tables, of.user).unwrap().unwrap()).unwrap()
}

fn call_oneself(world: &mut World, person: Person, name: &str) {
    let display_name = Some(name.to_owned());
    world.act(person, Act::Account(AccountAct::SetProfile(Profile { display_name, ..Profile::default() }))).unwrap();
}

#[test]
fn who_is_blocked_sees_neither_when_the_other_was_there_nor_what_they_read_nor_a_new_name() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (conversation, _) = world.say(bob, alice, "hello");
    call_oneself(&mut world, alice, "Alice");
    world.one(Command::NoteLastSeen(vec![alice.user])).unwrap();
    assert!(look(&world, bob, alice).last_seen.is_some());
    block(&mut world, alice, bob, Switch::On);
    let before = world.changes();
    call_oneself(&mut world, alice, "Alix");
    world.now += 120_000;
    world.one(Command::NoteLastSeen(vec![alice.user])).unwrap();
    world.read(alice, conversation, 1).unwrap();

    let seen = look(&world, bob, alice);
    assert_eq!((seen.display_name.as_str(), seen.last_seen, seen.presence_hidden), ("Alice", None, true));
    assert_eq!(look(&world, carol, alice).display_name, "Alix");
    let told = |viewer: Person| {
        let rows = world.shown(viewer, before).into_iter();
        rows.map(|row| change_seen_by(&world.tables, viewer.user, row).unwrap()).collect::<Vec<_>>()
    };
    for row in told(bob) {
        match row {
            ChangedRow::User(view) if view.id == alice.user => {
                assert_eq!((view.display_name, view.last_seen), ("Alice".to_owned(), None));
            }
            ChangedRow::ReadMark { user, position, .. } if user == alice.user => assert_eq!(position, Position(0)),
            _ => {}
        }
    }
    let view = raftchat_state::conversation(&world.tables, bob.user, conversation).unwrap().unwrap();
    let of_alice = view.members.into_iter().find(|member| member.user.id == alice.user).unwrap();
    assert_eq!(of_alice.read_position, Position(1));
    let shown = member_seen_by(&world.tables, bob.user, of_alice).unwrap();
    assert_eq!((shown.read_position, shown.delivered_position), (Position(0), Position(0)));

    let before = world.changes();
    block(&mut world, alice, bob, Switch::Off);
    let again =
        world.shown(bob, before).iter().any(|row| matches!(row, ChangedRow::User(view) if view.id == alice.user));
    assert!(again && look(&world, bob, alice).display_name == "Alix", "and all of it again when it is taken back");
    world.check();
}

#[test]
fn who_is_blocked_does_nothing_in_the_direct_conversation_that_the_other_would_see() {
    let (mut world, alice, bob, _) = World::of_three();
    let (conversation, _) = world.say(bob, alice, "one");
    world.say(bob, alice, "two");
    let (first, second) = (Position(1), Position(2));
    world.act(bob, Act::In(conversation, ConversationAct::PinMessage { position: first, switch: Switch::On })).unwrap();
    block(&mut world, alice, bob, Switch::On);
    let emoji = "⛵".to_owned();
    for act in [
        Act::In(conversation, ConversationAct::PinMessage { position: second, switch: Switch::On }),
        Act::In(conversation, ConversationAct::PinMessage { position: first, switch: Switch::Off }),
        Act::In(conversation, ConversationAct::React { position: first, emoji, switch: Switch::On }),
        Act::In(conversation, ConversationAct::EditMessage { position: first, payload: vec![1] }),
    ] {
        assert_eq!(code(world.act(bob, act.clone())), ErrorCode::Blocked, "{act:?}");
    }
    let add = Act::Account(AccountAct::CreateGroup { title: "boat".to_owned(), members: vec![alice.user] });
    assert_eq!(code(world.act(bob, add)), ErrorCode::Blocked, "nor in a group that they would make for it");
    world.check();
}

#[test]
fn what_a_blocked_person_says_in_a_group_counts_neither_as_unread_nor_as_a_mention() {
    let (mut world, alice, bob, carol) = World::of_three();
    let group = world.group(alice, &[bob, carol]);
    let count = |world: &World, person: Person| (world.unread(person, group), world.mentions(person, group));
    block(&mut world, alice, bob, Switch::On);
    let call = |world: &mut World, number: u64, whom: &[UserId]| {
        world.one(mentioning(bob.session, Recipient::Conversation(group), number, b"you!", whom)).unwrap();
    };
    call(&mut world, 1 << 40, &[alice.user, carol.user]);
    assert_eq!((count(&world, alice), count(&world, carol)), ((0, 0), (1, 1)));
    world.tell(carol, group, "and I");
    call(&mut world, 2 << 40, &[alice.user]);
    world.check();
    assert_eq!(count(&world, alice), (1, 0));
    // However it goes away or is read, nothing is counted twice.
    world.delete(bob, group, 1).unwrap();
    world.check();
    world.read(alice, group, 2).unwrap();
    world.check();
    block(&mut world, alice, bob, Switch::Off);
    call(&mut world, 3 << 40, &[alice.user]);
    assert_eq!(count(&world, alice), (1, 1), "and from then on it counts again");
    world.check();
}

#[test]
fn one_person_leaves_others_room_to_react() {
    let (mut world, alice, bob, _) = World::of_three();
    let (conversation, _): (ConversationId, u64) = world.say(alice, bob, "look");
    let kinds = ["👍", "⛵", "🎉", "🐟", "🌊", "🌞"];
    let react = |world: &mut World, person: Person, emoji: &str, switch| {
        world.act(
            person,
            Act::In(conversation, ConversationAct::React { position: Position(1), emoji: emoji.to_owned(), switch }),
        )
    };
    for emoji in &kinds[..5] {
        react(&mut world, bob, emoji, Switch::On).unwrap();
    }
    assert_eq!(code(react(&mut world, bob, kinds[5], Switch::On)), ErrorCode::TooMany);
    react(&mut world, alice, kinds[5], Switch::On).unwrap();
    assert_eq!(code(react(&mut world, bob, kinds[5], Switch::On)), ErrorCode::TooMany, "also one that is there");
    react(&mut world, bob, kinds[0], Switch::Off).unwrap();
    react(&mut world, bob, kinds[5], Switch::On).unwrap();
    world.check();
}

//! Which names may be taken, and how much an account stores.

use raftchat_schema::command::{Act, Command, ConversationAct, SessionAct};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Position;
use raftchat_state::stored_bytes;

use crate::world::{World, code, registration};

#[test]
fn a_name_that_looks_like_anothers_is_taken_for_ever() {
    let mut world = World::default();
    let alice = world.register("alice");
    let mut device = 1_000;
    let mut try_name = |world: &mut World, name: &str| {
        device += 1;
        world.one(Command::Register(registration(name, device)))
    };
    for name in ["alice", "al1ce", "a.l.i.c.e", "al_ice-"] {
        assert_eq!(code(try_name(&mut world, name)), ErrorCode::UsernameTaken, "{name}");
    }
    for name in ["admin", "here", "r00t"] {
        assert_eq!(code(try_name(&mut world, name)), ErrorCode::UsernameTaken, "{name}");
    }
    for name in ["..", "--json", "alice."] {
        assert_eq!(code(try_name(&mut world, name)), ErrorCode::MalformedUsername, "{name}");
    }
    world
        .act(
            alice,
            SessionAct::DeleteAccount { verifier_version: 1, messages: raftchat_schema::command::OwnMessages::Keep },
        )
        .unwrap();
    assert_eq!(code(try_name(&mut world, "al1ce")), ErrorCode::UsernameTaken, "also when she is gone");
    try_name(&mut world, "alison").unwrap();
    world.check();
}

#[test]
fn what_an_account_stores_is_known_and_given_back() {
    let (mut world, alice, bob, carol) = World::of_three();
    let stored = |world: &World| stored_bytes(&world.tables, alice.user).unwrap();
    let (conversation, _) = world.say(alice, bob, "a few words cost nobody a row");
    assert_eq!(stored(&world), 0);
    let long = "x".repeat(20_000);
    world.say(alice, bob, &long);
    assert_eq!(stored(&world), 20_000 + 29);
    world
        .act(
            alice,
            Act::In(conversation, ConversationAct::EditMessage { position: Position(2), payload: vec![b'y'; 500] }),
        )
        .unwrap();
    assert_eq!(stored(&world), 20_529, "what it said before is kept");
    world.check();
    world.delete(alice, conversation, 2).unwrap();
    world.delete(alice, conversation, 1).unwrap();
    assert_eq!(stored(&world), 0);
    let group = world.group(alice, &[carol]);
    world.tell(alice, group, "hello");
    world.check();
    world.act(alice, Act::In(group, ConversationAct::Leave)).unwrap();
    assert_eq!(stored(&world), 5, "also of where one is no longer");
    world.act(carol, Act::In(group, ConversationAct::Leave)).unwrap();
    world.erase();
    assert_eq!(stored(&world), 0);
    world.check();
}

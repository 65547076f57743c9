//! Conversations: sent once, in one order; deleted for everyone; read forward.

use raftchat_schema::command::{Done, Recipient};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position};
use raftchat_schema::limits::PAYLOAD_BYTES_MAX;
use raftchat_schema::view::{ChangedRow, MessageState};
use raftchat_state::{Feed, Joined, PageLimits, change_number, direct, feed_page, feeds_of};

use crate::world::{Person, World, code, position, sending};

#[test]
fn the_first_message_makes_the_conversation_whoever_writes_it() {
    let (mut world, alice, bob, carol) = World::of_three();
    let commands = [
        sending(bob.session, Recipient::Direct(alice.user), 1, b"hello alice"),
        sending(alice.session, Recipient::Direct(bob.user), 1, b"hello bob"),
    ];
    let applied = world.apply(&commands);
    let places: Vec<_> = applied.outcomes.into_iter().map(position).collect();
    let conversation = places[0].0;
    assert_eq!(places, [(conversation, 1), (conversation, 2)]);
    let joined = [alice.user, bob.user].map(|user| Joined { user, conversation, since: Position(0) });
    assert_eq!(applied.effects.joined, joined);
    let kinds: Vec<_> =
        applied.effects.changes.iter().map(|change| matches!(change.change.row, ChangedRow::Message(_))).collect();
    assert_eq!(kinds, [false, true, true], "the conversation is shown before what is said in it");
    assert!(applied.effects.changes.iter().all(|change| change.feed == Feed::Conversation(conversation)));

    assert_eq!(direct(&world.tables, alice.user, bob.user).unwrap(), Some(conversation));
    let always = |person: Person| vec![(Feed::Directory, Position(0)), (Feed::Own(person.user), Position(0))];
    let bobs = [always(bob), vec![(Feed::Conversation(conversation), Position(0))]].concat();
    assert_eq!(feeds_of(&world.tables, bob.user).unwrap(), bobs);
    assert_eq!(feeds_of(&world.tables, carol.user).unwrap(), always(carol));
    world.check();
}

#[test]
fn a_message_is_stored_once_however_often_it_is_sent() {
    let (mut world, alice, bob, carol) = World::of_three();
    let to_bob = sending(alice.session, Recipient::Direct(bob.user), 4, b"once");
    let first = world.one(to_bob.clone());
    let (conversation, at) = position(first.clone());
    world.say(bob, alice, "yes?");
    assert_eq!(world.one(to_bob.clone()), first);
    let at_sea = world.login(alice.user);
    assert_eq!(world.one(sending(at_sea.session, Recipient::Direct(carol.user), 4, b"twice")), first);
    world.delete(alice, conversation, at).unwrap();
    assert_eq!(world.one(to_bob), first, "also when it was deleted since");
    assert_eq!(world.messages(bob, conversation).len(), 2);
    assert_eq!(position(world.one(sending(bob.session, Recipient::Direct(alice.user), 4, b"mine"))).1, 3);
    world.check();
}

#[test]
fn what_cannot_be_sent_is_refused_and_hinders_nobody() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "hello");
    let rows = world.rows();
    let large = vec![b'x'; PAYLOAD_BYTES_MAX + 1];
    let stranger = raftchat_schema::id::UserId(1 << 40);
    let cases: [(Recipient, &[u8], ErrorCode); 6] = [
        (Recipient::Direct(bob.user), b"", ErrorCode::EmptyMessage),
        (Recipient::Direct(bob.user), &large, ErrorCode::TooLarge),
        (Recipient::Direct(carol.user), b"to myself", ErrorCode::ToYourself),
        (Recipient::Direct(stranger), b"to nobody", ErrorCode::NoSuchUser),
        (Recipient::Conversation(ConversationId(1 << 40)), b"nowhere", ErrorCode::NoSuchConversation),
        (Recipient::Conversation(conversation), b"not mine", ErrorCode::NotAMember),
    ];
    let send = |(to, payload, _): &(Recipient, &[u8], _)| sending(carol.session, *to, 1, payload);
    let mut commands: Vec<_> = cases.iter().map(send).collect();
    let refused: Vec<_> = world.apply(&commands).outcomes.into_iter().map(code).collect();
    assert_eq!(refused, cases.map(|(_, _, code)| code));
    assert_eq!(world.rows(), rows);

    commands.push(sending(carol.session, Recipient::Direct(bob.user), 1, &large[..PAYLOAD_BYTES_MAX]));
    assert_eq!(position(world.apply(&commands).outcomes.pop().unwrap()).1, 1);
    world.check();
}

#[test]
fn a_deleted_message_is_a_tombstone_and_its_payload_is_nowhere() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "a secret");
    world.say(alice, bob, "no secret");
    let cursor = change_number(&world.tables).unwrap();

    assert_eq!(code(world.delete(bob, conversation, 1)), ErrorCode::NotYours);
    assert_eq!(code(world.delete(carol, conversation, 1)), ErrorCode::NotAMember);
    assert_eq!(code(world.delete(alice, conversation, 0)), ErrorCode::NoSuchMessage);
    assert_eq!(code(world.delete(alice, conversation, 3)), ErrorCode::NoSuchMessage);
    assert_eq!(change_number(&world.tables).unwrap(), cursor);

    assert_eq!(world.delete(alice, conversation, 1), Ok(Done::Nothing));
    assert_eq!(world.delete(alice, conversation, 1), Ok(Done::Nothing));
    assert!(!world.tables.0.values().any(|row| row.windows(8).any(|window| window == b"a secret")));
    assert_eq!(world.messages(bob, conversation)[0].state, MessageState::Deleted);
    assert_eq!(world.unread(bob, conversation), 1);

    let limits = PageLimits { changes: 100, bytes: 100_000 };
    let since = feed_page(&world.tables, bob.user, cursor, limits).unwrap();
    assert_eq!((since.changes.len(), since.upto), (1, cursor.next()));
    let conversations = |change: &&raftchat_schema::view::Change| !matches!(change.row, ChangedRow::User(_));
    let all = feed_page(&world.tables, bob.user, ChangeNumber(0), PageLimits { changes: 9999, bytes: 9_999_999 });
    let met: Vec<_> = all.unwrap().changes.iter().filter(conversations).map(|change| change.number.0).collect();
    let made = cursor.0 - 2;
    assert_eq!(met, [made, made + 2, made + 3], "the message is met at its latest change alone");
    world.check();
}

#[test]
fn a_read_mark_moves_forward_and_counts_what_is_left() {
    let (mut world, alice, bob, _) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "1");
    for (from, to) in [(alice, bob), (bob, alice), (alice, bob), (bob, alice), (alice, bob), (alice, bob)] {
        world.say(from, to, "more");
    }
    world.delete(alice, conversation, 4).unwrap();
    world.delete(bob, conversation, 5).unwrap();
    // alice: 1 2 (4) 6 7, bob: 3 (5).
    let mut moves = Vec::new();
    for to in [0, 1, 3, 2, 3, 4, 6, 900, 900] {
        let before = change_number(&world.tables).unwrap();
        assert_eq!(world.read(bob, conversation, to), Ok(Done::Nothing));
        let moved = change_number(&world.tables).unwrap().0 - before.0;
        moves.push((to, moved, world.unread(bob, conversation)));
        world.check();
    }
    let expected =
        [(0, 0, 4), (1, 1, 3), (3, 1, 2), (2, 0, 2), (3, 0, 2), (4, 1, 2), (6, 1, 1), (900, 1, 0), (900, 0, 0)];
    assert_eq!(moves, expected);
    assert_eq!(world.unread(alice, conversation), 1);
    world.delete(alice, conversation, 7).unwrap();
    assert_eq!(world.unread(bob, conversation), 0, "what was read is not taken off again");
    world.check();
}

#[test]
fn a_page_is_bounded_by_bytes_and_a_large_change_travels_alone() {
    let (mut world, alice, bob, _) = World::of_three();
    let cursor = change_number(&world.tables).unwrap();
    for _ in 0..3 {
        world.say(alice, bob, &"x".repeat(1000));
    }
    let mut sizes = Vec::new();
    let mut after = cursor;
    loop {
        let page = feed_page(&world.tables, bob.user, after, PageLimits { changes: 9, bytes: 1500 }).unwrap();
        sizes.push(page.changes.len());
        after = page.upto;
        if page.complete {
            break;
        }
    }
    assert_eq!(sizes, [1, 1, 1, 1]);
    let small = feed_page(&world.tables, bob.user, cursor, PageLimits { changes: 0, bytes: 0 }).unwrap();
    assert_eq!((small.changes.len(), small.complete), (1, false));
}

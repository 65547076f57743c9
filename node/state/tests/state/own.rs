//! What is one person's own: settings of conversations, marks, blocks, and what they show of themselves.

use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, Delivered, Done, Profile, Recipient, Switch,
};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, Stamp, UserId};
use raftchat_schema::limits::{DISPLAY_NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, RECEIPT_MEMBERS_MAX};
use raftchat_schema::view::{ChangedRow, MemberView, PlaceView};
use raftchat_state::{Feed, blocked_by, conversation, is_blocked_between, members_page, user};

use crate::world::{Person, World, code, request, sending};

fn place(world: &World, person: Person, id: ConversationId) -> PlaceView {
    conversation(&world.tables, person.user, id).unwrap().unwrap().place
}

fn member(world: &World, viewer: Person, id: ConversationId, of: Person) -> MemberView {
    let after = UserId(of.user.0 - 1);
    members_page(&world.tables, viewer.user, id, after, 1).unwrap().unwrap().0.swap_remove(0)
}

fn delivered(person: Person, conversation: ConversationId, position: u64) -> Command {
    Command::NoteDelivered(vec![Delivered { user: person.user, conversation, position: Position(position) }])
}

fn profile(presence: Option<Switch>, receipts: Option<Switch>) -> Act {
    Act::Account(AccountAct::SetProfile(Profile { display_name: None, presence, receipts }))
}

#[test]
fn settings_are_the_persons_own_and_each_changed_once() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "hello");
    let before = world.changes();
    let acts = [
        Act::In(conversation, ConversationAct::Mute { until: Stamp(9000) }),
        Act::In(conversation, ConversationAct::PinConversation { switch: Switch::On }),
        Act::In(conversation, ConversationAct::SaveDraft { draft: b"dear alice".to_vec() }),
        Act::In(conversation, ConversationAct::MarkUnread),
    ];
    for (number, act) in (900..).zip(acts) {
        let applied = world.apply(&[request(bob.session, number, 0, act.clone())]);
        let [change] = &applied.effects.changes[..] else { panic!("one change: {applied:?}") };
        assert_eq!(change.feed, Feed::Own(bob.user));
        assert_eq!(change.change.row, ChangedRow::Place(place(&world, bob, conversation)));
        let change = world.changes();
        assert_eq!(world.act(bob, act.clone()), Ok(Done::Nothing));
        assert_eq!(world.changes(), change, "again: {act:?}");
        assert_eq!(code(world.act(carol, act)), ErrorCode::NotAMember);
    }
    let shown = place(&world, bob, conversation);
    assert_eq!((shown.muted_until, shown.pinned, shown.marked_unread), (Stamp(9000), true, true));
    assert_eq!(shown.draft, b"dear alice");
    assert_eq!(world.shown(alice, before), [], "nobody else is shown that");
    let large = Act::In(conversation, ConversationAct::SaveDraft { draft: vec![0; PAYLOAD_BYTES_MAX + 1] });
    assert_eq!(code(world.act(bob, large)), ErrorCode::TooLarge);
    world.act(bob, Act::In(conversation, ConversationAct::SaveDraft { draft: Vec::new() })).unwrap();
    world.act(bob, Act::In(conversation, ConversationAct::Mute { until: Stamp(0) })).unwrap();
    let shown = place(&world, bob, conversation);
    assert_eq!((shown.draft.len(), shown.muted_until, shown.pinned), (0, Stamp(0), true));
    world.check();
}

#[test]
fn reading_takes_the_mark_as_unread_away_in_any_case() {
    let (mut world, alice, bob, _) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "hello");
    for moves in [true, false] {
        world.act(bob, Act::In(conversation, ConversationAct::MarkUnread)).unwrap();
        assert!(place(&world, bob, conversation).marked_unread);
        let before = world.changes();
        world.read(bob, conversation, 1).unwrap();
        let shown = place(&world, bob, conversation);
        assert_eq!((shown.marked_unread, shown.counts.unread), (false, 0));
        assert_eq!(world.shown(alice, before).len(), usize::from(moves), "others hear of the mark alone");
        assert_eq!(world.shown(bob, before).last(), Some(&ChangedRow::Place(shown)));
        world.check();
    }
}

#[test]
fn marks_are_told_in_small_conversations_and_kept_to_oneself_in_large_ones() {
    let (mut world, alice, bob, carol) = World::of_three();
    let small = world.group(alice, &[bob]);
    let mut members: Vec<_> = (bob.user.0 - 100..).map(UserId).take(RECEIPT_MEMBERS_MAX - 2).collect();
    members.extend([bob.user, carol.user]);
    members.sort();
    let act = Act::Account(AccountAct::CreateGroup { title: "everybody".to_owned(), members });
    let Ok(Done::GroupCreated { conversation: large }) = world.act(alice, act) else { panic!("no group") };
    for conversation in [small, large] {
        world.tell(alice, conversation, "one");
        world.tell(alice, conversation, "two");
        world.one(delivered(bob, conversation, 1)).unwrap();
        world.read(bob, conversation, 2).unwrap();
    }
    let feed = |row: &ChangedRow| match row {
        ChangedRow::ReadMark { conversation, position, .. } => Some((*conversation, "read", position.0)),
        ChangedRow::DeliveredMark { conversation, position, .. } => Some((*conversation, "delivered", position.0)),
        ChangedRow::Place(place) => Some((place.conversation, "own", place.counts.read_position.0)),
        _ => None,
    };
    let met = |world: &World, person: Person| {
        world.shown(person, raftchat_schema::id::ChangeNumber(0)).iter().filter_map(feed).collect::<Vec<_>>()
    };
    let told = [(small, "delivered", 2), (small, "read", 2)];
    assert_eq!(met(&world, alice), told);
    assert_eq!(met(&world, bob), [&told[..], &[(large, "own", 2)]].concat());
    assert_eq!(member(&world, alice, large, bob).delivered_position, Position(0));
    assert_eq!(member(&world, alice, small, bob).delivered_position, Position(2), "what was read was delivered");

    world.act(bob, Act::In(large, ConversationAct::Leave)).unwrap();
    world.read(carol, large, 1).unwrap();
    assert!(met(&world, alice).contains(&(large, "read", 1)), "a group that shrinks is a small one");
    let before = world.changes();
    world.act(alice, Act::In(large, ConversationAct::AddMembers { members: vec![bob.user] })).unwrap();
    world.read(carol, large, 2).unwrap();
    assert!(!met(&world, alice).iter().any(|(conversation, ..)| *conversation == large), "and one that grows is not");
    assert!(matches!(world.shown(carol, before).last(), Some(ChangedRow::Place(place)) if place.counts.unread == 0));
    world.check();
}

#[test]
fn a_delivered_mark_moves_forward_and_never_beyond_what_was_said() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "one");
    world.say(alice, bob, "two");
    world.say(alice, bob, "three");
    let mut moved = Vec::new();
    for (person, to) in [(bob, 0), (bob, 1), (bob, 1), (carol, 2), (bob, 9), (bob, 2)] {
        let change = world.changes();
        assert_eq!(world.one(delivered(person, conversation, to)), Ok(Done::Nothing));
        moved.push((world.changes().0 - change.0, member(&world, alice, conversation, bob).delivered_position.0));
        world.check();
    }
    assert_eq!(moved, [(0, 0), (1, 1), (0, 1), (0, 1), (1, 3), (0, 3)]);
    assert_eq!(world.unread(bob, conversation), 3, "what is delivered is not read");
}

#[test]
fn who_has_receipts_off_tells_nobody_what_they_have_read() {
    let (mut world, alice, bob, _) = World::of_three();
    let bob_at_sea = world.login(bob.user);
    let conversation = world.group(alice, &[bob]);
    for text in ["one", "two", "three"] {
        world.tell(alice, conversation, text);
    }
    let before = world.changes();
    world.read(bob, conversation, 1).unwrap();
    world.one(delivered(bob, conversation, 2)).unwrap();
    let told = |world: &World, person: Person| {
        let shown = world.shown(person, before);
        let marks = shown.iter().filter_map(|row| match row {
            ChangedRow::ReadMark { position, .. } | ChangedRow::DeliveredMark { position, .. } => Some(position.0),
            _ => None,
        });
        let seen = member(world, person, conversation, bob);
        (marks.collect::<Vec<_>>(), seen.read_position.0, seen.delivered_position.0)
    };
    assert_eq!(told(&world, alice), (vec![1, 2], 1, 2));
    world.act(bob, profile(None, Some(Switch::Off))).unwrap();
    assert_eq!(told(&world, alice), (vec![0, 0], 0, 0), "also not what was told before");
    assert_eq!(told(&world, bob), (vec![1, 2], 1, 2));

    let change = world.changes();
    world.one(delivered(bob, conversation, 3)).unwrap();
    assert_eq!(world.changes(), change);
    world.read(bob, conversation, 3).unwrap();
    assert_eq!(told(&world, alice), (vec![], 0, 0));
    assert_eq!(world.shown(alice, change), []);
    let [ChangedRow::Place(place)] = &world.shown(bob_at_sea, change)[..] else { panic!("one change") };
    assert_eq!((place.counts.read_position, place.counts.unread), (Position(3), 0));
    world.act(bob, profile(None, Some(Switch::On))).unwrap();
    assert_eq!(told(&world, alice), (vec![], 3, 3));
    world.check();
}

#[test]
fn neither_of_two_writes_to_the_other_while_one_has_blocked_the_other() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "hello");
    let block = |person: Person, switch| Act::Account(AccountAct::Block { user: person.user, switch });
    assert_eq!(code(world.act(alice, block(alice, Switch::On))), ErrorCode::ToYourself);
    let nobody = Act::Account(AccountAct::Block { user: UserId(1 << 40), switch: Switch::Off });
    assert_eq!(code(world.act(alice, nobody)), ErrorCode::NoSuchUser);
    let before = world.changes();
    world.act(bob, block(alice, Switch::On)).unwrap();
    world.act(bob, block(alice, Switch::On)).unwrap();
    world.act(bob, block(carol, Switch::Off)).unwrap();
    assert_eq!(world.changes(), before.next().next(), "what is so already is no change");
    // That what is shown of bob is another now is told to everybody, and not why.
    let shown = |world: &World, person: Person| -> Vec<ChangedRow> {
        let rows = world.shown(person, before).into_iter();
        rows.filter(|row| !matches!(row, ChangedRow::User(user) if user.id == bob.user)).collect()
    };
    assert_eq!(shown(&world, bob), [ChangedRow::Block { user: alice.user, switch: Switch::On }]);
    assert_eq!(shown(&world, alice), [], "who is blocked is not told");
    for (from, to) in [(alice, bob), (bob, alice)] {
        for to in [Recipient::Direct(to.user), Recipient::Conversation(conversation)] {
            assert_eq!(code(world.one(sending(from.session, to, 9000, b"hello?"))), ErrorCode::Blocked);
        }
        assert!(is_blocked_between(&world.tables, from.user, to.user).unwrap());
    }
    world.act(bob, block(alice, Switch::Off)).unwrap();
    assert_eq!(shown(&world, bob), [ChangedRow::Block { user: alice.user, switch: Switch::Off }]);
    assert_eq!(blocked_by(&world.tables, bob.user).unwrap(), []);
    world.say(alice, bob, "hello again");
    world.check();
}

#[test]
fn a_block_stops_edits_and_reactions_between_the_two_and_lets_each_take_back_what_is_theirs() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "hello");
    world.say(bob, alice, "hello yourself");
    let group = world.group(carol, &[alice, bob]);
    world.tell(alice, group, "ahoy");
    let react = |conversation, position, switch| {
        Act::In(conversation, ConversationAct::React { position: Position(position), emoji: "👍".to_owned(), switch })
    };
    let edit = |conversation, position, text: &str| {
        Act::In(
            conversation,
            ConversationAct::EditMessage { position: Position(position), payload: text.as_bytes().to_vec() },
        )
    };
    world.act(alice, react(conversation, 2, Switch::On)).unwrap();
    world.act(bob, Act::Account(AccountAct::Block { user: alice.user, switch: Switch::On })).unwrap();

    let change = world.changes();
    for (person, own, others) in [(alice, 1, 2), (bob, 2, 1)] {
        assert_eq!(code(world.act(person, edit(conversation, own, "and another thing"))), ErrorCode::Blocked);
        assert_eq!(code(world.act(person, react(conversation, others, Switch::On))), ErrorCode::Blocked);
        assert_eq!(code(world.act(person, edit(conversation, others, "not mine"))), ErrorCode::NotYours);
    }
    assert_eq!(world.changes(), change);
    world.act(alice, react(conversation, 2, Switch::Off)).unwrap();
    world.delete(alice, conversation, 1).unwrap();
    world.act(alice, edit(group, 1, "ahoy, all")).unwrap();
    world.act(bob, react(group, 1, Switch::On)).unwrap();

    world.act(bob, Act::Account(AccountAct::Block { user: alice.user, switch: Switch::Off })).unwrap();
    world.act(alice, react(conversation, 2, Switch::On)).unwrap();
    world.act(bob, edit(conversation, 2, "hello again")).unwrap();
    world.check();
}

#[test]
fn a_profile_is_changed_where_it_says_something_new() {
    let (mut world, alice, bob, _) = World::of_three();
    let name = |name: &str| {
        Act::Account(AccountAct::SetProfile(Profile { display_name: Some(name.to_owned()), ..Profile::default() }))
    };
    let before = world.changes();
    for blank in ["", " ", "\u{200B}", "\u{2800}", "\u{202E}", "\u{301}"] {
        assert_eq!(code(world.act(alice, name(blank))), ErrorCode::MalformedRequest, "{}", blank.escape_unicode());
    }
    assert_eq!(code(world.act(alice, name(&"a".repeat(DISPLAY_NAME_BYTES_MAX + 1)))), ErrorCode::TooLarge);
    world.act(alice, name("alice")).unwrap();
    world.act(alice, profile(Some(Switch::On), Some(Switch::On))).unwrap();
    world.act(alice, profile(None, None)).unwrap();
    assert_eq!(world.changes(), before);
    world.act(alice, name("Alice of the boat")).unwrap();
    let [ChangedRow::User(shown)] = &world.shown(bob, before)[..] else { panic!("one change") };
    assert_eq!((shown.display_name.as_str(), shown.changed), ("Alice of the boat", world.changes()));
    world.check();
}

#[test]
fn who_hides_when_they_are_there_was_never_seen() {
    let (mut world, alice, ..) = World::of_three();
    let seen = |world: &World| user(&world.tables, alice.user).unwrap().unwrap().last_seen;
    world.one(Command::NoteLastSeen(vec![alice.user])).unwrap();
    assert!(seen(&world).is_some());
    world.act(alice, profile(Some(Switch::Off), None)).unwrap();
    assert_eq!(seen(&world), None);
    world.now += 3_600_000;
    world.one(Command::NoteLastSeen(vec![alice.user])).unwrap();
    assert_eq!(seen(&world), None);
    world.act(alice, profile(Some(Switch::On), None)).unwrap();
    assert_eq!(seen(&world), None, "what was not noted is not known");
    world.one(Command::NoteLastSeen(vec![alice.user])).unwrap();
    assert!(seen(&world).is_some());
    world.check();
}

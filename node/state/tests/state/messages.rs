//! What becomes of messages: edits, deletions, reactions, pins and mentions.

use raftchat_schema::command::{Act, ConversationAct, Done, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::{
    EMOJI_BYTES_MAX, MENTIONS_MAX, PAYLOAD_BYTES_MAX, PINNED_MESSAGES_MAX, REACTION_KINDS_MAX, REVISIONS_MAX,
};
use raftchat_schema::view::{ChangedRow, MessageState};
use raftchat_state::{conversation, revisions};

use crate::world::{Person, World, code, mentioning};

fn edit(conversation: ConversationId, position: u64, text: &str) -> Act {
    Act::In(
        conversation,
        ConversationAct::EditMessage { position: Position(position), payload: text.as_bytes().to_vec() },
    )
}

fn react(conversation: ConversationId, position: u64, emoji: &str, switch: Switch) -> Act {
    Act::In(conversation, ConversationAct::React { position: Position(position), emoji: emoji.to_owned(), switch })
}

fn pin(conversation: ConversationId, position: u64, switch: Switch) -> Act {
    Act::In(conversation, ConversationAct::PinMessage { position: Position(position), switch })
}

fn pinned(world: &World, person: Person, id: ConversationId) -> Vec<u64> {
    let shown = conversation(&world.tables, person.user, id).unwrap().unwrap();
    shown.pinned_messages.into_iter().map(|position| position.0).collect()
}

fn reactions(world: &World, person: Person, id: ConversationId, position: usize) -> Vec<(String, Vec<UserId>)> {
    let message = world.messages(person, id).swap_remove(position - 1);
    message.reactions.into_iter().map(|reaction| (reaction.emoji, reaction.users)).collect()
}

#[test]
fn an_edit_replaces_what_a_message_says_and_keeps_what_it_said() {
    let (mut world, alice, bob, _) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "helo");
    let sent_at = world.messages(bob, conversation)[0].sent_at;
    let before = world.changes();
    world.act(alice, edit(conversation, 1, "hello")).unwrap();
    world.act(alice, edit(conversation, 1, "hello bob")).unwrap();
    let change = world.changes();
    world.act(alice, edit(conversation, 1, "hello bob")).unwrap();
    assert_eq!(world.changes(), change, "to say the same is no edit");

    let [ChangedRow::Message(message)] = &world.shown(bob, before)[..] else { panic!("one change") };
    assert_eq!((message.state, message.revision), (MessageState::Edited, 2));
    assert_eq!((&message.payload[..], message.sent_at), (&b"hello bob"[..], sent_at));
    let kept = revisions(&world.tables, bob.user, conversation, Position(1)).unwrap().unwrap();
    let said: Vec<_> = kept.iter().map(|revision| (revision.revision, &revision.payload[..])).collect();
    assert_eq!(said, [(0, &b"helo"[..]), (1, &b"hello"[..])]);
    assert!(kept[0].written == sent_at && kept[1].written > sent_at && message.edited > Some(kept[1].written));
    assert_eq!(world.unread(bob, conversation), 1);
    world.check();
}

#[test]
fn what_cannot_be_edited_is_refused() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "hello");
    world.say(alice, bob, "soon gone");
    world.delete(alice, conversation, 2).unwrap();
    let large = "x".repeat(PAYLOAD_BYTES_MAX + 1);
    let cases: [(Person, u64, &str, ErrorCode); 7] = [
        (bob, 1, "not mine", ErrorCode::NotYours),
        (carol, 1, "not there", ErrorCode::NotAMember),
        (alice, 0, "nowhere", ErrorCode::NoSuchMessage),
        (alice, 3, "nowhere", ErrorCode::NoSuchMessage),
        (alice, 2, "a late edit revives nothing", ErrorCode::NoSuchMessage),
        (alice, 1, "", ErrorCode::EmptyMessage),
        (alice, 1, &large, ErrorCode::TooLarge),
    ];
    let change = world.changes();
    for (person, position, text, refused) in cases {
        assert_eq!(code(world.act(person, edit(conversation, position, text))), refused, "{position}");
    }
    assert_eq!(world.changes(), change);
    for revision in 0..REVISIONS_MAX {
        world.act(alice, edit(conversation, 1, &format!("hello {revision}"))).unwrap();
    }
    assert_eq!(code(world.act(alice, edit(conversation, 1, "once more"))), ErrorCode::TooMany);
    world.check();
}

#[test]
fn a_deletion_erases_all_that_a_message_said_and_all_that_was_put_to_it() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(alice, &[bob, carol]);
    world.call(alice, conversation, "a secret", &[bob.user]);
    world.tell(alice, conversation, "no secret");
    world.act(alice, edit(conversation, 1, "another secret")).unwrap();
    world.act(bob, react(conversation, 1, "👍", Switch::On)).unwrap();
    world.act(bob, pin(conversation, 1, Switch::On)).unwrap();
    world.act(bob, pin(conversation, 2, Switch::On)).unwrap();
    world.read(carol, conversation, 1).unwrap();
    assert_eq!((world.unread(bob, conversation), world.mentions(bob, conversation)), (2, 1));
    let before = world.changes();
    world.delete(alice, conversation, 1).unwrap();

    assert!(!world.tables.0.values().any(|row| row.windows(6).any(|window| window == b"secret") && {
        !row.windows(9).any(|window| window == b"no secret")
    }));
    let message = world.messages(carol, conversation).swap_remove(0);
    assert_eq!((message.state, message.revision, message.mentions), (MessageState::Deleted, 1, vec![bob.user]));
    assert!(message.payload.is_empty() && message.reactions.is_empty());
    assert_eq!(revisions(&world.tables, bob.user, conversation, Position(1)).unwrap().unwrap(), []);
    assert_eq!(pinned(&world, carol, conversation), [2]);
    assert_eq!((world.unread(bob, conversation), world.mentions(bob, conversation)), (1, 0));
    assert_eq!(world.unread(carol, conversation), 1);
    let rows = world.shown(bob, before);
    assert!(matches!(&rows[..], [ChangedRow::Message(_), ChangedRow::Conversation(_)]), "{rows:?}");
    for act in [
        edit(conversation, 1, "a late edit"),
        react(conversation, 1, "👍", Switch::On),
        react(conversation, 1, "👍", Switch::Off),
        pin(conversation, 1, Switch::On),
    ] {
        assert_eq!(code(world.act(alice, act.clone())), ErrorCode::NoSuchMessage, "{act:?}");
    }
    assert_eq!(world.act(alice, pin(conversation, 1, Switch::Off)), Ok(Done::Nothing), "it is not, as was asked");
    world.check();
}

#[test]
fn a_reaction_is_there_once_and_gone_once() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(alice, &[bob, carol]);
    world.tell(alice, conversation, "hello");
    let before = world.changes();
    let mut moved = Vec::new();
    let mut put = |world: &mut World, person, emoji: &str, switch| {
        let change = world.changes();
        assert_eq!(world.act(person, react(conversation, 1, emoji, switch)), Ok(Done::Nothing));
        world.check();
        moved.push(world.changes().0 - change.0);
    };
    put(&mut world, carol, "👍", Switch::On);
    put(&mut world, carol, "👍", Switch::On);
    put(&mut world, bob, "⛵", Switch::On);
    put(&mut world, bob, "👍", Switch::On);
    put(&mut world, alice, "⛵", Switch::Off);
    let mut both = vec![bob.user, carol.user];
    both.sort();
    let expected = vec![("👍".to_owned(), both), ("⛵".to_owned(), vec![bob.user])];
    assert_eq!(reactions(&world, alice, conversation, 1), expected);
    put(&mut world, bob, "⛵", Switch::Off);
    put(&mut world, bob, "⛵", Switch::Off);
    put(&mut world, bob, "👍", Switch::Off);
    put(&mut world, carol, "👍", Switch::Off);
    assert_eq!(moved, [1, 0, 1, 1, 0, 1, 0, 1, 1]);
    let [ChangedRow::Reactions { reactions, .. }] = &world.shown(alice, before)[..] else { panic!("one change") };
    assert!(reactions.is_empty(), "that there are none any more is news too");
    let message = &world.messages(alice, conversation)[0];
    assert!(message.changed < message.reactions_changed && message.state == MessageState::Original);
}

#[test]
fn a_reaction_is_one_emoji_of_a_few_kinds() {
    let (mut world, alice, bob, _) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "hello");
    for good in ["👍", "👩‍👩‍👧‍👦", "❤️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👩🏿‍❤️‍💋‍👨🏻"]
    {
        assert_eq!(world.act(bob, react(conversation, 1, good, Switch::On)), Ok(Done::Nothing), "{good}");
    }
    let long = ["👩"; EMOJI_BYTES_MAX / 4].join("\u{200D}");
    for bad in ["", " ", "ok", "👍👍", "👍 👍", "a\n", "\u{7}", "\u{a0}", "\u{2028}", &long] {
        let refused = code(world.act(bob, react(conversation, 1, bad, Switch::On)));
        assert_eq!(refused, ErrorCode::MalformedReaction, "{bad:?}");
    }
    // Of one person there are no more: so it takes a few to fill it.
    let others: Vec<_> = (0..3).map(|n| world.register(&format!("reader.{n}"))).collect();
    let group = world.group(alice, &[bob, others[0], others[1], others[2]]);
    world.tell(alice, group, "hello");
    for kind in 0..REACTION_KINDS_MAX {
        let emoji = char::from_u32(0x1F400 + u32::try_from(kind).unwrap()).unwrap().to_string();
        let by = [bob, others[0], others[1], others[2]][kind % 4];
        world.act(by, react(group, 1, &emoji, Switch::On)).unwrap();
    }
    assert_eq!(code(world.act(alice, react(group, 1, "⛵", Switch::On))), ErrorCode::TooMany);
    assert_eq!(world.act(alice, react(group, 1, "\u{1F400}", Switch::On)), Ok(Done::Nothing));
    assert_eq!(code(world.act(bob, react(conversation, 2, "👍", Switch::On))), ErrorCode::NoSuchMessage);
    world.check();
}

#[test]
fn a_reaction_is_of_one_kind_however_it_is_written() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(alice, &[bob, carol]);
    world.tell(alice, conversation, "hello");
    for (who, ways) in [(bob, ["👍", "❤\u{FE0F}"]), (carol, ["👍\u{FE0F}", "❤"])] {
        for emoji in ways {
            world.act(who, react(conversation, 1, emoji, Switch::On)).unwrap();
        }
    }
    let mut both = vec![bob.user, carol.user];
    both.sort();
    let expected = vec![("👍".to_owned(), both.clone()), ("❤\u{FE0F}".to_owned(), both)];
    assert_eq!(reactions(&world, alice, conversation, 1), expected);
    for emoji in ["👍\u{FE0F}", "❤"] {
        world.act(bob, react(conversation, 1, emoji, Switch::Off)).unwrap();
    }
    let expected = vec![("👍".to_owned(), vec![carol.user]), ("❤\u{FE0F}".to_owned(), vec![carol.user])];
    assert_eq!(reactions(&world, alice, conversation, 1), expected);
    // Forty-eight bytes as it is written, and more in the one way to write it.
    let long = ["☎"; 8].join("\u{200D}");
    assert!(long.len() <= EMOJI_BYTES_MAX);
    assert_eq!(code(world.act(bob, react(conversation, 1, &long, Switch::On))), ErrorCode::MalformedReaction);
    world.check();
}

#[test]
fn pins_are_everybodys_and_few() {
    let (mut world, alice, bob, _) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "first");
    for _ in 0..PINNED_MESSAGES_MAX {
        world.say(alice, bob, "more");
    }
    let change = world.changes();
    world.act(bob, pin(conversation, 3, Switch::On)).unwrap();
    world.act(alice, pin(conversation, 2, Switch::On)).unwrap();
    world.act(alice, pin(conversation, 3, Switch::On)).unwrap();
    world.act(alice, pin(conversation, 4, Switch::Off)).unwrap();
    assert_eq!((world.changes().0 - change.0, pinned(&world, bob, conversation)), (2, vec![3, 2]));
    assert_eq!(code(world.act(alice, pin(conversation, 99, Switch::Off))), ErrorCode::NoSuchMessage);
    world.act(bob, pin(conversation, 3, Switch::Off)).unwrap();
    for position in 3..=PINNED_MESSAGES_MAX as u64 + 1 {
        world.act(bob, pin(conversation, position, Switch::On)).unwrap();
    }
    assert_eq!(code(world.act(bob, pin(conversation, 1, Switch::On))), ErrorCode::TooMany);
    world.check();
}

#[test]
fn a_mention_counts_for_members_until_they_have_read_it() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(alice, &[bob]);
    let everybody = [bob.user, carol.user, alice.user, bob.user, UserId(1 << 40)];
    world.call(alice, conversation, "bob!", &everybody);
    world.call(alice, conversation, "bob?", &[bob.user]);
    world.call(bob, conversation, "what?", &[bob.user]);
    world.tell(alice, conversation, "nothing");
    assert_eq!(world.messages(bob, conversation)[0].mentions, [bob.user], "others, members, each once");
    assert_eq!(world.messages(bob, conversation)[2].mentions, []);
    let mut left = Vec::new();
    for to in 0..=4 {
        world.read(bob, conversation, to).unwrap();
        left.push((world.unread(bob, conversation), world.mentions(bob, conversation)));
        world.check();
    }
    assert_eq!(left, [(3, 2), (2, 1), (1, 0), (1, 0), (0, 0)]);
    world.act(alice, edit(conversation, 2, "carol?")).unwrap();
    assert_eq!(world.messages(bob, conversation)[1].mentions, [bob.user], "an edit calls nobody");

    let to = raftchat_schema::command::Recipient::Conversation(conversation);
    let too_many: Vec<_> = (1..=MENTIONS_MAX as u64 + 1).map(UserId).collect();
    let command = mentioning(alice.session, to, 5000, b"hey", &too_many);
    assert_eq!(code(world.one(command)), ErrorCode::TooMany);
    let named_twice = [&too_many[1..9], &too_many[1..9]].concat();
    assert!(world.one(mentioning(alice.session, to, 5000, b"hey", &named_twice)).is_ok());
    world.check();
}

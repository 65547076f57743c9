//! From the entry field to everybody's screen: one bubble for one message, whatever comes first.

use raftchat_model::{ChatId, Delivery, Input, Intent, OutcomeResult};
use raftchat_schema::command::{Act, ConversationAct, Done};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Position;
use raftchat_schema::limits::PAYLOAD_BYTES_MAX;

use crate::world::cluster::{ALICE, BOB, Cluster};
use crate::world::device::Device;

fn pair() -> (Cluster, Device, raftchat_schema::id::ConversationId) {
    let mut cluster = Cluster::new();
    let direct = cluster.say_to(BOB, raftchat_schema::command::Recipient::Direct(ALICE), "hello", Vec::new()).0;
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(direct);
    alice.answer_reads(&cluster);
    (cluster, alice, direct)
}

#[test]
fn what_alice_types_shows_at_once_and_is_on_the_disk_before_it_is_sent() {
    let (_, mut alice, direct) = pair();
    alice.say_in(direct, "hi bob");
    assert_eq!(alice.window.texts(), ["hello", "hi bob"]);
    assert_eq!(alice.window.delivery("hi bob"), Some(Delivery::Sending));
    assert_eq!(alice.under_way.len(), 1);
    assert_eq!(alice.window.chat(direct).last.as_ref().unwrap().delivery, Some(Delivery::Sending));
}

#[test]
fn the_echo_before_the_answer_makes_the_bubble_the_message() {
    let (mut cluster, mut alice, direct) = pair();
    alice.say_in(direct, "hi bob");
    let pending = alice.window.timeline.last().unwrap().key();
    alice.perform_unheard(&mut cluster);
    alice.window.steps.clear();
    alice.follow(&cluster);
    assert_eq!(alice.window.texts(), ["hello", "hi bob"]);
    assert_eq!(alice.window.delivery("hi bob"), Some(Delivery::Sent));
    assert_eq!(alice.window.timeline.last().unwrap().key(), pending);
    assert!(!alice.window.steps.contains(&"remove"), "it changes in its place: {:?}", alice.window.steps);
    assert!(alice.store.outbox.is_empty(), "nothing is sent again after a crash");
    alice.perform_all(&mut cluster);
    assert_eq!(alice.window.texts(), ["hello", "hi bob"]);
    assert!(alice.store.outbox.is_empty());
}

#[test]
fn the_answer_before_the_echo_makes_it_the_same() {
    let (mut cluster, mut alice, direct) = pair();
    alice.say_in(direct, "hi bob");
    alice.perform_all(&mut cluster);
    assert_eq!(alice.window.texts(), ["hello", "hi bob"]);
    assert_eq!(alice.window.delivery("hi bob"), Some(Delivery::Sent));
    assert!(alice.store.outbox.is_empty());
    alice.follow(&cluster);
    assert_eq!(alice.window.texts(), ["hello", "hi bob"]);
    assert_eq!(alice.window.at(2).delivery, Some(Delivery::Sent));
}

#[test]
fn a_bubble_waits_below_for_what_was_said_before_it() {
    let (mut cluster, mut alice, direct) = pair();
    alice.say_in(direct, "hi bob");
    cluster.say(BOB, direct, "are you there?");
    alice.perform_all(&mut cluster);
    assert_eq!(alice.window.texts(), ["hello", "hi bob"]);
    assert_eq!(alice.window.delivery("hi bob"), Some(Delivery::Sent));
    alice.follow(&cluster);
    assert_eq!(alice.window.texts(), ["hello", "are you there?", "hi bob"]);
}

#[test]
fn what_waits_stays_last_in_order_of_entry_while_others_speak() {
    let (mut cluster, mut alice, direct) = pair();
    alice.disconnect();
    alice.say_in(direct, "one");
    alice.say_in(direct, "two");
    cluster.say(BOB, direct, "meanwhile");
    alice.tell(Input::Link(crate::world::device::ONLINE));
    alice.follow(&cluster);
    assert_eq!(alice.window.texts(), ["hello", "meanwhile", "one", "two"]);
    alice.settle(&mut cluster);
    assert_eq!(alice.window.texts(), ["hello", "meanwhile", "one", "two"]);
}

#[test]
fn a_refused_message_stays_as_failed_and_can_be_tried_again_or_discarded() {
    let (mut cluster, mut alice, direct) = pair();
    let long = "x".repeat(PAYLOAD_BYTES_MAX);
    alice.say_in(direct, &long);
    alice.say_in(direct, "short");
    alice.settle(&mut cluster);
    let failed = alice.window.bubble(&long).clone();
    assert_eq!(failed.delivery, Some(Delivery::Failed(ErrorCode::TooLarge.into())));
    assert!(alice.window.failures.is_empty());
    assert_eq!(alice.window.texts(), ["hello".to_owned(), "short".to_owned(), long.clone()]);

    alice.crash();
    alice.connect(&mut cluster);
    alice.open(direct);
    assert_eq!(alice.window.texts().len(), 3, "it survives a restart");
    alice.want(Intent::Retry { id: failed.outbox.unwrap() });
    assert_eq!(alice.window.delivery(&long), Some(Delivery::Sending));
    alice.settle(&mut cluster);
    alice.want(Intent::Discard { id: failed.outbox.unwrap() });
    assert_eq!(alice.window.texts(), ["hello", "short"]);
    assert!(alice.store.outbox.is_empty());
}

#[test]
fn a_conversation_comes_into_being_with_what_is_said_first() {
    let mut cluster = Cluster::new();
    let mut alice = Device::online(ALICE, &mut cluster);
    let with_bob = ChatId::Direct(BOB);
    alice.want(Intent::Open { chat: with_bob });
    alice.want(Intent::Draft { chat: with_bob, text: "later".to_owned(), reply_to: None });
    alice.say(with_bob, "first");
    alice.say(with_bob, "second");
    assert_eq!(alice.window.open, Some(with_bob));
    assert_eq!(alice.window.texts(), ["first", "second"]);
    assert_eq!(alice.under_way.len(), 1, "in order, so the second waits");
    alice.want(Intent::Draft { chat: with_bob, text: "third".to_owned(), reply_to: None });
    alice.perform_one(&mut cluster);

    let direct = cluster.direct(ALICE, BOB).unwrap();
    assert_eq!(alice.window.open, Some(ChatId::Known(direct)));
    assert!(!alice.window.chats.contains_key(&with_bob));
    assert_eq!(alice.window.texts(), ["first", "second"]);
    assert_eq!(alice.window.chat(direct).draft.as_deref(), Some("third"));
    alice.settle(&mut cluster);
    assert_eq!(alice.window.texts(), ["first", "second"]);
    assert_eq!(alice.window.chat(direct).title, "bob");
    assert_eq!(cluster.messages(direct).len(), 2);
    alice.want(Intent::Open { chat: with_bob });
    assert_eq!(alice.window.open, Some(ChatId::Known(direct)), "asked for by user it is the known one");
}

#[test]
fn the_conversation_may_be_known_from_the_feed_before_the_answer() {
    let mut cluster = Cluster::new();
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.want(Intent::Open { chat: ChatId::Direct(BOB) });
    alice.say(ChatId::Direct(BOB), "first");
    alice.say(ChatId::Direct(BOB), "second");
    alice.perform_unheard(&mut cluster);
    alice.follow(&cluster);
    assert_eq!(alice.window.texts(), ["first", "second"]);
    alice.settle(&mut cluster);
    let direct = cluster.direct(ALICE, BOB).unwrap();
    assert_eq!(cluster.messages(direct).len(), 2);
    assert_eq!(alice.window.open, Some(ChatId::Known(direct)));
}

#[test]
fn edits_deletions_and_reactions_show_at_once_and_roll_back_when_refused() {
    let (mut cluster, mut alice, direct) = pair();
    alice.say_in(direct, "helo");
    alice.settle(&mut cluster);
    let chat = ChatId::Known(direct);
    let position = Position(2);
    alice.want(Intent::Edit { chat, position, text: "hello".to_owned() });
    assert_eq!(alice.window.texts(), ["hello", "hello"]);
    assert!(alice.window.at(2).edited);
    alice.settle(&mut cluster);
    assert!(alice.window.at(2).edited);

    let on = raftchat_schema::command::Switch::On;
    alice.want(Intent::Act {
        chat,
        act: ConversationAct::React { position: Position(1), emoji: "👍".to_owned(), switch: on },
    });
    assert!(alice.window.at(1).reactions.first().unwrap().mine);
    let (id, _) = alice.under_way.pop_first().unwrap();
    alice.tell(Input::Outcome { id, result: OutcomeResult::Refused(ErrorCode::TooMany.into()) });
    assert!(alice.window.at(1).reactions.is_empty());
    assert_eq!(alice.window.failures.len(), 1);

    alice.want(Intent::Act { chat, act: ConversationAct::DeleteMessage { position } });
    assert_eq!(alice.window.texts(), ["hello", "×"]);
    let (id, (_, act)) = alice.under_way.pop_first().unwrap();
    assert!(matches!(act, Act::In(_, ConversationAct::DeleteMessage { .. })));
    alice.tell(Input::Outcome { id, result: OutcomeResult::Done(Done::Nothing) });
    assert_eq!(alice.window.texts(), ["hello", "×"], "also between the answer and the feed");
}

#[test]
fn a_later_edit_from_another_device_is_not_hidden_by_an_answer_that_comes_late() {
    let (mut cluster, mut alice, direct) = pair();
    alice.say_in(direct, "one");
    alice.settle(&mut cluster);
    let position = Position(2);
    alice.want(Intent::Edit { chat: ChatId::Known(direct), position, text: "two".to_owned() });
    alice.perform_unheard(&mut cluster);
    let payload = crate::world::cluster::says("three");
    cluster.act(ALICE, &Act::In(direct, ConversationAct::EditMessage { position, payload }));
    alice.follow(&cluster);
    alice.perform_all(&mut cluster);
    assert_eq!(alice.window.texts(), ["hello", "three"]);
}

#[test]
fn mentions_are_the_members_that_are_named() {
    let mut cluster = Cluster::new();
    let group = cluster.group(ALICE, "boat", &[BOB]);
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.say_in(group, "@bob and @carol, and @alice");
    alice.settle(&mut cluster);
    assert_eq!(cluster.messages(group).first().unwrap().mentions, [BOB]);
    let mut bob = Device::online(BOB, &mut cluster);
    bob.open(group);
    assert!(bob.window.at(1).mentions_me);
    assert_eq!(bob.window.chat(group).mentions, 1);
    assert_eq!(bob.window.total, (1, 1));
}

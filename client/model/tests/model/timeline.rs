//! The open conversation: paging both ways, jumping, holes, quotes and runs.

use raftchat_model::{Body, ChatId, Input, Intent, Original};
use raftchat_schema::command::{Act, ConversationAct, SendMessage, Switch};
use raftchat_schema::id::{ConversationId, Position};
use raftchat_schema::payload::Payload;

use crate::world::cluster::{ALICE, BOB, Cluster, encode, fresh_id};
use crate::world::device::Device;

fn long(count: u64) -> (Cluster, Device, ConversationId) {
    let mut cluster = Cluster::new();
    let group = cluster.group(BOB, "boat", &[ALICE]);
    cluster.count(BOB, group, count);
    let alice = Device::online(ALICE, &mut cluster);
    (cluster, alice, group)
}

fn span(alice: &Device) -> (u64, u64) {
    let bubbles = alice.window.bubbles();
    let positions: Vec<u64> = bubbles.iter().filter_map(|bubble| bubble.position).map(|position| position.0).collect();
    assert!(positions.windows(2).all(|two| matches!(two, [one, next] if one + 1 == *next)), "no holes: {positions:?}");
    (*positions.first().unwrap(), *positions.last().unwrap())
}

#[test]
fn history_pages_upward_without_a_hole_from_store_and_nodes() {
    let (cluster, mut alice, group) = long(130);
    alice.open(group);
    assert_eq!(span(&alice), (128, 130), "what the store has is shown at once");
    alice.answer_reads(&cluster);
    assert_eq!(span(&alice), (81, 130));
    alice.want(Intent::LoadOlder);
    alice.answer_reads(&cluster);
    assert_eq!(span(&alice), (31, 130));
    alice.want(Intent::LoadOlder);
    alice.answer_reads(&cluster);
    assert_eq!(span(&alice), (1, 130));
    assert!(alice.window.state.as_ref().unwrap().at_start);

    alice.want(Intent::Close);
    alice.disconnect();
    alice.open(group);
    assert_eq!(span(&alice), (81, 130), "it is stored now");
}

#[test]
fn a_short_answer_is_asked_on_from() {
    let (cluster, mut alice, group) = long(60);
    alice.open(group);
    let (request, conversation, range) = alice.fetches.pop_front().unwrap();
    let mut part = cluster.history(conversation, ALICE, range.first, range.last);
    part.drain(..part.len() - 5);
    alice.tell(Input::FetchedPage { request, messages: part });
    assert_eq!(alice.fetches.len(), 1);
    alice.answer_reads(&cluster);
    assert_eq!(span(&alice), (11, 60));
}

#[test]
fn a_hole_in_what_is_stored_is_fetched_and_never_drawn() {
    let (mut cluster, mut alice, group) = long(20);
    alice.open(group);
    alice.answer_reads(&cluster);
    alice.want(Intent::Close);
    for position in 5..=7 {
        alice.store.messages.remove(&(group, Position(position)));
    }
    alice.crash();
    alice.connect(&mut cluster);
    alice.open(group);
    assert_eq!(span(&alice), (8, 20));
    let (_, _, range) = alice.fetches.front().unwrap();
    assert_eq!((range.first, range.last), (Position(5), Position(7)));
    alice.answer_reads(&cluster);
    assert_eq!(span(&alice), (1, 20));
}

#[test]
fn jumping_shows_what_is_around_and_new_messages_only_count() {
    let (mut cluster, mut alice, group) = long(200);
    alice.open(group);
    alice.answer_reads(&cluster);
    alice.want(Intent::JumpTo { position: Position(50) });
    alice.answer_reads(&cluster);
    assert_eq!(span(&alice), (25, 75));
    let state = alice.window.state.clone().unwrap();
    assert_eq!((state.at_end, state.below, state.jumped_to), (false, 125, Some(Position(50))));

    alice.window.steps.clear();
    cluster.say(BOB, group, "news");
    alice.follow(&cluster);
    assert!(alice.window.steps.is_empty(), "nothing moves while reading");
    assert_eq!(alice.window.state.as_ref().unwrap().below, 126);

    for _ in 0..3 {
        alice.want(Intent::LoadNewer);
        alice.answer_reads(&cluster);
    }
    assert_eq!(span(&alice), (25, 201));
    assert!(alice.window.state.as_ref().unwrap().at_end);
    cluster.say(BOB, group, "more news");
    alice.follow(&cluster);
    assert_eq!(span(&alice), (25, 202));
}

#[test]
fn sending_from_the_middle_goes_to_the_end() {
    let (mut cluster, mut alice, group) = long(200);
    alice.open(group);
    alice.answer_reads(&cluster);
    alice.want(Intent::JumpTo { position: Position(50) });
    alice.answer_reads(&cluster);
    alice.say_in(group, "here");
    alice.settle(&mut cluster);
    assert_eq!(alice.window.texts().last().map(String::as_str), Some("here"));
    assert!(alice.window.state.as_ref().unwrap().at_end);
}

#[test]
fn jumping_where_nobody_can_be_asked_keeps_what_is_shown() {
    let (cluster, mut alice, group) = long(200);
    alice.open(group);
    alice.answer_reads(&cluster);
    alice.disconnect();
    alice.want(Intent::JumpTo { position: Position(50) });
    assert_eq!(span(&alice), (151, 200));
    assert_eq!(alice.window.failures.len(), 1);
}

fn reply(cluster: &mut Cluster, group: ConversationId, to: u64, text: &str) {
    let payload = Payload { text: text.to_owned(), reply_to: Some(Position(to)), forwarded_from: None };
    let message_id = fresh_id(50_000 + cluster.change());
    let to = raftchat_schema::command::Recipient::Conversation(group);
    cluster.act(BOB, &Act::Send(SendMessage { to, message_id, payload: encode(&payload), mentions: Vec::new() }));
}

fn original(alice: &Device, said: &str) -> Original {
    alice.window.bubble(said).reply.clone().unwrap().original
}

#[test]
fn a_quote_is_looked_for_and_says_when_its_original_is_gone() {
    let (mut cluster, mut alice, group) = long(100);
    reply(&mut cluster, group, 2, "as I said");
    reply(&mut cluster, group, 99, "and this");
    reply(&mut cluster, group, 900, "and that");
    alice.follow(&cluster);
    alice.open(group);
    assert_eq!(original(&alice, "as I said"), Original::Loading);
    alice.answer_reads(&cluster);
    let body = Body::Text("2".to_owned());
    assert_eq!(original(&alice, "as I said"), Original::Said { sender: BOB, sender_name: "bob".to_owned(), body });
    assert_eq!(original(&alice, "and that"), Original::Gone);

    for position in [2, 99] {
        cluster.act(BOB, &Act::In(group, ConversationAct::DeleteMessage { position: Position(position) }));
    }
    alice.follow(&cluster);
    for said in ["as I said", "and this"] {
        assert!(matches!(original(&alice, said), Original::Said { body: Body::Deleted, .. }), "{said}");
    }
}

#[test]
fn bubbles_of_one_sender_are_a_run_and_only_neighbours_change() {
    let (mut cluster, mut alice, group) = long(3);
    alice.open(group);
    alice.answer_reads(&cluster);
    let runs = |alice: &Device| -> Vec<(bool, bool)> {
        alice.window.bubbles().iter().map(|bubble| (bubble.run.first, bubble.run.last)).collect()
    };
    assert_eq!(runs(&alice), [(true, false), (false, false), (false, true)]);
    alice.say_in(group, "mine");
    assert_eq!(runs(&alice).last(), Some(&(true, true)));
    alice.window.steps.clear();
    cluster.say(BOB, group, "4");
    alice.follow(&cluster);
    assert_eq!(runs(&alice), [(true, false), (false, false), (false, false), (false, true), (true, true)]);
    assert_eq!(alice.window.steps, ["insert", "update"]);
}

#[test]
fn pins_and_what_is_from_the_future_are_shown() {
    let (mut cluster, mut alice, group) = long(3);
    alice.open(group);
    alice.answer_reads(&cluster);
    alice.want(Intent::Act {
        chat: ChatId::Known(group),
        act: ConversationAct::PinMessage { position: Position(2), switch: Switch::On },
    });
    assert!(alice.window.at(2).pinned);
    alice.settle(&mut cluster);
    assert!(alice.window.at(2).pinned);
    assert_eq!(alice.window.chat(group).pinned_messages, [Position(2)]);

    let to = raftchat_schema::command::Recipient::Conversation(group);
    let message_id = fresh_id(77);
    let send = SendMessage { to, message_id, payload: b"!".to_vec(), mentions: Vec::new() };
    cluster.act(BOB, &Act::Send(send));
    alice.follow(&cluster);
    assert_eq!(alice.window.at(4).body, Body::Newer);
}

#[test]
fn the_line_of_the_unread_stays_while_it_is_read() {
    let (mut cluster, mut alice, group) = long(5);
    alice.want(Intent::Act { chat: ChatId::Known(group), act: ConversationAct::MarkRead { position: Position(2) } });
    alice.settle(&mut cluster);
    alice.open(group);
    alice.want(Intent::Act { chat: ChatId::Known(group), act: ConversationAct::MarkRead { position: Position(5) } });
    assert_eq!(alice.window.state.as_ref().unwrap().unread_line, Some(Position(3)));
    assert_eq!(alice.window.chat(group).unread, 0);
}

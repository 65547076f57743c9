//! The outbox: once, in order within a conversation, a few at a time, and no more than is needed.

use raftchat_model::{ChatId, Connection, Input, Intent, Link, OutcomeResult};
use raftchat_schema::command::{AccountAct, Act, ConversationAct, Done, Switch};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{ConversationId, NodeId, Position, RequestNumber, Stamp};

use crate::world::cluster::{ALICE, BOB, Cluster};
use crate::world::device::{Device, ONLINE, cursor};

fn groups(count: usize) -> (Cluster, Device, Vec<ConversationId>) {
    let mut cluster = Cluster::new();
    let groups: Vec<_> = (0..count).map(|number| cluster.group(ALICE, &format!("group {number}"), &[BOB])).collect();
    for group in &groups {
        cluster.say(BOB, *group, "welcome");
    }
    let alice = Device::online(ALICE, &mut cluster);
    (cluster, alice, groups)
}

#[test]
fn one_at_a_time_in_a_conversation_and_eight_in_all() {
    let (mut cluster, mut alice, groups) = groups(10);
    for group in &groups {
        alice.say_in(*group, "one");
        alice.say_in(*group, "two");
    }
    assert_eq!(alice.under_way.len(), 8);
    alice.settle(&mut cluster);
    for group in &groups {
        let said: Vec<_> = cluster.messages(*group).iter().map(|message| message.payload.clone()).collect();
        assert_eq!(
            said,
            [
                crate::world::cluster::says("welcome"),
                crate::world::cluster::says("one"),
                crate::world::cluster::says("two")
            ]
        );
    }
}

#[test]
fn an_unknown_outcome_keeps_it_first_with_the_same_number() {
    let (mut cluster, mut alice, groups) = groups(1);
    let group = *groups.first().unwrap();
    alice.say_in(group, "one");
    alice.say_in(group, "two");
    alice.perform_unheard(&mut cluster);
    let (id, before) = alice.under_way.pop_first().unwrap();
    alice.tell(Input::Outcome { id, result: OutcomeResult::Unknown });
    assert_eq!(alice.under_way.get(&id), Some(&before), "at once the first time");
    let (id, before) = alice.under_way.pop_first().unwrap();
    alice.tell(Input::Outcome { id, result: OutcomeResult::Unknown });
    assert!(alice.under_way.is_empty(), "and then after a while");
    alice.wait(1_000);
    assert_eq!(alice.under_way.get(&id), Some(&before));
    alice.settle(&mut cluster);
    assert_eq!(cluster.messages(group).len(), 3);
}

#[test]
fn nothing_is_done_without_a_link_and_all_of_it_with_the_next() {
    let (mut cluster, mut alice, groups) = groups(1);
    let group = *groups.first().unwrap();
    alice.disconnect();
    alice.say_in(group, "one");
    assert!(alice.under_way.is_empty());
    alice.connect(&mut cluster);
    assert_eq!(cluster.messages(group).len(), 2);
}

#[test]
fn what_waits_is_replaced_by_what_makes_it_pointless() {
    let (mut cluster, mut alice, groups) = groups(1);
    let group = *groups.first().unwrap();
    let chat = ChatId::Known(group);
    cluster.say(BOB, group, "more");
    alice.follow(&cluster);
    alice.open(group);
    alice.disconnect();
    alice.want(Intent::Act { chat, act: ConversationAct::MarkRead { position: Position(1) } });
    alice.want(Intent::Act { chat, act: ConversationAct::MarkRead { position: Position(2) } });
    assert_eq!(alice.store.outbox.len(), 1);
    alice.want(Intent::Act { chat, act: ConversationAct::Mute { until: Stamp(9_000_000) } });
    alice.want(Intent::Act { chat, act: ConversationAct::Mute { until: Stamp(0) } });
    assert_eq!(alice.store.outbox.len(), 1, "muting and not muting is nothing");
    alice.want(Intent::Act { chat, act: ConversationAct::PinConversation { switch: Switch::On } });
    assert!(alice.window.chat(group).pinned);
    alice.want(Intent::Act { chat, act: ConversationAct::PinConversation { switch: Switch::Off } });
    assert!(!alice.window.chat(group).pinned);
    for switch in [Switch::On, Switch::Off, Switch::On] {
        alice.want(Intent::Act {
            chat,
            act: ConversationAct::React { position: Position(1), emoji: "👍".to_owned(), switch },
        });
    }
    assert_eq!(alice.store.outbox.len(), 2);
    alice.connect(&mut cluster);
    assert_eq!(cluster.counts(group, ALICE).unread, 0);
    assert_eq!(alice.performed.len(), 2);
    assert!(alice.store.outbox.is_empty());
}

#[test]
fn what_is_under_way_is_not_replaced() {
    let (mut cluster, mut alice, groups) = groups(1);
    let chat = ChatId::Known(*groups.first().unwrap());
    alice.want(Intent::Act { chat, act: ConversationAct::PinConversation { switch: Switch::On } });
    alice.want(Intent::Act { chat, act: ConversationAct::PinConversation { switch: Switch::Off } });
    assert_eq!(alice.store.outbox.len(), 2);
    alice.settle(&mut cluster);
    assert!(!alice.window.chats.get(&chat).unwrap().pinned);
    assert!(!cluster.place(*groups.first().unwrap(), ALICE).pinned);
}

#[test]
fn numbers_go_up_while_the_clock_stands_still_or_goes_back() {
    let (_, mut alice, groups) = groups(3);
    alice.disconnect();
    for group in &groups {
        alice.say_in(*group, "one");
        alice.now = Stamp(5);
    }
    let numbers: Vec<_> = alice.store.outbox.values().map(|entry| entry.number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    let last = alice.store.last_number;
    alice.crash();
    alice.say_in(*groups.first().unwrap(), "two");
    assert!(alice.store.outbox.values().last().unwrap().number > last);
}

#[test]
fn without_a_majority_it_waits_and_says_so() {
    let (mut cluster, mut alice, groups) = groups(1);
    let group = *groups.first().unwrap();
    alice.say_in(group, "one");
    let (id, _) = alice.under_way.pop_first().unwrap();
    let refusal = Refusal { code: ErrorCode::NoLeader, retry_after_ms: 700 };
    alice.tell(Input::Outcome { id, result: OutcomeResult::Refused(refusal) });
    assert!(matches!(alice.window.connection, Some(Connection::ReadOnly { .. })));
    assert!(alice.under_way.is_empty());
    assert!(alice.window.failures.is_empty());
    alice.wait(800);
    assert_eq!(alice.under_way.len(), 1);
    alice.settle(&mut cluster);
    assert!(matches!(alice.window.connection, Some(Connection::Online { .. })));
}

#[test]
fn the_connection_is_shown_as_it_is() {
    let mut cluster = Cluster::new();
    let mut alice = Device::new(ALICE);
    assert_eq!(alice.window.connection, Some(Connection::Offline));
    alice.tell(Input::Link(Link::Connecting));
    assert_eq!(alice.window.connection, Some(Connection::Connecting));
    alice.tell(Input::Link(ONLINE));
    assert_eq!(alice.window.connection, Some(Connection::CatchingUp { node: NodeId(1), rtt_ms: 3 }));
    alice.settle(&mut cluster);
    assert_eq!(alice.window.connection, Some(Connection::Online { node: NodeId(1), rtt_ms: 3 }));
    alice.tell(Input::Link(Link::ReadOnly { node: NodeId(1), rtt_ms: 3 }));
    assert_eq!(alice.window.connection, Some(Connection::ReadOnly { node: NodeId(1), rtt_ms: 3 }));
}

#[test]
fn without_a_majority_the_line_stands_still_and_nobody_is_taken_for_present() {
    let (mut cluster, mut alice, _) = groups(1);
    let (node, rtt_ms) = (NodeId(1), 3);
    alice.connect(&mut cluster);
    alice.tell(Input::Presence { user: BOB, switch: Switch::On });
    assert!(alice.window.people.get(&BOB).unwrap().online);
    for link in [Link::ReadOnly { node, rtt_ms }, Link::SentAway { node, rtt_ms }, Link::ReadOnly { node, rtt_ms }] {
        alice.tell(Input::Link(link));
        assert_eq!(alice.window.connection, Some(Connection::ReadOnly { node, rtt_ms }));
    }
    assert!(!alice.window.people.get(&BOB).unwrap().online, "there was no link meanwhile");
}

#[test]
fn who_is_there_is_asked_for_once_coming_and_going_is_told() {
    let (mut cluster, mut alice, _) = groups(1);
    alice.connect(&mut cluster);
    alice.disconnect();
    alice.tell(Input::Link(ONLINE));
    assert_eq!(alice.people_wanted, 0, "who came before the feed is followed would be missed");
    let cursor = cursor(alice.seen);
    for _ in 0..2 {
        alice.tell(Input::CaughtUp { cursor: cursor.clone() });
        assert_eq!(alice.people_wanted, 1);
    }
    alice.tell(Input::Link(Link::Online { node: NodeId(2), rtt_ms: 3 }));
    assert_eq!(alice.people_wanted, 2, "on the way from node to node somebody may be missed as well");
}

#[test]
fn a_number_that_the_nodes_forgot_is_replaced() {
    let (mut cluster, mut alice, groups) = groups(1);
    let chat = ChatId::Known(*groups.first().unwrap());
    alice.want(Intent::Act { chat, act: ConversationAct::PinConversation { switch: Switch::On } });
    let (id, (number, _)) = alice.under_way.pop_first().unwrap();
    alice.tell(Input::Outcome { id, result: OutcomeResult::Refused(ErrorCode::StaleRequest.into()) });
    assert!(alice.under_way.get(&id).unwrap().0 > number);
    alice.settle(&mut cluster);
    assert!(cluster.place(*groups.first().unwrap(), ALICE).pinned);
}

#[test]
fn what_was_entered_by_a_clock_that_was_years_ahead_is_numbered_anew_and_done() {
    let (mut cluster, mut alice, groups) = groups(1);
    let (group, chat) = (*groups.first().unwrap(), ChatId::Known(*groups.first().unwrap()));
    let years_ms = 400 * 24 * 3600 * 1000;
    alice.want(Intent::Act { chat, act: ConversationAct::PinConversation { switch: Switch::On } });
    let (id, (first, _)) = alice.under_way.pop_first().unwrap();
    let refused = || OutcomeResult::Refused(ErrorCode::MalformedRequest.into());
    alice.now.0 += years_ms;
    alice.want(Intent::Act { chat, act: ConversationAct::MarkUnread });
    alice.tell(Input::Told { ahead_ms: -i64::try_from(years_ms).unwrap(), highest: RequestNumber(first.0 + 77) });
    alice.tell(Input::Outcome { id, result: OutcomeResult::Done(Done::Nothing) });
    let (id, (absurd, _)) = alice.under_way.pop_first().unwrap();
    alice.tell(Input::Outcome { id, result: refused() });
    let number = alice.under_way.get(&id).unwrap().0;
    assert!(number < absurd, "of the cluster's time");
    alice.settle(&mut cluster);
    assert!(cluster.place(group, ALICE).marked_unread);
    // One that is of its time was refused for another reason: that is told, and it is not tried for ever.
    alice.want(Intent::Act { chat, act: ConversationAct::Mute { until: Stamp(u64::MAX) } });
    let (id, _) = alice.under_way.pop_first().unwrap();
    alice.tell(Input::Outcome { id, result: refused() });
    assert!(alice.under_way.is_empty() && alice.store.outbox.is_empty());
}

#[test]
fn a_session_that_ended_keeps_what_is_to_be_sent() {
    let (_, mut alice, groups) = groups(1);
    alice.say_in(*groups.first().unwrap(), "one");
    let (id, _) = alice.under_way.pop_first().unwrap();
    alice.tell(Input::Outcome { id, result: OutcomeResult::Refused(ErrorCode::SessionEnded.into()) });
    assert!(alice.window.ended.is_some());
    assert!(alice.under_way.is_empty());
    assert_eq!(alice.store.outbox.len(), 1);
}

#[test]
fn after_a_restore_everything_is_fetched_anew_and_the_outbox_stays() {
    let (mut cluster, mut alice, groups) = groups(1);
    let group = *groups.first().unwrap();
    alice.disconnect();
    alice.say_in(group, "one");
    alice.tell(Input::Link(ONLINE));
    alice.tell(Input::SessionEnded(ErrorCode::ForeignCursor.into()));
    assert!(alice.window.chats.is_empty());
    assert_eq!(alice.bootstraps, 1);
    alice.settle(&mut cluster);
    assert_eq!(
        alice.window.chat(group).last.as_ref().map(|last| crate::world::window::text(&last.body)).as_deref(),
        Some("one")
    );
}

#[test]
fn a_group_that_was_asked_for_is_named() {
    let mut cluster = Cluster::new();
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.want(Intent::Account(AccountAct::CreateGroup { title: "boat".to_owned(), members: vec![BOB] }));
    assert!(matches!(alice.performed.last(), Some(Act::Account(AccountAct::CreateGroup { .. }))));
    alice.settle(&mut cluster);
    let group = *alice.window.groups.first().unwrap();
    assert_eq!(alice.window.chat(group).title, "boat");
}

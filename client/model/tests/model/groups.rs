//! Joining, leaving and being removed.

use raftchat_model::{ChatId, FailureReason, Happening, Intent, Item};
use raftchat_schema::command::{AccountAct, Act, ConversationAct, Recipient};
use raftchat_schema::id::{ConversationId, Position};

use crate::world::cluster::{ALICE, BOB, CAROL, Cluster};
use crate::world::device::Device;

/// The timeline as text: what was said, and in brackets what happened.
fn story(device: &Device) -> Vec<String> {
    let line = |item: &Item| match item {
        Item::Bubble(bubble) => crate::world::window::text(&bubble.body),
        Item::Notice(notice) => {
            let what = match &notice.what {
                Happening::Created => "made the group".to_owned(),
                Happening::Joined { by, .. } => format!("was added by {by}"),
                Happening::Left => "left".to_owned(),
                Happening::Removed { by, .. } => format!("was removed by {by}"),
            };
            let name = if notice.me { "you" } else { &notice.name };
            format!("[{name} {what}]")
        }
    };
    device.window.timeline.iter().map(line).collect()
}

fn boat() -> (Cluster, ConversationId) {
    let mut cluster = Cluster::new();
    let group = cluster.group(ALICE, "boat", &[BOB]);
    cluster.say(ALICE, group, "one");
    cluster.act(ALICE, &Act::In(group, ConversationAct::AddMembers { members: vec![CAROL] }));
    cluster.say(CAROL, group, "two");
    (cluster, group)
}

#[test]
fn who_came_and_went_stands_between_the_messages() {
    let (mut cluster, group) = boat();
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(group);
    alice.answer_reads(&cluster);
    assert_eq!(story(&alice), ["[you made the group]", "one", "[carol was added by alice]", "two"]);
    cluster.act(BOB, &Act::In(group, ConversationAct::Leave));
    cluster.say(ALICE, group, "three");
    cluster.act(ALICE, &Act::In(group, ConversationAct::RemoveMember { user: CAROL }));
    alice.follow(&cluster);
    let now = ["[you made the group]", "one", "two", "[bob left]", "three", "[carol was removed by alice]"];
    assert_eq!(story(&alice), now);
    assert_eq!(alice.window.chat(group).member_count, 1);
    assert_eq!(alice.window.members.len(), 1);
}

#[test]
fn a_new_member_sees_from_the_joining_on_and_asks_for_the_others_once() {
    let (mut cluster, group) = boat();
    let mut carol = Device::online(CAROL, &mut cluster);
    carol.open(group);
    carol.answer_reads(&cluster);
    assert_eq!(story(&carol), ["[you was added by alice]", "two"]);
    assert!(carol.window.state.as_ref().unwrap().at_start);
    assert_eq!(carol.window.chat(group).member_count, 3);

    let sail = cluster.group(ALICE, "sail", &[BOB]);
    cluster.say(BOB, sail, "early");
    cluster.act(ALICE, &Act::In(sail, ConversationAct::AddMembers { members: vec![CAROL] }));
    carol.follow(&cluster);
    assert_eq!(carol.wanted, [sail]);
    cluster.act(ALICE, &Act::In(sail, ConversationAct::Rename { title: "sails".to_owned() }));
    carol.follow(&cluster);
    assert_eq!(carol.wanted, [sail], "once");
    carol.settle(&mut cluster);
    carol.open(sail);
    carol.answer_reads(&cluster);
    assert!(carol.window.bubbles().is_empty());
}

#[test]
fn who_is_removed_loses_it_all_and_is_told_what_was_not_sent() {
    let (mut cluster, group) = boat();
    let mut carol = Device::online(CAROL, &mut cluster);
    carol.open(group);
    carol.disconnect();
    carol.say_in(group, "wait");
    carol.want(Intent::Act { chat: ChatId::Known(group), act: ConversationAct::MarkRead { position: Position(2) } });
    cluster.act(ALICE, &Act::In(group, ConversationAct::RemoveMember { user: CAROL }));
    carol.connect(&mut cluster);
    assert!(carol.window.chats.is_empty());
    assert_eq!(carol.window.open, None);
    assert!(carol.store.messages.is_empty() && carol.store.members.is_empty() && carol.store.conversations.is_empty());
    assert!(carol.store.outbox.is_empty());
    assert_eq!(cluster.messages(group).len(), 2);
}

#[test]
fn what_waits_in_a_conversation_that_is_gone_is_dropped_with_a_word() {
    let (mut cluster, group) = boat();
    let mut carol = Device::online(CAROL, &mut cluster);
    carol.disconnect();
    carol.say_in(group, "wait");
    cluster.act(ALICE, &Act::In(group, ConversationAct::RemoveMember { user: CAROL }));
    carol.follow(&cluster);
    assert!(carol.store.outbox.is_empty());
    assert_eq!(carol.window.failures.first().unwrap().why, FailureReason::Left);
}

#[test]
fn who_comes_back_sees_from_then_on_and_a_late_word_of_leaving_does_no_harm() {
    let (mut cluster, group) = boat();
    let mut carol = Device::online(CAROL, &mut cluster);
    cluster.act(ALICE, &Act::In(group, ConversationAct::RemoveMember { user: CAROL }));
    let left = cluster.feed(CAROL, carol.seen);
    carol.page(&cluster, left.clone(), cluster.change());
    cluster.say(ALICE, group, "unseen");
    cluster.act(ALICE, &Act::In(group, ConversationAct::AddMembers { members: vec![CAROL] }));
    cluster.say(ALICE, group, "welcome back");
    carol.settle(&mut cluster);
    let upto = carol.seen;
    carol.page(&cluster, left, upto);
    carol.open(group);
    carol.answer_reads(&cluster);
    assert_eq!(story(&carol), ["[you was added by alice]", "welcome back"]);
}

#[test]
fn who_was_away_while_they_were_taken_out_and_back_in_keeps_nothing_from_before() {
    let (mut cluster, group) = boat();
    let mut carol = Device::online(CAROL, &mut cluster);
    carol.open(group);
    carol.disconnect();
    cluster.act(ALICE, &Act::In(group, ConversationAct::RemoveMember { user: CAROL }));
    cluster.say(ALICE, group, "unseen");
    cluster.act(ALICE, &Act::In(group, ConversationAct::AddMembers { members: vec![CAROL] }));
    cluster.say(ALICE, group, "welcome back");
    carol.connect(&mut cluster);
    assert_eq!(story(&carol), ["[you was added by alice]", "welcome back"]);
    assert_eq!(carol.window.chat(group).member_count, 3);
    let stored: Vec<u64> = carol.store.messages.keys().map(|(_, position)| position.0).collect();
    assert_eq!(stored, [4]);
}

#[test]
fn a_direct_conversation_has_no_such_lines_and_follows_its_names() {
    let mut cluster = Cluster::new();
    let direct = cluster.say_to(BOB, Recipient::Direct(ALICE), "hello", Vec::new()).0;
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(direct);
    assert_eq!(story(&alice), ["hello"]);
    let profile = raftchat_schema::command::Profile { display_name: Some("Bob B.".to_owned()), ..Default::default() };
    cluster.act(BOB, &Act::Account(AccountAct::SetProfile(profile)));
    alice.follow(&cluster);
    assert_eq!(alice.window.chat(direct).title, "Bob B.");
    assert_eq!(alice.window.at(1).sender_name, "Bob B.");
}

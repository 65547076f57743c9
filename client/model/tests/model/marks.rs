//! What others have received and read, and what there is to read.

use raftchat_model::{ChatId, Delivery, Intent};
use raftchat_schema::command::{AccountAct, Act, ConversationAct, Profile, Recipient, Switch};
use raftchat_schema::id::{ConversationId, Position, UserId};

use crate::world::cluster::{ALICE, BOB, CAROL, Cluster};
use crate::world::device::Device;

fn read(cluster: &mut Cluster, user: UserId, conversation: ConversationId, position: u64) {
    cluster.act(user, &Act::In(conversation, ConversationAct::MarkRead { position: Position(position) }));
}

#[test]
fn in_a_direct_conversation_the_others_marks_are_the_state_of_the_last_bubble() {
    let mut cluster = Cluster::new();
    let direct = cluster.say_to(ALICE, Recipient::Direct(BOB), "one", Vec::new()).0;
    cluster.say(ALICE, direct, "two");
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(direct);
    alice.answer_reads(&cluster);
    assert_eq!(alice.window.delivery("one"), None, "only the last says it");
    assert_eq!(alice.window.delivery("two"), Some(Delivery::Sent));
    cluster.delivered(BOB, direct, Position(2));
    alice.follow(&cluster);
    assert_eq!(alice.window.delivery("two"), Some(Delivery::Delivered));
    read(&mut cluster, BOB, direct, 2);
    alice.follow(&cluster);
    assert_eq!(alice.window.delivery("two"), Some(Delivery::Read));
    assert_eq!(alice.window.chat(direct).last.as_ref().unwrap().delivery, Some(Delivery::Read));
}

#[test]
fn in_a_group_everybody_who_tells_counts_and_who_joined_later_does_not() {
    let mut cluster = Cluster::new();
    let group = cluster.group(ALICE, "boat", &[BOB]);
    cluster.say(ALICE, group, "one");
    cluster.act(ALICE, &Act::In(group, ConversationAct::AddMembers { members: vec![CAROL] }));
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(group);
    alice.answer_reads(&cluster);
    read(&mut cluster, BOB, group, 1);
    alice.follow(&cluster);
    assert_eq!(alice.window.delivery("one"), Some(Delivery::Read), "carol cannot see it");

    cluster.say(ALICE, group, "two");
    read(&mut cluster, BOB, group, 2);
    alice.follow(&cluster);
    assert_eq!(alice.window.delivery("two"), Some(Delivery::Sent));
    let receipts = alice.model.receipts(ChatId::Known(group), Position(2));
    let told: Vec<_> = receipts.into_iter().map(|receipt| (receipt.user, receipt.delivery)).collect();
    assert_eq!(told, [(BOB, Delivery::Read), (CAROL, Delivery::Sent)]);
    let silent = Profile { receipts: Some(Switch::Off), ..Profile::default() };
    cluster.act(CAROL, &Act::Account(AccountAct::SetProfile(silent)));
    alice.follow(&cluster);
    assert_eq!(alice.window.delivery("two"), Some(Delivery::Read), "carol no longer tells");
}

#[test]
fn who_does_not_tell_is_not_told() {
    let mut cluster = Cluster::new();
    let direct = cluster.say_to(ALICE, Recipient::Direct(BOB), "one", Vec::new()).0;
    read(&mut cluster, BOB, direct, 1);
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(direct);
    assert_eq!(alice.window.delivery("one"), Some(Delivery::Read));
    alice.want(Intent::Account(AccountAct::SetProfile(Profile { receipts: Some(Switch::Off), ..Profile::default() })));
    alice.settle(&mut cluster);
    assert_eq!(alice.window.delivery("one"), Some(Delivery::Sent));
    assert!(alice.model.receipts(ChatId::Known(direct), Position(1)).is_empty());
}

#[test]
fn reading_shows_at_once_and_does_not_flicker() {
    let mut cluster = Cluster::new();
    let group = cluster.group(BOB, "boat", &[ALICE]);
    cluster.count(BOB, group, 3);
    let mut alice = Device::online(ALICE, &mut cluster);
    assert_eq!((alice.window.chat(group).unread, alice.window.total), (3, (3, 0)));
    assert_eq!(alice.window.chat(group).first_unread, Some(Position(1)));
    alice.want(Intent::Act { chat: ChatId::Known(group), act: ConversationAct::MarkRead { position: Position(3) } });
    assert_eq!((alice.window.chat(group).unread, alice.window.total), (0, (0, 0)));
    alice.perform_all(&mut cluster);
    assert_eq!(alice.window.chat(group).unread, 0, "between the answer and the feed");
    cluster.say(BOB, group, "4");
    alice.follow(&cluster);
    assert_eq!(alice.window.chat(group).unread, 1);
}

#[test]
fn marked_unread_lasts_until_it_is_read_again() {
    let mut cluster = Cluster::new();
    let group = cluster.group(BOB, "boat", &[ALICE]);
    cluster.say(BOB, group, "1");
    let chat = ChatId::Known(group);
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.want(Intent::Act { chat, act: ConversationAct::MarkRead { position: Position(1) } });
    alice.settle(&mut cluster);
    alice.want(Intent::Act { chat, act: ConversationAct::MarkUnread });
    assert_eq!((alice.window.chat(group).marked_unread, alice.window.total.0), (true, 1));
    alice.settle(&mut cluster);
    assert!(alice.window.chat(group).marked_unread);
    alice.want(Intent::Act { chat, act: ConversationAct::MarkRead { position: Position(1) } });
    assert!(!alice.window.chat(group).marked_unread);
    alice.settle(&mut cluster);
    assert!(!alice.window.chat(group).marked_unread);
}

#[test]
fn counts_of_an_older_state_do_not_replace_newer_ones() {
    let mut cluster = Cluster::new();
    let group = cluster.group(BOB, "boat", &[ALICE]);
    cluster.say(BOB, group, "1");
    let mut alice = Device::online(ALICE, &mut cluster);
    let old = cluster.view(group, ALICE);
    cluster.say(BOB, group, "2");
    alice.follow(&cluster);
    alice.tell(raftchat_model::Input::Roster(vec![old]));
    assert_eq!(alice.window.chat(group).unread, 2);
}

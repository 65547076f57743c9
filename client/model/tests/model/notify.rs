//! What calls for attention, and when it no longer does.

use raftchat_model::{ChatId, Intent};
use raftchat_schema::command::{AccountAct, Act, ConversationAct, Switch};
use raftchat_schema::id::{ConversationId, Position, Stamp};

use crate::world::cluster::{ALICE, BOB, CAROL, Cluster};
use crate::world::device::Device;

fn boat() -> (Cluster, Device, ConversationId) {
    let mut cluster = Cluster::new();
    let group = cluster.group(BOB, "boat", &[ALICE, CAROL]);
    cluster.say(BOB, group, "before");
    let alice = Device::online(ALICE, &mut cluster);
    assert!(alice.notifications.is_empty(), "what was there is no news");
    (cluster, alice, group)
}

fn said(alice: &Device) -> Vec<&str> {
    alice.notifications.iter().map(|notification| notification.text.as_str()).collect()
}

#[test]
fn news_calls_once_and_is_taken_back_when_read_elsewhere() {
    let (mut cluster, mut alice, group) = boat();
    cluster.say(BOB, group, "ahoy");
    alice.follow(&cluster);
    alice.follow(&cluster);
    assert_eq!(said(&alice), ["ahoy"]);
    assert_eq!(alice.notifications.first().unwrap().title, "boat");
    assert_eq!(alice.notifications.first().unwrap().sender_name, "bob");
    assert!(alice.cleared.is_empty());
    cluster.act(ALICE, &Act::In(group, ConversationAct::MarkRead { position: Position(2) }));
    alice.follow(&cluster);
    assert_eq!(alice.cleared, [ChatId::Known(group)]);
}

#[test]
fn edits_own_messages_and_the_muted_and_the_blocked_are_silent() {
    let (mut cluster, mut alice, group) = boat();
    let payload = crate::world::cluster::says("after");
    cluster.act(BOB, &Act::In(group, ConversationAct::EditMessage { position: Position(1), payload }));
    cluster.say(ALICE, group, "mine");
    cluster.act(ALICE, &Act::Account(AccountAct::Block { user: CAROL, switch: Switch::On }));
    alice.follow(&cluster);
    cluster.say(CAROL, group, "psst");
    alice.follow(&cluster);
    let until = Stamp(alice.now.0 + 60_000);
    alice.want(Intent::Act { chat: ChatId::Known(group), act: ConversationAct::Mute { until } });
    cluster.say(BOB, group, "muted");
    alice.follow(&cluster);
    assert!(said(&alice).is_empty());
    assert!(alice.window.chat(group).muted);
    assert_eq!(alice.window.total, (0, 0), "the muted are not counted");
    alice.wait(61_000);
    assert!(!alice.window.chat(group).muted);
    assert!(alice.window.total.0 > 0);
    cluster.say(BOB, group, "loud");
    alice.follow(&cluster);
    assert_eq!(said(&alice), ["loud"]);
}

#[test]
fn what_the_person_looks_at_does_not_call() {
    let (mut cluster, mut alice, group) = boat();
    alice.open(group);
    alice.want(Intent::Attend(Switch::On));
    cluster.say(BOB, group, "seen");
    alice.follow(&cluster);
    assert!(said(&alice).is_empty());
    alice.want(Intent::Attend(Switch::Off));
    cluster.say(BOB, group, "unseen");
    alice.follow(&cluster);
    assert_eq!(said(&alice), ["unseen"]);
}

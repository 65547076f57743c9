//! The feed: any split into pages, any repeat, any order of what is fetched beside it, one view.

use proptest::prelude::*;
use raftchat_model::{ChatId, Input};
use raftchat_schema::command::{Act, ConversationAct, Switch};
use raftchat_schema::id::{ConversationId, Position};

use crate::world::cluster::{ALICE, BOB, CAROL, Cluster, says};
use crate::world::device::Device;
use crate::world::window::Window;

/// A busy morning of three people.
fn morning(steps: &[(u8, u8)]) -> Cluster {
    let mut cluster = Cluster::new();
    let group = cluster.group(BOB, "boat", &[ALICE, CAROL]);
    for (kind, which) in steps {
        step(&mut cluster, group, *kind, *which);
    }
    cluster
}

fn step(cluster: &mut Cluster, group: ConversationId, kind: u8, which: u8) {
    let who = *[ALICE, BOB, CAROL].get(usize::from(which % 3)).unwrap();
    if !cluster.is_member(group, who) {
        cluster.act(BOB, &Act::In(group, ConversationAct::AddMembers { members: vec![who] }));
        return;
    }
    let position = Position(u64::from(which) % (cluster.last(group).0 + 1));
    let mine = cluster.message(group, position).is_some_and(|message| message.sender == who);
    let sees = cluster.since(group, who).is_some_and(|since| position > since);
    let deleted = cluster.message(group, position).is_none_or(|message| message.payload.is_empty());
    let act = match kind % 9 {
        0..=2 => {
            cluster.say(who, group, &format!("{kind} {which}"));
            return;
        }
        3 if mine && sees && !deleted => {
            Act::In(group, ConversationAct::EditMessage { position, payload: says(&format!("edit {kind}")) })
        }
        4 if mine && sees => Act::In(group, ConversationAct::DeleteMessage { position }),
        5 if sees && !deleted => {
            let switch = Switch::from_bool(kind < 128);
            Act::In(group, ConversationAct::React { position, emoji: "👍".to_owned(), switch })
        }
        6 => Act::In(group, ConversationAct::MarkRead { position }),
        7 if who != BOB => Act::In(group, ConversationAct::Leave),
        8 if who == BOB => Act::In(group, ConversationAct::Rename { title: format!("boat {which}") }),
        _ => Act::In(group, ConversationAct::MarkUnread),
    };
    cluster.act(who, &act);
}

fn view(mut device: Device, cluster: &mut Cluster) -> (Window, crate::world::store::Store) {
    device.settle(cluster);
    let group = ConversationId(1);
    if cluster.is_member(group, device.me) {
        device.open(group);
        device.answer_reads(cluster);
        device.want(raftchat_model::Intent::LoadOlder);
        device.answer_reads(cluster);
    }
    (device.window, device.store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_split_with_repeats_gives_the_same_view(
        steps in proptest::collection::vec((any::<u8>(), any::<u8>()), 1..60),
        cuts in proptest::collection::vec((1_usize..9, 0_usize..6), 1..40),
    ) {
        let mut cluster = Cluster::new();
        let mut pages = Device::online(ALICE, &mut cluster);
        let mut whole = Device::online(ALICE, &mut cluster);
        cluster = morning(&steps);

        let changes = cluster.feed(ALICE, Cluster::new().change());
        let mut at = 0;
        for (length, back) in cuts.iter().cycle() {
            if at >= changes.len() {
                break;
            }
            let from = at.saturating_sub(*back);
            let to = (at + length).min(changes.len());
            let page = changes.get(from..to).unwrap().to_vec();
            let upto = page.last().unwrap().number.0;
            pages.page(&cluster, page, upto);
            at = to;
        }
        whole.page(&cluster, changes, cluster.change());

        let (one, stored) = view(pages, &mut cluster);
        let (other, stored_whole) = view(whole, &mut cluster);
        prop_assert_eq!(&one.timeline, &other.timeline);
        prop_assert_eq!(&one.chats, &other.chats);
        prop_assert_eq!(one.total, other.total);
        prop_assert_eq!(stored.messages, stored_whole.messages);
        prop_assert_eq!(stored.members, stored_whole.members);
        let fresh = view(Device::online(ALICE, &mut cluster), &mut cluster).0;
        prop_assert_eq!(texts(&fresh), texts(&other), "a new device shows the same");
    }
}

fn texts(window: &Window) -> Vec<(Option<Position>, String, usize)> {
    window
        .bubbles()
        .into_iter()
        .map(|bubble| (bubble.position, crate::world::window::text(&bubble.body), bubble.reactions.len()))
        .collect()
}

#[test]
fn a_late_page_of_history_does_not_undo_what_the_feed_said() {
    let mut cluster = Cluster::new();
    let group = cluster.group(ALICE, "boat", &[BOB]);
    cluster.count(BOB, group, 60);
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(group);
    let (request, conversation, range) = alice.fetches.pop_front().unwrap();
    let before = cluster.history(conversation, ALICE, range.first, range.last);

    let emoji = "👍".to_owned();
    cluster.act(BOB, &Act::In(group, ConversationAct::DeleteMessage { position: Position(30) }));
    cluster.act(BOB, &Act::In(group, ConversationAct::React { position: Position(31), emoji, switch: Switch::On }));
    alice.follow(&cluster);
    alice.tell(Input::FetchedPage { request, messages: before });
    assert_eq!(crate::world::window::text(&alice.window.at(30).body), "×");
    assert_eq!(alice.window.at(31).reactions.len(), 1);
    assert!(alice.store.messages.get(&(group, Position(30))).unwrap().payload.is_empty());
}

#[test]
fn a_message_may_come_before_the_conversation_it_is_in() {
    let mut cluster = Cluster::new();
    let mut alice = Device::online(ALICE, &mut cluster);
    let group = cluster.group(BOB, "boat", &[ALICE, CAROL]);
    cluster.say(BOB, group, "hello");
    cluster.act(BOB, &Act::In(group, ConversationAct::Rename { title: "ship".to_owned() }));
    let mut changes = cluster.feed(ALICE, alice.seen);
    let head = changes.pop().unwrap();
    let upto = changes.last().unwrap().number.0;
    alice.page(&cluster, changes, upto);
    assert!(alice.window.chats.is_empty(), "there is nothing to call it by");
    alice.page(&cluster, vec![head], cluster.change());
    assert_eq!(alice.window.chat(group).title, "ship");
    assert_eq!(alice.window.chat(group).unread, 1);
    assert_eq!(alice.wanted, [group], "its members are asked for once");
    alice.answer_reads(&cluster);
    assert_eq!(alice.window.chat(group).member_count, 3);
    assert!(alice.store.conversations.contains_key(&group));
}

#[test]
fn what_was_not_fetched_before_a_crash_is_fetched_after_it() {
    let mut cluster = Cluster::new();
    let mut alice = Device::online(ALICE, &mut cluster);
    let group = cluster.group(BOB, "boat", &[ALICE, CAROL]);
    alice.follow(&cluster);
    alice.crash();
    alice.connect(&mut cluster);
    assert_eq!(alice.store.members.range((group, ALICE)..=(group, CAROL)).count(), 3);
}

#[test]
fn a_restart_shows_at_once_what_is_stored_also_without_a_link() {
    let mut cluster = Cluster::new();
    let group = cluster.group(BOB, "boat", &[ALICE]);
    cluster.count(BOB, group, 10);
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(group);
    alice.answer_reads(&cluster);
    let before = alice.window.clone();
    alice.crash();
    assert_eq!(alice.window.chats, before.chats);
    alice.open(group);
    assert_eq!(alice.window.timeline, before.timeline);
    assert_eq!(alice.window.open, Some(ChatId::Known(group)));
}

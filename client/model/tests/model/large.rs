//! Groups of more members than the feed tells of: who is in them is asked for when somebody looks.

use raftchat_model::{Input, Link};
use raftchat_schema::command::{Act, ConversationAct};
use raftchat_schema::id::ConversationId;
use raftchat_schema::limits::MEMBERS_TOLD_MAX;
use raftchat_schema::view::{Change, ChangedRow, ConversationView};

use crate::cluster::{ALICE, BOB, CAROL, Cluster};
use crate::device::Device;

const MANY: u32 = 40;
const _: () = assert!(MANY as usize > MEMBERS_TOLD_MAX);

/// The feed as it is where there are many: the conversation's own row, and of members nothing.
fn as_of_many(changes: Vec<Change>, count: u32) -> Vec<Change> {
    let row = |row| match row {
        ChangedRow::Conversation(view) => {
            Some(ChangedRow::Conversation(ConversationView { members: Vec::new(), member_count: count, ..view }))
        }
        ChangedRow::Member { .. } | ChangedRow::MemberLeft { .. } => None,
        other => Some(other),
    };
    changes.into_iter().filter_map(|change| Some(Change { row: row(change.row)?, ..change })).collect()
}

fn follow(device: &mut Device, cluster: &Cluster, count: u32) {
    let changes = as_of_many(cluster.feed(device.me, device.seen), count);
    device.page(cluster, changes, cluster.change);
}

fn members(device: &Device, group: ConversationId) -> usize {
    device.store.members.keys().filter(|(conversation, _)| *conversation == group).count()
}

fn answered(device: &mut Device, cluster: &Cluster, group: ConversationId) {
    let view = cluster.view(group, device.me);
    let members = cluster.members(group);
    device.tell(Input::Roster(vec![ConversationView { members, member_count: MANY, ..view }]));
    device.wanted.clear();
}

#[test]
fn who_is_in_a_large_group_is_asked_for_when_it_is_opened_and_not_before() {
    let mut cluster = Cluster::new();
    let mut alice = Device::online(ALICE, &mut cluster);
    let group = cluster.group(BOB, "boat", &[ALICE, CAROL]);
    follow(&mut alice, &cluster, MANY);
    assert_eq!((&alice.wanted[..], &alice.members_wanted[..]), (&[group][..], &[][..]), "its state, once");
    answered(&mut alice, &cluster, group);
    assert_eq!(alice.window.chat(group).member_count, MANY);
    cluster.act(BOB, &Act::In(group, ConversationAct::Rename { title: "ship".to_owned() }));
    follow(&mut alice, &cluster, MANY);
    alice.tell(Input::Link(Link::Offline));
    alice.connect(&mut cluster);
    assert!(alice.wanted.is_empty() && alice.members_wanted.is_empty(), "whatever happens");

    alice.open(group);
    assert_eq!(alice.members_wanted, [group]);
    alice.tell(Input::Members { conversation: group, members: cluster.members(group) });
    assert_eq!((members(&alice, group), alice.window.chat(group).member_count), (3, MANY));
    alice.open(group);
    assert_eq!(alice.members_wanted, [group], "once, while nothing has changed");

    cluster.act(CAROL, &Act::In(group, ConversationAct::Leave));
    cluster.act(BOB, &Act::In(group, ConversationAct::Rename { title: "ships".to_owned() }));
    follow(&mut alice, &cluster, MANY - 1);
    assert_eq!(alice.members_wanted, [group], "not at once at each of many changes");
    alice.wait(11_000);
    assert_eq!(alice.members_wanted, [group, group]);
    alice.tell(Input::Members { conversation: group, members: cluster.members(group) });
    assert_eq!(members(&alice, group), 2, "who is no longer in it is no longer shown");
}

#[test]
fn a_group_that_is_large_no_longer_is_told_of_all_at_once() {
    let mut cluster = Cluster::new();
    let mut alice = Device::online(ALICE, &mut cluster);
    let group = cluster.group(BOB, "boat", &[ALICE, CAROL]);
    follow(&mut alice, &cluster, MANY);
    answered(&mut alice, &cluster, group);
    cluster.act(CAROL, &Act::In(group, ConversationAct::Leave));
    cluster.act(BOB, &Act::In(group, ConversationAct::Rename { title: "ship".to_owned() }));
    let all = cluster.members(group);
    let mut changes = as_of_many(cluster.feed(ALICE, alice.seen), 2);
    for change in &mut changes {
        if let ChangedRow::Conversation(view) = &mut change.row {
            view.members.clone_from(&all);
        }
    }
    alice.page(&cluster, changes, cluster.change);
    assert!(alice.wanted.is_empty(), "there is nothing to ask for");
    assert_eq!((members(&alice, group), alice.window.chat(group).member_count), (2, 2));
    cluster.act(BOB, &Act::In(group, ConversationAct::AddMembers { members: vec![CAROL] }));
    alice.follow(&cluster);
    assert_eq!((members(&alice, group), alice.window.chat(group).member_count), (3, 3), "the feed tells of each again");
}

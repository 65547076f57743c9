//! Groups of more members than the feed tells of: who is in them is asked for when somebody looks.

use raftchat_model::{Input, Link};
use raftchat_schema::command::{Act, ConversationAct};
use raftchat_schema::id::ConversationId;
use raftchat_schema::limits::MEMBERS_TOLD_MAX;

use crate::world::cluster::{ALICE, BOB, CAROL, Cluster};
use crate::world::device::Device;

const MANY: u32 = 40;
const _: () = assert!(MANY as usize > MEMBERS_TOLD_MAX);

/// Bob's group of so many: alice, carol, and strangers.
fn boat(cluster: &mut Cluster, count: u32) -> ConversationId {
    let mut members = cluster.strangers(u64::from(count) - 3);
    members.extend([ALICE, CAROL]);
    cluster.group(BOB, "boat", &members)
}

fn members(device: &Device, group: ConversationId) -> usize {
    device.store.members.keys().filter(|(conversation, _)| *conversation == group).count()
}

/// The nodes say how the conversation stands, and show the first who are in it.
fn answered(device: &mut Device, cluster: &Cluster, group: ConversationId) {
    device.tell(Input::Roster(vec![cluster.view(group, device.me)]));
    device.wanted.clear();
}

/// The nodes say who all are in it.
fn told(device: &mut Device, cluster: &Cluster, group: ConversationId) {
    device.tell(Input::Members { conversation: group, members: cluster.members(group, device.me) });
}

#[test]
fn who_is_in_a_large_group_is_asked_for_when_it_is_opened_and_not_before() {
    let mut cluster = Cluster::new();
    let mut alice = Device::online(ALICE, &mut cluster);
    let group = boat(&mut cluster, MANY);
    alice.follow(&cluster);
    assert_eq!((&alice.wanted[..], &alice.members_wanted[..]), (&[group][..], &[][..]), "its state, once");
    answered(&mut alice, &cluster, group);
    assert_eq!(alice.window.chat(group).member_count, MANY);
    cluster.act(BOB, &Act::In(group, ConversationAct::Rename { title: "ship".to_owned() }));
    alice.follow(&cluster);
    alice.tell(Input::Link(Link::Offline));
    alice.connect(&mut cluster);
    assert!(alice.wanted.is_empty() && alice.members_wanted.is_empty(), "whatever happens");

    alice.open(group);
    assert_eq!(alice.members_wanted, [group]);
    told(&mut alice, &cluster, group);
    assert_eq!((members(&alice, group), alice.window.chat(group).member_count), (MANY as usize, MANY));
    alice.open(group);
    assert_eq!(alice.members_wanted, [group], "once, while nothing has changed");

    cluster.act(CAROL, &Act::In(group, ConversationAct::Leave));
    alice.follow(&cluster);
    assert_eq!(alice.members_wanted, [group], "not at once at each of many changes");
    alice.wait(11_000);
    assert_eq!(alice.members_wanted, [group, group]);
    told(&mut alice, &cluster, group);
    assert_eq!(members(&alice, group), MANY as usize - 1, "who is no longer in it is no longer shown");
}

#[test]
fn a_group_that_is_large_no_longer_is_told_of_all_at_once() {
    let mut cluster = Cluster::new();
    let mut alice = Device::online(ALICE, &mut cluster);
    let group = boat(&mut cluster, u32::try_from(MEMBERS_TOLD_MAX).unwrap() + 1);
    alice.follow(&cluster);
    answered(&mut alice, &cluster, group);
    cluster.act(CAROL, &Act::In(group, ConversationAct::Leave));
    alice.follow(&cluster);
    assert!(alice.wanted.is_empty(), "there is nothing to ask for");
    let held = |alice: &Device| (members(alice, group), alice.window.chat(group).member_count as usize);
    assert_eq!(held(&alice), (MEMBERS_TOLD_MAX, MEMBERS_TOLD_MAX));
    let stranger = *cluster.members(group, ALICE).iter().map(|member| &member.user.id).max().unwrap();
    cluster.act(BOB, &Act::In(group, ConversationAct::RemoveMember { user: stranger }));
    cluster.act(BOB, &Act::In(group, ConversationAct::AddMembers { members: vec![CAROL] }));
    alice.follow(&cluster);
    assert_eq!(held(&alice), (MEMBERS_TOLD_MAX, MEMBERS_TOLD_MAX), "the feed tells of each again");
    assert!(alice.store.members.contains_key(&(group, CAROL)));
}

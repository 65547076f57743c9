//! Drafts follow the person to another device, and what is being written here is never taken away.

use raftchat_model::{ChatId, Intent};
use raftchat_schema::command::{Act, ConversationAct};
use raftchat_schema::id::ConversationId;

use crate::world::cluster::{ALICE, BOB, Cluster, says};
use crate::world::device::Device;

fn boat() -> (Cluster, ConversationId) {
    let mut cluster = Cluster::new();
    let group = cluster.group(ALICE, "boat", &[BOB]);
    (cluster, group)
}

fn write(device: &mut Device, conversation: ConversationId, text: &str) {
    device.want(Intent::Draft { chat: ChatId::Known(conversation), text: text.to_owned(), reply_to: None });
}

fn draft(device: &Device, conversation: ConversationId) -> Option<&str> {
    device.window.chat(conversation).draft.as_deref()
}

#[test]
fn a_draft_is_kept_at_once_and_saved_when_it_is_left_alone() {
    let (mut cluster, group) = boat();
    let mut phone = Device::online(ALICE, &mut cluster);
    let mut desk = Device::online(ALICE, &mut cluster);
    phone.open(group);
    write(&mut phone, group, "dear");
    phone.wait(1_000);
    write(&mut phone, group, "dear bob");
    phone.wait(1_000);
    assert!(phone.performed.is_empty(), "still being written");
    phone.wait(1_000);
    assert_eq!(phone.performed, [Act::In(group, ConversationAct::SaveDraft { draft: says("dear bob") })]);
    phone.settle(&mut cluster);
    desk.settle(&mut cluster);
    assert_eq!(draft(&desk, group), Some("dear bob"));
    desk.open(group);
    assert_eq!(desk.window.draft, "dear bob");
}

#[test]
fn a_crash_loses_no_draft() {
    let (mut cluster, group) = boat();
    let mut phone = Device::online(ALICE, &mut cluster);
    write(&mut phone, group, "dear");
    phone.crash();
    assert_eq!(draft(&phone, group), Some("dear"));
    phone.wait(10);
    phone.connect(&mut cluster);
    assert_eq!(cluster.place(group, ALICE).draft, says("dear"));
}

#[test]
fn a_draft_from_elsewhere_replaces_what_was_not_changed_here_later() {
    let (mut cluster, group) = boat();
    let mut phone = Device::online(ALICE, &mut cluster);
    phone.open(group);
    write(&mut phone, group, "here");
    cluster.act(ALICE, &Act::In(group, ConversationAct::SaveDraft { draft: says("there") }));
    phone.follow(&cluster);
    assert_eq!(draft(&phone, group), Some("here"));
    phone.wait(2_000);
    phone.settle(&mut cluster);
    assert_eq!(cluster.place(group, ALICE).draft, says("here"));
    cluster.act(ALICE, &Act::In(group, ConversationAct::SaveDraft { draft: says("there") }));
    phone.follow(&cluster);
    assert_eq!((draft(&phone, group), phone.window.draft.as_str()), (Some("there"), "there"));
}

#[test]
fn a_save_that_was_overtaken_before_its_answer_does_not_hide_the_later_one() {
    let (mut cluster, group) = boat();
    let mut phone = Device::online(ALICE, &mut cluster);
    write(&mut phone, group, "first");
    phone.wait(2_000);
    phone.perform_unheard(&mut cluster);
    cluster.act(ALICE, &Act::In(group, ConversationAct::SaveDraft { draft: says("second") }));
    phone.follow(&cluster);
    phone.settle(&mut cluster);
    assert_eq!(draft(&phone, group), Some("second"));
}

#[test]
fn sending_empties_the_draft_on_all_devices() {
    let (mut cluster, group) = boat();
    let mut phone = Device::online(ALICE, &mut cluster);
    let mut desk = Device::online(ALICE, &mut cluster);
    phone.open(group);
    write(&mut phone, group, "dear bob");
    phone.wait(2_000);
    phone.settle(&mut cluster);
    desk.settle(&mut cluster);
    phone.say_in(group, "dear bob");
    assert_eq!((draft(&phone, group), phone.window.draft.as_str()), (None, ""));
    phone.settle(&mut cluster);
    desk.settle(&mut cluster);
    assert_eq!(draft(&desk, group), None);
}

#[test]
fn a_draft_that_was_never_saved_is_not_saved_empty_either() {
    let (mut cluster, group) = boat();
    let mut phone = Device::online(ALICE, &mut cluster);
    phone.open(group);
    write(&mut phone, group, "dear bob");
    phone.say_in(group, "dear bob");
    phone.wait(5_000);
    phone.settle(&mut cluster);
    assert_eq!(phone.performed.len(), 1);
}

#[test]
fn closing_saves_at_once() {
    let (mut cluster, group) = boat();
    let mut phone = Device::online(ALICE, &mut cluster);
    phone.open(group);
    write(&mut phone, group, "dear");
    phone.want(Intent::Close);
    assert_eq!(phone.performed.len(), 1);
}

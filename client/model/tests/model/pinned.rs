//! What is pinned, the line of the unread, and what people are called.

use raftchat_model::{Body, ChatId, DELETED_ACCOUNT, Input, Intent, Original};
use raftchat_schema::command::{AccountAct, Act, ConversationAct, Profile, Recipient, Switch};
use raftchat_schema::id::{ConversationId, Position};
use raftchat_schema::view::{Change, ChangedRow};

use crate::world::cluster::{ALICE, BOB, CAROL, Cluster, says};
use crate::world::device::{Device, cursor};

fn boat(count: u64) -> (Cluster, Device, ConversationId) {
    let mut cluster = Cluster::new();
    let group = cluster.group(BOB, "boat", &[ALICE, CAROL]);
    cluster.count(BOB, group, count);
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(group);
    alice.answer_reads(&cluster);
    (cluster, alice, group)
}

fn pinned(device: &Device) -> Vec<(u64, String)> {
    let words = |original: &Original| match original {
        Original::Loading => "…".to_owned(),
        Original::Gone => "gone".to_owned(),
        Original::Said { sender_name, body, .. } => format!("{sender_name}: {}", crate::world::window::text(body)),
    };
    device.window.pinned.iter().map(|pin| (pin.position.0, words(&pin.original))).collect()
}

fn pin(position: u64, switch: Switch, group: ConversationId) -> Act {
    Act::In(group, ConversationAct::PinMessage { position: Position(position), switch })
}

#[test]
fn what_is_pinned_is_shown_wherever_it_is_and_follows_its_edits() {
    let (mut cluster, mut alice, group) = boat(200);
    assert!(pinned(&alice).is_empty());
    cluster.act(BOB, &pin(3, Switch::On, group));
    cluster.act(CAROL, &pin(199, Switch::On, group));
    alice.follow(&cluster);
    assert_eq!(pinned(&alice), [(3, "…".to_owned()), (199, "bob: 199".to_owned())], "far up: it is looked for");
    alice.answer_reads(&cluster);
    assert_eq!(pinned(&alice).first(), Some(&(3, "bob: 3".to_owned())));

    for position in [3, 199] {
        let payload = says("two\nlines \u{202e}of it");
        cluster.act(BOB, &Act::In(group, ConversationAct::EditMessage { position: Position(position), payload }));
    }
    alice.follow(&cluster);
    let edited = "bob: two lines of it".to_owned();
    assert_eq!(pinned(&alice), [(3, edited.clone()), (199, edited)]);

    let profile = Profile { display_name: Some("Bob B.".to_owned()), ..Profile::default() };
    cluster.act(BOB, &Act::Account(AccountAct::SetProfile(profile)));
    cluster.act(BOB, &Act::In(group, ConversationAct::DeleteMessage { position: Position(3) }));
    alice.follow(&cluster);
    assert_eq!(pinned(&alice), [(199, "Bob B.: two lines of it".to_owned())]);

    alice.want(Intent::Act {
        chat: ChatId::Known(group),
        act: ConversationAct::PinMessage { position: Position(199), switch: Switch::Off },
    });
    assert!(pinned(&alice).is_empty(), "at once");
}

#[test]
fn what_somebody_blocked_has_said_is_pinned_and_hidden() {
    let (mut cluster, mut alice, group) = boat(3);
    cluster.act(BOB, &pin(2, Switch::On, group));
    alice.follow(&cluster);
    assert!(alice.window.pinned.iter().all(|pin| !pin.hidden_blocked));
    alice.want(Intent::Account(AccountAct::Block { user: BOB, switch: Switch::On }));
    alice.settle(&mut cluster);
    assert!(alice.window.pinned.iter().all(|pin| pin.hidden_blocked));
}

#[test]
fn the_pins_of_the_conversation_that_is_opened_replace_those_before() {
    let (mut cluster, mut alice, group) = boat(3);
    cluster.act(BOB, &pin(2, Switch::On, group));
    let other = cluster.group(BOB, "sail", &[ALICE]);
    alice.settle(&mut cluster);
    alice.open(other);
    assert!(pinned(&alice).is_empty());
    alice.open(group);
    assert_eq!(pinned(&alice), [(2, "bob: 2".to_owned())]);
}

fn line(device: &Device) -> Option<u64> {
    device.window.state.as_ref().unwrap().unread_line.map(|position| position.0)
}

#[test]
fn the_line_of_the_unread_is_above_the_first_of_another_and_never_moves() {
    let (mut cluster, mut alice, group) = boat(2);
    alice.want(Intent::Act { chat: ChatId::Known(group), act: ConversationAct::MarkRead { position: Position(2) } });
    alice.settle(&mut cluster);
    alice.want(Intent::Close);
    cluster.say(ALICE, group, "from the phone");
    cluster.say(BOB, group, "soon gone");
    cluster.say(ALICE, group, "from the phone again");
    cluster.say(BOB, group, "to read");
    cluster.act(BOB, &Act::In(group, ConversationAct::DeleteMessage { position: Position(4) }));
    alice.follow(&cluster);
    alice.open(group);
    alice.answer_reads(&cluster);
    assert_eq!(line(&alice), Some(6));
    cluster.act(BOB, &Act::In(group, ConversationAct::DeleteMessage { position: Position(6) }));
    cluster.say(BOB, group, "news");
    alice.settle(&mut cluster);
    assert_eq!(line(&alice), Some(6), "it stays where it was seen");
}

#[test]
fn a_line_that_has_nothing_left_to_stand_above_does_not_come_later() {
    let (mut cluster, mut alice, group) = boat(1);
    alice.want(Intent::Close);
    alice.want(Intent::Act { chat: ChatId::Known(group), act: ConversationAct::MarkRead { position: Position(1) } });
    alice.settle(&mut cluster);
    cluster.say(BOB, group, "soon gone");
    cluster.say(ALICE, group, "from the phone");
    alice.follow(&cluster);
    // Deleted, and the counts have not come yet.
    let conversation = group;
    cluster.act(BOB, &Act::In(conversation, ConversationAct::DeleteMessage { position: Position(2) }));
    let changes: Vec<Change> = cluster.feed(ALICE, alice.seen);
    alice.seen = cluster.change();
    alice.tell(Input::Changes { changes, counts: Vec::new(), cursor: cursor(cluster.change()) });
    alice.open(group);
    alice.answer_reads(&cluster);
    assert_eq!(line(&alice), None);
    cluster.say(BOB, group, "while she looks");
    alice.settle(&mut cluster);
    assert_eq!(line(&alice), None);
}

#[test]
fn an_account_that_is_gone_takes_its_name_with_it() {
    let (mut cluster, mut alice, group) = boat(2);
    let react =
        Act::In(group, ConversationAct::React { position: Position(1), emoji: "👍".to_owned(), switch: Switch::On });
    cluster.act(BOB, &react);
    let direct = cluster.say_to(BOB, Recipient::Direct(ALICE), "hello", Vec::new()).0;
    alice.settle(&mut cluster);
    assert_eq!(alice.window.at(1).reactions.first().unwrap().names, ["bob"]);
    cluster.delete_account(BOB);
    alice.settle(&mut cluster);
    assert_eq!(alice.window.at(1).reactions.first().unwrap().names, [DELETED_ACCOUNT]);
    assert_eq!(alice.window.at(1).sender_name, DELETED_ACCOUNT);
    assert_eq!(alice.window.chat(direct).title, DELETED_ACCOUNT);
    assert_eq!(alice.window.people.get(&BOB).unwrap().display_name, DELETED_ACCOUNT);
}

#[test]
fn who_is_nobody_the_nodes_tell_of_has_a_deleted_account() {
    let (cluster, mut alice, group) = boat(2);
    let mut message = cluster.message(group, Position(2)).unwrap();
    message.sender = raftchat_schema::id::UserId(9_999);
    message.position = Position(3);
    message.message_id = crate::world::cluster::fresh_id(12_345);
    message.reactions =
        vec![raftchat_schema::view::ReactionView { emoji: "👍".to_owned(), users: vec![message.sender] }];
    let number = raftchat_schema::id::ChangeNumber(cluster.change() + 1);
    message.changed = number;
    let changes = vec![Change { number, row: ChangedRow::Message(message) }];
    alice.tell(Input::Changes { changes, counts: Vec::new(), cursor: cursor(number.0) });
    let bubble = alice.window.at(3);
    assert_eq!((bubble.sender_name.as_str(), bubble.body.clone()), (DELETED_ACCOUNT, Body::Text("2".to_owned())));
    assert_eq!(bubble.reactions.first().unwrap().names, [DELETED_ACCOUNT]);
}

#[test]
fn names_and_titles_stand_in_one_line_and_turn_nothing_round() {
    let (mut cluster, mut alice, group) = boat(1);
    for (given, shown) in [
        ("Bob\u{202e} rekaB\nAdmin", "Bob rekaB Admin"),
        ("\u{2067}\u{2066}Bob", "Bob"),
        ("B\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}ob", "B\u{301}\u{302}\u{303}\u{304}ob"),
    ] {
        let profile = Profile { display_name: Some(given.to_owned()), ..Profile::default() };
        cluster.act(BOB, &Act::Account(AccountAct::SetProfile(profile)));
        alice.follow(&cluster);
        assert_eq!(alice.window.at(1).sender_name, shown);
        assert_eq!(alice.window.people.get(&BOB).unwrap().display_name, shown);
    }
    cluster.act(BOB, &Act::In(group, ConversationAct::Rename { title: "boat\u{202e}\r\ntaob".to_owned() }));
    alice.follow(&cluster);
    assert_eq!(alice.window.chat(group).title, "boat taob");
}

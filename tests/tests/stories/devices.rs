//! Devices with a store of their own: what is typed is sent once and in order, whatever dies meanwhile, and what was there
//! is there without any node.

use std::path::Path;

use raftchat_client::ExportFormat;
use raftchat_model::{ChatId, Connection, Intent};
use raftchat_schema::command::ConversationAct;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::ctl::{Answer, Ctl};
use raftchat_tests::devices::{Device, chat};
use raftchat_tests::people::{Person, with};
use raftchat_tests::soon;

use crate::PROGRAM;

/// Calls `raftchatctl chat` on the device in `profile`.
fn ctl(profile: &Path, arguments: &[&str]) -> Answer {
    let all = [&["chat", "--profile", profile.to_str().unwrap()], arguments].concat();
    Ctl(PROGRAM.into()).call(&all, "")
}

/// A device of somebody new.
async fn device(cluster: &Cluster, name: &str) -> Device {
    let Person { profile, client, .. } = cluster.person(name).await;
    drop(client);
    Device::open(&profile, None)
}

#[tokio::test]
async fn what_was_typed_without_any_node_is_sent_once_and_in_order_when_they_are_back() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    alice.say("bob", "before").await;
    let profile = alice.profile.clone();
    drop(alice);
    assert_eq!(ctl(&profile, &["sync"]).status, 0, "the device knows whom it can write to");
    cluster.kill_all();
    // Each of these is a program that ends before anything could be sent.
    for number in 0..5 {
        let answer = ctl(&profile, &["send", "--to", "bob", "--later", &format!("typed {number}")]);
        assert_eq!(answer.one()["queued"], true, "{answer:?}");
    }
    assert_eq!(ctl(&profile, &["outbox"]).lines.len(), 5);
    let refused = ctl(&profile, &["send", "--to", "bob", "now", "--timeout", "1"]);
    assert_eq!((refused.status, refused.error()), (3, "unreachable"));

    // A window is opened on it, and closed in the middle of trying.
    let mut window = Device::open(&profile, None);
    window.shows("bob's conversation", |screen| screen.chats.keys().next().copied()).await;
    let place = *window.screen.chats.keys().next().unwrap();
    window.messenger.act(Intent::Open { chat: place });
    window.say(place, "typed 5");
    window.shows("all that was typed", |screen| (screen.bubbles().count() >= 6).then_some(())).await;
    window.close().await;
    cluster.start_all();
    cluster.serving(3).await;
    for _ in 0..2 {
        let synced = ctl(&profile, &["sync"]);
        assert_eq!(synced.one()["outbox_left"], 0, "{synced:?}");
    }
    cluster.agree().await;
    let typed = (0..6).map(|number| format!("typed {number}"));
    let expected: Vec<_> = std::iter::once("before".to_owned()).chain(typed).collect();
    let read: Vec<_> = bob.read("alice").await.into_iter().filter_map(|(_, text)| text).collect();
    assert_eq!(read, expected);
}

#[tokio::test]
async fn what_one_person_says_in_a_row_arrives_in_that_order_through_the_death_of_leaders() {
    let cluster = Cluster::start(PROGRAM, 5, |_| {}).await;
    let (mut alice, mut bob) = (device(&cluster, "alice").await, device(&cluster, "bob").await);
    alice.online().await;
    bob.online().await;
    let bob_id = soon("asking", bob.messenger.client().whoami()).await.unwrap().user.id;
    let place = ChatId::Direct(bob_id);
    alice.messenger.act(Intent::Open { chat: place });
    let mut expected = Vec::new();
    for death in 0..2 {
        for number in 0..100 {
            let text = format!("{death}.{number}");
            alice.say(place, &text);
            expected.push(text);
        }
        let leader = cluster.serving(5 - death).await;
        cluster.kill(leader);
    }
    cluster.serving(3).await;
    alice.sent_all().await;
    assert_eq!(alice.screen.texts(), expected, "on her own screen");
    cluster.start_all();
    cluster.serving(5).await;
    cluster.agree().await;
    let place = bob.shows("alice's conversation", |screen| screen.chats.keys().next().copied()).await;
    bob.read_whole(place).await;
    bob.shows("all of it", |screen| (screen.texts() == expected).then_some(())).await;
}

#[tokio::test]
async fn a_device_opens_without_any_node_finds_what_it_has_and_says_that_it_is_alone() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    for number in 0..120 {
        alice.say("bob", &format!("page {number} of the logbook")).await;
    }
    alice.delete("bob", 7).await.unwrap();
    let id = alice.conversation("bob").await.id;
    drop(bob.client);
    let mut device = Device::open(&bob.profile, None);
    device.online().await;
    device.shows("the conversation", |screen| screen.chats.contains_key(&chat(id)).then_some(())).await;
    device.read_whole(chat(id)).await;
    let read = device.screen.texts();
    let profile = device.close().await;

    cluster.kill_all();
    let mut device = Device::open(&profile, None);
    device.read_whole(chat(id)).await;
    assert_eq!(device.screen.texts(), read);
    let found = soon("searching", device.messenger.search("logbook pag", 200)).await.unwrap();
    assert_eq!(found.len(), 119, "all but what was deleted");
    let alone = |screen: &raftchat_tests::devices::Screen| {
        let online = matches!(screen.connection, Some(Connection::Online { .. } | Connection::CatchingUp { .. }));
        (!online && screen.connection.is_some()).then_some(())
    };
    device.shows("it says that it is alone", alone).await;

    cluster.start_all();
    cluster.serving(3).await;
    device.online().await;
    let mut text = Vec::new();
    soon("exporting", device.messenger.export(chat(id), ExportFormat::Text, &mut text)).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("page 0 of the logbook") && text.contains("page 119 of the logbook"), "{text}");
}

#[tokio::test]
async fn two_devices_of_one_person_show_the_same_when_one_reads_on_and_the_other_was_away() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let alice = cluster.person("alice").await;
    let bob = cluster.person("bob").await;
    let phone = cluster.phone("bob", 2).await;
    let (desk_profile, phone_profile) = (bob.profile.clone(), phone.profile.clone());
    drop((bob, phone));
    let (mut desk, phone) = (Device::open(&desk_profile, None), Device::open(&phone_profile, None));
    desk.online().await;
    let phone_profile = phone.close().await;
    for number in 0..30 {
        alice.say("bob", &format!("{number}")).await;
    }
    let id = alice.conversation("bob").await.id;
    desk.shows("what alice said", |screen| {
        screen.chats.get(&chat(id)).and_then(|summary| (summary.unread == 30).then_some(()))
    })
    .await;
    desk.messenger.act(Intent::Act {
        chat: chat(id),
        act: ConversationAct::MarkRead { position: raftchat_schema::id::Position(20) },
    });
    let mut phone = Device::open(&phone_profile, None);
    for device in [&mut desk, &mut phone] {
        device
            .shows("ten are left", |screen| {
                screen.chats.get(&chat(id)).and_then(|summary| (summary.unread == 10).then_some(()))
            })
            .await;
    }
    assert_eq!(alice.client.conversation(&with("bob")).await.unwrap().place.counts.unread, 0);
}

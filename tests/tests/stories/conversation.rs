//! The first service: people, devices, messages, marks, presence, and the end of an account.

use raftchat_client::{ClientError, Event, Following, Hint};
use raftchat_schema::command::{ConversationAct, OwnMessages};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Position;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::{PASSWORD, Person, code, fresh_id, says, typed, with};
use raftchat_tests::{soon, until};

use crate::PROGRAM;

#[tokio::test]
async fn alice_and_bob_talk_and_everybody_sees_the_same() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let phone = cluster.phone("bob", 3).await;
    let (mut bob_hears, mut phone_hears) = (bob.follow(), phone.follow());

    for number in 1..=5 {
        assert_eq!(alice.say("bob", &format!("hello {number}")).await.position, Position(number));
    }
    for heard in [&mut bob_hears, &mut phone_hears] {
        for number in 1..=5 {
            assert_eq!(heard.message().await.position, Position(number));
        }
    }
    assert_eq!(
        (bob.conversation("alice").await.place.counts.unread, alice.conversation("bob").await.place.counts.unread),
        (5, 0)
    );
    soon("reading", bob.client.act(&with("alice"), ConversationAct::MarkRead { position: Position(3) })).await.unwrap();
    until("the phone knows what was read", async || {
        (phone.conversation("alice").await.place.counts.unread == 2).then_some(())
    })
    .await;

    alice.delete("bob", 2).await.unwrap();
    let tombstone = phone_hears.message().await;
    assert_eq!((tombstone.position, tombstone.payload.len()), (Position(2), 0));
    assert_eq!(code(bob.delete("alice", 1).await), ErrorCode::NotYours);
    cluster.agree().await;
    assert_eq!(bob.read("alice").await[1], (2, None));
    assert_eq!(bob.read("alice").await, alice.read("bob").await);
}

#[tokio::test]
async fn a_message_sent_again_is_stored_once_over_any_node() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, _bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let phone = cluster.phone("alice", 2).await;
    let id = fresh_id();
    let first = alice.client.send(&with("bob"), id, says("once")).await.unwrap();
    for person in [&alice, &phone] {
        let again = person.client.send(&with("bob"), id, says("once")).await.unwrap();
        assert_eq!(
            (again.conversation, again.position, again.sent_at),
            (first.conversation, first.position, first.sent_at)
        );
    }
    assert_eq!(alice.read("bob").await, [(1, Some("once".to_owned()))]);
}

#[tokio::test]
async fn presence_is_seen_over_other_nodes_and_ends_with_the_session() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let mut listening = bob.client.subscribe(Following::FromNow);
    soon("bob listens", async { while !matches!(listening.next().await, Some(Event::CaughtUp { .. })) {} }).await;
    let shown = async |name: &str| {
        let users = bob.client.users().await.unwrap();
        users.into_iter().find(|user| user.username.as_str() == name).unwrap()
    };
    until("alice is online", async || shown("alice").await.online.then_some(())).await;
    drop(alice);
    until("alice is gone", async || (!shown("alice").await.online).then_some(())).await;
    until("when she was last seen is noted", async || shown("alice").await.last_seen.map(drop)).await;
    soon("bob is told", async {
        loop {
            let event = listening.next().await.unwrap();
            if matches!(&event, Event::Hint(Hint::Presence { username, online: false, .. }) if username.as_str() == "alice") {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_where_its_user_says_and_an_account_everywhere() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let phone = cluster.phone("alice", 3).await;
    alice.say("bob", "before I go").await;
    soon("logging out", alice.client.logout()).await.unwrap();
    assert!(matches!(alice.client.whoami().await, Err(ClientError::NoSession)));
    phone.say("bob", "the phone goes on").await;

    // A session is worth nothing on another device.
    let stolen = cluster.device("mallory");
    std::fs::copy(phone.profile.join("session.toml"), stolen.join("session.toml")).unwrap();
    let mallory = Person::on("alice", &stolen, None);
    assert_eq!(code(mallory.client.whoami().await), ErrorCode::SessionEnded);

    let mut phone_hears = phone.client.subscribe(Following::FromNow);
    alice.login().await;
    assert_eq!(code(alice.client.delete_account(typed("wrong"), OwnMessages::Keep).await), ErrorCode::WrongCredentials);
    soon("deleting", alice.client.delete_account(typed(PASSWORD), OwnMessages::Keep)).await.unwrap();
    soon("the phone is told", async { while !matches!(phone_hears.next().await, Some(Event::Ended(_)) | None) {} })
        .await;
    let name = "alice".parse().unwrap();
    assert_eq!(code(alice.client.login(name, typed(PASSWORD)).await), ErrorCode::WrongCredentials);
    let name = "alice".parse().unwrap();
    assert_eq!(
        code(alice.client.register(name, String::new(), typed("another good one")).await),
        ErrorCode::UsernameTaken
    );
    cluster.agree().await;
    assert!(bob.client.users().await.unwrap().iter().all(|user| user.username.as_str() != "alice"));
    assert_eq!(bob.read("alice").await.len(), 2, "what she said stays");
    assert_eq!(code(bob.try_say("alice", "still there?").await), ErrorCode::NoSuchUser);
}

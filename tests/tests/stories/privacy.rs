//! Who gets in, who may write to whom, and what others see: sessions, passwords, guesses, blocks, presence, typing, rates.

pub(crate) mod erased;
pub(crate) mod private;

use std::time::{Duration, Instant};

use raftchat_client::{ClientError, ClientOptions, Event, Following, Hint};
use raftchat_schema::command::{AccountAct, OtherSessions, Profile, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::{PASSWORD, Person, code, typed, with};
use raftchat_tests::{soon, until};

use crate::PROGRAM;

#[tokio::test]
async fn sessions_are_listed_and_ended_from_another_device_and_a_new_password_ends_the_others() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let alice = cluster.person("alice").await;
    let (phone, tablet) = (cluster.phone("alice", 2).await, Person::on("alice", &cluster.device("tablet"), None));
    tablet.login().await;
    cluster.agree().await;
    let sessions = soon("listing", alice.client.sessions()).await.unwrap();
    let names: Vec<_> = sessions.iter().map(|session| session.device_name.as_str()).collect();
    assert_eq!(names, ["alice", "alice-phone", "tablet"]);
    assert!(sessions.iter().all(|session| session.address == "127.0.0.1"));
    assert_eq!(sessions.iter().map(|session| session.current).collect::<Vec<_>>(), [true, false, false]);

    let mut tablet_hears = tablet.client.subscribe(Following::FromNow);
    soon("the tablet listens", async { while !matches!(tablet_hears.next().await, Some(Event::CaughtUp { .. })) {} })
        .await;
    soon("ending", alice.client.act_on_account(AccountAct::EndSession(sessions[2].id))).await.unwrap();
    soon("the tablet is told", async { while !matches!(tablet_hears.next().await, Some(Event::Ended(_)) | None) {} })
        .await;
    // One node has told it; another may answer it now, which knows a moment later.
    cluster.agree().await;
    assert_eq!(code(tablet.client.whoami().await), ErrorCode::SessionEnded);

    let wrong = alice.client.change_password(typed("wrong"), typed("another one"), OtherSessions::End);
    assert_eq!(code(wrong.await), ErrorCode::WrongCredentials);
    let right = alice.client.change_password(typed(PASSWORD), typed("another one"), OtherSessions::End);
    soon("changing", right).await.unwrap();
    until("the phone is out", async || phone.client.whoami().await.is_err().then_some(())).await;
    cluster.agree().await;
    assert_eq!(alice.client.sessions().await.unwrap().len(), 1);
    assert_eq!(code(phone.client.login("alice".parse().unwrap(), typed(PASSWORD)).await), ErrorCode::WrongCredentials);
    soon("logging in", phone.client.login("alice".parse().unwrap(), typed("another one"))).await.unwrap();
}

#[tokio::test]
async fn guesses_of_strangers_wait_longer_and_longer_and_the_owner_never_does() {
    let cluster = Cluster::start(PROGRAM, 1, |_| {}).await;
    let alice = cluster.person("alice").await;
    let options = ClientOptions { timeout: Duration::from_millis(500), ..ClientOptions::default() };
    let profile = raftchat_client::Profile::open(&cluster.device("mallory")).unwrap();
    let mallory = raftchat_client::Client::start(profile, options).unwrap();
    let guess =
        async |number: u32| mallory.login("alice".parse().unwrap(), typed(&format!("guess {number}"))).await.map(drop);
    let mut waits = Vec::new();
    for number in 0..12 {
        match guess(number).await {
            Err(ClientError::Refused(refusal)) if refusal.code == ErrorCode::RateLimited => {
                assert!(refusal.retry_after_ms > 0);
                waits.push(refusal.retry_after_ms);
            }
            Err(ClientError::Refused(refusal)) => assert_eq!(refusal.code, ErrorCode::WrongCredentials),
            other => panic!("{other:?}"),
        }
    }
    assert!(!waits.is_empty(), "twelve guesses in a row were all answered");
    alice.login().await;
}

#[tokio::test]
async fn who_is_blocked_can_neither_write_nor_add_and_is_told_so() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    alice.say("bob", "hello").await;
    let alice_id = alice.id().await;
    soon("blocking", bob.client.act_on_account(AccountAct::Block { user: alice_id, switch: Switch::On }))
        .await
        .unwrap();
    assert_eq!(code(alice.try_say("bob", "still there?").await), ErrorCode::Blocked);
    assert_eq!(code(bob.try_say("alice", "no").await), ErrorCode::Blocked);
    let adding = alice.client.group_create("Trap".to_owned(), vec![bob.id().await]);
    assert_eq!(code(adding.await), ErrorCode::Blocked);
    cluster.agree().await;
    let blocked = bob.client.blocked().await.unwrap();
    assert_eq!(blocked.iter().map(|user| user.id).collect::<Vec<_>>(), [alice_id]);
    soon("forgiving", bob.client.act_on_account(AccountAct::Block { user: alice_id, switch: Switch::Off }))
        .await
        .unwrap();
    assert_eq!(alice.say("bob", "thanks").await.position.0, 2);
}

#[tokio::test]
async fn typing_is_seen_over_another_node_and_hidden_presence_is_seen_by_nobody() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let alice = Person::on("alice", &cluster.device("alice"), Some(cluster.address(1)));
    let bob = Person::on("bob", &cluster.device("bob"), Some(cluster.address(2)));
    alice.register().await;
    bob.register().await;
    alice.say("bob", "hello").await;
    cluster.agree().await;
    let mut hears = bob.client.subscribe(Following::FromNow);
    soon("bob listens", async { while !matches!(hears.next().await, Some(Event::CaughtUp { .. })) {} }).await;
    soon("typing", alice.client.typing(&with("bob"), true)).await.unwrap();
    soon("bob sees it", async {
        loop {
            if let Some(Event::Hint(Hint::Typing { username, active: true, .. })) = hears.next().await {
                assert_eq!(username.as_str(), "alice");
                return;
            }
        }
    })
    .await;

    let shown = async || {
        let users = bob.client.users().await.unwrap();
        users.into_iter().find(|user| user.username.as_str() == "alice").unwrap()
    };
    until("alice is online", async || shown().await.online.then_some(())).await;
    let hidden = Profile { presence: Some(Switch::Off), ..Profile::default() };
    soon("hiding", alice.client.act_on_account(AccountAct::SetProfile(hidden))).await.unwrap();
    until("she is not seen", async || {
        let alice = shown().await;
        (!alice.online && alice.last_seen.is_none()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn whose_node_dies_is_soon_seen_to_be_gone() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let bob = Person::on("bob", &cluster.device("bob"), Some(cluster.address(1)));
    bob.register().await;
    for (name, node, silence) in [("alice", 2, Cluster::kill as fn(&Cluster, u64)), ("carol", 3, Cluster::pause)] {
        let person = Person::on(name, &cluster.device(name), Some(cluster.address(node)));
        person.register().await;
        let is_online = async || {
            let users = bob.client.users().await.unwrap();
            users.into_iter().any(|user| user.username.as_str() == name && user.online)
        };
        until("they are online", async || is_online().await.then_some(())).await;
        silence(&cluster, node);
        let died = Instant::now();
        until("they are gone", async || (!is_online().await).then_some(())).await;
        drop(person);
        println!("{name} was seen to be gone {:?} after node {node} fell silent", died.elapsed());
        if node == 2 {
            cluster.start_node(2);
            cluster.serving(3).await;
        }
    }
    cluster.resume(3);
}

#[tokio::test]
async fn who_does_too_much_is_told_when_to_come_back_and_gets_it_done_in_the_end() {
    let cluster = Cluster::start(PROGRAM, 1, |config| {
        config.limits.account_per_second = 20;
        config.limits.account_burst = 5;
    })
    .await;
    let (alice, _bob) = (cluster.person("alice").await, cluster.person("bob").await);
    for number in 0..30 {
        alice.say("bob", &format!("{number}")).await;
    }
    assert_eq!(alice.read("bob").await.len(), 30, "a client waits as it is told");
}

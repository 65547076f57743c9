//! Nodes die, all of them too, and nothing that was acknowledged is lost, doubled or out of order.

use std::time::Duration;

use raftchat_client::{Client, ClientError, ClientOptions, Profile};
use raftchat_tests::cluster::Cluster;
use raftchat_tests::history::Acknowledged;
use raftchat_tests::people::{fresh_id, says, with};
use raftchat_tests::{soon, until};
use tokio::sync::watch;

use crate::PROGRAM;

#[tokio::test]
async fn two_of_five_die_in_the_middle_of_a_conversation_and_then_all() {
    let cluster = Cluster::start(PROGRAM, 5, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let (end, over) = watch::channel(false);
    let mut hears = bob.follow();
    let murder = async {
        for _ in 0..20 {
            hears.message().await;
        }
        let leader = cluster.serving(5).await;
        cluster.kill(leader);
        cluster.kill(1 + leader % 5);
        cluster.serving(3).await;
        for _ in 0..40 {
            hears.message().await;
        }
        end.send(true).unwrap();
    };
    let (alice_sent, bob_sent, ()) = tokio::join!(
        Acknowledged::while_sending(&alice, "bob", over.clone()),
        Acknowledged::while_sending(&bob, "alice", over.clone()),
        murder
    );
    cluster.agree().await;
    let read = bob.read("alice").await;
    assert_eq!(alice.read("bob").await, read);
    alice_sent.must_be_in(&read);
    bob_sent.must_be_in(&read);
    println!("longest gaps: alice {:?}, bob {:?}", alice_sent.longest_gap, bob_sent.longest_gap);

    cluster.kill_all();
    cluster.start_all();
    cluster.serving(5).await;
    cluster.agree().await;
    assert_eq!(alice.read("bob").await, read);
    alice.say("bob", "we are all still here").await;
    cluster.agree().await;
}

#[tokio::test]
async fn without_a_majority_nothing_is_acknowledged_and_all_resumes_when_one_returns() {
    let cluster = Cluster::start(PROGRAM, 5, |_| {}).await;
    let (alice, _bob) = (cluster.person("alice").await, cluster.person("bob").await);
    alice.say("bob", "while there is a majority").await;
    for node in [1, 3, 5] {
        cluster.kill(node);
    }
    let options = ClientOptions { timeout: Duration::from_secs(4), ..ClientOptions::default() };
    let hasty = Client::start(Profile::open(&alice.profile).unwrap(), options).unwrap();
    let id = fresh_id();
    let refused = soon("giving up", hasty.send(&with("bob"), id, says("without one"))).await;
    assert!(
        matches!(&refused, Err(error @ ClientError::Unreachable { .. }) if error.exit_status() == 3),
        "{refused:?}"
    );

    cluster.start_node(3);
    cluster.serving(3).await;
    let sent = soon("sending again", alice.client.send(&with("bob"), id, says("without one"))).await.unwrap();
    cluster.agree().await;
    let expected = ["while there is a majority", "without one"].map(|text| Some(text.to_owned()));
    let texts: Vec<_> = alice.read("bob").await.into_iter().map(|(_, text)| text).collect();
    assert_eq!((sent.position.0, texts), (2, expected.to_vec()), "once, whatever became of the first attempt");
    cluster.agree().await;
}

#[tokio::test]
async fn a_paused_leader_is_replaced_and_finds_its_place_again() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let leader = cluster.serving(3).await;
    cluster.pause(leader);
    let next = until("another leads", async || {
        let statuses = cluster.statuses().await;
        let leads = |status: &&raftchat_schema::view::NodeStatus| status.role == raftchat_schema::view::Role::Leader;
        statuses.iter().find(leads).map(|status| status.node.0).filter(|node| *node != leader)
    })
    .await;
    assert_ne!(next, leader);
    alice.say("bob", "who leads?").await;
    cluster.resume(leader);
    cluster.serving(3).await;
    bob.say("alice", "somebody does").await;
    cluster.agree().await;
}

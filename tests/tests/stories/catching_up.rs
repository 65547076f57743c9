//! Who was away gets what was missed: devices from their cursor, nodes from the log or from a snapshot.

use raftchat_client::{Event, Following};
use raftchat_schema::id::Position;
use raftchat_schema::view::ChangedRow;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::Person;
use raftchat_tests::{soon, until};

use crate::PROGRAM;

#[tokio::test]
async fn a_device_resumes_on_a_node_it_never_met_and_misses_nothing() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    alice.say("bob", "first").await;
    // Bob has caught up when he knows all that his node does: it must know this.
    cluster.agree().await;
    let mut hears = bob.client.subscribe(Following::FromStart);
    let cursor = soon("catching up", async {
        loop {
            if let Some(Event::CaughtUp { cursor }) = hears.next().await {
                return cursor;
            }
        }
    })
    .await;
    drop((hears, bob.client));
    for number in 0..150 {
        alice.say("bob", &format!("while you were away {number}")).await;
    }
    alice.delete("bob", 7).await.unwrap();
    // A node that is a moment behind would tell of the deletion a moment later.
    cluster.agree().await;
    for node in 1..=3 {
        let bob = Person::on("bob", &bob.profile, Some(cluster.address(node)));
        let mut hears = bob.client.subscribe(Following::After(cursor.clone()));
        let (mut last, mut positions) = (0, Vec::new());
        soon("catching up", async {
            loop {
                match hears.next().await.unwrap() {
                    Event::Change { change, .. } => {
                        assert!(change.number.0 > last);
                        last = change.number.0;
                        if let ChangedRow::Message(message) = change.row {
                            positions.push(message.position.0);
                        }
                    }
                    Event::CaughtUp { .. } => return,
                    _ => {}
                }
            }
        })
        .await;
        let in_order: Vec<_> = (2..=151).filter(|position| *position != 7).chain([7]).collect();
        assert_eq!(positions, in_order, "each once, at its latest change, over node {node}");
    }
}

#[tokio::test]
async fn a_subscription_goes_on_over_other_nodes_when_its_own_dies() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let alice = cluster.person("alice").await;
    let bob_profile = cluster.device("bob");
    let bob = Person::on("bob", &bob_profile, Some(cluster.address(2)));
    bob.register().await;
    let mut hears = bob.follow();
    alice.say("bob", "over node 2").await;
    assert_eq!(hears.message().await.position, Position(1));
    cluster.kill(2);
    cluster.serving(2).await;
    for number in 2..=30 {
        alice.say("bob", "over another").await;
        assert_eq!(hears.message().await.position, Position(number));
    }
}

#[tokio::test]
async fn a_node_that_was_away_while_the_log_was_purged_is_sent_a_snapshot() {
    let cluster = Cluster::start(PROGRAM, 3, |config| {
        (config.snapshot_entries, config.keep_entries) = (50, 10);
    })
    .await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let away = 1 + cluster.serving(3).await % 3;
    cluster.kill(away);
    cluster.serving(2).await;
    // A leader keeps what it has sent and was not told to have arrived, until it gives that up.
    let mut said = 0;
    until("those who stayed have purged what it lacks", async || {
        alice.say("bob", &format!("{said}")).await;
        said += 1;
        let mut stayed = (1..=3).filter(|node| *node != away);
        stayed.all(|node| cluster.log(node).contains("entries were purged")).then_some(())
    })
    .await;
    cluster.start_node(away);
    until("a snapshot comes in", async || cluster.log(away).contains("a snapshot comes in").then_some(())).await;
    cluster.serving(3).await;
    bob.say("alice", "and on it goes").await;
    cluster.agree().await;
    let returned = Person::on("bob", &bob.profile, Some(cluster.address(away)));
    assert_eq!(returned.read("alice").await.len(), said + 1);
}

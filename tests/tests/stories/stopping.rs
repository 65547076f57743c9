//! A node that is asked to stop hands on what it has and leaves nobody waiting.

use raftchat_tests::cluster::Cluster;
use raftchat_tests::history::Acknowledged;
use raftchat_tests::until;
use tokio::sync::watch;

use crate::PROGRAM;

#[tokio::test]
async fn every_node_is_restarted_in_turn_and_no_call_fails() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let begun = [1, 2, 3].map(|node| cluster.log(node).len());
    let (end, over) = watch::channel(false);
    let rolling = async {
        for _ in 0..3 {
            // The leader each time: it has the most to hand on.
            let leader = cluster.serving(3).await;
            assert!(cluster.stop(leader).success(), "{}", cluster.log(leader));
            cluster.serving(2).await;
            cluster.start_node(leader);
        }
        cluster.serving(3).await;
        end.send(true).unwrap();
    };
    let (sent, ()) = tokio::join!(Acknowledged::while_sending(&alice, "bob", over), rolling);
    println!("longest gap: {:?}", sent.longest_gap);
    cluster.agree().await;
    let read = bob.read("alice").await;
    sent.must_be_in(&read);
    assert_eq!(read.len(), sent.positions.len());
    cluster.agree().await;
    for (node, begun) in (1..=3).zip(begun) {
        let log = cluster.log(node);
        let alarms: Vec<_> =
            log[begun..].lines().filter(|line| line.contains(" ERROR ") || line.contains(" WARN ")).collect();
        assert_eq!(alarms, [""; 0], "all of it was in order, node {node}");
    }
}

#[tokio::test]
async fn a_node_whose_terminal_is_gone_goes_on() {
    let cluster = Cluster::start(PROGRAM, 1, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    for number in 1..=3 {
        cluster.hang_up(1);
        alice.say("bob", &format!("still here {number}")).await;
    }
    until("the node says so", async || cluster.log(1).contains("SIGHUP is ignored").then_some(())).await;
    assert_eq!(bob.read("alice").await.len(), 3);
    assert_eq!(cluster.log(1).matches("SIGHUP").count(), 1, "once");
    assert!(cluster.stop(1).success());
}

//! A node that is asked to stop hands on what it has and leaves nobody waiting.

use raftchat_tests::cluster::Cluster;
use raftchat_tests::history::Acknowledged;
use tokio::sync::watch;

use crate::PROGRAM;

#[tokio::test]
async fn every_node_is_restarted_in_turn_and_no_call_fails() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
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
}

//! Every sync of every disk takes long: whoever leads is followed, and who dies is replaced, only later. What it takes:
//! `cargo test -p raftchat-node --test storage slow_disks -- --nocapture`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use raftchat_node::raft::RaftSettings;
use raftchat_state::suite;

use crate::cluster::Cluster;
use crate::support::batch;

/// What became of a cluster whose leader died.
#[derive(Debug)]
struct Outcome {
    /// Until the next batch was acknowledged.
    gap: Duration,
    /// How many terms it took.
    terms: u64,
}

/// With the times that a node has by default.
fn settings() -> RaftSettings {
    RaftSettings::default()
}

/// Has something stored every now and then, so that the nodes know their disks, and then cuts the leader off.
async fn leader_dies(nodes: u64, sync: Duration, known: bool) -> Outcome {
    let cluster = Cluster::of(nodes, settings()).await;
    let slow = u64::try_from(sync.as_millis()).unwrap();
    cluster.register(0..3).await;
    if known {
        cluster.slower.store(slow, Ordering::Relaxed);
        cluster.register(3..6).await;
    }
    let leader = cluster.leader().await.status();
    cluster.slower.store(slow, Ordering::Relaxed);
    let cut = Instant::now();
    cluster.wires.unplug(leader.node);
    cluster.propose(&batch(9, &[suite::register("late", 9)])).await;
    let gap = cut.elapsed();
    let terms = cluster.leader().await.status().leadership.term - leader.leadership.term;
    println!("{nodes} nodes, {sync:?} a sync, known before: {known}: {gap:.2?}, {terms} terms");
    Outcome { gap, terms }
}

/// The silence that is missed, and what is written one after the other: the candidate's vote, the voters', that it leads, the
/// same at those who follow, its first entry, the batch. Once more for two who stand at once.
fn most(sync: Duration) -> Duration {
    Duration::from_secs(5) + 12 * sync
}

async fn is_replaced(nodes: u64, sync: u64, known: bool, terms_max: u64) {
    let sync = Duration::from_millis(sync);
    let Outcome { gap, terms } = leader_dies(nodes, sync, known).await;
    assert!(gap < most(sync), "{nodes} nodes, {sync:?} a sync: {gap:?}");
    assert!(terms <= terms_max, "{nodes} nodes, {sync:?} a sync: {terms} terms");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_on_slow_disks_replace_a_dead_leader() {
    for sync in [0, 50, 200, 400, 1000] {
        is_replaced(3, sync, true, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_nodes_on_slow_disks_replace_a_dead_leader() {
    for sync in [0, 50, 200, 400, 1000] {
        is_replaced(5, sync, true, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_that_turn_slow_when_the_leader_dies_cost_a_few_elections_more() {
    is_replaced(3, 600, false, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_a_tenth_of_a_second_from_each_other_keep_their_leader_and_replace_a_dead_one() {
    let cluster = Cluster::of(3, settings()).await;
    cluster.register(0..2).await;
    let before = cluster.leader().await.status();
    cluster.wires.way.store(100, Ordering::Relaxed);
    cluster.register(2..20).await;
    assert_eq!(cluster.leader().await.status().leadership, before.leadership, "nobody had a reason to stand");
    let cut = Instant::now();
    cluster.wires.unplug(before.node);
    cluster.propose(&batch(20, &[suite::register("late", 20)])).await;
    println!("100 ms there and back: {:.2?}", cut.elapsed());
    assert!(cut.elapsed() < most(Duration::ZERO), "{:?}", cut.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_on_slow_disks_keeps_leading_under_load() {
    let cluster = Cluster::of(3, settings()).await;
    cluster.register(0..2).await;
    let before = cluster.leader().await.status().leadership;
    cluster.slower.store(500, Ordering::Relaxed);
    let begun = Instant::now();
    // Many at once: heartbeats never find a disk that has nothing to do.
    let writing = (2..42).map(|person| {
        let (cluster, command) = (&cluster, suite::register(&format!("person{person}"), person));
        async move {
            tokio::time::sleep(Duration::from_millis(u64::from(person) * 100)).await;
            cluster.propose(&batch(u64::from(person), &[command])).await;
        }
    });
    futures::future::join_all(writing).await;
    let after = cluster.leader().await;
    println!("40 batches at 500 ms a sync: {:.2?}", begun.elapsed());
    assert_eq!(after.status().leadership, before, "nobody had a reason to stand");
    let asked = Instant::now();
    after.read_index().await.unwrap();
    assert!(asked.elapsed() < Duration::from_millis(400), "to be sure of leading takes no disk: {:?}", asked.elapsed());
    cluster.agree().await;
}

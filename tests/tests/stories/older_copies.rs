//! An older copy of a node's data is put in its place: whole in itself, but behind what the node has promised. It is told on both
//! sides, gives no vote, and is sent what is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::Person;
use raftchat_tests::until;

use crate::PROGRAM;

fn data(cluster: &Cluster, node: u64) -> PathBuf {
    cluster.dir().join(format!("node-{node}/data"))
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

/// Stops a node that does not lead, copies its data, lets all go on, and puts the copy in while the node is stopped again. Gives
/// the node, and how much was said.
async fn put_in_an_older_copy(cluster: &Cluster, alice: &Person) -> (u64, usize) {
    let node = 1 + cluster.serving(3).await % 3;
    let (data, older) = (data(cluster, node), cluster.dir().join("older"));
    assert!(cluster.stop(node).success());
    copy(&data, &older);
    cluster.start_node(node);
    cluster.serving(3).await;
    // Greetings pass once a second: the others know then that it was further than its copy.
    let (begun, mut said) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(2) || said < 30 {
        said += 1;
        alice.say("bob", &format!("after the copy {said}")).await;
    }
    cluster.agree().await;
    assert!(cluster.stop(node).success());
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&older, &data).unwrap();
    (node, said)
}

const OWN_WORD: &str = "goes back behind what it has acknowledged";
const OTHERS_WORD: &str = "has come back with older data";
const LEADERS_WORD: &str = "the log of a node goes back";

/// Waits until the node has told it and it is over. It tells it even where a leader has sent it all that was missing before it had
/// asked anybody what it should hold.
async fn is_told_and_over(cluster: &Cluster, node: u64) {
    until("it is told", async || cluster.log(node).contains(OWN_WORD).then_some(())).await;
    until("it is over", async || cluster.log(node).contains("what was missing is here again").then_some(())).await;
}

#[tokio::test]
async fn an_older_copy_is_told_and_caught_up() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let (node, said) = put_in_an_older_copy(&cluster, &alice).await;
    cluster.start_node(node);
    cluster.serving(3).await;
    is_told_and_over(&cluster, node).await;
    let others = || (1..=3).filter(|other| *other != node);
    until("another says it", async || {
        let says = |other| cluster.log(other).contains(OTHERS_WORD) || cluster.log(other).contains(LEADERS_WORD);
        others().any(says).then_some(())
    })
    .await;
    alice.say("bob", "and on it goes").await;
    cluster.agree().await;
    assert_eq!(bob.read("alice").await.len(), said + 1);
    // It votes again: nobody leads without it.
    let dies = others().next().unwrap();
    cluster.kill(dies);
    cluster.serving(2).await;
}

#[tokio::test]
async fn an_older_copy_gives_no_vote_while_the_leader_is_away() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let (node, said) = put_in_an_older_copy(&cluster, &alice).await;
    let leader = cluster.serving(2).await;
    let third = 6 - leader - node;
    cluster.kill(leader);
    cluster.start_node(node);
    // The third knows how far it was, though it was not the one that led.
    until("the node says it", async || cluster.log(node).contains(OWN_WORD).then_some(())).await;
    until("the third says it", async || cluster.log(third).contains(OTHERS_WORD).then_some(())).await;
    let before = cluster.statuses().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    for status in cluster.statuses().await {
        assert_ne!(status.role, raftchat_schema::view::Role::Leader, "node {} leads by its vote", status.node);
    }
    println!("{before:?}");
    cluster.start_node(leader);
    cluster.serving(3).await;
    until("it has caught up", async || cluster.log(node).contains("what was missing is here again").then_some(()))
        .await;
    alice.say("bob", "and on it goes").await;
    cluster.agree().await;
    assert_eq!(bob.read("alice").await.len(), said + 1);
}

#[tokio::test]
async fn a_new_disk_under_an_old_number_gives_no_vote_before_it_has_caught_up() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let alice = cluster.person("alice").await;
    let _bob = cluster.person("bob").await;
    let (node, _) = put_in_an_older_copy(&cluster, &alice).await;
    fs::remove_dir_all(data(&cluster, node)).unwrap();
    fs::create_dir(data(&cluster, node)).unwrap();
    // As if it had never been: what a node that lost its disk must not claim.
    fs::write(data(&cluster, node).join("NEW"), cluster.authorities().cluster().as_str()).unwrap();
    cluster.start_node(node);
    cluster.serving(3).await;
    is_told_and_over(&cluster, node).await;
    cluster.agree().await;
}

/// Flips a bit in each kilobyte of every file under a directory, but for the log's.
fn damage(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
            continue;
        }
        let mut bytes = fs::read(&path).unwrap();
        bytes.iter_mut().step_by(1024).for_each(|byte| *byte ^= 0x20);
        fs::write(&path, bytes).unwrap();
    }
}

#[tokio::test]
async fn a_node_whose_rows_and_snapshots_are_damaged_is_sent_all_of_it() {
    let cluster = Cluster::start(PROGRAM, 3, |config| {
        (config.snapshot_entries, config.keep_entries) = (20, 5);
    })
    .await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let node = 1 + cluster.serving(3).await % 3;
    let mut said = 0;
    until("its log is purged", async || {
        said += 1;
        alice.say("bob", &format!("{said}")).await;
        cluster.log(node).contains("entries were purged").then_some(())
    })
    .await;
    assert!(cluster.stop(node).success());
    let current = fs::read_to_string(data(&cluster, node).join("CURRENT")).unwrap();
    damage(&data(&cluster, node).join(current.trim()));
    damage(&data(&cluster, node).join("snap"));
    cluster.start_node(node);
    until("it says what it lacks", async || cluster.log(node).contains("the rows are lost").then_some(())).await;
    until("it is over", async || cluster.log(node).contains("what was missing is here again").then_some(())).await;
    until("nothing is owed", async || (!data(&cluster, node).join("log.owed").exists()).then_some(())).await;
    cluster.serving(3).await;
    alice.say("bob", "and on it goes").await;
    cluster.agree().await;
    assert_eq!(bob.read("alice").await.len(), said + 1);
    // It votes again: nobody leads without it.
    cluster.kill((1..=3).find(|other| *other != node).unwrap());
    cluster.serving(2).await;
}

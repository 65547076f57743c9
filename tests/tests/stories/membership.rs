//! Nodes come and go for good while people talk: a lost disk is replaced by a new node, and nobody's vote is counted twice.

use std::fs;
use std::time::{Duration, Instant};

use raftchat_schema::id::NodeId;
use raftchat_schema::view::Role;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::ctl::{Answer, Ctl};
use raftchat_tests::people::Person;
use raftchat_tests::until;
use serde_json::Value;

use crate::PROGRAM;

/// Who runs the cluster, at a shell beside its directory.
struct Operator {
    dir: String,
}

impl Operator {
    /// Of a cluster whose authorities are put where `cluster init` would have.
    fn of(cluster: &Cluster) -> Self {
        cluster.authorities().save(&cluster.dir().join("pki")).unwrap();
        Self { dir: cluster.dir().to_str().unwrap().to_owned() }
    }

    fn types(&self, words: &[&str]) -> Answer {
        Ctl(PROGRAM.into()).call(&[&["cluster", words[0], "--dir", &self.dir], &words[1..]].concat(), "")
    }

    /// What was refused, and that it was.
    fn is_refused(&self, words: &[&str]) -> String {
        let answer = self.types(words);
        assert_eq!(answer.status, 1, "{answer:?}");
        answer.error().to_owned()
    }

    /// Adds a node and gives its number.
    fn adds(&self) -> u64 {
        let answer = self.types(&["add"]);
        assert_eq!(answer.one()["role"], "learner");
        answer.one()["node"].as_u64().unwrap()
    }

    fn promotes(&self, node: u64) {
        assert_eq!(self.types(&["promote", &node.to_string()]).one()["role"], "voter");
    }

    fn removes(&self, node: u64) {
        assert_eq!(self.types(&["remove", &node.to_string()]).one()["role"], "removed");
    }

    /// The members by number, with what each one is; and the leader.
    fn sees(&self) -> (Vec<(u64, String)>, Option<u64>) {
        let answer = self.types(&["members"]);
        assert_eq!(answer.status, 0, "{answer:?}");
        let number = |line: &Value| line["node"].as_u64().unwrap();
        let all = answer.lines.iter().map(|line| (number(line), line["role"].as_str().unwrap().to_owned()));
        (all.collect(), answer.lines.iter().find(|line| line["leader"] == true).map(number))
    }
}

fn members(all: &[(u64, &str)]) -> Vec<(u64, String)> {
    all.iter().map(|(node, role)| (*node, (*role).to_owned())).collect()
}

#[tokio::test]
async fn a_node_whose_disk_is_lost_is_replaced_and_the_new_one_votes() {
    let mut cluster = Cluster::start(PROGRAM, 3, |config| {
        // So few that the newcomer is sent a snapshot.
        (config.snapshot_entries, config.keep_entries) = (20, 5);
    })
    .await;
    let operator = Operator::of(&cluster);
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    for number in 1..=60 {
        alice.say("bob", &format!("before {number}")).await;
    }
    let leader = cluster.serving(3).await;
    let lost = 1 + leader % 3;
    cluster.kill(lost);
    let data = cluster.dir().join(format!("node-{lost}/data"));
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    cluster.start_node(lost);
    assert_eq!(cluster.ended(lost).code(), Some(4));
    assert!(cluster.log(lost).contains("raftchatctl cluster remove"), "{}", cluster.log(lost));

    operator.removes(lost);
    cluster.let_go(lost);
    assert_eq!(operator.is_refused(&["remove", &lost.to_string()]), "no-such-node");
    bob.say("alice", "we are two").await;
    assert_eq!(operator.adds(), 4);
    assert_eq!(operator.is_refused(&["promote", "--timeout", "0", "4"]), "not-caught-up");
    cluster.take_in(4);
    cluster.start_node(4);
    operator.promotes(4);
    let old: Vec<_> = (1..=3).filter(|node| *node != lost).collect();
    let expected = members(&[(old[0], "voter"), (old[1], "voter"), (4, "voter")]);
    until("all three follow one leader", async || (cluster.serving(3).await > 0).then_some(())).await;
    assert_eq!(operator.sees().0, expected);
    cluster.agree().await;

    // Of the two that are left one is new: nothing goes on without its vote.
    let dies = cluster.serving(3).await;
    let dies = if dies == 4 { old[0] } else { dies };
    cluster.kill(dies);
    cluster.serving(2).await;
    let stays = old.iter().find(|node| **node != dies).unwrap();
    assert_eq!(operator.is_refused(&["remove", &stays.to_string()]), "no-majority");
    alice.say("bob", "and on it goes").await;
    let read = Person::on("bob", &bob.profile, Some(cluster.address(4))).read("alice").await;
    let texts: Vec<_> = read.iter().map(|(_, text)| text.clone().unwrap()).collect();
    let before = (1..=60).map(|number| format!("before {number}"));
    let all: Vec<_> = before.chain(["we are two".to_owned(), "and on it goes".to_owned()]).collect();
    assert_eq!(texts, all, "nothing is lost");
    cluster.agree().await;
    cluster.start_node(dies);
    cluster.serving(3).await;
    cluster.agree().await;
}

/// Stops whoever leads and starts it again, until it is that node. Who hears of no leader meanwhile is not waited for: with one
/// node away, those that are left are no majority.
async fn leadership_comes_to(cluster: &Cluster, wanted: u64, count: u64) {
    for _ in 0..10 {
        let leader = cluster.serving(count).await;
        if leader == wanted {
            return;
        }
        assert!(cluster.stop(leader).success());
        cluster.start_node(leader);
    }
    panic!("node {wanted} never leads");
}

#[tokio::test]
async fn a_node_that_was_away_lets_in_a_leader_that_it_never_met() {
    let mut cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let operator = Operator::of(&cluster);
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    alice.say("bob", "carol's machine is off today").await;
    let away = 1 + cluster.serving(3).await % 3;
    cluster.stop(away);
    cluster.serving(2).await;
    let new = operator.adds();
    cluster.take_in(new);
    cluster.start_node(new);
    operator.promotes(new);
    leadership_comes_to(&cluster, new, 3).await;
    bob.say("alice", "we have a new one").await;
    cluster.start_node(away);
    until("it follows the new leader", async || {
        let statuses = cluster.statuses().await;
        let follows =
            |node: u64| statuses.iter().any(|status| status.node.0 == node && status.leader == Some(NodeId(new)));
        (follows(away) && follows(new)).then_some(())
    })
    .await;
    cluster.agree().await;
}

#[tokio::test]
async fn a_removed_node_that_goes_on_running_says_so_once_and_fills_no_log() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let operator = Operator::of(&cluster);
    let gone = 1 + cluster.serving(3).await % 3;
    operator.removes(gone);
    until("it says so", async || cluster.log(gone).contains("no other node lets this one in").then_some(())).await;
    let stays: Vec<_> = (1..=3).filter(|node| *node != gone).collect();
    let sizes = || stays.iter().map(|node| cluster.log(*node).len()).collect::<Vec<_>>();
    let (begun, before) = (Instant::now(), sizes());
    // As long as it takes to see that nothing comes: 12,800 bytes came in 30 s.
    tokio::time::sleep(Duration::from_secs(10)).await;
    for ((before, after), node) in before.iter().zip(sizes()).zip(&stays) {
        let bytes = after - before;
        assert!(bytes < 600, "{bytes} bytes in {:?} on node {node}: {}", begun.elapsed(), cluster.log(*node));
    }
    assert_eq!(cluster.log(gone).matches("no other node lets this one in").count(), 1);
}

#[tokio::test]
async fn nodes_leave_until_one_is_left_which_stays() {
    let mut cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let operator = Operator::of(&cluster);
    let (alice, _bob) = (cluster.person("alice").await, cluster.person("bob").await);
    assert_eq!(operator.is_refused(&["remove", "9"]), "no-such-node");
    assert_eq!(operator.is_refused(&["promote", "9"]), "no-such-node");
    for count in [2, 1] {
        // The leader itself: it hands on first.
        let leader = cluster.serving(count + 1).await;
        operator.removes(leader);
        until("it is let in no more", async || cluster.log(leader).contains("does not list this key").then_some(()))
            .await;
        cluster.let_go(leader);
        assert!(cluster.stop(leader).success());
        cluster.serving(count).await;
        alice.say("bob", "who is still here?").await;
    }
    let (left, leader) = operator.sees();
    let last = leader.unwrap();
    assert_eq!(left, members(&[(last, "voter")]));
    assert_eq!(operator.is_refused(&["remove", &last.to_string()]), "last-voter");
    assert_eq!(operator.adds(), 4, "no number is given twice");
    cluster.take_in(4);
    cluster.start_node(4);
    operator.promotes(4);
    cluster.serving(2).await;
    assert_eq!(alice.read("bob").await.len(), 2);
    let leads = |role: Role| role == Role::Leader;
    assert_eq!(cluster.statuses().await.iter().filter(|status| leads(status.role)).count(), 1);
    cluster.agree().await;
}

//! Clocks of nodes and devices are set wrong and right again while alice and bob talk: no session ends, no act is refused for
//! longer than 30 s, stamps are at most 30 s wrong, and the order stays.
//!
//! A few of the changes are tried by default; all of them with `RAFTCHAT_CLOCKS=all cargo test -p raftchat-tests --test trials
//! clocks`. Needs libfaketime; where it is not installed, a trial says so and tells nothing.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use raftchat_client::{Page, Profile};
use raftchat_schema::command::ConversationAct;
use raftchat_tests::clocks::{Clocks, Wrong, of_node};
use raftchat_tests::cluster::Cluster;
use raftchat_tests::ctl::{ClockedCtl, Ctl};
use raftchat_tests::people::{PASSWORD, Person, with};
use raftchat_tests::{soon, until};
use tokio::time::Instant;

use crate::PROGRAM;

const REFUSED_MAX: Duration = Duration::from_secs(30);
const STAMP_WRONG_MS_MAX: u64 = 30_000;
/// More acts than the nodes remember of a session.
const ACTS: usize = 135;

/// Whose clocks are wrong.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Leader,
    Follower,
    All,
}

fn changes() -> Vec<(Whose, Wrong)> {
    let by =
        [Wrong::hours(1), Wrong::hours(-1), Wrong::days(40), Wrong::days(-40), Wrong::days(400), Wrong::days(-400)];
    let all = [Whose::Leader, Whose::Follower, Whose::All];
    let all = all.into_iter().flat_map(|whose| by.map(|by| (whose, by)));
    if std::env::var("RAFTCHAT_CLOCKS").is_ok_and(|which| which == "all") {
        return all.collect();
    }
    vec![(Whose::Leader, Wrong::days(40)), (Whose::Follower, Wrong::days(400)), (Whose::All, Wrong::days(-40))]
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// Alice says something to bob and reacts to it: how long that took.
async fn talk(alice: &Person, number: &mut u64) -> Duration {
    let begun = Instant::now();
    let before = now_ms();
    *number += 1;
    let sent = alice.say("bob", &format!("number {number}")).await;
    soon(
        "reacting",
        alice.client.act(
            &with("bob"),
            ConversationAct::React {
                position: sent.position,
                emoji: "👍".to_owned(),
                switch: raftchat_schema::command::Switch::On,
            },
        ),
    )
    .await
    .unwrap();
    let took = begun.elapsed();
    let message = alice.message(&with("bob"), sent.position).await;
    let (low, high) = (before - STAMP_WRONG_MS_MAX, now_ms() + STAMP_WRONG_MS_MAX);
    assert!((low..=high).contains(&message.sent_at.0), "{message:?} at {before}");
    took
}

/// Waits until a node, or all of them, say so of themselves.
async fn offset(cluster: &Cluster, node: u64, is_so: impl Fn(i64) -> bool) {
    until("a node says how wrong its clock is", async || {
        let statuses = cluster.statuses().await;
        let status = statuses.into_iter().find(|status| status.node.0 == node)?;
        is_so(status.clock_offset_ms).then_some(())
    })
    .await;
}

fn near(offset_ms: i64, wrong: Wrong) -> bool {
    offset_ms.abs_diff(wrong.0 * 1000) < 2000
}

async fn clocked_cluster() -> Option<(Cluster, Clocks)> {
    let (cluster, clocks) = Cluster::make(PROGRAM, 3, |_| {}).with_clocks()?;
    cluster.start_all();
    cluster.serving(3).await;
    Some((cluster, clocks))
}

#[tokio::test]
async fn nodes_clocks_are_set_wrong_and_right_again_while_people_talk() {
    let Some((cluster, clocks)) = clocked_cluster().await else { return };
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let mut number = 0;
    for (whose, wrong) in changes() {
        let leader = cluster.serving(3).await;
        let follower = 1 + leader % 3;
        let nodes = match whose {
            Whose::Leader => vec![leader],
            Whose::Follower => vec![follower],
            Whose::All => vec![1, 2, 3],
        };
        let mut slowest = talk(&alice, &mut number).await;
        for wrong in [wrong, Wrong::NOT] {
            nodes.iter().for_each(|node| clocks.set(&of_node(*node), wrong));
            slowest = slowest.max(talk(&alice, &mut number).await);
            if let [node] = nodes[..] {
                // Everybody is served by it as well as by the others, while it says that its clock is wrong.
                offset(&cluster, node, |offset| near(offset, wrong)).await;
                if wrong != Wrong::NOT {
                    until("another leads", async || (cluster.serving(3).await != node).then_some(())).await;
                }
                let there = Person::on("bob", &bob.profile, Some(cluster.address(node)));
                assert_eq!(soon("asking who I am", there.client.whoami()).await.unwrap().node.0, node);
            }
            for _ in 0..5 {
                slowest = slowest.max(talk(&alice, &mut number).await);
            }
        }
        println!("{whose:?} {wrong}: the slowest two acts took {slowest:?}");
        assert!(slowest < REFUSED_MAX, "{whose:?} {wrong}");
        bob.id().await;
    }
    cluster.agree().await;
    let read = soon("reading", bob.client.history(&with("alice"), Page::Before(None), u32::MAX)).await.unwrap();
    assert!(read.is_sorted_by_key(|message| (message.position, message.sent_at)), "order and stamps go on");
    let last = number;
    let texts = bob.read("alice").await;
    let expected = last.saturating_sub(texts.len() as u64) + 1..=last;
    assert!(texts.into_iter().map(|(_, text)| text.unwrap()).eq(expected.map(|number| format!("number {number}"))));
}

#[tokio::test]
async fn a_node_is_started_with_a_wrong_clock_and_takes_the_others_time() {
    let Some((cluster, clocks)) = clocked_cluster().await else { return };
    let alice = cluster.person("alice").await;
    let _bob = cluster.person("bob").await;
    let mut number = 0;
    talk(&alice, &mut number).await;
    for wrong in [Wrong::days(400), Wrong::days(-400)] {
        let leader = cluster.serving(3).await;
        cluster.kill(leader);
        clocks.set(&of_node(leader), wrong);
        cluster.start_node(leader);
        assert!(talk(&alice, &mut number).await < REFUSED_MAX);
        cluster.serving(3).await;
        offset(&cluster, leader, |offset| near(offset, wrong)).await;
        until("it has said so", async || cluster.log(leader).contains("this machine's clock is").then_some(())).await;
        // With one of the others gone it is needed.
        let other = 1 + leader % 3;
        cluster.kill(other);
        assert!(talk(&alice, &mut number).await < REFUSED_MAX);
        cluster.start_node(other);
        clocks.set(&of_node(leader), Wrong::NOT);
        offset(&cluster, leader, |offset| near(offset, Wrong::NOT)).await;
    }
    cluster.agree().await;
}

/// What one person does on a device, as scripts do.
struct Shell<'a> {
    ctl: ClockedCtl,
    profile: &'a str,
}

impl Shell<'_> {
    fn chat(&self, arguments: &[&str]) -> i32 {
        let arguments = [&["chat", "--profile", self.profile], arguments].concat();
        let answer = self.ctl.call(&arguments, &format!("{PASSWORD}\n"));
        assert_eq!(answer.status, 0, "{arguments:?}: {answer:?}");
        answer.status
    }
}

fn profile_of<'a>(person: &str, home: &'a Path) -> &'a str {
    assert!(Profile::open(home).is_ok(), "{person}");
    home.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_clock_is_wrong_does_everything_and_more_when_it_is_right_again() {
    let Some((cluster, clocks)) = clocked_cluster().await else { return };
    let bob = cluster.person("bob").await;
    let wrongs = match std::env::var("RAFTCHAT_CLOCKS") {
        Ok(which) if which == "all" => vec![1, -1, 40 * 24, -40 * 24, 400 * 24, -400 * 24],
        _ => vec![1, 400 * 24, -400 * 24],
    };
    for (at, hours) in wrongs.into_iter().enumerate() {
        let name = format!("alice-{at}");
        let home = cluster.device(&name);
        let ctl = ClockedCtl { program: Ctl(PROGRAM.into()), clocks: clocks.clone(), whose: name.clone() };
        let shell = Shell { ctl, profile: profile_of(&name, &home) };
        clocks.set(&name, Wrong::hours(hours));
        shell.chat(&["register", &name, "--password-stdin"]);
        shell.chat(&["send", "--to", "bob", "by a clock that is wrong"]);
        let acts = if at == 0 { ACTS } else { 3 };
        for number in 0..acts {
            let emoji = if number % 2 == 0 { "👍" } else { "🎉" };
            shell.chat(&["react", "--with", "bob", "1", emoji]);
        }
        clocks.set(&name, Wrong::NOT);
        shell.chat(&["react", "--with", "bob", "1", "❤️"]);
        shell.chat(&["sessions"]);
        let said = bob.message(&with(&name), raftchat_schema::id::Position(1)).await;
        assert!(said.sent_at.0.abs_diff(now_ms()) < 120_000, "{said:?}");
        shell.chat(&["logout"]);
    }
}

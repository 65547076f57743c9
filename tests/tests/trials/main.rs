//! Longer trials of what the stories tell once: `cargo test -p raftchat-tests --test trials`. How often is said by
//! `RAFTCHAT_TRIALS` (10 if it is not set); the order of deaths is printed, as a seed, and taken from `RAFTCHAT_SEED`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod clocks;
mod convergence;
mod moving;
mod nemesis;
mod power;

use raftchat_tests::cluster::Cluster;
use raftchat_tests::draw::Draw;
use raftchat_tests::history::Acknowledged;
use tokio::sync::watch;

const PROGRAM: &str = env!("CARGO_BIN_EXE_raftchat-under-test");

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test]
async fn nodes_are_killed_paused_stopped_and_restarted_while_people_talk() {
    let (rounds, seed) = (number("RAFTCHAT_TRIALS", 10), number("RAFTCHAT_SEED", 1));
    println!("RAFTCHAT_SEED={seed} RAFTCHAT_TRIALS={rounds}");
    let mut draw = Draw(seed);
    let cluster = Cluster::start(PROGRAM, 5, |config| {
        (config.snapshot_entries, config.keep_entries) = (200, 50);
    })
    .await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let (end, over) = watch::channel(false);
    let mut hears = bob.follow();
    let trouble = async {
        for round in 0..rounds {
            let leader = cluster.serving(5).await;
            let other = 1 + (leader + draw.below(4)) % 5;
            let deed = draw.below(4);
            println!("round {round}: leader {leader}, other {other}, deed {deed}");
            match deed {
                0 => {
                    cluster.kill(leader);
                    cluster.kill(other);
                }
                1 => cluster.kill_all(),
                2 => {
                    cluster.pause(leader);
                    cluster.kill(other);
                    for _ in 0..5 {
                        hears.message().await;
                    }
                    cluster.resume(leader);
                }
                _ => assert!(cluster.stop(leader).success()),
            }
            if deed != 1 {
                for _ in 0..5 {
                    hears.message().await;
                }
            }
            cluster.start_all();
            for _ in 0..10 {
                hears.message().await;
            }
        }
        end.send(true).unwrap();
    };
    let (alice_sent, bob_sent, ()) = tokio::join!(
        Acknowledged::while_sending(&alice, "bob", over.clone()),
        Acknowledged::while_sending(&bob, "alice", over.clone()),
        trouble
    );
    cluster.serving(5).await;
    cluster.agree().await;
    let read = bob.read("alice").await;
    assert_eq!(alice.read("bob").await, read);
    alice_sent.must_be_in(&read);
    bob_sent.must_be_in(&read);
    println!("{} messages; longest gaps {:?} and {:?}", read.len(), alice_sent.longest_gap, bob_sent.longest_gap);
    cluster.agree().await;
}

//! Of five nodes the device's own and the one that stands by for it are cut off from the others. The device reaches all of
//! them, and both of its nodes go on speaking.
//!
//! `RAFTCHAT_REPEAT=20 cargo test --release -p raftchat-tests --test trials minority -- --nocapture --test-threads 1`: how long
//! a single message takes over one of the two is `just_cut_off_ms` and `long_cut_off_ms`; it should be 1,500 at most.

use std::time::{Duration, Instant};

use raftchat_tests::measure::Figures;
use raftchat_tests::network::Family;
use raftchat_tests::people::{fresh_id, says};
use raftchat_tests::soon;

use super::{Setting, Stage, on_a_stage_of, rounds};

const NODES: u64 = 5;

/// Who the device's own node is.
#[derive(Clone, Copy)]
enum Own {
    Leader,
    Follower,
}

fn happens(name: &str, own: Own) {
    on_a_stage_of(NODES, name, Setting::Direct(Family::Four), async |stage| {
        let mut figures = Figures::default();
        let mut cursor = None;
        for round in 0..rounds() {
            let leader = stage.cluster.serving(NODES).await;
            let node = match own {
                Own::Leader => leader,
                Own::Follower => 1 + leader % NODES,
            };
            let mut minority = [node; 2];
            let speaks_over = |standby| {
                minority = [node, standby];
                (1..=NODES).find(|other| !minority.contains(other)).unwrap()
            };
            let live = stage.live_beside(node, speaks_over, &format!("{name} {round}"), cursor).await;
            let fault = Instant::now();
            stage.network.part(&minority);
            let lived = live.end(fault).await;
            lived.add_to(&mut figures, fault);
            cursor = Some(lived.cursor);
            stage.network.heal(&minority);
        }
        figures.tell(name);
        stage.cluster.serving(NODES).await;
        stage.cluster.agree().await;
    });
}

#[test]
fn a_leader_is_cut_off_together_with_the_standby() {
    happens("leader in a minority", Own::Leader);
}

#[test]
fn a_follower_is_cut_off_together_with_the_standby() {
    happens("follower in a minority", Own::Follower);
}

/// A message takes no longer than this, whatever the machine: a client gives a call ten seconds.
const SEND_MAX: Duration = Duration::from_secs(8);
/// What it should take.
const SEND_SHOULD: Duration = Duration::from_millis(1_500);

/// As `raftchatctl chat send --node`: a client of its own, which follows nothing and has one link.
async fn sends(stage: &Stage, node: u64, figures: &mut Figures, column: &'static str) {
    let client = stage.on_device(node);
    let begun = Instant::now();
    let sent = soon("sending", client.send(&stage.carol, fresh_id(), says("from the minority's side"))).await.unwrap();
    let took = begun.elapsed();
    assert!(took < SEND_MAX, "{took:?} over node {node}, done by {}", sent.node);
    figures.time(column, took);
    figures.count("longer_than_it_should", u64::from(took > SEND_SHOULD));
}

#[test]
fn a_message_is_sent_over_a_node_in_a_minority() {
    let name = "send over a node in a minority";
    on_a_stage_of(NODES, name, Setting::Direct(Family::Four), async |stage| {
        let mut figures = Figures::default();
        for round in 0..rounds() {
            let leader = stage.cluster.serving(NODES).await;
            // By turns the leader is among them.
            let first = leader + round % 2;
            let minority = [first, first + 1].map(|node| 1 + (node - 1) % NODES);
            stage.network.part(&minority);
            for node in minority {
                sends(stage, node, &mut figures, "just_cut_off_ms").await;
            }
            for node in minority {
                sends(stage, node, &mut figures, "long_cut_off_ms").await;
            }
            stage.network.heal(&minority);
        }
        figures.tell(name);
        stage.cluster.serving(NODES).await;
        stage.cluster.agree().await;
    });
}

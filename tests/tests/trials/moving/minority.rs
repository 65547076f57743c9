//! Of five nodes the device's own and the one that stands by for it are cut off from the others. The device reaches all of
//! them, and both of its nodes go on speaking.

use std::time::Instant;

use raftchat_tests::measure::Figures;
use raftchat_tests::network::Family;

use super::{Setting, on_a_stage_of, rounds};

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

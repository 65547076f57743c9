//! The node that a device is linked to dies, hangs, is cut off, or goes.

use std::time::{Duration, Instant};

use raftchat_tests::measure::Figures;
use raftchat_tests::network::post::Weather;
use raftchat_tests::network::{Cut, Family, Way};

use super::{Setting, Stage, on_a_stage, rounds};

/// What happens to the node.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Kill,
    Pause,
    Cut(Cut),
    /// SIGTERM.
    Asked,
    /// `cluster drain`.
    Drained,
    /// It is killed, and the device's address changes.
    KillAndMove,
}

/// Which node it happens to.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Follower,
    Leader,
}

impl Fate {
    async fn strikes(self, stage: &Stage, node: u64) {
        match self {
            Self::Kill => stage.cluster.kill(node),
            Self::Pause => stage.cluster.pause(node),
            Self::Cut(cut) => stage.network.cut(node, cut),
            Self::Asked => stage.cluster.ask_to_stop(node),
            Self::Drained => stage.drain(node).await,
            Self::KillAndMove => {
                stage.network.line_down(Way::Wifi);
                stage.cluster.kill(node);
            }
        }
    }

    /// All is as before.
    fn passes(self, stage: &Stage, node: u64) {
        match self {
            Self::Kill => {}
            Self::Pause => stage.cluster.resume(node),
            Self::Cut(_) => stage.network.mend(node),
            Self::Asked | Self::Drained => assert!(stage.cluster.ended(node).success(), "node {node} ends in order"),
            Self::KillAndMove => stage.network.line_up(Way::Wifi),
        }
        stage.cluster.start_all();
    }
}

impl Stage {
    /// `raftchatctl cluster drain`.
    async fn drain(&self, node: u64) {
        let (program, dir) = (super::PROGRAM, self.cluster.dir().to_owned());
        let asked = tokio::process::Command::new(program)
            .args(["cluster", "drain", "--json", "--seconds", "10", "--dir"])
            .arg(dir)
            .arg(node.to_string())
            .output()
            .await
            .unwrap();
        assert!(asked.status.success(), "{asked:?}");
    }
}

fn happens(name: &str, setting: Setting, victim: Victim, fate: Fate) {
    on_a_stage(name, setting, async |stage| {
        stage.cluster.authorities().save(&stage.cluster.dir().join("pki")).unwrap();
        let mut figures = Figures::default();
        let mut cursor = None;
        for round in 0..rounds() {
            let leader = stage.cluster.serving(3).await;
            let [one, other] = Stage::others(leader);
            let (node, speaks_over) = match victim {
                Victim::Follower => (one, other),
                Victim::Leader => (leader, one),
            };
            let live = stage.live(node, speaks_over, &format!("{name} {round}"), cursor).await;
            let fault = Instant::now();
            fate.strikes(stage, node).await;
            let lived = live.end(fault).await;
            lived.add_to(&mut figures, fault);
            cursor = Some(lived.cursor);
            fate.passes(stage, node);
        }
        figures.tell(name);
        stage.cluster.serving(3).await;
        stage.cluster.agree().await;
    });
}

const NEAR: Setting = Setting::Direct(Family::Four);

#[test]
fn a_follower_is_killed() {
    happens("follower killed", NEAR, Victim::Follower, Fate::Kill);
}

#[test]
fn a_leader_is_killed() {
    happens("leader killed", NEAR, Victim::Leader, Fate::Kill);
}

#[test]
fn a_follower_is_killed_over_ipv6() {
    happens("follower killed, IPv6", Setting::Direct(Family::Six), Victim::Follower, Fate::Kill);
}

#[test]
fn a_follower_hangs() {
    happens("follower stopped", NEAR, Victim::Follower, Fate::Pause);
}

#[test]
fn a_leader_hangs() {
    happens("leader stopped", NEAR, Victim::Leader, Fate::Pause);
}

#[test]
fn a_follower_is_cut_off() {
    happens("follower cut off", NEAR, Victim::Follower, Fate::Cut(Cut::Both));
}

#[test]
fn a_leader_is_cut_off() {
    happens("leader cut off", NEAR, Victim::Leader, Fate::Cut(Cut::Both));
}

#[test]
fn a_follower_is_heard_no_more() {
    happens("follower cut off, outwards", NEAR, Victim::Follower, Fate::Cut(Cut::From));
}

#[test]
fn a_follower_hears_no_more() {
    happens("follower cut off, inwards", NEAR, Victim::Follower, Fate::Cut(Cut::Towards));
}

#[test]
fn a_leader_is_heard_no_more() {
    happens("leader cut off, outwards", NEAR, Victim::Leader, Fate::Cut(Cut::From));
}

#[test]
fn a_follower_is_asked_to_stop() {
    happens("follower asked to stop", NEAR, Victim::Follower, Fate::Asked);
}

#[test]
fn a_leader_is_asked_to_stop() {
    happens("leader asked to stop", NEAR, Victim::Leader, Fate::Asked);
}

#[test]
fn a_leader_is_drained() {
    happens("leader drained", NEAR, Victim::Leader, Fate::Drained);
}

#[test]
fn a_follower_is_killed_while_the_address_changes() {
    happens("follower killed, address changed", NEAR, Victim::Follower, Fate::KillAndMove);
}

/// 100 ms there and back, and of each way one packet in twenty lost.
fn far() -> Setting {
    let delay = Duration::from_millis(50);
    Setting::Relayed(Weather { delay, jitter: Duration::from_millis(2), lost_per_mille: 50, ..Weather::default() })
}

#[test]
fn a_follower_far_away_is_killed() {
    happens("follower killed, 100 ms, 5 % lost", far(), Victim::Follower, Fate::Kill);
}

#[test]
fn a_follower_far_away_hangs() {
    happens("follower stopped, 100 ms, 5 % lost", far(), Victim::Follower, Fate::Pause);
}

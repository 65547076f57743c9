//! What the nemesis does: each fault begins, lasts, and is over. Knows nothing of when.

use std::collections::BTreeSet;
use std::time::Duration;

use raftchat_tests::clocks::{Wrong, of_node};
use raftchat_tests::draw::Draw;
use raftchat_tests::network::Place;
use tokio::time::sleep;

use super::disk_faults::DiskFault;
use super::operator;
use super::stage::Stage;

/// Who hears whom no more: each pair is a way.
pub(super) type Ways = BTreeSet<(Place, Place)>;

/// One of them, with what it is about. Nodes are by number.
#[derive(Debug)]
pub(super) enum Fault {
    /// SIGKILL.
    Kill(Vec<u64>),
    /// SIGSTOP.
    Pause(Vec<u64>),
    /// SIGTERM: drained, and stopped in order.
    Stop(u64),
    /// Packets are lost; the words say in which shape.
    #[expect(dead_code, reason = "the shape is for who reads what happened")]
    Part(&'static str, Ways),
    /// Their clocks are wrong.
    Clocks(Vec<(u64, Wrong)>),
    /// A node is away until its log is no use to it, and killed again while it is sent a snapshot, after so many milliseconds.
    KilledInSnapshot(u64, u64),
    /// Somebody's device that follows is killed.
    KillTail(usize),
    /// A node is removed, and another with an empty disk comes in its place.
    Replace(u64),
    /// A disk does what it should not.
    Disk(DiskFault),
}

impl Fault {
    /// Whether another node may meet something else meanwhile.
    pub(super) fn leaves_room_for_more(&self) -> bool {
        match self {
            Self::Part(..) | Self::Clocks(_) => true,
            Self::Disk(fault) => matches!(fault, DiskFault::Slow(..)),
            _ => false,
        }
    }

    pub(super) async fn strikes(&mut self, stage: &mut Stage, draw: &mut Draw) {
        match self {
            Self::Kill(nodes) => nodes.iter().for_each(|node| stage.cluster.kill(*node)),
            Self::Pause(nodes) => nodes.iter().for_each(|node| stage.cluster.pause(*node)),
            Self::Stop(node) => {
                let (node, begun) = (*node, std::time::Instant::now());
                stage.may_end.insert(node);
                stage.cluster.ask_to_stop(node);
                let status = stage.ends(node).await;
                let how = status.unwrap_or_else(|| panic!("node {node} does not stop in {:?}", begun.elapsed()));
                assert!(how.success(), "node {node} was asked to stop: {how}");
            }
            Self::Part(_, ways) => ways.iter().for_each(|(from, to)| stage.network.block(*from, *to)),
            Self::Clocks(wrong) => {
                let clocks = stage.clocks.as_ref().unwrap();
                wrong.iter().for_each(|(node, by)| clocks.set(&of_node(*node), *by));
            }
            Self::KilledInSnapshot(node, after) => {
                killed_in_snapshot(stage, *node, Duration::from_millis(*after)).await
            }
            Self::KillTail(at) => stage.tails.get_mut(*at).unwrap().dies_and_goes_on(),
            Self::Replace(node) => operator::replaces(stage, *node).await,
            Self::Disk(fault) => fault.strikes(stage, draw).await,
        }
    }

    /// All is as before, but that what was killed does not run.
    pub(super) async fn passes(&mut self, stage: &mut Stage) {
        match self {
            Self::Pause(nodes) => nodes.iter().for_each(|node| stage.cluster.resume(*node)),
            Self::Part(_, ways) => ways.iter().for_each(|(from, to)| stage.network.unblock(*from, *to)),
            Self::Clocks(wrong) => {
                let clocks = stage.clocks.as_ref().unwrap();
                wrong.iter().for_each(|(node, _)| clocks.set(&of_node(*node), Wrong::NOT));
            }
            Self::Disk(fault) => fault.passes(stage),
            Self::Kill(_) | Self::Stop(_) | Self::KilledInSnapshot(..) | Self::KillTail(_) | Self::Replace(_) => {}
        }
    }
}

async fn killed_in_snapshot(stage: &mut Stage, node: u64, after: Duration) {
    /// How far behind a node must be for the others to have purged what it lacks, in entries.
    const BEHIND: u64 = 260;
    /// How long it is waited for that, and for the snapshot.
    const FOR_LOG: Duration = Duration::from_secs(60);
    const FOR_SNAPSHOT: Duration = Duration::from_secs(5);
    const COMES: &str = "a snapshot comes in";
    let others = async |stage: &Stage| {
        stage.cluster.statuses().await.iter().filter(|status| status.node.0 != node).map(|status| status.applied).max()
    };
    let since = others(stage).await.unwrap_or_default();
    stage.cluster.kill(node);
    stage
        .until("the others go on", FOR_LOG, async |stage| {
            (others(stage).await.unwrap_or_default() >= since + BEHIND).then_some(())
        })
        .await;
    let before = stage.cluster.log(node).matches(COMES).count();
    stage.cluster.start_node(node);
    let deadline = std::time::Instant::now() + FOR_SNAPSHOT;
    while std::time::Instant::now() < deadline && stage.cluster.log(node).matches(COMES).count() == before {
        // Not a wait for a time to pass but a pause between two looks.
        sleep(Duration::from_millis(2)).await;
    }
    sleep(after).await;
    stage.cluster.kill(node);
}

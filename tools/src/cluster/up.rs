//! `raftchatctl cluster up`: the nodes of a cluster as child processes, until somebody stops them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use raftchat_config::places;
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::directory::ClusterDir;
use super::observer::Observer;
use crate::failure::Failure;
use crate::process::nodes::{Ended, Nodes};
use crate::process::stop::StopSignals;
use crate::shell::output::Output;

/// The nodes to run.
#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", env = "RAFTCHAT_DIR", default_value_os_t = places::cluster())]
    dir: PathBuf,
    /// Run only these nodes; may be given more than once
    #[arg(long = "node", value_name = "N")]
    nodes: Vec<u64>,
}

pub(super) async fn run(arguments: UpArguments, output: Output) -> Result<(), Failure> {
    let cluster = ClusterDir::new(&arguments.dir);
    let chosen = chosen(&cluster, arguments.nodes)?;
    // A mistake in one file is told before any node runs.
    chosen.iter().try_for_each(|node| cluster.load_node(*node).map(drop))?;
    let mut stop = StopSignals::listen()?;
    let mut herald = Herald::new(Observer::of_nodes(&cluster, &chosen)?, chosen.clone(), output);
    let mut nodes = Nodes::of(cluster);
    chosen.iter().try_for_each(|node| nodes.start(*node))?;
    let result = tokio::select! {
        () = stop.next() => Ok(()),
        result = serve(&mut nodes, &mut herald, output) => result,
    };
    for ended in nodes.stop().await.iter().filter(|ended| !ended.in_order()) {
        tell(ended, output)?;
    }
    result
}

fn chosen(cluster: &ClusterDir, wanted: Vec<u64>) -> Result<BTreeSet<u64>, Failure> {
    let there: BTreeSet<u64> = cluster.nodes()?.into_iter().collect();
    let wanted: BTreeSet<u64> = wanted.into_iter().collect();
    if let Some(stranger) = wanted.difference(&there).next() {
        let why = if cluster.is_removed(*stranger) { "it was removed from the cluster" } else { "it is not there" };
        let reason = format!("node {stranger} cannot be run from {}: {why}", cluster.root().display());
        return Err(Failure::Usage(reason));
    }
    Ok(if wanted.is_empty() { there } else { wanted })
}

/// Goes on until all nodes have ended by themselves.
async fn serve(nodes: &mut Nodes, herald: &mut Herald, output: Output) -> Result<(), Failure> {
    while !nodes.none_left() {
        tokio::select! {
            ended = nodes.next_end() => {
                tell(&ended, output)?;
                herald.no_longer_expects(ended.node);
            }
            result = herald.step(), if !herald.is_done() => result?,
        }
    }
    Err(Failure::Failed("every node has ended; what each of them said last is in its node.log".to_owned()))
}

fn tell(ended: &Ended, output: Output) -> Result<(), Failure> {
    let object =
        json!({ "node": ended.node, "state": "ended", "status": ended.status.code(), "message": ended.to_string() });
    output.answer(&object, || ended.to_string())
}

/// Says once of each node that it serves, and once that all are ready.
struct Herald {
    observer: Observer,
    expected: BTreeSet<u64>,
    output: Output,
    ticks: Interval,
    ready: bool,
}

impl Herald {
    fn new(observer: Observer, expected: BTreeSet<u64>, output: Output) -> Self {
        let mut ticks = interval(std::time::Duration::from_millis(100));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { observer, expected, output, ticks, ready: false }
    }

    fn is_done(&self) -> bool {
        self.ready
    }

    fn no_longer_expects(&mut self, node: u64) {
        self.expected.remove(&node);
    }

    async fn step(&mut self) -> Result<(), Failure> {
        self.ticks.tick().await;
        let mut led = false;
        for seen in self.observer.look().await {
            let Ok(status) = seen.status else { continue };
            led |= status.leader.is_some();
            if self.expected.remove(&seen.node) {
                let (node, address) = (seen.node, seen.address);
                let object = json!({ "node": node, "address": address, "state": "serving" });
                self.output.answer(&object, || format!("node {node} serves on {address}"))?;
            }
        }
        if led && self.expected.is_empty() {
            self.ready = true;
            self.output.answer(&json!({ "state": "ready" }), || "ready".to_owned())?;
        }
        Ok(())
    }
}

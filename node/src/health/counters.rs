//! What the parts of this node have done so far, for whoever shows it: now a line a minute in the log, an exporter once there is
//! one. Never knows what is counted.

use std::sync::Arc;
use std::time::Duration;

use raftchat_transport::{CounterReading, RpcCounters};

use crate::audience::fanout::Fanout;
use crate::peers::links::PeerLinks;
use crate::proposer::{Proposer, ProposerCounters};
use crate::raft::RaftHandle;

/// How often it is written into the log, for whoever asks for such lines.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The counters of one node. Whoever adds some adds them to [`Counters::readings`].
pub(crate) struct Counters {
    proposer: Arc<ProposerCounters>,
    raft: RaftHandle,
    fanout: Arc<Fanout>,
    links: Arc<PeerLinks>,
    /// What passed over links that others have made: between two nodes each link is one of those.
    rpc: Arc<RpcCounters>,
}

impl Counters {
    pub(crate) fn new(
        proposer: &Proposer,
        raft: RaftHandle,
        fanout: Arc<Fanout>,
        links: Arc<PeerLinks>,
        rpc: Arc<RpcCounters>,
    ) -> Self {
        Self { proposer: proposer.counters(), raft, fanout, links, rpc }
    }

    /// What each of them shows, part after part.
    pub(crate) fn readings(&self) -> Vec<Vec<CounterReading>> {
        let stores = self.raft.stores();
        vec![
            self.proposer.readings(),
            stores.log.counters().readings(),
            self.raft.apply_counters().readings(),
            stores.state.counters().readings(),
            self.fanout.counters.readings(),
            self.links.counters().readings(),
            self.rpc.readings(),
        ]
    }

    fn tell(&self) {
        for readings in self.readings() {
            let part = readings.first().map(|reading| reading.part);
            tracing::debug!(part, done = line(&readings), "counters");
        }
    }
}

/// Whoever looks back at a node sees all that it has done.
impl Drop for Counters {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Writes them into the log, for as long as the node runs.
pub(crate) async fn keep_telling(counters: Counters) {
    loop {
        tokio::time::sleep(TOLD_EVERY).await;
        counters.tell();
    }
}

fn line(readings: &[CounterReading]) -> String {
    let shown: Vec<String> = readings.iter().map(|reading| format!("{}={}", reading.name, reading.value)).collect();
    shown.join(" ")
}

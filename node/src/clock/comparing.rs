//! Compares this machine's clock to those of the other nodes, each second, and says so where it is wrong. Whoever's clock is wrong
//! does not lead. Knows nothing of how the time is decided.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::ClockTrust;
use raftchat_state::stamp;
use tokio::time::{Instant, sleep};

use super::{Found, NodeClock, Voters};
use crate::peers::links::PeerLinks;
use crate::peers::members::Members;
use crate::raft::{RaftHandle, Role};

/// How often the others are asked.
const EVERY: Duration = Duration::from_secs(1);
/// The same while this node does not know the time, and so cannot lead for long.
const EVERY_AT_FIRST: Duration = Duration::from_millis(100);
/// An answer that took longer says too little: half of the round trip may be wrong.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(900);
/// How long another node may take to take over.
const HAND_ON_LIMIT: Duration = Duration::from_secs(3);
/// How often it is tried: nothing is stored meanwhile.
const HAND_ON_EVERY: Duration = Duration::from_secs(10);
/// How often a clock that stays wrong is told of.
const SAY_EVERY: Duration = Duration::from_mins(10);
/// How often one that is wrong again and again is.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// What is compared, and who has to know.
pub(crate) struct Comparing {
    pub(crate) own: NodeId,
    pub(crate) clock: Arc<NodeClock>,
    pub(crate) members: Arc<Members>,
    pub(crate) links: Arc<PeerLinks>,
    pub(crate) raft: RaftHandle,
}

/// Compares for as long as the node runs.
pub(crate) async fn keep_comparing(comparing: Comparing) {
    let (mut words, mut hand_on_due) = (Words::default(), Instant::now());
    loop {
        let voters = comparing.voters();
        comparing.ask(&voters).await;
        let last_stamp = stamp(&comparing.raft.stores().state.view()).unwrap_or_default();
        let found = comparing.clock.look(&voters, last_stamp);
        words.say(&found, Instant::now());
        comparing.raft.may_stand(!found.is_off);
        if found.is_off && Instant::now() >= hand_on_due && comparing.leads() {
            comparing.hand_on().await;
            hand_on_due = Instant::now() + HAND_ON_EVERY;
        }
        sleep(if found.trust == ClockTrust::Alone { EVERY_AT_FIRST } else { EVERY }).await;
    }
}

impl Comparing {
    fn voters(&self) -> Voters {
        let membership = self.members.now();
        let voters: Vec<NodeId> = membership.membership.configs.iter().flatten().copied().collect();
        let own = voters.contains(&self.own);
        let mut others: Vec<_> = voters.into_iter().filter(|node| *node != self.own).collect();
        others.sort_unstable();
        others.dedup();
        Voters { own, others }
    }

    async fn ask(&self, voters: &Voters) {
        let reached = voters.others.iter().filter(|node| self.links.is_up(**node));
        let answers = reached.map(|node| async {
            let asked = Instant::now();
            let Ok(reading) = self.links.clock(*node, ROUND_TRIP_MAX).await else { return };
            self.clock.hear(*node, &reading, asked.elapsed());
        });
        join_all(answers).await;
    }

    fn leads(&self) -> bool {
        self.raft.watch_leadership().borrow().role == Role::Leader
    }

    async fn hand_on(&self) {
        if let Err(error) = self.raft.hand_on_leadership(HAND_ON_LIMIT).await {
            tracing::debug!(%error, "leadership was not handed on, although this machine's clock is wrong");
        }
    }
}

/// What is said of the clocks: what is news, and now and then what stays.
#[derive(Debug, Default)]
struct Words {
    was_off: bool,
    had_jumped: bool,
    off_said: Option<Instant>,
    jump_said: Option<Instant>,
    had_doubts: bool,
    doubts_said: Option<Instant>,
}

impl Words {
    fn say(&mut self, found: &Found, now: Instant) {
        let due = |said: Option<Instant>, stays: bool| {
            let pause = if stays { SAY_EVERY } else { SAY_AGAIN };
            said.is_none_or(|said| now.saturating_duration_since(said) >= pause)
        };
        if found.is_off && due(self.off_said, self.was_off) {
            self.off_said = Some(now);
            tracing::warn!(
                clock_offset_ms = found.offset,
                "this machine's clock is {} a majority's: the node goes by theirs and does not lead. Set the clock",
                told(found.offset)
            );
        }
        if self.was_off && !found.is_off {
            tracing::info!(clock_offset_ms = found.offset, "this machine's clock is right again");
        }
        self.was_off = found.is_off;
        if let Some(by) = found.jumped_by
            && due(self.jump_said, self.had_jumped)
        {
            self.jump_said = Some(now);
            tracing::warn!(
                by_ms = by,
                "the clocks of a majority of the machines are {} the cluster's time: it is not followed at once. Are they right?",
                told(by)
            );
        }
        self.had_jumped = found.jumped_by.is_some();
        let has_doubts = found.has_doubts && !found.is_off && found.jumped_by.is_none();
        if has_doubts && due(self.doubts_said, self.had_doubts) {
            self.doubts_said = Some(now);
            tracing::warn!(
                clock_offset_ms = found.offset,
                "this machine's clock is {} the cluster's time, and before what was stamped already. Set the clock",
                told(found.offset)
            );
        }
        self.had_doubts = has_doubts;
    }
}

/// By how much, in words.
fn told(ms: i64) -> String {
    let seconds = ms.unsigned_abs() / 1000;
    let (unit, name) = match seconds {
        0..120 => (1, "s"),
        120..7200 => (60, "min"),
        7200..172_800 => (3600, "h"),
        _ => (86_400, "days"),
    };
    format!("{} {name} {}", seconds / unit, if ms < 0 { "behind" } else { "ahead of" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_wrong_a_clock_is_is_told_in_words() {
        let cases = [
            (6_000, "6 s ahead of"),
            (-3_600_000, "60 min behind"),
            (40 * 86_400_000, "40 days ahead of"),
            (-9 * 3_600_000, "9 h behind"),
        ];
        for (ms, words) in cases {
            assert_eq!(told(ms), words);
        }
    }
}

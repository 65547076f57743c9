//! What this node, as the leader, has seen of each follower's log and of the snapshots that it sends them: so that what goes
//! back is told, and what fails again and again is tried more and more rarely. Pure: it is told the time by who asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raftchat_schema::pause::{NO_LOT, Pause};
use raftchat_schema::stored::{LogId, Vote};

/// The pauses after snapshots that failed.
const PAUSE: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(30));

/// Of all followers, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<BTreeMap<u64, Follower>>);

#[derive(Debug)]
struct Follower {
    /// Up to where it has acknowledged, and to whom.
    acknowledged: Option<(Vote, LogId)>,
    pause: Pause,
}

impl Default for Follower {
    fn default() -> Self {
        Self { acknowledged: None, pause: PAUSE }
    }
}

impl Progress {
    /// The follower has acknowledged all up to there to the leader of that vote.
    pub(crate) fn acknowledged(&self, node: u64, vote: Vote, upto: Option<LogId>) {
        let Some(upto) = upto else { return };
        let mut followers = self.lock();
        let follower = followers.entry(node).or_default();
        match &mut follower.acknowledged {
            Some((to, known)) if *to == vote => *known = (*known).max(upto),
            other => *other = Some((vote, upto)),
        }
    }

    /// The follower has not what is at that place. If it has acknowledged it to this very leader, its log has gone back: up to
    /// where it was. Told once for each time.
    pub(crate) fn lacks(&self, node: u64, vote: Vote, place: Option<LogId>) -> Option<LogId> {
        let mut followers = self.lock();
        let follower = followers.get_mut(&node)?;
        let (to, known) = follower.acknowledged?;
        let gone_back = to == vote && place.is_some_and(|place| place <= known);
        gone_back.then(|| {
            follower.acknowledged = None;
            known
        })
    }

    /// A snapshot did not get there: how long to wait before the next.
    pub(crate) fn snapshot_failed(&self, node: u64) -> Duration {
        let mut followers = self.lock();
        followers.entry(node).or_default().pause.grow(NO_LOT)
    }

    /// A snapshot is there.
    pub(crate) fn snapshot_arrived(&self, node: u64) {
        if let Some(follower) = self.lock().get_mut(&node) {
            follower.pause.reset();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Follower>> {
        // What is known of each is whole after every step, whoever panicked meanwhile.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use raftchat_schema::id::NodeId;

    use super::*;

    fn vote(term: u64) -> Vote {
        Vote { term, node: NodeId(1), committed: true }
    }

    fn place(index: u64) -> LogId {
        LogId { term: 3, leader: NodeId(1), index }
    }

    #[test]
    fn a_log_that_goes_back_behind_what_was_acknowledged_is_told_once() {
        let progress = Progress::default();
        assert_eq!(progress.lacks(2, vote(3), Some(place(7))), None, "nothing is known of it yet");
        progress.acknowledged(2, vote(3), Some(place(40)));
        progress.acknowledged(2, vote(3), Some(place(12)));
        assert_eq!(progress.lacks(2, vote(3), Some(place(41))), None, "it was never there");
        assert_eq!(progress.lacks(3, vote(3), Some(place(40))), None, "another");
        assert_eq!(progress.lacks(2, vote(3), Some(place(40))), Some(place(40)));
        assert_eq!(progress.lacks(2, vote(3), Some(place(20))), None);
        progress.acknowledged(2, vote(3), Some(place(40)));
        assert_eq!(progress.lacks(2, vote(5), Some(place(20))), None, "to another leader it has acknowledged nothing");
    }

    #[test]
    fn snapshots_that_fail_are_sent_more_and_more_rarely() {
        let progress = Progress::default();
        let pauses: Vec<_> = (0..9).map(|_| progress.snapshot_failed(2).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        progress.snapshot_arrived(2);
        assert_eq!(progress.snapshot_failed(2).as_millis(), 250);
    }
}

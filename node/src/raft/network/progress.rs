//! What this node, as the leader, has seen of each follower's log and of the snapshots that it sends them: so that what goes
//! back is told, what fails again and again is tried more and more rarely, and no other is made while one is on its way: with it
//! would go the entries that follow on it. Pure: it is told the time by who asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::pause::{NO_LOT, Pause};
use raftchat_schema::stored::{LogId, Vote};

/// The pauses after snapshots that failed.
const PAUSE: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(30));

/// For no longer is the next snapshot put off: the log grows meanwhile.
const PUT_OFF_MAX: Duration = Duration::from_mins(5);

/// Of all followers, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    followers: BTreeMap<u64, Follower>,
    /// Since when the next snapshot is put off.
    put_off: Option<Instant>,
}

#[derive(Debug)]
struct Follower {
    /// Up to where it has acknowledged, and to whom.
    acknowledged: Option<(Vote, LogId)>,
    pause: Pause,
    snapshot: Sent,
}

/// Whether a follower needs the entries that follow on a snapshot.
#[derive(Clone, Copy, Debug)]
enum Sent {
    /// None is being sent to it.
    None,
    /// One is, since then.
    Since(Instant),
    /// One is there. Until then it is given time for what was added meanwhile.
    Until(Instant),
}

impl Default for Follower {
    fn default() -> Self {
        Self { acknowledged: None, pause: PAUSE, snapshot: Sent::None }
    }
}

/// A snapshot on its way to a follower; dropped before it is there, it is no more.
#[derive(Debug)]
pub(crate) struct Sending<'p> {
    progress: &'p Progress,
    node: u64,
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        let mut state = self.progress.lock();
        let follower = state.followers.entry(self.node).or_default();
        if let Sent::Since(_) = follower.snapshot {
            follower.snapshot = Sent::None;
        }
    }
}

impl Progress {
    /// The follower has acknowledged all up to there to the leader of that vote.
    pub(crate) fn acknowledged(&self, node: u64, vote: Vote, upto: Option<LogId>) {
        let Some(upto) = upto else { return };
        let mut state = self.lock();
        let follower = state.followers.entry(node).or_default();
        match &mut follower.acknowledged {
            Some((to, known)) if *to == vote => *known = (*known).max(upto),
            other => *other = Some((vote, upto)),
        }
    }

    /// The follower has not what is at that place. If it has acknowledged it to this very leader, its log has gone back: up to
    /// where it was. Told once for each time.
    pub(crate) fn lacks(&self, node: u64, vote: Vote, place: Option<LogId>) -> Option<LogId> {
        let mut state = self.lock();
        let follower = state.followers.get_mut(&node)?;
        let (to, known) = follower.acknowledged?;
        let gone_back = to == vote && place.is_some_and(|place| place <= known);
        gone_back.then(|| {
            follower.acknowledged = None;
            known
        })
    }

    /// A snapshot is sent from now on, until what this gives is dropped.
    pub(crate) fn snapshot_begins(&self, node: u64, now: Instant) -> Sending<'_> {
        self.lock().followers.entry(node).or_default().snapshot = Sent::Since(now);
        Sending { progress: self, node }
    }

    /// A snapshot did not get there: how long to wait before the next.
    pub(crate) fn snapshot_failed(&self, node: u64) -> Duration {
        self.lock().followers.entry(node).or_default().pause.grow(NO_LOT)
    }

    /// A snapshot is there. What was added while it was sent takes no longer than that.
    pub(crate) fn snapshot_arrived(&self, node: u64, now: Instant) {
        let mut state = self.lock();
        let follower = state.followers.entry(node).or_default();
        follower.pause.reset();
        if let Sent::Since(begun) = follower.snapshot {
            follower.snapshot = Sent::Until(now + now.saturating_duration_since(begun));
        }
    }

    /// Whether the next snapshot may be made: not while a follower needs the entries that would go with it, but for
    /// [`PUT_OFF_MAX`] at the most.
    pub(crate) fn may_make_snapshot(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let needs = |follower: &Follower| match follower.snapshot {
            Sent::None => false,
            Sent::Since(_) => true,
            Sent::Until(until) => now < until,
        };
        if state.followers.values().any(needs) {
            let since = *state.put_off.get_or_insert(now);
            if now.saturating_duration_since(since) < PUT_OFF_MAX {
                return false;
            }
        }
        state.put_off = None;
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
        progress.snapshot_arrived(2, Instant::now());
        assert_eq!(progress.snapshot_failed(2).as_millis(), 250);
    }

    #[test]
    fn no_snapshot_is_made_while_a_follower_needs_what_follows_on_the_last() {
        let (progress, start) = (Progress::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(progress.may_make_snapshot(at(0)));
        let sending = progress.snapshot_begins(2, at(0));
        assert!(!progress.may_make_snapshot(at(9)), "it is on its way");
        progress.snapshot_arrived(2, at(10));
        drop(sending);
        assert!(!progress.may_make_snapshot(at(19)), "what was added meanwhile is on its way");
        assert!(progress.may_make_snapshot(at(20)));
        drop(progress.snapshot_begins(2, at(30)));
        assert!(progress.may_make_snapshot(at(31)), "it came to nothing");
    }

    #[test]
    fn a_follower_that_is_sent_one_after_the_other_does_not_put_it_off_for_ever() {
        let (progress, start) = (Progress::default(), Instant::now());
        let made = (0..1_000_u64).filter(|second| {
            let now = start + Duration::from_secs(*second);
            let _sending = progress.snapshot_begins(2, now);
            progress.may_make_snapshot(now)
        });
        assert_eq!(made.collect::<Vec<_>>(), [300, 601, 902]);
    }
}

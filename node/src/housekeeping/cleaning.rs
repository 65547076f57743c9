//! What somebody deleted is gone from the disk of this node in time: from the log, its journals, tables and snapshots. That
//! takes a snapshot, a purge of all that it covers, and the log and the rows written anew, once a day at the most and only
//! when something was deleted. Never knows what.

use std::time::{Duration, Instant};

use raftchat_schema::id::Stamp;
use raftchat_schema::pause::{NO_LOT, Pause};

use crate::clock::wall::wall;
use crate::raft::{CleanFailure, RaftHandle};

/// How often it is looked whether it is time.
const LOOK_MAX: Duration = Duration::from_mins(1);
/// The same where hardly any time is given.
const LOOK_MIN: Duration = Duration::from_millis(500);
/// The pauses after failures.
const PAUSE: Pause = Pause::between(Duration::from_secs(2), Duration::from_mins(10));

/// When to clean. Pure.
#[derive(Clone, Copy, Debug)]
struct Timetable {
    limit: Duration,
}

impl Timetable {
    /// Begun when three quarters of the time are over: what is deleted meanwhile shares the work, and there is time left to
    /// try again.
    fn is_due(self, since: Stamp, now: Stamp) -> bool {
        let waited = Duration::from_millis(now.0.saturating_sub(since.0));
        // A clock that was put back must not let it wait for longer than the time itself.
        let put_back = since.0.saturating_sub(now.0) > 0;
        put_back || waited >= self.limit.mul_f32(0.75)
    }

    fn look(self) -> Duration {
        (self.limit / 100).clamp(LOOK_MIN, LOOK_MAX)
    }
}

/// Cleans in time, for as long as the node runs.
pub(crate) async fn keep_clean(raft: RaftHandle, limit: Duration) {
    let timetable = Timetable { limit };
    let mut pause = PAUSE;
    loop {
        tokio::time::sleep(timetable.look()).await;
        let since = match raft.stores().state.applied() {
            Ok(applied) => applied.unclean.map(|unclean| unclean.since),
            Err(error) => {
                tracing::warn!(%error, "whether something was deleted cannot be read");
                None
            }
        };
        let Some(since) = since.filter(|since| timetable.is_due(*since, wall())) else { continue };
        let begun = Instant::now();
        match raft.clean().await {
            Ok(()) => {
                pause.reset();
                tracing::info!(took = ?begun.elapsed(), "what was deleted is gone from this node's disk");
            }
            Err(error) => {
                report(&error, since, pause.failures());
                tokio::time::sleep(pause.grow(NO_LOT)).await;
            }
        }
    }
}

/// Once is no matter: a snapshot was on its way, or a follower read what was to be purged.
fn report(error: &CleanFailure, since: Stamp, failures: u32) {
    if failures < 3 {
        tracing::debug!(%error, "what was deleted is not gone yet");
    } else if failures.is_power_of_two() {
        let waiting = wall().0.saturating_sub(since.0) / 60_000;
        tracing::warn!(%error, minutes = waiting, "what was deleted is still on this node's disk");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn it_is_begun_with_time_left_to_try_again() {
        let day = Timetable { limit: Duration::from_hours(24) };
        let since = Stamp(1_000 * HOUR);
        let due = |hours: u64| day.is_due(since, Stamp(since.0 + hours * HOUR));
        assert_eq!([due(0), due(17), due(18), due(30)], [false, false, true, true]);
        assert!(day.is_due(since, Stamp(since.0 - HOUR)), "the clock was put back");
        assert!(Timetable { limit: Duration::ZERO }.is_due(since, since));
    }
}

//! How long this node's disk takes to make durable what it is given. Everything that waits for a disk goes by it; see
//! `raft/pace.rs`. Never knows what is written.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A disk whose syncs take longer is slow: a message takes two or three of them, and an election four or five.
pub const SLOW_SYNC: Duration = Duration::from_millis(100);
/// So many syncs are remembered …
const KEPT: usize = 128;
/// … and those that are not older than this. The newest always is.
const OLD: Duration = Duration::from_mins(5);
/// How often it is told that the disk is slow.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// The syncs of one disk. Clones are of the same one.
#[derive(Clone, Debug, Default)]
pub struct Syncs {
    seen: Arc<Mutex<Seen>>,
    /// What each takes longer, in ms: only where a slow disk is wanted, to test with.
    added: Option<Arc<AtomicU64>>,
}

#[derive(Debug, Default)]
struct Seen {
    took: VecDeque<(Instant, Duration)>,
    /// Since when one is under way.
    under_way: Option<Instant>,
    told: Option<Instant>,
}

impl Seen {
    fn note(&mut self, at: Instant, took: Duration) {
        if self.took.len() >= KEPT {
            self.took.pop_front();
        }
        self.took.push_back((at, took));
    }

    /// What only one in a hundred exceeds; one that is under way counts as soon as it takes longer than that.
    fn p99(&self, now: Instant) -> Duration {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < OLD;
        let lately = self.took.iter().rev().enumerate().filter(|(back, (at, _))| *back == 0 || is_fresh(*at));
        let mut took: Vec<_> = lately.map(|(_, (_, took))| *took).collect();
        took.sort_unstable();
        let last = took.len().saturating_sub(1).saturating_sub(took.len() / 100);
        let known = took.get(last).copied().unwrap_or_default();
        known.max(self.under_way.map(|since| now.saturating_duration_since(since)).unwrap_or_default())
    }

    /// Whether it is to be told that the disk is slow.
    fn tells(&mut self, now: Instant, took: Duration) -> bool {
        let lately = self.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY);
        if took <= SLOW_SYNC || lately {
            return false;
        }
        self.told = Some(now);
        true
    }
}

impl Syncs {
    /// Those of a disk that takes so many milliseconds longer for each: to test with.
    pub fn slowed_by(added: Arc<AtomicU64>) -> Self {
        Self { seen: Arc::default(), added: Some(added) }
    }

    /// How long a sync may well take: what only one in a hundred of those of the last minutes exceeds, and no less than the one
    /// that is under way has taken so far.
    pub fn p99(&self) -> Duration {
        self.lock().p99(Instant::now())
    }

    /// Does what makes something durable.
    pub(crate) fn time<T>(&self, sync: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        self.lock().under_way = Some(begun);
        let outcome = sync();
        if let Some(added) = &self.added {
            std::thread::sleep(Duration::from_millis(added.load(Ordering::Relaxed)));
        }
        let (now, took) = (Instant::now(), begun.elapsed());
        let mut seen = self.lock();
        seen.under_way = None;
        seen.note(now, took);
        let (tells, p99) = (seen.tells(now, took), seen.p99(now));
        drop(seen);
        if tells {
            tracing::warn!(
                took_ms = took.as_millis(),
                p99_ms = p99.as_millis(),
                "this node's disk is slow to make durable what is written: messages and elections wait for it"
            );
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // What was seen is whole after every step, whoever panicked meanwhile.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn one_outlier_in_a_hundred_does_not_make_a_disk_slow_and_old_ones_are_forgotten() {
        let (start, mut seen) = (Instant::now(), Seen::default());
        assert_eq!(seen.p99(start), ms(0));
        (0..120).for_each(|_| seen.note(start, ms(2)));
        seen.note(start, ms(900));
        assert_eq!(seen.p99(start), ms(2));
        seen.note(start, ms(700));
        assert_eq!(seen.p99(start), ms(700));
        (0..KEPT).for_each(|_| seen.note(start, ms(3)));
        assert_eq!((seen.p99(start), seen.took.len()), (ms(3), KEPT));
        seen.note(start, ms(400));
        seen.note(start, ms(400));
        let later = start + OLD;
        assert_eq!(seen.p99(later), ms(400), "the newest is not forgotten");
        seen.note(later, ms(2));
        assert_eq!(seen.p99(later), ms(2));
    }

    #[test]
    fn a_sync_that_does_not_end_is_seen_before_it_ends() {
        let (start, mut seen) = (Instant::now(), Seen::default());
        seen.note(start, ms(2));
        seen.under_way = Some(start);
        assert_eq!(seen.p99(start + ms(1)), ms(2));
        assert_eq!(seen.p99(start + ms(5000)), ms(5000));
    }

    #[test]
    fn a_slow_disk_is_told_of_once_a_minute() {
        let (start, mut seen) = (Instant::now(), Seen::default());
        assert!(!seen.tells(start, SLOW_SYNC));
        assert!(seen.tells(start, SLOW_SYNC + ms(1)));
        assert!(!seen.tells(start + ms(59_000), ms(3000)));
        assert!(seen.tells(start + TELL_EVERY, ms(3000)));
    }

    #[test]
    fn what_is_done_is_measured() {
        let syncs = Syncs::slowed_by(Arc::new(AtomicU64::new(20)));
        assert_eq!(syncs.time(|| 7), 7);
        assert!(syncs.p99() >= ms(20));
    }
}

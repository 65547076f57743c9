//! Lines of a log that would come again and again: each kind is written once in a while, with how many were left out.
//! Never knows what the lines say.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many kinds are told apart: strangers must not choose how much is remembered. When there are more, those that are due
/// again are forgotten, and if none is, the newcomer is left out.
const KINDS_MAX: usize = 256;

/// The times when each kind of line was last written.
#[derive(Debug)]
pub struct Damped<K> {
    every: Duration,
    kinds: Mutex<HashMap<K, Told>>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    left_out: u64,
}

impl<K: Eq + Hash> Damped<K> {
    /// A line of each kind at most once in `every`.
    pub fn new(every: Duration) -> Self {
        Self { every, kinds: Mutex::default() }
    }

    /// Whether a line of that kind is to be written now, and how many of them were left out since the last: none if this
    /// one is to be left out too.
    pub fn tell(&self, kind: K, now: Instant) -> Option<u64> {
        let mut kinds = self.lock();
        if let Some(told) = kinds.get_mut(&kind) {
            if now.saturating_duration_since(told.at) < self.every {
                told.left_out = told.left_out.saturating_add(1);
                return None;
            }
            told.at = now;
            return Some(std::mem::take(&mut told.left_out));
        }
        if kinds.len() >= KINDS_MAX {
            let every = self.every;
            kinds.retain(|_, told| now.saturating_duration_since(told.at) < every);
            if kinds.len() >= KINDS_MAX {
                return None;
            }
        }
        kinds.insert(kind, Told { at: now, left_out: 0 });
        Some(0)
    }

    /// Forgets a kind: the next line of it is written at once.
    pub fn forget(&self, kind: &K) {
        self.lock().remove(kind);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Told>> {
        // The map is whole after every step, whoever panicked meanwhile.
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines that a stranger can cause are written at most every so often, each kind.
const STRANGERS_LINES_EVERY: Duration = Duration::from_millis(100);

/// The number of lines of that kind that were left out before this one; none if this one is to be left out too.
pub(crate) fn strangers_line(kind: &'static str) -> Option<u64> {
    static LINES: LazyLock<Damped<&'static str>> = LazyLock::new(|| Damped::new(STRANGERS_LINES_EVERY));
    LINES.tell(kind, std::time::Instant::now())
}

/// Warns of what a stranger has caused. Fields that a stranger fills are to be shown as [`Told`](raftchat_schema::told::Told).
macro_rules! warn_of {
    ($kind:literal, $($rest:tt)*) => {
        if let Some(left_out) = $crate::damped::strangers_line($kind) {
            let left_out = (left_out > 0).then_some(left_out);
            tracing::warn!(left_out, $($rest)*, $kind);
        }
    };
}
pub(crate) use warn_of;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_once_in_a_while_with_the_number_of_those_left_out() {
        let (damped, start) = (Damped::new(Duration::from_mins(1)), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!([0, 1, 59].map(|seconds| damped.tell("no room", at(seconds))), [Some(0), None, None]);
        assert_eq!(damped.tell("no member", at(59)), Some(0), "another kind");
        assert_eq!([60, 61, 120].map(|seconds| damped.tell("no room", at(seconds))), [Some(2), None, Some(1)]);
        damped.forget(&"no room");
        assert_eq!(damped.tell("no room", at(121)), Some(0));
    }

    #[test]
    fn strangers_do_not_choose_how_much_is_remembered() {
        let (damped, start) = (Damped::new(Duration::from_mins(1)), Instant::now());
        let written = (0..10_000).filter(|kind| damped.tell(*kind, start).is_some()).count();
        assert_eq!((written, damped.lock().len()), (KINDS_MAX, KINDS_MAX));
        assert_eq!(damped.tell(10_000, start + Duration::from_mins(1)), Some(0));
        assert_eq!(damped.lock().len(), 1);
    }
}

//! What time it is, as far as nodes have told this device: its own clock may say anything. Knows no link.
//!
//! Before a node has told it, the device goes by its own clock; from then on by the clock that only counts. What was told last is
//! kept in the profile: a node whose certificate is out of its time by this device's clock alone is judged by that.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use raftchat_model::Numbers;
use raftchat_schema::id::{RequestNumber, Stamp};
use raftchat_transport::Clock;
use tokio::sync::watch;

use super::session::replace;

/// A clock that differs by more than this from the cluster's is told of.
const APART_MS_MAX: i64 = 30_000;
/// The file is written anew when what it says is so old.
const KEEP_MS: u64 = 24 * 3600 * 1000;

/// What a node has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The cluster's time then.
    time: Stamp,
    at: Instant,
    /// The highest number of the session's requests.
    pub(crate) highest: RequestNumber,
}

impl Told {
    /// The cluster's time now.
    pub(crate) fn time(&self) -> Stamp {
        let passed = u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        Stamp(self.time.0.saturating_add(passed))
    }
}

/// The device's idea of the time, and the numbers of its requests, which are made of it.
pub(crate) struct DeviceClock {
    /// Where what was told is kept; nowhere for a profile in memory.
    path: Option<PathBuf>,
    /// It is no earlier than this: the beginning of the device's own certificate.
    earliest: SystemTime,
    kept: Mutex<Stamp>,
    told: watch::Sender<Option<Told>>,
    numbers: Mutex<Numbers>,
    has_complained: AtomicBool,
}

impl DeviceClock {
    pub(crate) fn new(path: Option<PathBuf>, earliest: SystemTime) -> Self {
        let kept = path.as_deref().and_then(read).unwrap_or_default();
        // Without randomness two programs of a session may now and then be taken for one.
        let lot = getrandom::u32().unwrap_or(0);
        Self {
            path,
            earliest,
            kept: Mutex::new(kept),
            told: watch::Sender::new(None),
            numbers: Mutex::new(Numbers::after(Numbers::with_lot(RequestNumber(0), lot))),
            has_complained: AtomicBool::new(false),
        }
    }

    /// A node has told the time and, where it has granted a session, the highest number of its requests.
    pub(crate) fn hear(&self, time: Stamp, highest: Option<RequestNumber>) {
        if time == Stamp(0) {
            return;
        }
        let before = self.told.borrow().map_or(RequestNumber(0), |told| told.highest);
        let highest = highest.inspect(|highest| self.numbers().told(*highest)).unwrap_or(before);
        self.told.send_replace(Some(Told { time, at: Instant::now(), highest }));
        let apart = signed(wall().0).saturating_sub(signed(time.0));
        if apart.saturating_abs() > APART_MS_MAX {
            self.complain(apart);
        } else {
            self.has_complained.store(false, Ordering::Relaxed);
        }
        self.keep(time);
    }

    /// What a node has told last, and whenever one does again.
    pub(crate) fn told(&self) -> watch::Receiver<Option<Told>> {
        self.told.subscribe()
    }

    /// The number of a new request.
    pub(crate) fn next_number(&self) -> RequestNumber {
        let time = self.time();
        self.numbers().next(time)
    }

    fn time(&self) -> Stamp {
        self.told.borrow().map_or_else(wall, |told| told.time())
    }

    fn numbers(&self) -> std::sync::MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complain(&self, apart: i64) {
        if !self.has_complained.swap(true, Ordering::Relaxed) {
            let words = if apart < 0 { "behind" } else { "ahead of" };
            let seconds = apart.unsigned_abs() / 1000;
            tracing::warn!("this device's clock is {seconds} s {words} the cluster's: set it");
        }
    }

    fn keep(&self, time: Stamp) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if time.0.abs_diff(kept.0) < KEEP_MS {
            return;
        }
        *kept = time;
        let Some(path) = &self.path else { return };
        if let Err(error) = replace(path, time.0.to_string().as_bytes()) {
            tracing::warn!(%error, path = %path.display(), "what time it is in the cluster is not kept");
        }
    }
}

impl Clock for DeviceClock {
    fn now(&self) -> SystemTime {
        moment(self.time())
    }

    fn at_least(&self) -> Option<SystemTime> {
        let kept = *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Some(moment(kept).max(self.earliest))
    }

    fn is_doubted(&self) {
        if !self.has_complained.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "by this device's clock the node's certificate is out of its time, by what the cluster told last it is not: \
                 set the clock"
            );
        }
    }
}

impl fmt::Debug for DeviceClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceClock").field("told", &*self.told.borrow()).finish_non_exhaustive()
    }
}

/// The time in the file at `path`; none where there is none that can be read.
pub(crate) fn read(path: &Path) -> Option<Stamp> {
    fs::read_to_string(path).ok()?.trim().parse().ok().map(Stamp)
}

/// That time as the system has it.
pub(crate) fn moment(time: Stamp) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(time.0)).unwrap_or(UNIX_EPOCH)
}

/// What this device's own clock says.
pub(crate) fn wall() -> Stamp {
    stamp(SystemTime::now())
}

/// A moment of the system's as a time; 0 before 1970.
pub(crate) fn stamp(moment: SystemTime) -> Stamp {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const DAY_MS: u64 = 24 * 3600 * 1000;

    #[test]
    fn what_a_node_told_goes_before_the_devices_own_clock_and_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("time");
        let clock = DeviceClock::new(Some(path.clone()), UNIX_EPOCH);
        assert!(clock.time().0.abs_diff(wall().0) < DAY_MS);
        let told = Stamp(wall().0 - 40 * DAY_MS);
        clock.hear(told, Some(RequestNumber(u64::MAX >> 8)));
        assert!(clock.time().0.abs_diff(told.0) < DAY_MS);
        assert!(clock.next_number() > RequestNumber(u64::MAX >> 8));
        let again = DeviceClock::new(Some(path), UNIX_EPOCH);
        assert_eq!(again.at_least(), Some(moment(told)));
        assert_eq!(DeviceClock::new(None, moment(told)).at_least(), Some(moment(told)), "by its own certificate");
    }
}

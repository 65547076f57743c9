//! When the store of a device is written anew, so that nothing that was deleted is left in its files. Pure: is told the time, and
//! touches no file.

use std::time::Duration;

use raftchat_schema::pause::{NO_LOT, Pause};
use tokio::time::Instant;

/// How long after a start what was left unclean is cleaned: whoever starts wants to read first.
const AT_START: Duration = Duration::from_secs(20);
/// The pauses after failures.
const PAUSE: Pause = Pause::between(Duration::from_secs(30), Duration::from_mins(32));

/// The plan for it.
#[derive(Debug)]
pub(super) struct Cleaning {
    /// How long what was deleted may stay.
    after: Duration,
    due: Option<Instant>,
    pause: Pause,
}

impl Cleaning {
    /// A plan for a store that was just opened. What a former run left is gone soon: it may have waited for long.
    pub(super) fn plan(after: Duration, is_unclean: bool, now: Instant) -> Self {
        Self { after, due: is_unclean.then(|| now + AT_START.min(after)), pause: PAUSE }
    }

    /// When it is to be done; none: nothing is planned.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Something was deleted.
    pub(super) fn is_needed(&mut self, now: Instant) {
        self.due.get_or_insert(now + self.after);
    }

    /// It was done, or was tried and has failed: then it is tried again later.
    pub(super) fn was_done(&mut self, is_clean: bool, now: Instant) {
        if is_clean {
            self.pause.reset();
            self.due = None;
        } else {
            self.due = Some(now + self.pause.grow(NO_LOT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deleted_goes_in_time_and_failures_are_not_repeated_at_once() {
        let (start, ten) = (Instant::now(), Duration::from_mins(10));
        assert_eq!(Cleaning::plan(ten, true, start).due(), Some(start + AT_START), "a former run left it");
        let mut cleaning = Cleaning::plan(ten, false, start);
        assert_eq!(cleaning.due(), None);
        cleaning.is_needed(start);
        cleaning.is_needed(start + ten);
        assert_eq!(cleaning.due(), Some(start + ten), "the first that was deleted counts");
        cleaning.was_done(false, start);
        cleaning.was_done(false, start);
        assert_eq!(cleaning.due(), Some(start + Duration::from_mins(1)), "the second pause");
        cleaning.was_done(true, start);
        assert_eq!(cleaning.due(), None);
    }
}

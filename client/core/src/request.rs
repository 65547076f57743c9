//! The numbers that make requests repeatable. Knows nothing of what is requested.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use raftchat_schema::id::RequestNumber;

/// Numbers requests with nanoseconds since 1970: several programs may use one session at a time, and each number must be
/// new to it. Within one client they only ever go up, whatever the clock does.
#[derive(Debug, Default)]
pub(crate) struct RequestNumbers {
    last: Mutex<RequestNumber>,
}

impl RequestNumbers {
    /// A number for a new request; its repeats take the same.
    pub(crate) fn next(&self) -> RequestNumber {
        self.next_at(SystemTime::now())
    }

    fn next_at(&self, now: SystemTime) -> RequestNumber {
        // A clock before 1970 or after 2554 leaves counting up from the last.
        let nanoseconds =
            now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = RequestNumber(nanoseconds).max(last.next());
        *last
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn numbers_go_up_while_the_clock_stands_still_or_goes_back() {
        let numbers = RequestNumbers::default();
        let noon = UNIX_EPOCH + Duration::from_nanos(1_500);
        assert_eq!(numbers.next_at(noon), RequestNumber(1_500));
        assert_eq!(numbers.next_at(noon), RequestNumber(1_501));
        assert_eq!(numbers.next_at(UNIX_EPOCH), RequestNumber(1_502));
        assert_eq!(numbers.next_at(UNIX_EPOCH - Duration::from_secs(1)), RequestNumber(1_503));
        assert_eq!(numbers.next_at(UNIX_EPOCH + Duration::from_nanos(2_500)), RequestNumber(2_500));
    }
}

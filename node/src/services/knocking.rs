//! Callers who are refused until later, and do not wait for that. Pure: is told the time. Whoever waits for as long as they are
//! told to is never looked at, whatever they ask for and however many calls they have open.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// So many calls that wait are told the same; each further so many wait once as long again, as they have those before them.
const CROWD: u32 = 64;
/// Nobody is told to wait longer because of others.
const WAIT_MAX: Duration = Duration::from_secs(8);
/// Who is told to wait and is not back so long after that does not come back.
const LATE_MAX: Duration = Duration::from_secs(8);
/// So many that are to wait, and the link is ended. A link has not as many calls under way, so these are of one who does not
/// wait; to answer them costs the node more than a handshake now and then.
const WAITING_MAX: usize = 2_000;

/// What a link was refused.
#[derive(Debug, Default)]
pub(super) struct Knocking {
    /// When those who were refused may come back, each once.
    due: BinaryHeap<Reverse<Instant>>,
}

/// What becomes of a caller who is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are told to come back after so long.
    Later(Duration),
    /// Their link is ended.
    End,
}

impl Knocking {
    /// A call is refused for so long.
    pub(super) fn refuse(&mut self, wait: Duration, now: Instant) -> Verdict {
        while self.due.peek().is_some_and(|Reverse(due)| *due + LATE_MAX < now) {
            self.due.pop();
        }
        // Whoever calls now is taken for the one who may.
        if self.due.peek().is_some_and(|Reverse(due)| *due <= now) {
            self.due.pop();
        }
        if self.due.len() >= WAITING_MAX {
            return Verdict::End;
        }
        let crowds = u32::try_from(self.due.len()).unwrap_or(u32::MAX) / CROWD;
        let wait = wait.saturating_mul(crowds.saturating_add(1)).min(WAIT_MAX.max(wait));
        self.due.push(Reverse(now + wait));
        Verdict::Later(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// So many callers, each of whom comes back when told to; how long they were told to wait at most, in milliseconds.
    fn told(callers: u64, wait: Duration) -> u128 {
        let (start, mut link) = (Instant::now(), Knocking::default());
        let mut due: BinaryHeap<_> = (0..callers).map(|caller| Reverse(start + MS(caller))).collect();
        let mut longest = Duration::ZERO;
        for _ in 0..50_000 {
            let Some(Reverse(now)) = due.pop() else { break };
            match link.refuse(wait, now) {
                Verdict::Later(wait) => {
                    longest = longest.max(wait);
                    due.push(Reverse(now + wait));
                }
                Verdict::End => return u128::MAX,
            }
        }
        longest.as_millis()
    }

    #[test]
    fn who_waits_as_told_keeps_the_link() {
        assert_eq!([told(1, MS(250)), told(60, MS(250)), told(60, MS(1_000))], [250, 250, 1_000]);
        assert_eq!([told(200, MS(250)), told(1_000, MS(1_000))], [1_000, 8_000], "those before them come first");
    }

    #[test]
    fn who_comes_back_at_once_is_told_to_wait_longer_and_longer_and_loses_the_link() {
        for wait in [MS(30), MS(1_000)] {
            let (start, mut link) = (Instant::now(), Knocking::default());
            // As often as one tail did whose node was behind.
            let ended = (0..20_000_u32).map(|call| start + Duration::from_micros(366) * call).find_map(|now| {
                let verdict = link.refuse(wait, now);
                assert!(link.due.len() <= WAITING_MAX);
                (verdict == Verdict::End).then(|| now - start)
            });
            assert!(ended.is_some_and(|ended| ended < MS(4_000)), "{ended:?}");
        }
    }
}

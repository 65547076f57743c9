//! The numbers that make requests repeatable: which one a new request has. Knows no clock and draws no lots: it is told both.

use raftchat_schema::id::{RequestNumber, Stamp};

/// The lowest bits of a number are the same for all of one program: two that share a session choose different ones. The others
/// count so many nanoseconds, about a millisecond.
const LOT_BITS: u32 = 20;
const NANOSECONDS_IN_A_MILLISECOND: u64 = 1_000_000;
/// The nodes refuse numbers that are a day ahead of their time. Who was told what time it is and finds its last number so far
/// ahead had a clock that was wrong, and no such number was ever taken.
const AHEAD_MS_MAX: u64 = 12 * 3600 * 1000;

/// Numbers requests with the time in nanoseconds: several programs may use one session at a time, and each number must be new to
/// it. They only ever go up, and above what the nodes know of, whatever a clock does.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    last: u64,
    lot: u64,
    /// The nodes know of numbers up to this; none before they have said so.
    known: Option<u64>,
}

impl Numbers {
    /// Those that come after `last`, which has the program's lot in its lowest bits.
    pub fn after(last: RequestNumber) -> Self {
        Self { last: last.0 >> LOT_BITS, lot: last.0 & ((1 << LOT_BITS) - 1), known: None }
    }

    /// The last number with another lot.
    pub fn with_lot(last: RequestNumber, lot: u32) -> RequestNumber {
        RequestNumber(((last.0 >> LOT_BITS) << LOT_BITS) | (u64::from(lot) & ((1 << LOT_BITS) - 1)))
    }

    /// A number was given out before.
    pub fn was_given(&mut self, number: RequestNumber) {
        self.last = self.last.max(number.0 >> LOT_BITS);
    }

    /// The nodes know of the session's numbers up to `highest`, and from now on it is known what time it is.
    pub fn told(&mut self, highest: RequestNumber) {
        let highest = highest.0 >> LOT_BITS;
        self.known = Some(self.known.map_or(highest, |known| known.max(highest)));
    }

    /// True if the nodes would say, at that time, that nobody has such a number.
    pub fn is_absurd(&self, number: RequestNumber, time: Stamp) -> bool {
        self.known.is_some() && number.0 >> LOT_BITS > slot(Stamp(time.0.saturating_add(AHEAD_MS_MAX)))
    }

    /// The number of a new request; its repeats take the same.
    pub fn next(&mut self, time: Stamp) -> RequestNumber {
        let absurd = self.is_absurd(RequestNumber(self.last << LOT_BITS), time);
        let after = if absurd { 0 } else { self.last.saturating_add(1) };
        let known = self.known.map_or(0, |known| known.saturating_add(1));
        self.last = slot(time).max(after).max(known);
        RequestNumber((self.last << LOT_BITS) | self.lot)
    }
}

fn slot(time: Stamp) -> u64 {
    time.0.saturating_mul(NANOSECONDS_IN_A_MILLISECOND) >> LOT_BITS
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const NOON: Stamp = Stamp(1_800_000_000_000);
    const HOUR: u64 = 3600 * 1000;

    fn nanoseconds(time: Stamp) -> u64 {
        time.0 * NANOSECONDS_IN_A_MILLISECOND
    }

    #[test]
    fn numbers_go_up_while_the_clock_stands_still_or_goes_back() {
        let mut numbers = Numbers::after(RequestNumber(0));
        let mut last = RequestNumber(0);
        for time in [NOON, NOON, NOON, Stamp(0), Stamp(NOON.0 - HOUR), Stamp(NOON.0 + HOUR)] {
            let number = numbers.next(time);
            assert!(number > last, "{time:?}");
            last = number;
        }
        assert!(last.0.abs_diff(nanoseconds(Stamp(NOON.0 + HOUR))) <= 2 * NANOSECONDS_IN_A_MILLISECOND);
    }

    #[test]
    fn two_programs_of_one_session_never_choose_the_same() {
        let program = |lot| Numbers::after(Numbers::with_lot(RequestNumber(u64::MAX >> 8), lot));
        let (mut desk, mut shell) = (program(7), program((1 << 30) | 8));
        let highest = RequestNumber(nanoseconds(NOON) + 5);
        desk.told(highest);
        shell.told(highest);
        let mut all: Vec<_> = (0..1000).flat_map(|_| [desk.next(NOON), shell.next(NOON)]).collect();
        assert!(all.iter().all(|number| *number > highest));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn a_device_whose_clock_was_wrong_goes_on_above_what_the_nodes_know() {
        // An hour ahead: the nodes know those numbers.
        let mut numbers = Numbers::default();
        let ahead = numbers.next(Stamp(NOON.0 + HOUR));
        let mut again = Numbers::default();
        again.told(ahead);
        assert!(again.next(NOON) > ahead);
        // Four hundred days ahead, before it knew: they were never taken, and the next are of this time.
        let mut numbers = Numbers::default();
        let absurd = numbers.next(Stamp(NOON.0 + 400 * 24 * HOUR));
        assert!(!numbers.is_absurd(absurd, NOON), "nobody has told what time it is");
        numbers.told(RequestNumber(3));
        assert!(numbers.is_absurd(absurd, NOON));
        let next = numbers.next(NOON);
        assert!(next < absurd && !numbers.is_absurd(next, NOON));
        assert!(numbers.next(NOON) > next);
    }
}

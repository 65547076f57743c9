//! The pause between attempts, which grows while none succeeds. The one way in which any part of raftchat repeats anything.
//! Pure: draws no lot and asks no clock.

use std::time::Duration;

/// Takes nothing off a pause: for what one alone repeats, so that nobody else does at the same moment.
pub const NO_LOT: u32 = u32::MAX;

/// Pauses from `shortest` on, each up to twice as long as the one before, and never longer than `longest`. Those who began
/// together are spread by lot: it takes up to half off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    shortest: Duration,
    longest: Duration,
    /// Attempts that have failed since one succeeded.
    failures: u32,
}

impl Pause {
    /// Pauses after no attempt so far.
    pub const fn between(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, failures: 0 }
    }

    /// An attempt has failed: how long to wait until the next. Half of that depends on `lot`, between 0 and [`NO_LOT`].
    pub fn grow(&mut self, lot: u32) -> Duration {
        let whole = self.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        let half = whole / 2;
        half + half.mul_f64(f64::from(lot) / f64::from(NO_LOT))
    }

    /// The same, and no less than who was asked has said.
    pub fn grow_to(&mut self, asked_for: Duration, lot: u32) -> Duration {
        self.grow(lot).max(asked_for)
    }

    /// An attempt has succeeded, for as long as counts for that: the next pause is the shortest.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// Attempts that have failed since one succeeded.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The whole pause that follows after so many before it, whatever has failed so far.
    pub fn after(&self, failures: u32) -> Duration {
        let times = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.shortest.saturating_mul(times).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_short_again_after_a_success() {
        let mut pause = Pause::between(MS(50), MS(2_000));
        let pauses: Vec<_> = (0..8).map(|_| pause.grow(NO_LOT)).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000].map(MS));
        assert_eq!(pause.failures(), 8);
        pause.reset();
        assert_eq!((pause.grow(NO_LOT), pause.failures()), (MS(50), 1));
    }

    #[test]
    fn the_lot_takes_up_to_half_off() {
        let grown = |lot| Pause::between(MS(80), MS(80)).grow(lot).as_millis();
        assert_eq!([grown(0), grown(NO_LOT / 2), grown(NO_LOT)], [40, 60, 80]);
    }

    #[test]
    fn who_refuses_may_ask_for_more_and_never_for_less() {
        let mut pause = Pause::between(MS(50), MS(2_000));
        assert_eq!(pause.grow_to(MS(1_000), NO_LOT), MS(1_000));
        assert_eq!(pause.grow_to(MS(1), NO_LOT), MS(100), "and it grows all the same");
    }

    #[test]
    fn no_count_of_failures_is_too_large() {
        let mut pause = Pause { failures: u32::MAX, ..Pause::between(MS(250), Duration::from_secs(30)) };
        assert_eq!(pause.grow(NO_LOT), Duration::from_secs(30));
        assert_eq!(pause.failures(), u32::MAX);
        assert_eq!(
            [0, 6, 7, 31, 32, u32::MAX].map(|after| pause.after(after).as_millis()),
            [250, 16_000, 30_000, 30_000, 30_000, 30_000]
        );
    }
}

//! How long answers usually take, and from when on one is late. Pure: is told how long they took, and asks no clock.

use std::time::Duration;

/// No answer is late before: it takes a handshake to ask another node, and a sync of a busy disk to answer.
const LATE_MIN: Duration = Duration::from_millis(600);
/// One that takes longer is late, however long others took.
const LATE_MAX: Duration = Duration::from_secs(3);
/// How many times the usual deviation is added.
const DEVIATIONS: u32 = 4;

/// The mean of what answers took and their deviation from it, smoothed as in RFC 6298.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usual(Option<(Duration, Duration)>);

impl Usual {
    /// One more answer took so long.
    pub(crate) fn note(&mut self, took: Duration) {
        let (mean, deviation) = match self.0 {
            None => (took, took / 2),
            Some((mean, deviation)) => (mean * 7 / 8 + took / 8, deviation * 3 / 4 + mean.abs_diff(took) / 4),
        };
        self.0 = Some((mean, deviation));
    }

    /// How long an answer may take before another node is asked as well.
    pub(crate) fn late_after(&self) -> Duration {
        let (mean, deviation) = self.0.unwrap_or_default();
        mean.saturating_add(deviation.saturating_mul(DEVIATIONS)).clamp(LATE_MIN, LATE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn late_after(took: impl IntoIterator<Item = u64>) -> Duration {
        let mut usual = Usual::default();
        took.into_iter().for_each(|ms| usual.note(MS(ms)));
        usual.late_after()
    }

    #[test]
    fn who_was_never_asked_is_late_soon_and_so_is_who_is_fast() {
        assert_eq!(late_after([]), LATE_MIN);
        assert_eq!(late_after([3, 5, 2, 90, 4]), LATE_MIN);
    }

    #[test]
    fn where_disks_are_slow_an_answer_is_late_when_it_is_for_them() {
        let slow = late_after([900, 1_100].repeat(20));
        assert!((MS(1_200)..MS(1_600)).contains(&slow), "{slow:?}");
        assert_eq!(late_after([60_000]), LATE_MAX);
        assert!(late_after([900, 1_100].repeat(20).into_iter().chain([3; 40])) < MS(700), "and it is forgotten");
    }
}

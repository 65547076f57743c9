//! What a load has seen: latencies and errors, counted where they happen and added up afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies in microseconds, and what went wrong how often.
#[derive(Debug)]
pub(super) struct Tally {
    /// From sending to being told that a majority has it.
    pub(super) acks: Histogram<u64>,
    /// From sending to being shown to the other.
    pub(super) deliveries: Histogram<u64>,
    /// By what was said of them.
    pub(super) errors: BTreeMap<String, u64>,
}

impl Tally {
    /// A tally of nothing yet.
    pub(super) fn new() -> Result<Self, hdrhistogram::CreationError> {
        // Up to a minute at three digits; what takes longer is counted as a minute.
        let histogram = || Histogram::new_with_bounds(1, 60_000_000, 3);
        Ok(Self { acks: histogram()?, deliveries: histogram()?, errors: BTreeMap::new() })
    }

    /// One more of an error.
    pub(super) fn error(&mut self, told: &str) {
        *self.errors.entry(told.to_owned()).or_default() += 1;
    }

    /// With all that another has seen.
    pub(super) fn add(&mut self, other: &Self) -> Result<(), hdrhistogram::AdditionError> {
        self.acks.add(&other.acks)?;
        self.deliveries.add(&other.deliveries)?;
        for (told, count) in &other.errors {
            *self.errors.entry(told.clone()).or_default() += count;
        }
        Ok(())
    }

    /// The number of errors, of all kinds.
    pub(super) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// Records a latency.
pub(super) fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
}

/// The latency below which that share of all lies, in milliseconds.
pub(super) fn quantile_ms(histogram: &Histogram<u64>, share: f64) -> f64 {
    milliseconds(histogram.value_at_quantile(share))
}

/// The longest latency, in milliseconds.
pub(super) fn longest_ms(histogram: &Histogram<u64>) -> f64 {
    milliseconds(histogram.max())
}

#[expect(clippy::cast_precision_loss, reason = "a minute in microseconds is exact as a float")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_two_threads_saw_adds_up() {
        let (mut one, mut other) = (Tally::new().unwrap(), Tally::new().unwrap());
        for ms in 1..=99 {
            record(&mut one.acks, Duration::from_millis(ms));
        }
        record(&mut other.acks, Duration::from_secs(100));
        one.error("busy");
        other.error("busy");
        one.add(&other).unwrap();
        assert_eq!((one.acks.len(), one.error_count()), (100, 2));
        assert!((quantile_ms(&one.acks, 0.5) - 50.0).abs() < 0.1);
        assert!((longest_ms(&one.acks) - 60_000.0).abs() < 100.0);
    }
}

//! Histograms for what openraft notes of itself, in place of the crate of this name, which makes tables for all of its precisions
//! at the first use of any: 25 MiB of a node's memory (D87). Has what openraft asks for and nothing else, and knows nothing of what
//! is counted.

#![no_std]
#![expect(clippy::indexing_slicing, reason = "a bucket's index is below their number, whatever the value")]

use core::fmt;
use core::marker::PhantomData;

/// Buckets for each power of two.
const PARTS: usize = 4;
/// Values below four have a bucket each; above, each of 62 powers of two has four.
const BUCKETS: usize = PARTS * 63;

/// How often values of each size were noted. A bucket is at most a quarter of its lowest value wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    counts: [u64; BUCKETS],
    _data: PhantomData<T>,
}

/// A histogram in figures: the lower end of the bucket that each part of the samples does not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say what they are: p99_9 is of 99.9 of 100 samples")]
pub struct PercentileStats {
    /// The number of samples.
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

/// Histograms to be drawn below each other, which openraft does with a feature alone that we do not build.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsciiChart;

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples, half up to {}, 99 of 100 up to {}", self.samples, self.p50, self.p99)
    }
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Histogram<T> {
    /// A histogram of nothing yet.
    pub const fn new() -> Self {
        Self { counts: [0; BUCKETS], _data: PhantomData }
    }

    /// Notes a value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Notes a value so many times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        let counted = &mut self.counts[bucket(value)];
        *counted = counted.saturating_add(count);
    }

    /// What was noted, in figures; all of them 0 if that is nothing.
    pub fn percentile_stats(&self) -> PercentileStats {
        let samples = self.counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let at = |permille| self.at(permille, samples);
        let [p0_1, p1, p5, p10, p50, p90, p99, p99_9] = [1, 10, 50, 100, 500, 900, 990, 999].map(at);
        PercentileStats { samples, p0_1, p1, p5, p10, p50, p90, p99, p99_9 }
    }

    fn at(&self, permille: u64, samples: u64) -> u64 {
        let rank = u128::from(samples).saturating_mul(permille.into()).div_ceil(1000);
        let mut below = 0_u128;
        let reaches = |count: &u64| {
            below = below.saturating_add((*count).into());
            below >= rank && below > 0
        };
        self.counts.iter().position(reaches).map_or(0, lowest)
    }
}

impl AsciiChart {
    /// A chart of nothing.
    pub const fn new() -> Self {
        Self
    }

    /// The same chart: it is never drawn.
    #[must_use]
    pub fn add(self, _name: &str, _histogram: Histogram) -> Self {
        self
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only what is below eight")]
const fn bucket(value: u64) -> usize {
    let power = value.checked_ilog2();
    match power {
        Some(power @ 2..) => PARTS * (power as usize - 1) + (value >> (power - 2)) as usize % PARTS,
        _ => (value % PARTS as u64) as usize,
    }
}

/// The lowest value of a bucket.
const fn lowest(bucket: usize) -> u64 {
    match (bucket / PARTS, (bucket % PARTS) as u64) {
        (0, part) => part,
        (power, part) => (PARTS as u64 + part) << (power - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_in_the_bucket_that_begins_below_it() {
        let edges = (0..64).flat_map(|power| [1_u64 << power, (1 << power) - 1, (1 << power) + 1]);
        for value in edges.chain(0..5000).chain([u64::MAX]) {
            let (at, next) = (bucket(value), bucket(value) + 1);
            assert!(lowest(at) <= value, "{value}");
            assert!(next == BUCKETS || lowest(next) > value, "{value}");
            assert!(value - lowest(at) <= lowest(at) / 4, "{value}");
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_noted() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile_stats().p99_9, 0);
        (1..=1000).for_each(|value| histogram.record(value));
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p0_1, stats.p1, stats.p50, stats.p99_9), (1000, 1, 10, 448, 896));
        histogram.record_n(5, 1_000_000);
        assert_eq!(histogram.percentile_stats().p50, 5);
    }
}

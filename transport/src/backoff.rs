//! The waits between attempts to reach a node again.

use std::time::Duration;

/// Jittered exponential back-off: each wait is drawn evenly from the upper
/// half of a ceiling that doubles from `first` to `longest`.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// A back-off whose first ceiling is `first` and whose last is `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, ceiling: first }
    }

    /// The next wait. Doubles the ceiling of the one after it.
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = self.ceiling;
        self.ceiling = ceiling.saturating_mul(2).min(self.longest);
        let half = ceiling / 2;
        half + half.mul_f64(random_fraction())
    }

    /// Starts over from the first ceiling: the node was reached.
    pub fn reset(&mut self) {
        self.ceiling = self.first;
    }
}

impl Default for Backoff {
    /// 50 ms to 2 s, for links between nodes.
    fn default() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(2))
    }
}

/// Evenly spread in `0.0..=1.0`. Without randomness the waits stay correct
/// and only lose their jitter.
fn random_fraction() -> f64 {
    let value = getrandom::u32().unwrap_or(u32::MAX);
    f64::from(value) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_start_over_on_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        for ceiling in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            let ceiling = Duration::from_millis(ceiling);
            let wait = backoff.next_wait();
            assert!(wait >= ceiling / 2 && wait <= ceiling, "{wait:?} is outside {ceiling:?}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(50));
    }
}

//! The clocks of this machine. Knows nothing of what they are taken for.

use std::fmt::Debug;
use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime};

use super::{Moment, since_1970};

/// Since when the machine is up, with the time that it was asleep: Linux's other counting clocks stand still meanwhile.
const UPTIME: &str = "/proc/uptime";
/// What the two count differently up to this is because they are not read at the same moment.
const NOISE_MS: i64 = 500;

/// Clocks to go by; a test brings its own.
pub(crate) trait Clocks: Debug + Send + Sync {
    /// What they say now. Never waits.
    fn read(&self) -> Moment;

    /// Called each second, for what takes longer to find out.
    fn look(&self);
}

/// The clocks of the machine that this program runs on.
#[derive(Debug)]
pub(crate) struct Machine {
    start: Instant,
    uptime: Option<i64>,
    /// For how long the machine was asleep since, in ms.
    asleep: AtomicI64,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), uptime: uptime_ms(), asleep: AtomicI64::new(0) }
    }

    fn awake_ms(&self) -> i64 {
        i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Clocks for Machine {
    fn read(&self) -> Moment {
        let count = self.awake_ms().saturating_add(self.asleep.load(Ordering::Relaxed));
        Moment { wall: since_1970(SystemTime::now()), count }
    }

    fn look(&self) {
        let Some((before, now)) = self.uptime.zip(uptime_ms()) else { return };
        let asleep = now.saturating_sub(before).saturating_sub(self.awake_ms());
        if asleep > self.asleep.load(Ordering::Relaxed).saturating_add(NOISE_MS) {
            self.asleep.store(asleep, Ordering::Relaxed);
        }
    }
}

/// None where the system does not tell: then a sleep shows as a jump of the wall clock.
fn uptime_ms() -> Option<i64> {
    let text = fs::read_to_string(UPTIME).ok()?;
    let (seconds, rest) = text.split_once('.')?;
    let hundredths = rest.get(..2)?;
    let seconds: i64 = seconds.parse().ok()?;
    seconds.checked_mul(1000)?.checked_add(hundredths.parse::<i64>().ok()?.checked_mul(10)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_awake_counts_as_its_uptime_does() {
        let machine = Machine::new();
        machine.look();
        assert!(machine.uptime.is_some_and(|ms| ms > 0));
        assert_eq!(machine.asleep.load(Ordering::Relaxed), 0);
        let (first, second) = (machine.read(), machine.read());
        assert!(first.count <= second.count);
    }
}

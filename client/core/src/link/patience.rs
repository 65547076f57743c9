//! How much more silence a device puts up with because it has suspected nodes in vain: where the machine or the path is too busy,
//! each move costs more than it brings. Pure: is told when that was, and asks no clock.

use std::time::Duration;

use tokio::time::Instant;

/// How much longer a silence may be after one suspicion in vain; after each further one twice as much is added.
const STEP: Duration = Duration::from_millis(120);
/// After so many nothing more is added: what a node is given then, and not more, is 1.8 s.
const LEVEL_MAX: u32 = 4;
/// One suspicion in vain is forgotten after so long without another.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// Grows with each suspicion in vain, and shrinks by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    level: u32,
    since: Option<Instant>,
}

impl Patience {
    /// A node that was suspected has spoken: there was no need.
    pub(crate) fn was_in_vain(&mut self, now: Instant) {
        self.level = self.level_at(now).saturating_add(1).min(LEVEL_MAX);
        self.since = Some(now);
    }

    /// How much longer than otherwise a silence may be.
    pub(crate) fn slack(&self, now: Instant) -> Duration {
        let times = 1_u32.checked_shl(self.level_at(now)).unwrap_or(u32::MAX).saturating_sub(1);
        STEP.saturating_mul(times)
    }

    fn level_at(&self, now: Instant) -> u32 {
        let Some(since) = self.since else { return 0 };
        let calm = now.saturating_duration_since(since).as_secs() / FORGOTTEN_AFTER.as_secs();
        self.level.saturating_sub(u32::try_from(calm).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::suspicion::{Alarm, HeartbeatMonitor};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn each_suspicion_in_vain_makes_more_patient_and_calm_makes_less() {
        let (start, mut patience) = (Instant::now(), Patience::default());
        assert_eq!(patience.slack(start), Duration::ZERO);
        let mut in_vain = |second: u64| {
            let now = start + Duration::from_secs(second);
            patience.was_in_vain(now);
            patience.slack(now).as_millis()
        };
        assert_eq!([1, 2, 3, 4, 5, 6].map(&mut in_vain), [120, 360, 840, 1_800, 1_800, 1_800]);
        let after = |seconds: u64| patience.slack(start + Duration::from_secs(6 + seconds)).as_millis();
        assert_eq!([29, 30, 60, 90, 119, 120, 10_000].map(after), [1_800, 840, 360, 120, 120, 0, 0]);
    }

    /// As `tail` on a machine with ten times too much to do, where the node is as well as ever: 25 ms between two beats, and
    /// each second a silence of up to half a second.
    #[test]
    fn on_a_machine_that_is_too_busy_a_node_is_suspected_a_few_times_and_then_left_alone() {
        let suspected = |is_patient: bool| {
            let (start, mut patience, mut pulse) =
                (Instant::now(), Patience::default(), HeartbeatMonitor::new(Instant::now()));
            pulse.promise(Some(MS(25)));
            let (mut now, mut alarms) = (start, 0);
            for second in 0..61_u64 {
                for beat in 0..20 {
                    let silence = if beat == 0 { 150 + second * 97 % 350 } else { 25 };
                    for _ in 0..silence {
                        now += MS(1);
                        pulse.put_up_with(if is_patient { patience.slack(now) } else { Duration::ZERO });
                        alarms += usize::from(pulse.look(now).alarm == Some(Alarm::Node));
                    }
                    if pulse.hear(now) {
                        patience.was_in_vain(now);
                    }
                }
            }
            alarms
        };
        let (damped, undamped) = (suspected(true), suspected(false));
        assert!(undamped > 40 && damped <= 6, "{damped} of {undamped}");
    }
}

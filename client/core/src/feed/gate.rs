//! When something may be tried again that is tried for as long as it is wanted. Knows nothing of what that is.

use raftchat_schema::pause::Pause;
use raftchat_transport::lot;
use tokio::time::Instant;

/// Lets one attempt through at a time. The first goes at once; each further one not before a pause after the one before, which
/// grows until it is said that one was good. Whether an attempt failed is not asked: one that succeeds and comes to nothing is
/// repeated no faster.
#[derive(Debug)]
pub(super) struct Gate {
    pause: Pause,
    opens: Option<Instant>,
}

impl Gate {
    pub(super) fn new(pause: Pause) -> Self {
        Self { pause, opens: None }
    }

    /// Whether an attempt may be made now. If so, it is.
    pub(super) fn pass(&mut self, now: Instant) -> bool {
        if self.opens.is_some_and(|opens| now < opens) {
            return false;
        }
        self.opens = Some(now + self.pause.grow(lot()));
        true
    }

    /// Lets nobody through before then, or before it would have.
    pub(super) fn hold(&mut self, until: Instant) {
        self.opens = self.opens.max(Some(until));
    }

    /// When it lets an attempt through; none: now.
    pub(super) fn opens(&self) -> Option<Instant> {
        self.opens
    }

    /// What was tried for last was good: the next goes at once.
    pub(super) fn reset(&mut self) {
        self.pause.reset();
        self.opens = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn however_often_it_is_asked_attempts_become_rarer_and_rarer() {
        let (start, mut gate) = (Instant::now(), Gate::new(Pause::between(MS(50), MS(1_000))));
        let passed: Vec<_> = (0..10_000).filter(|ms| gate.pass(start + MS(*ms))).collect();
        let apart: Vec<_> =
            passed.windows(2).map(|two| two.iter().sum::<u64>() - 2 * two.first().unwrap_or(&0)).collect();
        for (apart, whole) in apart.iter().zip([50, 100, 200, 400, 800, 1_000, 1_000]) {
            assert!((whole / 2..=whole + 1).contains(apart), "{passed:?}");
        }
        assert!(passed.len() <= 6 + 20 && passed.first() == Some(&0), "{passed:?}");
    }

    #[test]
    fn who_refuses_says_for_how_long_and_who_was_good_is_asked_at_once() {
        let (start, mut gate) = (Instant::now(), Gate::new(Pause::between(MS(50), MS(1_000))));
        assert!(gate.pass(start));
        gate.hold(start + MS(700));
        gate.hold(start + MS(20));
        assert_eq!(gate.opens(), Some(start + MS(700)));
        assert!(!gate.pass(start + MS(699)) && gate.pass(start + MS(700)));
        gate.reset();
        assert!(gate.pass(start + MS(701)));
    }
}

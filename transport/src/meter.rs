//! How full one budget is: what is held of it now, the most that ever was, and how often somebody was refused. Never knows
//! what is counted, nor the bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what is held of one budget. Cheap, and shared by all threads that spend it.
#[derive(Debug, Default)]
pub struct Meter {
    held: AtomicU64,
    most: AtomicU64,
    refused: AtomicU64,
}

/// The readings of a [`Meter`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterReading {
    /// The amount held now.
    pub held: u64,
    /// The most that was held at once since the program started.
    pub most: u64,
    /// The number of times that somebody was refused since the program started.
    pub refused: u64,
}

/// So much of a budget, given back when this is dropped.
#[derive(Debug)]
#[must_use = "what is not kept is given back at once"]
pub struct Held {
    meter: Arc<Meter>,
    amount: u64,
}

impl Meter {
    /// Takes `amount`, whatever is held already.
    pub fn hold(self: &Arc<Self>, amount: u64) -> Held {
        self.add(amount);
        Held { meter: Arc::clone(self), amount }
    }

    /// Takes `amount` unless more than `max` would then be held; counts the refusal.
    pub fn try_hold(self: &Arc<Self>, amount: u64, max: u64) -> Option<Held> {
        let taken = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(amount).filter(|sum| *sum <= max)
        });
        match taken {
            Ok(before) => {
                self.most.fetch_max(before.saturating_add(amount), Ordering::Relaxed);
                Some(Held { meter: Arc::clone(self), amount })
            }
            Err(_full) => {
                self.refuse();
                None
            }
        }
    }

    /// Counts one refusal: for budgets that are kept elsewhere, rates for example.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Says what is held, for who counts by itself.
    pub fn set(&self, held: u64) {
        self.held.store(held, Ordering::Relaxed);
        self.most.fetch_max(held, Ordering::Relaxed);
    }

    /// The readings at present.
    pub fn reading(&self) -> MeterReading {
        MeterReading {
            held: self.held.load(Ordering::Relaxed),
            most: self.most.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Takes so much, which [`Meter::take_back`] gives back: for amounts that change all the time.
    pub(crate) fn add(&self, amount: u64) {
        let before = self.held.fetch_add(amount, Ordering::Relaxed);
        self.most.fetch_max(before.saturating_add(amount), Ordering::Relaxed);
    }

    /// Gives so much back.
    pub(crate) fn take_back(&self, amount: u64) {
        self.held.fetch_sub(amount, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.meter.held.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back_and_the_most_and_the_refusals_stay() {
        let meter = Arc::new(Meter::default());
        let two = meter.hold(2);
        assert!(meter.try_hold(2, 3).is_none());
        let one = meter.try_hold(1, 3);
        assert!(one.is_some());
        assert_eq!(meter.reading(), MeterReading { held: 3, most: 3, refused: 1 });
        drop((two, one));
        assert_eq!(meter.reading(), MeterReading { held: 0, most: 3, refused: 1 });
    }
}

//! What a part of a program has done since it was started, as numbers that only go up. Never knows who reads them.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only goes up. Cheap, and shared by all threads that count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts so many more.
    pub fn add(&self, amount: usize) {
        self.0.fetch_add(u64::try_from(amount).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The number at present.
    pub fn reading(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a [`Counter`] shows, and what that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterReading {
    /// The part of the program that counts.
    pub part: &'static str,
    /// The counter's name in it.
    pub name: &'static str,
    /// The sentence that says what is counted.
    pub means: &'static str,
    /// The number at present.
    pub value: u64,
}

/// Makes the counters of a part: a struct with a [`Counter`] for each name, and what all of them show by its `readings`. The
/// sentence above each is what an exporter says of it.
#[macro_export]
macro_rules! counters {
    (
        $(#[doc = $about:literal])*
        $vis:vis struct $counters:ident of $part:literal {
            $(#[doc = $means:literal] $name:ident,)*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Default)]
        $vis struct $counters {
            $(#[doc = $means] $vis $name: $crate::Counter,)*
        }

        impl $counters {
            /// What each of them shows, in the order in which they are declared.
            $vis fn readings(&self) -> Vec<$crate::CounterReading> {
                vec![$($crate::CounterReading {
                    part: $part,
                    name: stringify!($name),
                    means: $means.trim_ascii(),
                    value: self.$name.reading(),
                }),*]
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    counters! {
        /// Of a boat.
        struct BoatCounters of "boat" {
            /// Harbours that it was in.
            harbours,
            /// Miles that it made.
            miles,
        }
    }

    #[test]
    fn each_counter_says_what_it_counts() {
        let boat = BoatCounters::default();
        boat.harbours.add(1);
        boat.miles.add(30);
        boat.miles.add(12);
        let read = |name, means, value| CounterReading { part: "boat", name, means, value };
        assert_eq!(
            boat.readings(),
            [read("harbours", "Harbours that it was in.", 1), read("miles", "Miles that it made.", 42)]
        );
    }
}

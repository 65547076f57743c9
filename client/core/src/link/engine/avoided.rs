//! Addresses that are asked last for a while: they were just left, or have refused. Knows nothing of why.

use std::time::Duration;

use tokio::time::Instant;

/// How long a node that was left, or that has refused, is asked last.
const AVOIDED_FOR: Duration = Duration::from_secs(3);

/// Addresses and until when they are avoided, the latest last.
#[derive(Debug, Default)]
pub(super) struct Avoided(Vec<(String, Instant)>);

impl Avoided {
    pub(super) fn add(&mut self, address: &str, now: Instant) {
        self.0.retain(|(held, until)| held != address && now < *until);
        self.0.push((address.to_owned(), now + AVOIDED_FOR));
    }

    pub(super) fn remove(&mut self, address: &str) {
        self.0.retain(|(held, _)| held != address);
    }

    pub(super) fn as_of(&self, now: Instant) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, until)| now < *until).map(|(address, _)| address.as_str())
    }

    pub(super) fn holds(&self, address: &str, now: Instant) -> bool {
        self.as_of(now).any(|held| held == address)
    }
}

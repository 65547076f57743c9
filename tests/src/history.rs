//! What people were told and what they then find: nothing acknowledged is lost, nothing is there twice, and what one
//! person says in a row stays in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::people::Person;

/// What somebody has sent and was told is stored.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// Position by text.
    pub positions: BTreeMap<String, u64>,
    /// The longest time between two acknowledgements.
    pub longest_gap: Duration,
}

impl Acknowledged {
    /// Sends numbered texts, one after the other, until `over`.
    ///
    /// # Panics
    ///
    /// If one is refused, or acknowledged at a position below an earlier one.
    pub async fn while_sending(from: &Person, to: &str, mut over: tokio::sync::watch::Receiver<bool>) -> Self {
        let mut told = Self::default();
        let mut last = (Instant::now(), 0);
        for number in 0.. {
            if *over.borrow_and_update() {
                break;
            }
            let text = format!("{} {number}", from.name);
            let sent = from.say(to, &text).await;
            assert!(sent.position.0 > last.1, "{text} is before what was said before it");
            told.longest_gap = told.longest_gap.max(last.0.elapsed());
            last = (Instant::now(), sent.position.0);
            assert_eq!(told.positions.insert(text, sent.position.0), None);
        }
        told
    }

    /// Checks that all of it is in what somebody reads, once and where it was said to be.
    ///
    /// # Panics
    ///
    /// If it is not.
    pub fn must_be_in(&self, read: &[(u64, Option<String>)]) {
        let positions: Vec<_> = read.iter().map(|(position, _)| *position).collect();
        assert!(positions.iter().zip(1..).all(|(position, expected)| *position == expected), "a hole: {positions:?}");
        let texts: Vec<_> = read.iter().filter_map(|(_, text)| text.clone()).collect();
        let unique: BTreeSet<_> = texts.iter().collect();
        assert_eq!(unique.len(), texts.len(), "something is there twice");
        for (text, position) in &self.positions {
            assert!(
                read.contains(&(*position, Some(text.clone()))),
                "{text} was acknowledged at {position} and is lost"
            );
        }
    }
}

//! Who has said that a node which is there is to go: it takes the word of two, or its own. One node's key must not take the
//! others out one by one. Pure: it is told the time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use raftchat_schema::budgets::{MEMBERS_MAX, REMOVAL_WORD_SECONDS};
use raftchat_schema::id::NodeId;

/// The words that are waiting for another, by whom they are about.
#[derive(Debug, Default)]
pub(crate) struct Motions {
    words: BTreeMap<NodeId, (NodeId, Instant)>,
}

impl Motions {
    /// One more says that `going` is to go. Whether that is enough.
    pub(crate) fn second(&mut self, going: NodeId, by: NodeId, now: Instant) -> bool {
        let good = Duration::from_secs(REMOVAL_WORD_SECONDS);
        self.words.retain(|_, (_, at)| now.saturating_duration_since(*at) < good);
        if by == going || self.words.get(&going).is_some_and(|(first, _)| *first != by) {
            self.words.remove(&going);
            return true;
        }
        if self.words.len() < MEMBERS_MAX {
            self.words.insert(going, (by, now));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_there_goes_by_its_own_word_or_that_of_two_others() {
        let (alice, bob, carol) = (NodeId(1), NodeId(2), NodeId(3));
        let (mut motions, start) = (Motions::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(motions.second(alice, alice, at(0)));
        assert!(!motions.second(alice, bob, at(0)));
        assert!(!motions.second(alice, bob, at(1)), "the same again is no other");
        assert!(!motions.second(carol, bob, at(1)), "about another");
        assert!(motions.second(alice, carol, at(2)));
        assert!(!motions.second(alice, carol, at(3)), "and that was that");
        assert!(!motions.second(alice, bob, at(3 + REMOVAL_WORD_SECONDS)), "too long ago");
    }
}

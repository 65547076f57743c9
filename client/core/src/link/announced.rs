//! What others were told of the person, and a node forgets with its link. Knows no link and no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use raftchat_schema::limits::TYPING_MS;
use tokio::time::Instant;

use crate::options::Target;

/// Where the person is writing, as others were told.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    typing: BTreeMap<Target, Instant>,
}

impl Announced {
    pub(crate) fn typing(&mut self, target: &Target, active: bool, now: Instant) {
        if active {
            self.typing.insert(target.clone(), now);
        } else {
            self.typing.remove(target);
        }
    }

    /// What still holds, and is to be said again.
    pub(crate) fn still(&mut self, now: Instant) -> Vec<Target> {
        let good_for = Duration::from_millis(TYPING_MS);
        self.typing.retain(|_, said| now.saturating_duration_since(*said) < good_for);
        self.typing.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use raftchat_schema::id::ConversationId;

    use super::*;

    #[test]
    fn that_somebody_writes_is_said_again_for_as_long_as_it_holds() {
        let (start, bob) = (Instant::now(), Target::Conversation(ConversationId(1)));
        let mut announced = Announced::default();
        announced.typing(&bob, true, start);
        assert_eq!(announced.still(start + Duration::from_secs(5)), std::slice::from_ref(&bob));
        assert!(announced.still(start + Duration::from_secs(6)).is_empty());
        announced.typing(&bob, true, start);
        announced.typing(&bob, false, start);
        assert!(announced.still(start).is_empty());
    }
}

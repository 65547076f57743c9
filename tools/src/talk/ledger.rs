//! The account of a conversation: pure bookkeeping over what was confirmed, what arrived and what can be read back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use raftchat_schema::id::{MessageId, Position, Username};
use raftchat_schema::view::MessageView;

/// Everything that was said, by whom it was confirmed and where it arrived.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    confirmed: Vec<Confirmed>,
    arrived: Vec<Arrived>,
    people: BTreeSet<Username>,
}

#[derive(Debug)]
struct Confirmed {
    by: Username,
    id: MessageId,
    position: Position,
    at: Instant,
}

#[derive(Debug)]
struct Arrived {
    to: Username,
    id: MessageId,
    position: Position,
    at: Instant,
}

impl Ledger {
    /// Somebody takes part.
    pub(super) fn begins(&mut self, who: &Username) {
        self.people.insert(who.clone());
    }

    /// A majority has it.
    pub(super) fn confirmed(&mut self, by: &Username, id: MessageId, position: Position, at: Instant) {
        self.confirmed.push(Confirmed { by: by.clone(), id, position, at });
    }

    /// Somebody was shown it.
    pub(super) fn arrived(&mut self, to: &Username, message: &MessageView, at: Instant) {
        self.arrived.push(Arrived { to: to.clone(), id: message.message_id, position: message.position, at });
    }

    /// The number of messages that were confirmed.
    pub(crate) fn messages(&self) -> usize {
        self.confirmed.len()
    }

    /// The number of messages that the slower speaker has had confirmed since then.
    pub(crate) fn fewest_acks_since(&self, since: Instant) -> usize {
        let of = |who: &Username| self.confirmed.iter().filter(|one| one.by == *who && one.at > since).count();
        self.people.iter().map(of).min().unwrap_or(0)
    }

    /// True if everybody has been shown everything that was confirmed.
    pub(super) fn all_arrived(&self) -> bool {
        self.lost() == 0
    }

    /// The number of confirmed messages that somebody has not been shown.
    pub(crate) fn lost(&self) -> usize {
        let shown: BTreeSet<(&Username, MessageId)> = self.arrived.iter().map(|one| (&one.to, one.id)).collect();
        let pairs = self.people.iter().flat_map(|who| self.confirmed.iter().map(move |one| (who, one.id)));
        pairs.filter(|pair| !shown.contains(pair)).count()
    }

    /// The number of messages that somebody was shown more than once.
    pub(crate) fn doubled(&self) -> usize {
        let mut shown = BTreeSet::new();
        self.arrived.iter().filter(|one| !shown.insert((&one.to, one.id))).count()
    }

    /// True if everybody was shown everything in order.
    pub(crate) fn in_order(&self) -> bool {
        let mut last: BTreeMap<&Username, Position> = BTreeMap::new();
        self.arrived.iter().all(|one| last.insert(&one.to, one.position).is_none_or(|before| before < one.position))
    }

    /// The longest that anybody waited for a confirmation within a span, its ends included.
    pub(crate) fn longest_ack_gap(&self, from: Instant, to: Instant) -> Duration {
        let of = |who: &Username| self.confirmed.iter().filter(|one| one.by == *who).map(|one| one.at).collect();
        self.longest(|who| longest_gap(of(who), from, to))
    }

    /// The longest that anybody was shown nothing within a span, its ends included.
    pub(crate) fn longest_arrival_gap(&self, from: Instant, to: Instant) -> Duration {
        let of = |who: &Username| self.arrived.iter().filter(|one| one.to == *who).map(|one| one.at).collect();
        self.longest(|who| longest_gap(of(who), from, to))
    }

    fn longest(&self, gap: impl Fn(&Username) -> Duration) -> Duration {
        self.people.iter().map(gap).max().unwrap_or_default()
    }

    /// Whether a conversation that was read back holds each confirmed message once, where it was confirmed, and has
    /// neither holes nor doubles; otherwise what is wrong.
    pub(crate) fn compare(&self, history: &[MessageView]) -> Result<(), String> {
        let by_id: BTreeMap<MessageId, Position> =
            history.iter().map(|message| (message.message_id, message.position)).collect();
        if by_id.len() != history.len() {
            return Err(format!("{} messages stand twice in the history", history.len() - by_id.len()));
        }
        let hole = (1..).zip(history).find(|(expected, message)| message.position != Position(*expected));
        if let Some((expected, _)) = hole {
            return Err(format!("there is no message #{expected} in the history"));
        }
        let wrong = self.confirmed.iter().find(|one| by_id.get(&one.id) != Some(&one.position));
        match wrong {
            Some(one) => Err(format!("what {} was told is #{} is not there", one.by, one.position)),
            None => Ok(()),
        }
    }
}

/// The longest time without a moment between `from` and `to`.
fn longest_gap(mut within: Vec<Instant>, from: Instant, to: Instant) -> Duration {
    within.retain(|at| (from..=to).contains(at));
    within.extend([from, to]);
    within.sort_unstable();
    let gaps = within.iter().zip(within.iter().skip(1)).map(|(before, after)| after.duration_since(*before));
    gaps.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::id::{ChangeNumber, ConversationId, Stamp, UserId};
    use raftchat_schema::view::MessageState;

    use super::*;

    fn message(id: u8, position: u64) -> MessageView {
        MessageView {
            conversation: ConversationId(7),
            position: Position(position),
            message_id: MessageId([id; 16]),
            sender: UserId(1001),
            sender_name: "alice".parse().unwrap(),
            sent_at: Stamp(0),
            state: MessageState::Original,
            revision: 0,
            payload: Vec::new(),
            edited: None,
            mentions: Vec::new(),
            reactions: Vec::new(),
            changed: ChangeNumber(1),
            reactions_changed: ChangeNumber(0),
        }
    }

    /// Alice and bob have both had message 1 at #1 and 2 at #2 confirmed; everything arrived once.
    fn account() -> Ledger {
        let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let now = Instant::now();
        let mut ledger = Ledger::default();
        ledger.begins(&alice);
        ledger.begins(&bob);
        ledger.confirmed(&alice, MessageId([1; 16]), Position(1), now);
        ledger.confirmed(&bob, MessageId([2; 16]), Position(2), now);
        for who in [&alice, &bob] {
            ledger.arrived(who, &message(1, 1), now);
            ledger.arrived(who, &message(2, 2), now);
        }
        ledger
    }

    #[test]
    fn a_whole_conversation_has_nothing_to_find() {
        let ledger = account();
        assert_eq!((ledger.lost(), ledger.doubled(), ledger.in_order()), (0, 0, true));
        assert_eq!(ledger.compare(&[message(1, 1), message(2, 2)]), Ok(()));
        assert_eq!(ledger.compare(&[message(1, 1), message(2, 2), message(3, 3)]), Ok(()), "unconfirmed, yet stored");
    }

    #[test]
    fn whatever_is_wrong_with_a_history_is_found() {
        let ledger = account();
        for (history, complaint) in [
            (vec![message(1, 1)], "#2 is not there"),
            (vec![message(2, 1), message(1, 2)], "is not there"),
            (vec![message(1, 1), message(2, 3)], "no message #2"),
            (vec![message(1, 1), message(2, 2), message(1, 3)], "stand twice"),
        ] {
            let found = ledger.compare(&history).unwrap_err();
            assert!(found.contains(complaint), "{found}");
        }
    }

    #[test]
    fn what_is_lost_or_doubled_on_its_way_is_counted() {
        let mut ledger = account();
        ledger.arrived.remove(3);
        assert_eq!(ledger.lost(), 1);
        let bob = "bob".parse().unwrap();
        ledger.arrived(&bob, &message(1, 1), Instant::now());
        assert_eq!((ledger.doubled(), ledger.in_order()), (1, false));
    }

    #[test]
    fn silence_counts_up_to_both_ends() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let gap =
            |moments: &[u64]| longest_gap(moments.iter().map(|ms| at(*ms)).collect(), at(100), at(1000)).as_millis();
        assert_eq!(gap(&[]), 900);
        assert_eq!(gap(&[150, 300, 950]), 650);
        assert_eq!(gap(&[50, 600, 5000]), 500);
    }
}

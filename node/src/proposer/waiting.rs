//! Who on this node waits for the outcome of which proposal. Knows nothing of how a proposal gets into the log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::command::{Outcome, Proposal};
use raftchat_schema::id::NodeId;
use tokio::sync::oneshot;

use crate::raft::ProposalOutcome;

/// The waiters of a node, by the numbers of their proposals.
#[derive(Debug)]
pub(crate) struct Waiting {
    node: NodeId,
    next: AtomicU64,
    waiters: Mutex<HashMap<u64, Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    answer: oneshot::Sender<Outcome>,
    stored: Stored,
    /// Nobody waits beyond it, also where a call whose link has ended neither goes on nor is dropped.
    until: Instant,
}

/// Whether a proposal may have been stored, by all attempts at it, which follow each other.
#[derive(Clone, Copy, Debug, Default)]
struct Stored {
    /// The last attempt has not said that nothing was stored.
    open: bool,
    /// An earlier one never has. What a later one says is of that one alone.
    unknown: bool,
}

impl Stored {
    fn begin(&mut self) {
        self.unknown |= self.open;
        self.open = true;
    }

    fn nothing_was(&mut self) {
        self.open = false;
    }

    fn may_be(self) -> bool {
        self.open || self.unknown
    }
}

/// A place in the queue; dropping it gives up waiting.
#[derive(Debug)]
pub(crate) struct Ticket {
    waiting: Arc<Waiting>,
    number: u64,
    answer: oneshot::Receiver<Outcome>,
}

impl Waiting {
    /// Numbers begin at random: after a restart the log is replayed, and outcomes of proposals made before it must not
    /// reach those who wait now.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(crate) fn new(node: NodeId) -> Result<Arc<Self>, getrandom::Error> {
        let next = AtomicU64::new(getrandom::u64()?);
        Ok(Arc::new(Self { node, next, waiters: Mutex::default() }))
    }

    /// A new number and the place where its outcome will come; it is kept for twice as long as its caller waits.
    pub(crate) fn join(self: &Arc<Self>, limit: Duration) -> Ticket {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, receiver) = oneshot::channel();
        self.lock().insert(
            number,
            Waiter { answer, stored: Stored::default(), until: Instant::now() + limit.saturating_mul(2) },
        );
        Ticket { waiting: self.clone(), number, answer: receiver }
    }

    /// Answers those of the outcomes that are waited for here.
    pub(crate) fn settle(&self, outcomes: Vec<ProposalOutcome>) {
        let mut waiters = self.lock();
        for ProposalOutcome { node, number, outcome } in outcomes {
            if node == self.node
                && let Some(waiter) = waiters.remove(&number)
            {
                // Whoever asked may have given up this very moment.
                let _heard = waiter.answer.send(outcome);
            }
        }
    }

    /// Keeps of the proposals those that somebody still waits for.
    pub(crate) fn retain_waited_for(&self, proposals: &mut Vec<Proposal>) {
        let (mut waiters, now) = (self.lock(), Instant::now());
        proposals.retain(|proposal| match waiters.get(&proposal.number) {
            Some(waiter) if waiter.until > now => true,
            Some(_) => waiters.remove(&proposal.number).is_none(),
            None => false,
        });
    }

    /// An attempt begins to store the proposals. Where the one before has not said what came of it, nobody ever knows.
    pub(crate) fn note_may_be_stored(&self, proposals: &[Proposal]) {
        self.note(proposals, Stored::begin);
    }

    /// Nothing of the attempt under way was stored.
    pub(crate) fn note_not_stored(&self, proposals: &[Proposal]) {
        self.note(proposals, Stored::nothing_was);
    }

    fn note(&self, proposals: &[Proposal], note: impl Fn(&mut Stored)) {
        let mut waiters = self.lock();
        for proposal in proposals {
            if let Some(waiter) = waiters.get_mut(&proposal.number) {
                note(&mut waiter.stored);
            }
        }
    }

    /// Whether the proposal of that number may have been stored, although no outcome has come.
    pub(crate) fn may_be_stored(&self, number: u64) -> bool {
        self.lock().get(&number).is_none_or(|waiter| waiter.stored.may_be())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Waiter>> {
        // The map is whole after every step, whoever panicked meanwhile.
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The proposal's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The outcome, once there is one.
    pub(crate) async fn outcome(&mut self) -> Option<Outcome> {
        (&mut self.answer).await.ok()
    }

    /// Whether the proposal may have been stored although no outcome came.
    pub(crate) fn may_be_stored(&self) -> bool {
        self.waiting.may_be_stored(self.number)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.number);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use raftchat_schema::command::Done;

    use super::*;

    const LONG: Duration = Duration::from_mins(10);

    fn outcome(node: u64, number: u64) -> ProposalOutcome {
        ProposalOutcome { node: NodeId(node), number, outcome: Ok(Done::Nothing) }
    }

    #[tokio::test]
    async fn an_outcome_reaches_who_waits_for_it_and_nobody_else() {
        let waiting = Waiting::new(NodeId(1)).unwrap();
        let (mut alice, bob) = (waiting.join(LONG), waiting.join(LONG));
        waiting.settle(vec![outcome(2, bob.number()), outcome(1, alice.number())]);
        assert_eq!(alice.outcome().await, Some(Ok(Done::Nothing)));
        let proposal = |number| Proposal { node: NodeId(1), number, command: Vec::new() };
        let mut proposals = vec![proposal(alice.number()), proposal(bob.number())];
        waiting.retain_waited_for(&mut proposals);
        assert_eq!(proposals, [proposal(bob.number())]);
        waiting.note_may_be_stored(&proposals);
        assert!(bob.may_be_stored());
        waiting.note_not_stored(&proposals);
        assert!(!bob.may_be_stored());
        drop(bob);
        waiting.retain_waited_for(&mut proposals);
        assert_eq!(proposals, []);
    }

    #[test]
    fn what_one_attempt_says_does_not_hold_for_the_one_before() {
        let waiting = Waiting::new(NodeId(1)).unwrap();
        let alice = waiting.join(LONG);
        let proposals = [Proposal { node: NodeId(1), number: alice.number(), command: Vec::new() }];
        // The leader was lost with it, and the next one says that it does not lead.
        waiting.note_may_be_stored(&proposals);
        waiting.note_may_be_stored(&proposals);
        waiting.note_not_stored(&proposals);
        assert!(alice.may_be_stored(), "the first leader may have stored it");
        waiting.note_may_be_stored(&proposals);
        waiting.note_not_stored(&proposals);
        assert!(alice.may_be_stored());
    }

    #[test]
    fn a_call_that_is_forgotten_with_its_link_is_not_waited_for_beyond_its_time() {
        let waiting = Waiting::new(NodeId(1)).unwrap();
        let (leaked, bob) = (waiting.join(Duration::ZERO), waiting.join(LONG));
        let proposal = |number| Proposal { node: NodeId(1), number, command: Vec::new() };
        let mut proposals = vec![proposal(leaked.number()), proposal(bob.number())];
        std::mem::forget(leaked);
        waiting.retain_waited_for(&mut proposals);
        assert_eq!(proposals, [proposal(bob.number())]);
        assert_eq!(waiting.lock().len(), 1);
    }
}

//! What one other node may have under way here at once, and how often it may speak: over all its connections. Never knows what
//! its calls say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::budgets::{
    PEER_BATCHES_MAX, PEER_CHANGES_PER_MINUTE, PEER_PRESENCE_PER_SECOND, PEER_READ_INDEXES_MAX, PEER_SNAPSHOTS_MAX,
    PEER_TYPING_PER_SECOND,
};
use raftchat_schema::id::NodeId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budgets of all nodes, by their numbers. As many as there ever were members: nobody else gets in.
#[derive(Debug, Default)]
pub(crate) struct PeerBudgets(Mutex<BTreeMap<NodeId, Arc<PeerBudget>>>);

impl PeerBudgets {
    /// That node's.
    pub(crate) fn of(&self, node: NodeId) -> Arc<PeerBudget> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(node).or_insert_with(|| Arc::new(PeerBudget::new())))
    }
}

/// One node's.
#[derive(Debug)]
pub(crate) struct PeerBudget {
    batches: Arc<Semaphore>,
    read_indexes: Arc<Semaphore>,
    snapshots: Arc<Semaphore>,
    presence: Bucket,
    typing: Bucket,
    changes: Bucket,
}

/// A place that is taken until this is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl PeerBudget {
    fn new() -> Self {
        let second = Duration::from_secs(1);
        Self {
            batches: Arc::new(Semaphore::new(PEER_BATCHES_MAX)),
            read_indexes: Arc::new(Semaphore::new(PEER_READ_INDEXES_MAX)),
            snapshots: Arc::new(Semaphore::new(PEER_SNAPSHOTS_MAX)),
            presence: Bucket::new(PEER_PRESENCE_PER_SECOND, second),
            typing: Bucket::new(PEER_TYPING_PER_SECOND, second),
            changes: Bucket::new(PEER_CHANGES_PER_MINUTE, Duration::from_mins(1)),
        }
    }

    /// A batch is to be proposed.
    pub(crate) fn batch(&self) -> Option<Place> {
        self.batches.clone().try_acquire_owned().ok()
    }

    /// The leader is asked for a read index.
    pub(crate) fn read_index(&self) -> Option<Place> {
        self.read_indexes.clone().try_acquire_owned().ok()
    }

    /// A snapshot is to come in.
    pub(crate) fn snapshot(&self) -> Option<Place> {
        self.snapshots.clone().try_acquire_owned().ok()
    }

    /// A word about presence.
    pub(crate) fn presence(&self, now: Instant) -> bool {
        self.presence.take(now)
    }

    /// A hint about typing.
    pub(crate) fn typing(&self, now: Instant) -> bool {
        self.typing.take(now)
    }

    /// Another membership is asked for.
    pub(crate) fn change(&self, now: Instant) -> bool {
        self.changes.take(now)
    }
}

/// So many in a while, and as many at once.
#[derive(Debug)]
struct Bucket {
    interval: Duration,
    filling: Duration,
    full_at: Mutex<Option<Instant>>,
}

impl Bucket {
    fn new(tokens: u32, filling: Duration) -> Self {
        Self { interval: filling / tokens.max(1), filling, full_at: Mutex::default() }
    }

    fn take(&self, now: Instant) -> bool {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = full_at.unwrap_or(now).max(now) + self.interval;
        let fits = after.saturating_duration_since(now) <= self.filling;
        if fits {
            *full_at = Some(after);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_has_so_much_under_way_and_another_as_much() {
        let budgets = PeerBudgets::default();
        let (bob, carol) = (budgets.of(NodeId(2)), budgets.of(NodeId(3)));
        let held: Vec<_> = std::iter::from_fn(|| budgets.of(NodeId(2)).batch()).collect();
        assert_eq!(held.len(), PEER_BATCHES_MAX);
        assert!(carol.batch().is_some(), "another's are free");
        drop(held);
        assert!(bob.batch().is_some(), "and given back they are free again");
        assert_eq!(
            std::iter::repeat_with(|| bob.read_index()).take(100).collect::<Vec<_>>().iter().flatten().count(),
            PEER_READ_INDEXES_MAX
        );
        assert_eq!(
            std::iter::repeat_with(|| bob.snapshot()).take(100).collect::<Vec<_>>().iter().flatten().count(),
            PEER_SNAPSHOTS_MAX
        );
    }

    #[test]
    fn a_node_speaks_so_often() {
        let (budgets, start) = (PeerBudgets::default(), Instant::now());
        let bob = budgets.of(NodeId(2));
        let heard = |at: Instant| (0..10_000).filter(|_| bob.presence(at)).count();
        assert_eq!(heard(start), PEER_PRESENCE_PER_SECOND as usize);
        assert_eq!(heard(start + Duration::from_millis(100)), PEER_PRESENCE_PER_SECOND as usize / 10);
        assert_eq!((0..10_000).filter(|_| bob.typing(start)).count(), PEER_TYPING_PER_SECOND as usize);
        assert_eq!((0..10_000).filter(|_| bob.change(start)).count(), PEER_CHANGES_PER_MINUTE as usize);
    }
}

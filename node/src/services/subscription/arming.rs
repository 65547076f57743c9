//! Where an armed subscription stands until it is activated. Never reads a row.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use raftchat_schema::id::Cursor;
use tokio::sync::Notify;

/// The cursor of an armed subscription, and whether it still waits.
#[derive(Debug)]
pub(in crate::services) struct Arming {
    cursor: Cell<Cursor>,
    activated: Notify,
}

impl Arming {
    pub(super) fn new(cursor: Cursor) -> Rc<Self> {
        Rc::new(Self { cursor: Cell::new(cursor), activated: Notify::new() })
    }

    pub(super) fn cursor(&self) -> Cursor {
        self.cursor.get()
    }

    /// The device holds everything up to there. What is no cursor of this cluster is passed over: what the device holds
    /// already falls there by its number.
    pub(super) fn advance(&self, upto: &[u8]) {
        let held = self.cursor.get();
        let new = Cursor::from_bytes(upto).filter(|new| new.cluster == held.cluster && new.epoch == held.epoch);
        if let Some(new) = new.filter(|new| new.change > held.change) {
            self.cursor.set(new);
        }
    }

    /// The device wants what comes after `from`, or after what it said before if that is further.
    pub(in crate::services) fn activate(&self, from: &[u8]) {
        self.advance(from);
        self.activate_here();
    }

    /// Whether anybody waits for it or not, and any number of times.
    pub(super) fn activate_here(&self) {
        self.activated.notify_one();
    }

    pub(super) async fn activated(&self) {
        self.activated.notified().await;
    }
}

/// Counts a session as one that only stands by, for as long as it does.
pub(super) struct StandingBy(Arc<AtomicUsize>);

impl StandingBy {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for StandingBy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use raftchat_schema::id::ChangeNumber;

    use super::*;

    #[test]
    fn a_cursor_goes_forward_only_and_only_within_its_cluster() {
        let at = |cluster, change| Cursor { cluster, epoch: 0, change: ChangeNumber(change) };
        let arming = Arming::new(at(7, 10));
        arming.advance(&at(7, 12).to_bytes());
        arming.advance(&at(7, 11).to_bytes());
        arming.advance(&at(8, 99).to_bytes());
        arming.advance(b"nonsense");
        assert_eq!(arming.cursor(), at(7, 12));
        arming.activate(&at(7, 15).to_bytes());
        arming.activate(&[]);
        assert_eq!(arming.cursor(), at(7, 15));
        assert!(arming.activated().now_or_never().is_some());
    }
}

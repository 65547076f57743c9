//! What a subscription needs before and beside its changes: where an armed one stands, and what its device is told of this node
//! and of the one it watches. Never reads a row.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use capnp::capability::Promise;
use futures::FutureExt as _;
use raftchat_schema::budgets::HINTS_UNANSWERED_MAX;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::receiver;
use raftchat_schema::id::{Cursor, NodeId};
use raftchat_schema::view::Notice;
use raftchat_schema::wire;
use raftchat_transport::Meter;
use tokio::sync::{Notify, watch};

use crate::health::standing::Standing;
use crate::services::acting::Acting;

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

/// Tells a receiver how this node stands, and of the node that its device watches.
pub(super) struct Herald {
    pub(super) receiver: receiver::Client,
    watching: Option<NodeId>,
    standing: watch::Receiver<Standing>,
    told: Standing,
    /// Hints and notices that are not answered yet.
    unanswered: Arc<Meter>,
    hints: Arc<Meter>,
}

impl Herald {
    pub(super) fn new(acting: &Acting, watching: Option<NodeId>, receiver: receiver::Client) -> Self {
        let mut standing = acting.services.standing.watch();
        // How it stands now is news to this receiver.
        standing.mark_changed();
        let hints = acting.services.meters.hints.clone();
        Self { receiver, watching, standing, told: Standing::default(), unanswered: Arc::default(), hints }
    }

    /// Sends what `call` makes, unless the receiver has as many such calls to answer as there may be. Whether it arrives is not
    /// looked at: that the receiver is gone shows elsewhere.
    pub(super) fn hint<R: 'static>(&self, call: impl FnOnce(&receiver::Client) -> Promise<R, capnp::Error>) {
        let Some(unanswered) = self.unanswered.try_hold(1, HINTS_UNANSWERED_MAX) else {
            self.hints.refuse();
            return;
        };
        let held = (unanswered, self.hints.hold(1));
        let answered = call(&self.receiver);
        tokio::task::spawn_local(answered.map(|_| drop(held)));
    }

    /// Waits until there may be something to tell.
    pub(super) async fn has_news(&mut self) {
        if self.standing.changed().await.is_err() {
            // The node stops; the connection will say so.
            std::future::pending::<()>().await;
        }
    }

    /// Tells what was not told yet. Says whether the node that is watched has just become suspect.
    pub(super) fn tell_news(&mut self) -> bool {
        if !self.standing.has_changed().unwrap_or_default() {
            return false;
        }
        let now = self.standing.borrow_and_update().clone();
        let news = now.news_since(&self.told, self.watching, Instant::now());
        self.told = now;
        for notice in &news {
            self.hint(|receiver| {
                let mut call = receiver.notice_request();
                wire::write_notice(call.get().init_notice(), *notice);
                call.send().promise
            });
        }
        news.iter().any(|notice| matches!(notice, Notice::Suspect(_)))
    }

    /// The last call there is.
    pub(super) async fn tell_end(&self, code: ErrorCode) {
        let mut call = self.receiver.ended_request();
        wire::write_refusal(call.get().init_refusal(), &code.into());
        // Whether it is heard or not, this is the end.
        let _heard = call.send().promise.await;
    }
}

#[cfg(test)]
mod tests {
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

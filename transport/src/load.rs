//! How much one link holds of its node at present, and how much all links of a server do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use raftchat_schema::budgets::{LINK_LARGE_ANSWERS_MAX, LINK_UNREAD_BYTES_MAX};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::meter::Meter;

crate::counters! {
    /// What passed over the links of a server, in both directions.
    pub struct RpcCounters of "rpc" {
        /// Messages that came.
        came,
        /// Messages that were sent.
        sent,
        /// Bytes of those that were sent, as they were before they were encrypted.
        sent_bytes,
    }
}

/// The meters of the budgets of a server's links, all links together.
#[derive(Clone, Debug, Default)]
pub struct LinkMeters {
    /// Links that were let in.
    pub links: Arc<Meter>,
    /// Handshakes under way; refused are those that got no answer.
    pub handshakes: Arc<Meter>,
    /// Nothing is held; refused are Initial packets that were not looked at; those that the system has joined are one.
    pub initials: Arc<Meter>,
    /// Calls of callers that are not answered yet.
    pub open_calls: Arc<Meter>,
    /// Bytes that callers have not read yet.
    pub unread_bytes: Arc<Meter>,
    /// Links that were closed as they went beyond what a link or a device may have.
    pub closed: Arc<Meter>,
    /// What passed over them.
    pub rpc: Arc<RpcCounters>,
}

/// The load of one link.
#[derive(Debug)]
pub(crate) struct LinkLoad {
    queued: AtomicUsize,
    less: Notify,
    large: Arc<Semaphore>,
    meters: LinkMeters,
}

/// One of the few places of a link for answers that may be large.
#[derive(Debug)]
#[must_use = "what is not kept is given back at once"]
pub struct LargeAnswer {
    _place: Option<OwnedSemaphorePermit>,
}

impl Default for LinkLoad {
    fn default() -> Self {
        Self::new(LinkMeters::default())
    }
}

impl LinkLoad {
    pub(crate) fn new(meters: LinkMeters) -> Self {
        let large = Arc::new(Semaphore::new(LINK_LARGE_ANSWERS_MAX));
        Self { queued: AtomicUsize::new(0), less: Notify::new(), large, meters }
    }

    /// A place for one answer that may be large; see [`crate::ConnectionHandle::large_answer`].
    pub(crate) async fn large_answer(&self) -> LargeAnswer {
        // Never closed.
        let place = Arc::clone(&self.large).acquire_owned().await.ok();
        self.below(LINK_UNREAD_BYTES_MAX).await;
        LargeAnswer { _place: place }
    }

    /// A message has come.
    pub(crate) fn came(&self) {
        self.meters.rpc.came.add(1);
    }

    /// A message of so many bytes waits until the other side takes it.
    pub(crate) fn queue(&self, bytes: usize) {
        self.meters.rpc.sent.add(1);
        self.meters.rpc.sent_bytes.add(bytes);
        self.queued.fetch_add(bytes, Ordering::Relaxed);
        self.meters.unread_bytes.add(wide(bytes));
    }

    /// So many do not wait any more.
    pub(crate) fn unqueue(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
        self.meters.unread_bytes.take_back(wide(bytes));
        self.less.notify_waiters();
    }

    /// So many calls are unanswered where it was another number before.
    pub(crate) fn recount(&self, before: usize, now: usize) {
        if now > before {
            self.meters.open_calls.add(wide(now - before));
        } else if before > now {
            self.meters.open_calls.take_back(wide(before - now));
        }
    }

    /// Waits until fewer bytes than that wait.
    pub(crate) async fn below(&self, bytes: usize) {
        loop {
            let less = self.less.notified();
            tokio::pin!(less);
            // From here on no notice is missed.
            less.as_mut().enable();
            if self.queued.load(Ordering::Relaxed) < bytes {
                return;
            }
            less.await;
        }
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn large_answers_are_made_a_few_at_a_time_and_none_while_there_is_much_to_read() {
        let load = LinkLoad::default();
        let mut made: Vec<LargeAnswer> = Vec::new();
        for _ in 0..LINK_LARGE_ANSWERS_MAX {
            made.extend(load.large_answer().now_or_never());
        }
        assert_eq!(made.len(), LINK_LARGE_ANSWERS_MAX);
        assert!(load.large_answer().now_or_never().is_none(), "one too many");
        drop(made);
        load.queue(LINK_UNREAD_BYTES_MAX);
        let mut next = Box::pin(load.large_answer());
        assert!(futures::poll!(&mut next).is_pending());
        load.unqueue(1);
        assert!(futures::poll!(&mut next).is_ready());
    }
}

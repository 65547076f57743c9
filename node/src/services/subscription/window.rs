//! What is on its way to a receiver and not yet acknowledged. Never knows what it says.

use std::collections::BTreeMap;

use futures::{Future, FutureExt as _, future::LocalBoxFuture};
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::{PUSH_WINDOW_BYTES, PUSH_WINDOW_CHANGES};
use raftchat_schema::view::{Change, ChangedRow};
use raftchat_state::PageLimits;

/// How much is on its way.
#[derive(Clone, Copy, Default)]
pub(super) struct Window {
    changes: usize,
    bytes: usize,
}

/// Some changes that are pushed together.
#[derive(Default)]
pub(super) struct Batch {
    size: Window,
    reached: BTreeMap<ConversationId, Position>,
}

/// A batch that is acknowledged, or why it never will be.
pub(super) type Acknowledgement = LocalBoxFuture<'static, Result<Batch, capnp::Error>>;

impl Window {
    /// What may follow.
    pub(super) fn room(self) -> Option<PageLimits> {
        let changes = PUSH_WINDOW_CHANGES.saturating_sub(self.changes);
        let bytes = PUSH_WINDOW_BYTES.saturating_sub(self.bytes);
        (changes > 0 && bytes > 0).then_some(PageLimits { changes, bytes })
    }

    pub(super) fn add(&mut self, batch: &Batch) {
        self.changes = self.changes.saturating_add(batch.size.changes);
        self.bytes = self.bytes.saturating_add(batch.size.bytes);
    }

    pub(super) fn take(&mut self, batch: &Batch) {
        self.changes = self.changes.saturating_sub(batch.size.changes);
        self.bytes = self.bytes.saturating_sub(batch.size.bytes);
    }
}

impl Batch {
    /// A change goes to a device of `receiver`.
    pub(super) fn add(&mut self, change: &Change, receiver: UserId) {
        self.size.changes = self.size.changes.saturating_add(1);
        self.size.bytes = self.size.bytes.saturating_add(change.row.weight());
        if let ChangedRow::Message(message) = &change.row
            && message.sender != receiver
        {
            let mark = self.reached.entry(message.conversation).or_default();
            *mark = (*mark).max(message.position);
        }
    }

    /// Up to where the device has what others say, once the batch is acknowledged.
    pub(super) fn reached(self) -> BTreeMap<ConversationId, Position> {
        self.reached
    }

    /// Gives the batch when `answer` comes.
    pub(super) fn acknowledged<T: 'static>(
        self,
        answer: impl Future<Output = Result<T, capnp::Error>> + 'static,
    ) -> Acknowledgement {
        answer.map(move |outcome| outcome.map(|_| self)).boxed_local()
    }
}

//! What is on its way to a receiver and not yet acknowledged. Never knows what it says.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures::{Future, FutureExt as _, future::LocalBoxFuture};
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::{PUSH_WINDOW_BYTES, PUSH_WINDOW_CHANGES};
use raftchat_schema::view::{Change, ChangedRow};
use raftchat_state::PageLimits;
use tokio::sync::Notify;

use crate::services::link::DeviceLink;

/// How much is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Window {
    changes: usize,
    bytes: usize,
}

/// What all subscriptions of a link have on its way: one device that never acknowledges holds no more by asking again.
#[derive(Debug, Default)]
pub(in crate::services) struct LinkWindow {
    used: Cell<Window>,
    freed: Notify,
}

impl LinkWindow {
    /// What may follow on the link, where this much is left to the subscription itself.
    fn within(&self, own: PageLimits) -> Option<PageLimits> {
        let link = self.used.get().room()?;
        Some(PageLimits { changes: own.changes.min(link.changes), bytes: own.bytes.min(link.bytes) })
    }

    /// Waits until there may be more room.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }
}

/// The window of one subscription, which gives back to its link what it held when it is dropped.
pub(super) struct OwnWindow {
    link: Rc<DeviceLink>,
    own: Window,
}

impl OwnWindow {
    pub(super) fn new(link: Rc<DeviceLink>) -> Self {
        Self { link, own: Window::default() }
    }

    /// What may follow.
    pub(super) fn room(&self) -> Option<PageLimits> {
        self.link.window.within(self.own.room()?)
    }

    pub(super) fn add(&mut self, batch: &Batch) {
        self.own.add(batch.size);
        self.of_link(|used| used.add(batch.size));
    }

    pub(super) fn take(&mut self, batch: &Batch) {
        self.own.take(batch.size);
        self.of_link(|used| used.take(batch.size));
    }

    fn of_link(&self, change: impl FnOnce(&mut Window)) {
        let mut used = self.link.window.used.get();
        change(&mut used);
        self.link.window.used.set(used);
        self.link.window.freed.notify_waiters();
    }
}

impl Drop for OwnWindow {
    fn drop(&mut self) {
        let own = self.own;
        self.of_link(|used| used.take(own));
    }
}

/// Some changes that are pushed together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    size: Window,
    reached: BTreeMap<ConversationId, Position>,
}

/// A batch that is acknowledged, or why it never will be.
pub(super) type Acknowledgement = LocalBoxFuture<'static, Result<Batch, capnp::Error>>;

impl Window {
    /// What may follow.
    fn room(self) -> Option<PageLimits> {
        let changes = PUSH_WINDOW_CHANGES.saturating_sub(self.changes);
        let bytes = PUSH_WINDOW_BYTES.saturating_sub(self.bytes);
        (changes > 0 && bytes > 0).then_some(PageLimits { changes, bytes })
    }

    fn add(&mut self, more: Self) {
        self.changes = self.changes.saturating_add(more.changes);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }

    fn take(&mut self, less: Self) {
        self.changes = self.changes.saturating_sub(less.changes);
        self.bytes = self.bytes.saturating_sub(less.bytes);
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

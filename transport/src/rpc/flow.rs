//! What passes over one conversation's stream in both directions: what waits to be written, what its tables hold, and why it
//! is to be ended. Who does not read what was asked for is not read from.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::task::AtomicWaker;

use super::VatEnd;
use super::ledger::{LateFinish, Ledger, Verdict};
use super::notes::Note;
use crate::failure::CloseCode;
use crate::limits::TableLimits;
use crate::load::LinkLoad;

/// Messages are put together until there is so much to write at once.
const BLOCK_BYTES: usize = 32 * 1024;

/// The table of segments before a message has about so many.
const TABLE_BYTES: usize = 16;

/// Shared by the two halves of a conversation, on one thread.
pub(crate) struct Flow {
    ledger: RefCell<Ledger>,
    outbox: RefCell<VecDeque<Vec<u8>>>,
    late: RefCell<VecDeque<LateFinish>>,
    queued: Cell<usize>,
    queued_max: usize,
    caps_max: u32,
    shown: Cell<usize>,
    load: Arc<LinkLoad>,
    reader: AtomicWaker,
    /// Whether the next message was not read when that was last asked: only then is the reader woken.
    held_back: Cell<bool>,
    // Each is waited for by one task, which asks at every turn of the conversation: so these are wakers, where a `Notify` would
    // keep a list under a lock.
    writer: AtomicWaker,
    closing: RefCell<Option<capnp::Result<()>>>,
    closed: AtomicWaker,
    end: RefCell<Option<VatEnd>>,
    ended: AtomicWaker,
}

impl Flow {
    pub(crate) fn new(limits: TableLimits, queued_max: usize, load: Arc<LinkLoad>) -> Self {
        Self {
            ledger: RefCell::new(Ledger::new(limits)),
            outbox: RefCell::default(),
            late: RefCell::default(),
            queued: Cell::new(0),
            queued_max,
            caps_max: limits.caps,
            shown: Cell::new(0),
            load,
            reader: AtomicWaker::new(),
            held_back: Cell::new(false),
            writer: AtomicWaker::new(),
            closing: RefCell::new(None),
            closed: AtomicWaker::new(),
            end: RefCell::new(None),
            ended: AtomicWaker::new(),
        }
    }

    /// True if the next message may be read; who asks is woken when it may.
    pub(crate) fn may_read(&self, cx: &Context<'_>) -> bool {
        self.reader.register(cx.waker());
        let may = self.has_room();
        self.held_back.set(!may);
        may
    }

    fn has_room(&self) -> bool {
        self.queued.get() < self.queued_max && self.ledger.borrow().has_room()
    }

    /// Lets go on who was held back, if there is room now. Nobody else is woken: this is asked with each message, and to wake the
    /// reader is to poll all that goes on in the conversation.
    fn resume_reading(&self) {
        if self.held_back.get() && self.has_room() {
            self.held_back.set(false);
            self.reader.wake();
        }
    }

    /// A `Finish` that was kept back and is to be handed on now.
    pub(crate) fn late_finish(&self) -> Option<LateFinish> {
        self.late.borrow_mut().pop_front()
    }

    /// A message has come: whether it is handed on.
    pub(crate) fn came(&self, message: capnp_rpc::rpc_capnp::message::Reader<'_>, bytes: usize) -> bool {
        self.load.came();
        // What cannot be read is refused by the RPC system, with its own words.
        let note = Note::read(message, self.caps_max).unwrap_or(Note::Other);
        let verdict = self.ledger.borrow_mut().came(&note, bytes);
        self.show();
        match verdict {
            Verdict::Pass => true,
            Verdict::Keep => false,
            Verdict::Refuse(cause) => {
                self.end(VatEnd::Close(CloseCode::ProtocolViolation, cause));
                false
            }
        }
    }

    /// Queues a message.
    pub(crate) fn send(&self, message: &capnp::message::Builder<capnp::message::HeapAllocator>) -> capnp::Result<()> {
        let bytes = self.queue(message)?;
        let note = message.get_root_as_reader().and_then(|root| Note::read(root, self.caps_max)).unwrap_or(Note::Other);
        let told = self.ledger.borrow_mut().sent(&note, bytes);
        self.show();
        match told {
            Ok(None) => {}
            Ok(Some(late)) => {
                self.late.borrow_mut().push_back(late);
                self.reader.wake();
            }
            Err(cause) => {
                let code = if matches!(note, Note::Return { .. }) {
                    CloseCode::ProtocolViolation
                } else {
                    CloseCode::SlowConsumer
                };
                self.end(VatEnd::Close(code, cause));
            }
        }
        self.resume_reading();
        Ok(())
    }

    fn queue(&self, message: &capnp::message::Builder<capnp::message::HeapAllocator>) -> capnp::Result<usize> {
        let mut outbox = self.outbox.borrow_mut();
        if outbox.back().is_none_or(|block| block.len() >= BLOCK_BYTES) {
            outbox.push_back(Vec::new());
        }
        let Some(block) = outbox.back_mut() else { return Ok(0) };
        let before = block.len();
        // Made at once, and not piece by piece as the message is written.
        block.reserve(message.size_in_words().saturating_mul(8).saturating_add(TABLE_BYTES));
        capnp::serialize::write_message(&mut *block, message)?;
        let bytes = block.len().saturating_sub(before);
        self.queued.set(self.queued.get().saturating_add(bytes));
        self.load.queue(bytes);
        self.writer.wake();
        Ok(bytes)
    }

    /// The next bytes to be written; none once the conversation is closed and all is written.
    pub(crate) async fn next_block(&self) -> Option<Bytes> {
        poll_fn(|cx| {
            self.writer.register(cx.waker());
            if let Some(block) = self.outbox.borrow_mut().pop_front() {
                return Poll::Ready(Some(block.into()));
            }
            if self.closing.borrow().is_some() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// So much was written.
    pub(crate) fn wrote(&self, bytes: usize) {
        self.queued.set(self.queued.get().saturating_sub(bytes));
        self.load.unqueue(bytes);
        self.resume_reading();
    }

    /// Nothing more is said, and the conversation ends with this.
    pub(crate) fn close(&self, result: capnp::Result<()>) {
        self.closing.borrow_mut().get_or_insert(result);
        self.writer.wake();
        self.closed.wake();
    }

    /// The result that the conversation was closed with.
    pub(crate) fn result(&self) -> capnp::Result<()> {
        self.closing.borrow().clone().unwrap_or(Ok(()))
    }

    /// Resolves when the conversation is closed.
    pub(crate) async fn closed(&self) {
        poll_fn(|cx| {
            self.closed.register(cx.waker());
            if self.closing.borrow().is_some() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Ends the conversation at once.
    pub(crate) fn end(&self, end: VatEnd) {
        self.end.borrow_mut().get_or_insert(end);
        self.ended.wake();
    }

    /// The reason for which the conversation is to be ended at once, when there is one.
    pub(crate) async fn ended(&self) -> VatEnd {
        poll_fn(|cx| {
            self.ended.register(cx.waker());
            self.end.borrow_mut().take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// The reason for which the conversation is to be ended, if it is to be now.
    pub(crate) fn end_now(&self) -> Option<VatEnd> {
        self.end.borrow_mut().take()
    }

    fn show(&self) {
        let unanswered = self.ledger.borrow().unanswered();
        self.load.recount(self.shown.replace(unanswered), unanswered);
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.load.unqueue(self.queued.get());
        self.load.recount(self.shown.get(), 0);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use capnp_rpc::rpc_capnp::message;

    use super::*;
    use crate::limits::LinkLimits;
    use crate::tls::identity::Role;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn message() -> capnp::message::Builder<capnp::message::HeapAllocator> {
        let mut builder = capnp::message::Builder::new_default();
        builder.init_root::<message::Builder<'_>>().init_bootstrap().set_question_id(0);
        builder
    }

    #[test]
    fn who_reads_is_woken_only_after_it_was_held_back() {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let woken = || wakes.0.load(Ordering::Relaxed);
        let flow = Flow::new(LinkLimits::server(Role::Device).tables, 1, Arc::default());
        assert!(flow.may_read(&Context::from_waker(&waker)));
        flow.send(&message()).unwrap();
        assert_eq!(woken(), 0, "it reads on by itself");
        assert!(!flow.may_read(&Context::from_waker(&waker)), "the other side does not read");
        flow.wrote(1);
        assert_eq!(woken(), 0, "there is no room yet");
        flow.wrote(usize::MAX);
        assert_eq!(woken(), 1);
        assert!(flow.may_read(&Context::from_waker(&waker)));
    }
}

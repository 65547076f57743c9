//! What passes over one conversation's stream in both directions: what waits to be written, what its tables hold, and why it
//! is to be ended. Who does not read what was asked for is not read from.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use futures::task::AtomicWaker;
use tokio::sync::Notify;

use super::VatEnd;
use super::ledger::{LateFinish, Ledger, Verdict};
use super::notes::Note;
use crate::failure::CloseCode;
use crate::limits::TableLimits;
use crate::load::LinkLoad;

/// Messages are put together until there is so much to write at once.
const BLOCK_BYTES: usize = 32 * 1024;

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
    writer: Notify,
    closing: RefCell<Option<capnp::Result<()>>>,
    closed: Notify,
    end: RefCell<Option<VatEnd>>,
    ended: Notify,
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
            writer: Notify::new(),
            closing: RefCell::new(None),
            closed: Notify::new(),
            end: RefCell::new(None),
            ended: Notify::new(),
        }
    }

    /// True if the next message may be read; who asks is woken when it may.
    pub(crate) fn may_read(&self, cx: &Context<'_>) -> bool {
        self.reader.register(cx.waker());
        self.queued.get() < self.queued_max && self.ledger.borrow().has_room()
    }

    /// A `Finish` that was kept back and is to be handed on now.
    pub(crate) fn late_finish(&self) -> Option<LateFinish> {
        self.late.borrow_mut().pop_front()
    }

    /// A message has come: whether it is handed on.
    pub(crate) fn came(&self, message: capnp_rpc::rpc_capnp::message::Reader<'_>, bytes: usize) -> bool {
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
            Ok(late) => self.late.borrow_mut().extend(late),
            Err(cause) => {
                let code = if matches!(note, Note::Return { .. }) {
                    CloseCode::ProtocolViolation
                } else {
                    CloseCode::SlowConsumer
                };
                self.end(VatEnd::Close(code, cause));
            }
        }
        self.reader.wake();
        Ok(())
    }

    fn queue(&self, message: &capnp::message::Builder<capnp::message::HeapAllocator>) -> capnp::Result<usize> {
        let mut outbox = self.outbox.borrow_mut();
        if outbox.back().is_none_or(|block| block.len() >= BLOCK_BYTES) {
            outbox.push_back(Vec::new());
        }
        let Some(block) = outbox.back_mut() else { return Ok(0) };
        let before = block.len();
        capnp::serialize::write_message(&mut *block, message)?;
        let bytes = block.len().saturating_sub(before);
        self.queued.set(self.queued.get().saturating_add(bytes));
        self.load.queue(bytes);
        self.writer.notify_one();
        Ok(bytes)
    }

    /// The next bytes to be written; none once the conversation is closed and all is written.
    pub(crate) async fn next_block(&self) -> Option<Bytes> {
        loop {
            if let Some(block) = self.outbox.borrow_mut().pop_front() {
                return Some(block.into());
            }
            if self.closing.borrow().is_some() {
                return None;
            }
            self.writer.notified().await;
        }
    }

    /// So much was written.
    pub(crate) fn wrote(&self, bytes: usize) {
        self.queued.set(self.queued.get().saturating_sub(bytes));
        self.load.unqueue(bytes);
        self.reader.wake();
    }

    /// Nothing more is said, and the conversation ends with this.
    pub(crate) fn close(&self, result: capnp::Result<()>) {
        self.closing.borrow_mut().get_or_insert(result);
        self.writer.notify_one();
        self.closed.notify_one();
    }

    /// The result that the conversation was closed with.
    pub(crate) fn result(&self) -> capnp::Result<()> {
        self.closing.borrow().clone().unwrap_or(Ok(()))
    }

    /// Resolves when the conversation is closed.
    pub(crate) async fn closed(&self) {
        while self.closing.borrow().is_none() {
            self.closed.notified().await;
        }
    }

    /// Ends the conversation at once.
    pub(crate) fn end(&self, end: VatEnd) {
        self.end.borrow_mut().get_or_insert(end);
        self.ended.notify_one();
    }

    /// The reason for which the conversation is to be ended at once, when there is one.
    pub(crate) async fn ended(&self) -> VatEnd {
        loop {
            if let Some(end) = self.end.borrow_mut().take() {
                return end;
            }
            self.ended.notified().await;
        }
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

//! The network of one conversation, as the RPC system wants it: frames in, blocks of messages out, and what passes is noted.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::slice;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use capnp::any_pointer;
use capnp::capability::Promise;
use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions};
use capnp_rpc::rpc_capnp::message;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{Connection, IncomingMessage, OutgoingMessage, VatNetwork};
use futures::io::AsyncRead;
use tokio::time::timeout;

use super::VatEnd;
use super::flow::Flow;
use super::ledger::LateFinish;
use super::turn::Turn;
use crate::failure::CloseCode;
use crate::rpc::frames::{Frame, FrameError, FrameReader};

/// Both halves of the conversation, reading and writing.
pub(super) struct Network<R> {
    wire: Wire<R>,
    side: Side,
    driver: Option<Promise<(), capnp::Error>>,
    accepted: bool,
}

/// The stream as the RPC system uses it.
struct Wire<R> {
    flow: Rc<Flow>,
    reader: Rc<RefCell<FrameReader<R>>>,
    turn: Rc<Turn>,
    options: ReaderOptions,
    other: Side,
}

impl<R: AsyncRead + Unpin + 'static> Network<R> {
    /// `driver` writes what [`Flow`] has.
    pub(super) fn new(
        flow: Rc<Flow>,
        reader: FrameReader<R>,
        driver: Promise<(), capnp::Error>,
        side: Side,
        options: ReaderOptions,
    ) -> Self {
        let other = match side {
            Side::Server => Side::Client,
            Side::Client => Side::Server,
        };
        let wire = Wire { flow, reader: Rc::new(RefCell::new(reader)), turn: Rc::default(), options, other };
        Self { wire, side, driver: Some(driver), accepted: false }
    }
}

impl<R: AsyncRead + Unpin + 'static> VatNetwork<Side> for Network<R> {
    fn connect(&mut self, host: Side) -> Option<Box<dyn Connection<Side>>> {
        (host != self.side).then(|| Box::new(self.wire.clone()) as Box<dyn Connection<Side>>)
    }

    fn accept(&mut self) -> Promise<Box<dyn Connection<Side>>, capnp::Error> {
        if std::mem::replace(&mut self.accepted, true) {
            return Promise::from_future(std::future::pending());
        }
        Promise::ok(Box::new(self.wire.clone()))
    }

    fn drive_until_shutdown(&mut self) -> Promise<(), capnp::Error> {
        self.driver.take().unwrap_or_else(|| Promise::ok(()))
    }
}

impl<R> Clone for Wire<R> {
    fn clone(&self) -> Self {
        let (flow, reader, turn) = (Rc::clone(&self.flow), Rc::clone(&self.reader), Rc::clone(&self.turn));
        Self { flow, reader, turn, options: self.options, other: self.other }
    }
}

impl<R: AsyncRead + Unpin + 'static> Connection<Side> for Wire<R> {
    fn get_peer_vat_id(&self) -> Side {
        self.other
    }

    fn new_outgoing_message(&mut self, first_segment_words: u32) -> Box<dyn OutgoingMessage> {
        let message = Builder::new(HeapAllocator::new().first_segment_words(first_segment_words));
        Box::new(Outgoing { message, flow: Rc::clone(&self.flow) })
    }

    fn receive_incoming_message(&mut self) -> Promise<Option<Box<dyn IncomingMessage>>, capnp::Error> {
        let wire = self.clone();
        Promise::from_future(poll_fn(move |cx| {
            ready!(wire.turn.poll_go_on(cx));
            let received = wire.poll_receive(cx);
            if received.is_pending() {
                wire.turn.end();
            }
            received
        }))
    }

    fn shutdown(&mut self, result: capnp::Result<()>) -> Promise<(), capnp::Error> {
        self.flow.close(result);
        Promise::ok(())
    }
}

impl<R: AsyncRead + Unpin> Wire<R> {
    fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<capnp::Result<Option<Box<dyn IncomingMessage>>>> {
        let mut reader = self.reader.borrow_mut();
        loop {
            let may_read = self.flow.may_read(cx);
            if let Some(late) = self.flow.late_finish() {
                return Poll::Ready(Ok(Some(Box::new(Late::new(late)))));
            }
            // A frame that has begun has a deadline, and is read to its end.
            if !may_read && !reader.within_frame() {
                return Poll::Pending;
            }
            let frame = match ready!(reader.poll_next(cx)) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Poll::Ready(Ok(None)),
                Err(FrameError::Lost(error)) => return Poll::Ready(Err(capnp::Error::disconnected(error.to_string()))),
                Err(FrameError::Broken(cause)) => {
                    self.flow.end(VatEnd::Close(CloseCode::ProtocolViolation, cause));
                    return Poll::Pending;
                }
            };
            let bytes = frame.length();
            let incoming = Incoming(Reader::new(frame, self.options));
            // What has no root is refused by the RPC system.
            let passes = incoming.0.get_root().map_or(true, |root| self.flow.came(root, bytes));
            if passes {
                return Poll::Ready(Ok(Some(Box::new(incoming))));
            }
        }
    }
}

struct Incoming(Reader<Frame>);

impl IncomingMessage for Incoming {
    fn get_body(&self) -> capnp::Result<any_pointer::Reader<'_>> {
        self.0.get_root()
    }
}

/// A `Finish` that was kept back.
struct Late(Builder<HeapAllocator>);

impl Late {
    fn new(late: LateFinish) -> Self {
        let mut builder = Builder::new_default();
        let mut finish = builder.init_root::<message::Builder<'_>>().init_finish();
        finish.set_question_id(late.question);
        finish.set_release_result_caps(late.release);
        Self(builder)
    }
}

impl IncomingMessage for Late {
    fn get_body(&self) -> capnp::Result<any_pointer::Reader<'_>> {
        self.0.get_root_as_reader()
    }
}

struct Outgoing {
    message: Builder<HeapAllocator>,
    flow: Rc<Flow>,
}

impl OutgoingMessage for Outgoing {
    fn get_body(&mut self) -> capnp::Result<any_pointer::Builder<'_>> {
        self.message.get_root()
    }

    fn get_body_as_reader(&self) -> capnp::Result<any_pointer::Reader<'_>> {
        self.message.get_root_as_reader()
    }

    fn send(self: Box<Self>) -> (Promise<(), capnp::Error>, Rc<Builder<HeapAllocator>>) {
        let sent = self.flow.send(&self.message);
        (Promise::from_future(std::future::ready(sent)), Rc::new(self.message))
    }

    fn take(self: Box<Self>) -> Builder<HeapAllocator> {
        self.message
    }

    fn size_in_words(&self) -> usize {
        self.message.size_in_words()
    }
}

/// Writes what is queued until the conversation is closed. Where nothing can be written for as long as `stall`, the other side
/// does not read, and the conversation is ended.
pub(super) async fn write_all(flow: Rc<Flow>, mut stream: quinn::SendStream, stall: Duration) -> capnp::Result<()> {
    while let Some(mut block) = flow.next_block().await {
        let mut missing = block.len();
        while missing > 0 {
            let Ok(written) = timeout(stall, stream.write_chunks(slice::from_mut(&mut block))).await else {
                let cause = format!("nothing was read for {stall:?}");
                flow.end(VatEnd::Close(CloseCode::SlowConsumer, cause));
                return std::future::pending().await;
            };
            match written {
                Ok(written) => {
                    flow.wrote(written.bytes);
                    missing = missing.saturating_sub(written.bytes);
                }
                Err(quinn::WriteError::Stopped(_)) => return Ok(()),
                // Reading finds out too, once it has taken what had arrived.
                Err(_lost) => return std::future::pending().await,
            }
        }
    }
    flow.result()
}

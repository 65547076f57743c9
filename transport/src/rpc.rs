//! Cap'n Proto RPC over one bidirectional stream: the standard two-party
//! protocol, unpacked, with nothing before it.

mod flow;
pub(crate) mod frames;
mod ledger;
mod network;
mod notes;
pub(crate) mod threads;
mod turn;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use capnp::capability::{Client, FromClientHook, Promise};
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{Disconnector, RpcSystem};
use futures::FutureExt;
use tokio::time::timeout;

use crate::failure::CloseCode;
use crate::limits::{LAST_ANSWERS, LinkLimits};
use crate::load::LinkLoad;
use crate::rpc::frames::{FrameReader, FrameRoom};
use flow::Flow;
use network::Network;

/// One RPC conversation, to be driven by [`Vat::run`].
///
/// However it ends, and also where it is dropped instead, all its calls end with it: those that this side answers are dropped
/// with all they hold, and those that it made fail.
pub(crate) struct Vat {
    _ending: Ending,
    system: RpcSystem<Side>,
    flow: Rc<Flow>,
}

/// Ends the calls of a conversation when it is dropped.
///
/// The RPC system alone does not where it is dropped before its reading has failed: the state of the conversation holds an
/// answer in progress, that the call, the call its results, and these the state. Only a disconnection takes them apart.
struct Ending(Disconnector<Side>);

impl Drop for Ending {
    fn drop(&mut self) {
        // The first look takes all apart. What would come after it, telling the other side, is the connection's close.
        let end = || self.0.poll_unpin(&mut Context::from_waker(Waker::noop()));
        // Where this is dropped as it has panicked, a second panic would take the whole program along.
        if catch_unwind(AssertUnwindSafe(end)).is_err() {
            tracing::error!("the calls of a link could not be ended");
        }
    }
}

/// Ways in which an RPC conversation ends.
#[derive(Debug)]
pub(crate) enum VatEnd {
    /// The other side ended it, or the connection is gone.
    Done,
    /// The connection is to be closed for this reason: the other side broke the protocol, or does not read.
    Close(CloseCode, String),
}

/// The two directions of a stream.
type Stream = (quinn::SendStream, quinn::RecvStream);

impl Vat {
    /// The answering side: serves `bootstrap`. Notes in `load` what it holds, and takes from `room` what large messages need
    /// while they arrive.
    pub(crate) fn serving(
        stream: Stream,
        limits: &LinkLimits,
        bootstrap: Client,
        load: &Arc<LinkLoad>,
        room: Option<FrameRoom>,
    ) -> Self {
        let (network, flow) = network(stream, Side::Server, limits, load, room);
        Self::of(RpcSystem::new(Box::new(network), Some(bootstrap)), flow)
    }

    /// The calling side: gives the other side's first capability.
    pub(crate) fn calling<T: FromClientHook>(stream: Stream, limits: &LinkLimits) -> (Self, T) {
        let (network, flow) = network(stream, Side::Client, limits, &Arc::default(), None);
        let mut system = RpcSystem::new(Box::new(network), None);
        let client = system.bootstrap(Side::Server);
        (Self::of(system, flow), client)
    }

    fn of(system: RpcSystem<Side>, flow: Rc<Flow>) -> Self {
        Self { _ending: Ending(system.get_disconnector()), system, flow }
    }

    /// Drives the conversation to its end, or to that of its connection: what had arrived until then is taken.
    pub(crate) async fn run_on(self, connection: &quinn::Connection) -> VatEnd {
        let mut end = pin!(self.run());
        tokio::select! {
            end = &mut end => end,
            _ = connection.closed() => timeout(LAST_ANSWERS, end).await.unwrap_or(VatEnd::Done),
        }
    }

    /// Drives the conversation to its end.
    pub(crate) async fn run(mut self) -> VatEnd {
        let result = tokio::select! {
            biased;
            // Such an end comes at once: the RPC system would first try to tell the other side, which may not be reading.
            end = self.flow.ended() => return end,
            result = &mut self.system => result,
            () = self.flow.closed() => match timeout(LAST_ANSWERS, &mut self.system).await {
                Ok(result) => result,
                Err(_) => self.flow.result(),
            },
        };
        match (self.flow.end_now(), result) {
            (Some(end), _) => end,
            (None, Err(error)) if error.kind != capnp::ErrorKind::Disconnected => {
                VatEnd::Close(CloseCode::ProtocolViolation, error.to_string())
            }
            _ => VatEnd::Done,
        }
    }
}

fn network(
    (send, recv): Stream,
    side: Side,
    limits: &LinkLimits,
    load: &Arc<LinkLoad>,
    room: Option<FrameRoom>,
) -> (Network<quinn::RecvStream>, Rc<Flow>) {
    let flow = Rc::new(Flow::new(limits.tables, limits.unread_bytes, Arc::clone(load)));
    let reader = FrameReader::new(recv, limits, room);
    let writing = Promise::from_future(network::write_all(Rc::clone(&flow), send, limits.stall));
    (Network::new(Rc::clone(&flow), reader, writing, side, limits.reader_options()), flow)
}

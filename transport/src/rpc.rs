//! Cap'n Proto RPC over one bidirectional stream: the standard two-party
//! protocol, unpacked, with nothing before it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use capnp::capability::{Client, FromClientHook};
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::twoparty::{VatId, VatNetwork};
use capnp_rpc::{Disconnector, RpcSystem};
use futures::FutureExt;
use futures::io::{BufReader, BufWriter};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::frames::FrameGuard;
use crate::limits::{LAST_ANSWERS, LinkLimits, STREAM_BUFFER};

/// One RPC conversation, to be driven by [`Vat::run`].
///
/// However it ends, and also where it is dropped instead, all its calls end with it: those that this side answers are dropped
/// with all they hold, and those that it made fail.
pub(crate) struct Vat {
    _ending: Ending,
    system: RpcSystem<VatId>,
    violation: oneshot::Receiver<String>,
}

/// Ends the calls of a conversation when it is dropped.
///
/// The RPC system alone does not where it is dropped before its reading has failed: the state of the conversation holds an
/// answer in progress, that the call, the call its results, and these the state. Only a disconnection takes them apart.
struct Ending(Disconnector<VatId>);

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

/// How an RPC conversation ended.
#[derive(Debug)]
pub(crate) enum VatEnd {
    /// The other side ended it, or the connection is gone.
    Done,
    /// The other side broke the protocol; the connection should be closed.
    Violation(String),
}

impl Vat {
    /// The answering side: serves `bootstrap`.
    pub(crate) fn serving(
        (send, recv): (quinn::SendStream, quinn::RecvStream),
        limits: &LinkLimits,
        bootstrap: Client,
    ) -> Self {
        let (network, violation) = network(send, recv, Side::Server, limits);
        Self::of(RpcSystem::new(Box::new(network), Some(bootstrap)), violation)
    }

    /// The calling side: gives the other side's first capability.
    pub(crate) fn calling<T: FromClientHook>(
        (send, recv): (quinn::SendStream, quinn::RecvStream),
        limits: &LinkLimits,
    ) -> (Self, T) {
        let (network, violation) = network(send, recv, Side::Client, limits);
        let mut system = RpcSystem::new(Box::new(network), None);
        let client = system.bootstrap(Side::Server);
        (Self::of(system, violation), client)
    }

    fn of(system: RpcSystem<VatId>, violation: oneshot::Receiver<String>) -> Self {
        Self { _ending: Ending(system.get_disconnector()), system, violation }
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
            // A violation ends it at once: the RPC system would first try to
            // tell the other side, which may not be reading.
            Ok(cause) = &mut self.violation => return VatEnd::Violation(cause),
            result = &mut self.system => result,
        };
        if let Ok(cause) = self.violation.try_recv() {
            return VatEnd::Violation(cause);
        }
        match result {
            Err(error) if error.kind != capnp::ErrorKind::Disconnected => VatEnd::Violation(error.to_string()),
            _ => VatEnd::Done,
        }
    }
}

type Reader = FrameGuard<BufReader<quinn::RecvStream>>;

fn network(
    send: quinn::SendStream,
    recv: quinn::RecvStream,
    side: Side,
    limits: &LinkLimits,
) -> (VatNetwork<Reader>, oneshot::Receiver<String>) {
    let recv = BufReader::with_capacity(STREAM_BUFFER, recv);
    let send = BufWriter::with_capacity(STREAM_BUFFER, send);
    let (recv, violation) = FrameGuard::new(recv, limits);
    (VatNetwork::new(recv, send, side, limits.reader_options()), violation)
}

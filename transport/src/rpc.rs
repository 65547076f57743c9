//! Cap'n Proto RPC over one bidirectional stream: the standard two-party
//! protocol, unpacked, with nothing before it.

use capnp::capability::{Client, FromClientHook};
use capnp_rpc::RpcSystem;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::twoparty::{VatId, VatNetwork};
use futures::io::{BufReader, BufWriter};
use tokio::sync::oneshot;

use crate::frames::FrameGuard;
use crate::limits::{LinkLimits, STREAM_BUFFER};

/// One RPC conversation, to be driven by [`Vat::run`].
pub(crate) struct Vat {
    system: RpcSystem<VatId>,
    violation: oneshot::Receiver<String>,
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
        Self { system: RpcSystem::new(Box::new(network), Some(bootstrap)), violation }
    }

    /// The calling side: gives the other side's first capability.
    pub(crate) fn calling<T: FromClientHook>(
        (send, recv): (quinn::SendStream, quinn::RecvStream),
        limits: &LinkLimits,
    ) -> (Self, T) {
        let (network, violation) = network(send, recv, Side::Client, limits);
        let mut system = RpcSystem::new(Box::new(network), None);
        let client = system.bootstrap(Side::Server);
        (Self { system, violation }, client)
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

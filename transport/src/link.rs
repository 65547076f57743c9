//! A link to a node as its caller holds it. Lives on one thread.

pub(crate) mod datagram;
pub(crate) mod dialer;
pub(crate) mod name;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use capnp::any_pointer;
use capnp::capability::{Client, FromClientHook, Request};
use quinn::{Connection, Endpoint};
use raftchat_schema::told::Told;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::failure::{CallFailure, CloseCode, LinkFailure};
use crate::limits::LinkLimits;
use crate::rpc::{Vat, VatEnd};
use crate::socket::Signs;
use crate::socket::bound::wildcard_socket;
use crate::tls::identity::{Identity, PeerCertificate};
use datagram::{Datagram, next_datagram};
use name::LinkName;

/// The time that the cause of a broken stream may take to become known.
const CAUSE_WAIT: Duration = Duration::from_millis(500);

/// Until a node has made sure that a new address is this side's, for a round trip, it sends there no more than three times
/// what came from there. Beats alone are too small for what it has to say; these make room, also where one is lost.
const WIDE_BEATS: usize = 2;
const WIDE_BEAT_MAX: usize = 1100;

/// The order in which things go when a link has more to send than the path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamPriority {
    /// Small calls whose delay someone feels; heartbeats and votes.
    Control,
    /// All other calls, those with entries of the log among them.
    Normal,
    /// Large transfers that may take their time.
    Bulk,
}

impl StreamPriority {
    fn number(self) -> i32 {
        match self {
            Self::Control => 10,
            Self::Normal => 0,
            Self::Bulk => -10,
        }
    }
}

/// The signs of life that have come in on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkHeard {
    /// Packets so far; any of them is a sign of life.
    pub packets: u64,
    /// The time when the last one came. It is what the socket has seen from the node's
    /// address: who forges that can feign life for a while, and no more.
    pub last: Instant,
    /// The time when the node last acknowledged something new: it hears this side. Told
    /// again what it has told before, it does not count.
    pub acknowledged: Instant,
}

/// A connection to a node. Clones share it; dropping the last closes it.
#[derive(Clone, Debug)]
pub struct Link {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    connection: Connection,
    signs: Arc<Signs>,
    peer: PeerCertificate,
    limits: LinkLimits,
}

impl Link {
    pub(crate) fn new(
        endpoint: Endpoint,
        connection: Connection,
        signs: Arc<Signs>,
        peer: PeerCertificate,
        limits: LinkLimits,
    ) -> Self {
        Self { inner: Rc::new(Inner { endpoint, connection, signs, peer, limits }) }
    }

    /// The node's first capability, over a new RPC stream.
    ///
    /// A device may open one RPC stream on a link, a node several: each is
    /// ordered in itself and independent of the others. A stream lives as
    /// long as the link.
    pub async fn open_rpc<T: FromClientHook>(&self, priority: StreamPriority) -> Result<T, LinkFailure> {
        let connection = &self.inner.connection;
        let streams = connection.open_bi().await.map_err(|e| LinkFailure::from_quic(&e))?;
        // Fails only on a stream that is over, which the first call will say.
        let _ = streams.0.set_priority(priority.number());
        let (vat, client) = Vat::calling(streams, &self.inner.limits);
        let connection = connection.clone();
        let span = tracing::debug_span!("link", name = %LinkName::of(&connection), to = %self.peer());
        let serve = async move {
            if let VatEnd::Close(code, cause) = vat.run_on(&connection).await
                && connection.close_reason().is_none()
            {
                tracing::warn!(cause = %Told(&cause), "the node broke the protocol");
                connection.close(code.varint(), cause.as_bytes());
            }
        };
        tokio::task::spawn_local(serve.instrument(span));
        Ok(client)
    }

    /// The node's first capability, over the link's control stream.
    pub async fn bootstrap<T: FromClientHook>(&self) -> Result<T, LinkFailure> {
        self.open_rpc(StreamPriority::Control).await
    }

    /// Waits until the node has let this side in: the handshake alone does
    /// not tell. Asks `client` for an interface nobody has; that it is not
    /// implemented is the answer hoped for.
    pub async fn admitted<T: FromClientHook>(&self, client: &T) -> Result<(), LinkFailure> {
        const NOBODYS_INTERFACE: u64 = 0;
        let client = Client::new(client.as_client_hook().add_ref());
        let probe: Request<any_pointer::Owned, any_pointer::Owned> = client.new_call(NOBODYS_INTERFACE, 0, None);
        match probe.send().promise.await {
            Err(error) if error.kind == capnp::ErrorKind::Disconnected => match self.explain(error).await {
                CallFailure::Link(failure) => Err(failure),
                CallFailure::Remote(error) => Err(LinkFailure::NodeGone { cause: error.extra }),
            },
            _ => self.failure().map_or(Ok(()), Err),
        }
    }

    /// The node on the other side.
    pub fn peer(&self) -> &Identity {
        &self.inner.peer.identity
    }

    /// The node's certificate.
    pub fn certificate(&self) -> &PeerCertificate {
        &self.inner.peer
    }

    pub(crate) fn quic(&self) -> &Connection {
        &self.inner.connection
    }

    pub(crate) fn signs(&self) -> &Arc<Signs> {
        &self.inner.signs
    }

    /// The node's address.
    pub fn remote_address(&self) -> SocketAddr {
        self.inner.connection.remote_address()
    }

    /// The present estimate of the round-trip time.
    pub fn rtt(&self) -> Duration {
        self.inner.connection.rtt()
    }

    /// The shortest round trip so far: how far the node is, without what
    /// either side was busy with.
    pub fn shortest_rtt(&self) -> Duration {
        self.inner.connection.stats().path.min_rtt
    }

    /// The signs of life so far.
    pub fn heard(&self) -> LinkHeard {
        let packets = self.inner.connection.stats().udp_rx.datagrams;
        let signs = &self.inner.signs;
        LinkHeard { packets, last: signs.heard(), acknowledged: signs.acknowledged() }
    }

    /// Counts how often the system has said that what was sent on this link
    /// does not get to the node: nobody listens there, or no way leads there.
    /// A hint and no proof. On systems other than Linux it stays 0.
    pub fn unreachable(&self) -> watch::Receiver<u64> {
        self.inner.signs.unreachable()
    }

    /// The next datagram of the node that is of a kind this version knows.
    pub async fn read_datagram(&self) -> Result<Datagram, LinkFailure> {
        next_datagram(&self.inner.connection).await
    }

    /// Shows the node, and every box between, that this side is here; if the
    /// node's process is gone, the system says so. May be lost.
    pub fn send_beat(&self) {
        self.send_datagram(&Datagram::Beat);
    }

    /// Tells the node to push what comes after `cursor`, over all armed
    /// subscriptions of this link. May be lost.
    pub fn send_activate(&self, cursor: &[u8]) {
        self.send_datagram(&Datagram::Activate(Bytes::copy_from_slice(cursor)));
    }

    fn send_datagram(&self, datagram: &Datagram) {
        // On a link that is over, or to a node that takes none, it is lost.
        let _ = self.inner.connection.send_datagram(datagram.write());
    }

    /// Moves the link to a fresh local socket, after a change of networks or
    /// unexpected silence. The node and all calls stay.
    ///
    /// # Errors
    /// The system gives no socket; the link goes on with the one it has.
    pub fn rebind(&self) -> std::io::Result<()> {
        self.inner.endpoint.rebind(wildcard_socket(self.remote_address())?)?;
        let connection = &self.inner.connection;
        let length = connection.max_datagram_size().unwrap_or_default().min(WIDE_BEAT_MAX);
        for _ in 0..WIDE_BEATS {
            // May be lost like any other.
            let _ = connection.send_datagram(Datagram::wide_beat(length));
        }
        Ok(())
    }

    /// The reason why the link ended, if it has.
    pub fn failure(&self) -> Option<LinkFailure> {
        self.inner.connection.close_reason().map(|error| LinkFailure::from_quic(&error))
    }

    /// Resolves when the link has ended, with the cause.
    pub async fn closed(&self) -> LinkFailure {
        LinkFailure::from_quic(&self.inner.connection.closed().await)
    }

    /// The cause behind a failed call: the link's end first, then what the
    /// RPC layer says.
    pub async fn explain(&self, error: capnp::Error) -> CallFailure {
        if let Some(failure) = self.failure() {
            return failure.into();
        }
        if error.kind != capnp::ErrorKind::Disconnected {
            return CallFailure::Remote(error);
        }
        // The stream can break a moment before the connection's end is here.
        match timeout(CAUSE_WAIT, self.closed()).await {
            Ok(failure) => failure.into(),
            Err(_) => LinkFailure::NodeGone { cause: error.extra }.into(),
        }
    }

    /// Closes the link at once; calls under way fail.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.inner.connection.close(code.varint(), reason.as_bytes());
    }

    /// Closes the link and waits, at most a second, until the node knows.
    pub async fn finish(self) {
        self.close(CloseCode::Done, "");
        // Past the second the node finds out by its idle timeout.
        let _ = timeout(Duration::from_secs(1), self.inner.endpoint.wait_idle()).await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.connection.close(CloseCode::Done.varint(), b"");
    }
}

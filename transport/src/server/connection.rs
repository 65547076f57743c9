//! A caller's connection as the node's services see it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::failure::{CloseCode, LinkFailure};
use crate::link::datagram::{Datagram, next_datagram};
use crate::load::{LargeAnswer, LinkLoad};
use crate::tls::identity::{Identity, PeerCertificate};

/// An admitted connection. Cheap to clone and usable from any thread; it
/// keeps the connection's memory, not the connection, alive.
#[derive(Clone, Debug)]
pub struct ConnectionHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: quinn::Connection,
    certificate: PeerCertificate,
    id: u64,
    thread: usize,
    load: Arc<LinkLoad>,
}

impl ConnectionHandle {
    pub(crate) fn new(
        connection: quinn::Connection,
        certificate: PeerCertificate,
        id: u64,
        thread: usize,
        load: Arc<LinkLoad>,
    ) -> Self {
        Self { inner: Arc::new(Inner { connection, certificate, id, thread, load }) }
    }

    pub(crate) fn load(&self) -> &Arc<LinkLoad> {
        &self.inner.load
    }

    /// Waits until the caller may be made an answer that is perhaps large: few at a time, and none while it does not read
    /// what it has. What this gives is to be held until the answer is made.
    pub async fn large_answer(&self) -> LargeAnswer {
        self.inner.load.large_answer().await
    }

    /// The identity on the other side.
    pub fn identity(&self) -> &Identity {
        &self.inner.certificate.identity
    }

    /// The certificate's names and time.
    pub fn certificate(&self) -> &PeerCertificate {
        &self.inner.certificate
    }

    /// Tells this connection from all others of the same server.
    pub fn id(&self) -> u64 {
        self.inner.id
    }

    /// The RPC thread it is served on.
    pub fn thread(&self) -> usize {
        self.inner.thread
    }

    /// The address it comes from at present; changes when the caller moves.
    pub fn remote_address(&self) -> SocketAddr {
        self.inner.connection.remote_address()
    }

    /// The present estimate of the round-trip time.
    pub fn rtt(&self) -> Duration {
        self.inner.connection.rtt()
    }

    /// Packets sent so far: any of them tells the caller that this side is
    /// here.
    pub fn packets_sent(&self) -> u64 {
        self.inner.connection.stats().udp_tx.datagrams
    }

    /// Tells the caller that this side is here. May be lost. False when the
    /// caller takes no datagrams, or the connection is over.
    pub fn send_beat(&self) -> bool {
        self.inner.connection.send_datagram(Datagram::Beat.write()).is_ok()
    }

    /// The caller's next datagram of a kind that this version knows. One
    /// reader at a time; what nobody reads is dropped, the oldest first.
    pub async fn read_datagram(&self) -> Result<Datagram, LinkFailure> {
        next_datagram(&self.inner.connection).await
    }

    /// Ends the connection at once, telling the caller why.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.inner.connection.close(code.varint(), reason.as_bytes());
    }

    /// Resolves when the connection has ended, with the cause.
    pub async fn closed(&self) -> LinkFailure {
        LinkFailure::from_quic(&self.inner.connection.closed().await)
    }

    /// True if the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.inner.connection.close_reason().is_some()
    }
}

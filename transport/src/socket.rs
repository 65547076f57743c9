//! The socket of a link that this side dialled: quinn's, and beside it when the node was last heard and whether the system
//! says that nobody is there. Never concludes anything from that.

pub(crate) mod addresses;
pub(crate) mod bound;
pub(crate) mod congestion;
pub(crate) mod door;
pub(crate) mod icmp;

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};
use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The signs that the sockets of one link have seen, the former ones too.
#[derive(Debug)]
pub(crate) struct Signs {
    remote: SocketAddr,
    start: Instant,
    /// The last packet that was heard, in microseconds after `start`.
    heard: AtomicU64,
    /// The last acknowledgement of something new, in microseconds after `start`.
    acknowledged: AtomicU64,
    unreachable: watch::Sender<u64>,
    /// How often of those nobody listened there.
    closed: AtomicU64,
}

impl Signs {
    pub(crate) fn new(remote: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            remote,
            start: Instant::now(),
            heard: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            unreachable: watch::Sender::new(0),
            closed: AtomicU64::new(0),
        })
    }

    /// The time when something last came from the node's address; at first, when the link began to be made.
    pub(crate) fn heard(&self) -> Instant {
        self.start + Duration::from_micros(self.heard.load(Ordering::Relaxed))
    }

    /// The time when the node last acknowledged something that it had not acknowledged before; at first as above.
    pub(crate) fn acknowledged(&self) -> Instant {
        self.start + Duration::from_micros(self.acknowledged.load(Ordering::Relaxed))
    }

    /// The number of times that the system has said that what was sent to the node does not get there.
    pub(crate) fn unreachable(&self) -> watch::Receiver<u64> {
        self.unreachable.subscribe()
    }

    /// The number of times that the system has said that nobody listens at the node's port.
    pub(crate) fn closed(&self) -> u64 {
        self.closed.load(Ordering::Relaxed)
    }

    fn note_received(&self, packets: &[RecvMeta]) {
        if packets.iter().any(|packet| packet.addr == self.remote) {
            self.heard.fetch_max(self.since_start(Instant::now()), Ordering::Relaxed);
        }
    }

    /// The node has acknowledged something new.
    pub(crate) fn note_acknowledged(&self, now: Instant) {
        self.acknowledged.fetch_max(self.since_start(now), Ordering::Relaxed);
    }

    fn since_start(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    fn note(&self, error: icmp::SocketError) {
        match error {
            icmp::SocketError::Closed => self.closed.fetch_add(1, Ordering::Relaxed),
            icmp::SocketError::Unreachable => 0,
            icmp::SocketError::Other => return,
        };
        self.unreachable.send_modify(|times| *times = times.saturating_add(1));
    }
}

/// What an endpoint reads and writes by.
pub(crate) trait Wraps: fmt::Debug + Send + Sync + 'static {
    /// A socket of the system's as the endpoint has it.
    fn wrap(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>>;
}

/// Runs an endpoint on tokio, with sockets of ours.
#[derive(Debug)]
pub(crate) struct OnTokio<W>(pub(crate) W);

impl<W: Wraps> Runtime for OnTokio<W> {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        TokioRuntime.spawn(future);
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        self.0.wrap(socket)
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

/// Makes the sockets of a link that this side dialled, which note signs.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) signs: Arc<Signs>,
}

impl Wraps for Dialled {
    fn wrap(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        icmp::ask_for_errors(&socket);
        let state = UdpSocketState::new((&socket).into())?;
        let joined_max = if joins_no_packets(&socket) { 1 } else { state.gro_segments() };
        let io = Arc::new(UdpSocket::from_std(socket)?);
        let listening = tokio::spawn(listen_for_errors(io.clone(), self.signs.clone())).abort_handle();
        Ok(Arc::new(DialSocket { io, state, joined_max, signs: self.signs.clone(), listening }))
    }
}

/// Has the system hand over each packet by itself; true if it will. quinn keeps room for 32 that are each 64 joined ones, 3 MiB
/// for every link, and clearing that was a third of the work of many devices that made links at once.
#[cfg(target_os = "linux")]
fn joins_no_packets(socket: &std::net::UdpSocket) -> bool {
    setsockopt(socket, UdpGroSegment, &false).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn joins_no_packets(_: &std::net::UdpSocket) -> bool {
    false
}

#[derive(Debug)]
struct DialSocket {
    io: Arc<UdpSocket>,
    state: UdpSocketState,
    /// The number of packets that the system may hand over as one.
    joined_max: usize,
    signs: Arc<Signs>,
    listening: AbortHandle,
}

impl Drop for DialSocket {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// The system wakes nobody who waits to read or write for an error alone.
async fn listen_for_errors(io: Arc<UdpSocket>, signs: Arc<Signs>) {
    while io.ready(Interest::ERROR).await.is_ok() {
        match io.try_io(Interest::ERROR, || icmp::next_error(&io, signs.remote)) {
            Ok(error) => signs.note(error),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                tracing::debug!(%error, "the socket's errors are not looked at any more");
                return;
            }
        }
    }
}

impl DialSocket {
    /// Takes what the system has to say, which would otherwise be the result of the next call.
    fn take_errors(&self) {
        while let Ok(error) = icmp::next_error(&self.io, self.signs.remote) {
            self.signs.note(error);
        }
    }

    fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.io.try_io(Interest::WRITABLE, || self.state.try_send((&*self.io).into(), transmit))
    }
}

impl AsyncUdpSocket for DialSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let first = self.send(transmit);
        let sent = match &first {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                // Most likely the error of an earlier packet, in place of which this one was not sent.
                self.take_errors();
                self.send(transmit)
            }
            _ => first,
        };
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            // A packet that is too large for the path, or that no way leads out for just now, is a lost packet.
            _ => Ok(()),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            let received = self.io.try_io(Interest::READABLE, || self.state.recv((&*self.io).into(), buffers, meta));
            match received {
                Ok(count) => {
                    self.signs.note_received(meta.get(..count).unwrap_or_default());
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_of_an_earlier_packet) => self.take_errors(),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.joined_max
    }
}

/// Waits until the socket takes more. One connection waits on a link's socket.
#[derive(Debug)]
struct Writable(Arc<DialSocket>);

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.io.poll_send_ready(cx)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn packets_that_are_sent_as_one_come_one_by_one() {
        let [there, here] = [(); 2].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        let (from, to) = (there.local_addr().unwrap(), here.local_addr().unwrap());
        let link = Dialled { signs: Signs::new(from) }.wrap(here).unwrap();
        assert_eq!(link.max_receive_segments(), 1, "quinn keeps so much room");

        let state = UdpSocketState::new((&there).into()).unwrap();
        let contents = [7; 3000];
        let three =
            Transmit { destination: to, ecn: None, contents: &contents, segment_size: Some(1000), src_ip: None };
        state.send((&there).into(), &three).unwrap();
        let mut came = Vec::new();
        while came.len() < 3 {
            let (mut room, mut meta) = ([[0; 1472]; 4], [RecvMeta::default(); 4]);
            let mut buffers = room.each_mut().map(|buffer| IoSliceMut::new(buffer));
            let count = poll_fn(|cx| link.poll_recv(cx, &mut buffers, &mut meta)).await.unwrap();
            came.extend(meta.iter().take(count).map(|packet| (packet.addr, packet.len, packet.stride)));
        }
        assert_eq!(came, [(from, 1000, 1000); 3]);
    }
}

//! The socket at which a node is called: quinn's, behind which Initial packets of one address beyond its budget are dropped before
//! anything is made of them. Knows nothing of handshakes and of who is let in.

use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime as _, TokioRuntime, UdpPoller};
use raftchat_schema::budgets::{ADDRESS_INITIALS_MAX, INITIALS_WINDOW_MS};
use tokio::time::{Sleep, sleep};

use crate::meter::Meter;
use crate::server::doorstep::Origin;
use crate::socket::Wraps;

/// How long nothing is read once all was read and something of it dropped: what a flood brings meanwhile is then taken together,
/// which costs a fraction of taking each packet as it comes, and the system's buffer holds many times as much.
const FLOOD_PAUSE: Duration = Duration::from_millis(1);

/// So many reads that bring nothing but what is dropped are made at once. quinn lets others have their turn after 50 µs, and while
/// they had it the system's buffer was filled, so that packets of everybody were lost.
const READS_AT_ONCE: usize = 32;

/// So many addresses have a count of their own; all others share one.
const ORIGINS_MAX: usize = 4096;

/// Makes the socket at which a node is called.
#[derive(Debug)]
pub(crate) struct Door {
    /// Counts what is dropped.
    pub(crate) meter: Arc<Meter>,
}

impl Wraps for Door {
    fn wrap(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let inner = TokioRuntime.wrap_udp_socket(socket)?;
        let (initials, pause) = Default::default();
        Ok(Arc::new(DoorSocket { inner, initials, pause, meter: self.meter.clone() }))
    }
}

#[derive(Debug)]
struct DoorSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    initials: Mutex<Initials>,
    pause: Mutex<Pause>,
    meter: Arc<Meter>,
}

/// Whether reading pauses.
#[derive(Debug, Default)]
enum Pause {
    /// Nothing was dropped lately.
    #[default]
    Never,
    /// Something was, and there is more to read.
    Due,
    /// Until then.
    Until(Pin<Box<Sleep>>),
}

impl DoorSocket {
    /// Empties what is not to be looked at, which quinn passes over; true if anything was.
    fn drop_beyond_budget(&self, buffers: &[IoSliceMut<'_>], packets: &mut [RecvMeta]) -> bool {
        let (mut now, mut dropped) = (None, false);
        for (buffer, packet) in buffers.iter().zip(packets) {
            if !buffer.first().is_some_and(|first| is_initial(*first)) {
                continue;
            }
            // What the system has joined comes from one address.
            let count = packet.len.div_ceil(packet.stride.max(1));
            let now = *now.get_or_insert_with(Instant::now);
            let mut initials = self.initials.lock().unwrap_or_else(PoisonError::into_inner);
            if !initials.take(Origin::of(packet.addr.ip()), count, now) {
                self.meter.refuse();
                packet.len = 0;
                dropped = true;
            }
        }
        dropped
    }
}

/// Whether a packet that begins like this is an Initial one, which may be the first of a connection and for which a node derives
/// keys: a long header of that type (RFC 9000, 17.2).
const fn is_initial(first: u8) -> bool {
    first & 0b1011_0000 == 0b1000_0000
}

/// Initial packets of each address in a short while.
#[derive(Debug, Default)]
struct Initials {
    since: Option<Instant>,
    taken: HashMap<Origin, usize>,
    taken_by_others: usize,
}

impl Initials {
    /// Takes `count` of what an address may send now; false if that is more than is left.
    fn take(&mut self, origin: Origin, count: usize, now: Instant) -> bool {
        let window = Duration::from_millis(INITIALS_WINDOW_MS);
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= window) {
            self.taken.clear();
            (self.since, self.taken_by_others) = (Some(now), 0);
        }
        let has_place = self.taken.len() < ORIGINS_MAX || self.taken.contains_key(&origin);
        let taken = if has_place { self.taken.entry(origin).or_default() } else { &mut self.taken_by_others };
        *taken = taken.saturating_add(count);
        *taken <= ADDRESS_INITIALS_MAX
    }
}

impl AsyncUdpSocket for DoorSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        if let Pause::Until(over) = &mut *pause {
            ready!(Future::poll(over.as_mut(), cx));
            *pause = Pause::Never;
        }
        for read in 1.. {
            let Poll::Ready(received) = self.inner.poll_recv(cx, buffers, meta) else {
                if matches!(*pause, Pause::Due) {
                    let mut over = Box::pin(sleep(FLOOD_PAUSE));
                    // Not over yet: this is to be woken by it.
                    let _ = Future::poll(over.as_mut(), cx);
                    *pause = Pause::Until(over);
                }
                break;
            };
            let count = received?;
            let packets = meta.get_mut(..count).unwrap_or_default();
            if self.drop_beyond_budget(buffers, packets) {
                *pause = Pause::Due;
            }
            if read >= READS_AT_ONCE || packets.iter().any(|packet| packet.len > 0) {
                return Poll::Ready(Ok(count));
            }
        }
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(number: usize) -> Origin {
        Origin::of(IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(0))))
    }

    #[test]
    fn an_address_sends_so_many_initials_in_a_while_and_takes_none_of_the_others() {
        let (mut initials, now) = (Initials::default(), Instant::now());
        assert!(initials.take(address(1), ADDRESS_INITIALS_MAX, now));
        assert!(!initials.take(address(1), 1, now));
        assert!(initials.take(address(2), 1, now));
        let later = now + Duration::from_millis(INITIALS_WINDOW_MS);
        assert!(initials.take(address(1), 1, later));
    }

    #[test]
    fn whoever_invents_addresses_fills_no_memory() {
        let (mut initials, now) = (Initials::default(), Instant::now());
        let let_in = (0..3 * ORIGINS_MAX).filter(|number| initials.take(address(*number), 1, now)).count();
        assert_eq!(let_in, ORIGINS_MAX + ADDRESS_INITIALS_MAX);
        assert_eq!(initials.taken.len(), ORIGINS_MAX);
    }

    #[test]
    fn only_what_may_begin_a_connection_counts() {
        let [initial, early_data, handshake, retry, short] =
            [0b1100_0011, 0b1101_0011, 0b1110_0011, 0b1111_0000, 0b0100_0001];
        assert!(is_initial(initial));
        assert!([early_data, handshake, retry, short].iter().all(|first| !is_initial(*first)));
    }
}

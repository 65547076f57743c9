//! Where nodes under test listen on loopback: at places that nobody takes while their node has not started or is down.
//!
//! What a system picks by itself will not do, as it picks for every client's socket too: a node that is started, or comes
//! back, would now and then find its port taken.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that systems pick by themselves. Where processes begin differs, as `cluster add` goes on behind the highest port
/// of a cluster on the one address that all of them have.
static NEXT_PORT: LazyLock<AtomicU16> = LazyLock::new(|| {
    let [_, _, middle, low] = process::id().to_be_bytes();
    AtomicU16::new(10_000 + u16::from_be_bytes([middle, low]) % 1000 * 20)
});

/// A place on an address that only this process uses, with a port that was not given before and is free.
pub fn next() -> SocketAddr {
    loop {
        let place = SocketAddr::from((own_address(), NEXT_PORT.fetch_add(1, Ordering::Relaxed)));
        if UdpSocket::bind(place).is_ok() {
            return place;
        }
    }
}

/// Loopback is a whole network, of which process ids, which have 22 bits, fill a quarter.
fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | high, middle, low)
}

//! A socket between the attacker's own QUIC and a node: passes datagrams, some or none of them, and keeps the first ones to say
//! them again. Knows only the two bits of a QUIC header that tell a Retry.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::report::Trouble;

/// The largest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// So many first datagrams are kept.
const KEPT_MAX: usize = 256;

/// What comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Passing {
    /// Everything.
    All,
    /// From the node, only what makes a caller prove its address: its own handshake never gets further.
    OnlyRetries,
    /// Nothing, as after a cable was cut.
    Nothing,
}

/// The relay; gone when dropped.
pub(crate) struct Relay {
    at: SocketAddr,
    passing: Arc<AtomicU8>,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// A relay before that node.
    pub(crate) async fn before(node: SocketAddr, from: IpAddr, passing: Passing) -> Result<Self, Trouble> {
        let inner = UdpSocket::bind((from, 0)).await?;
        let outer = UdpSocket::bind((from, 0)).await?;
        outer.connect(node).await?;
        let mut at = inner.local_addr()?;
        if at.ip().is_unspecified() {
            at.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let passing = Arc::new(AtomicU8::new(passing as u8));
        let kept = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(pass(inner, outer, Arc::clone(&passing), Arc::clone(&kept)));
        Ok(Self { at, passing, kept, task })
    }

    /// To be taken for the node.
    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    pub(crate) fn set(&self, passing: Passing) {
        self.passing.store(passing as u8, Ordering::Relaxed);
    }

    /// The first datagrams that were said to the node.
    pub(crate) fn kept(&self) -> Vec<Vec<u8>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(inner: UdpSocket, outer: UdpSocket, passing: Arc<AtomicU8>, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
    let (mut out, mut back) = (vec![0; DATAGRAM_BYTES_MAX], vec![0; DATAGRAM_BYTES_MAX]);
    let mut caller = None;
    loop {
        tokio::select! {
            said = inner.recv_from(&mut out) => {
                let Ok((length, from)) = said else { continue };
                let datagram = out.get(..length).unwrap_or_default();
                caller = Some(from);
                {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    if kept.len() < KEPT_MAX {
                        kept.push(datagram.to_vec());
                    }
                }
                if passing.load(Ordering::Relaxed) != Passing::Nothing as u8 {
                    // Lost like any other datagram.
                    let _ = outer.send(datagram).await;
                }
            }
            said = outer.recv(&mut back) => {
                let (Ok(length), Some(caller)) = (said, caller) else { continue };
                let datagram = back.get(..length).unwrap_or_default();
                let passing = passing.load(Ordering::Relaxed);
                let passes = passing == Passing::All as u8 || passing == Passing::OnlyRetries as u8 && is_retry(datagram);
                if passes {
                    let _ = inner.send_to(datagram, caller).await;
                }
            }
        }
    }
}

/// A long header of QUIC version 1 with the packet type 3.
fn is_retry(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0xb0 == 0xb0)
}

//! A box on the way between a device and a node, that can begin to swallow everything in either direction.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

const PACKET_MAX: usize = 65_536;

/// One such box. Ends by being dropped.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    swallows: Arc<AtomicBool>,
    deafens: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Relay {
    pub(crate) async fn towards(node: SocketAddr) -> Self {
        let outside = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = outside.local_addr().unwrap();
        let (swallows, deafens) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        tasks.spawn(forward(outside, node, Arc::clone(&swallows), Arc::clone(&deafens)));
        Self { address, swallows, deafens, _tasks: tasks }
    }

    /// From now on the node hears nothing; it is heard.
    pub(crate) fn deafen(&self) {
        self.deafens.store(true, Ordering::Relaxed);
    }

    /// From now on nothing gets through, or everything again.
    pub(crate) fn swallow(&self, swallows: bool) {
        self.swallows.store(swallows, Ordering::Relaxed);
    }
}

async fn forward(outside: Arc<UdpSocket>, node: SocketAddr, swallows: Arc<AtomicBool>, deafens: Arc<AtomicBool>) {
    let mut inside: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut back = JoinSet::new();
    let mut packet = vec![0; PACKET_MAX];
    while let Ok((length, device)) = outside.recv_from(&mut packet).await {
        if let Entry::Vacant(place) = inside.entry(device) {
            let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            socket.connect(node).await.unwrap();
            back.spawn(answer(Arc::clone(&socket), Arc::clone(&outside), device, Arc::clone(&swallows)));
            place.insert(socket);
        }
        if !swallows.load(Ordering::Relaxed) && !deafens.load(Ordering::Relaxed) {
            // A packet may be lost.
            let _ = inside[&device].send(&packet[..length]).await;
        }
    }
}

async fn answer(inside: Arc<UdpSocket>, outside: Arc<UdpSocket>, device: SocketAddr, swallows: Arc<AtomicBool>) {
    let mut packet = vec![0; PACKET_MAX];
    loop {
        // The node may be gone, and come back.
        let Ok(length) = inside.recv(&mut packet).await else { continue };
        if !swallows.load(Ordering::Relaxed) {
            let _ = outside.send_to(&packet[..length], device).await;
        }
    }
}

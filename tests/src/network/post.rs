//! A relay of UDP packets in front of a node, with whatever weather a trial asks for: delay, jitter, loss, one way or the other
//! shut, and a translation of addresses that changes. Knows nothing of what is in a packet.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::draw::Draw;

/// No packet is longer.
const PACKET_MAX: usize = 65_536;

/// What happens to packets on their way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// How long each is under way, one way.
    pub delay: Duration,
    /// By how much more at most; later ones may so overtake.
    pub jitter: Duration,
    /// Of a thousand packets, so many are lost, each way.
    pub lost_per_mille: u64,
    /// Nothing reaches the node.
    pub shut_up: bool,
    /// Nothing reaches the device.
    pub shut_down: bool,
}

/// One packet that is under way.
struct Parcel {
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    bytes: Vec<u8>,
}

struct Inside {
    weather: Weather,
    draw: Draw,
    /// Of each device address, the socket that speaks with the node for it.
    speaking: BTreeMap<SocketAddr, Arc<UdpSocket>>,
    /// Those that did so before the last change. Kept, so that what still comes to them is met by silence.
    silent: Vec<Arc<UdpSocket>>,
}

/// A relay, on a thread of its own. Ends by being dropped.
pub struct Post {
    inside: Arc<Mutex<Inside>>,
    end: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

fn locked(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap()
}

impl Inside {
    /// When a packet of now arrives; none if it does not.
    fn arrival(&mut self, direction: Direction) -> Option<Instant> {
        let Weather { delay, jitter, lost_per_mille, shut_up, shut_down } = self.weather;
        let shut = match direction {
            Direction::Up => shut_up,
            Direction::Down => shut_down,
        };
        if shut || self.draw.below(1000) < lost_per_mille {
            return None;
        }
        let jitter = self.draw.below(u64::try_from(jitter.as_micros()).unwrap().max(1));
        Some(Instant::now() + delay + Duration::from_micros(jitter))
    }
}

impl Post {
    /// Relays from `at` to `node`, in the calling thread's namespace.
    pub fn open(at: SocketAddr, node: SocketAddr, seed: u64) -> Self {
        let inside =
            Inside { weather: Weather::default(), draw: Draw(seed), speaking: BTreeMap::new(), silent: Vec::new() };
        let inside = Arc::new(Mutex::new(inside));
        let (end, over) = tokio::sync::oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let counter = {
            let _context = runtime.enter();
            let socket = std::net::UdpSocket::bind(at).unwrap();
            socket.set_nonblocking(true).unwrap();
            Arc::new(UdpSocket::from_std(socket).unwrap())
        };
        let theirs = Arc::clone(&inside);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = relay(counter, node, theirs) => {}
                    _ = over => {}
                }
            });
        });
        Self { inside, end: Some(end), thread: Some(thread) }
    }

    /// Changes the weather, for packets from now on.
    pub fn weather(&self, weather: Weather) {
        locked(&self.inside).weather = weather;
    }

    /// Every device seems to come from another port from now on, and packets to the old one come to nothing.
    pub fn renumber(&self) {
        let mut inside = locked(&self.inside);
        let old = std::mem::take(&mut inside.speaking);
        inside.silent.extend(old.into_values());
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.end.take();
        // It panics only where the trial has failed already.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn relay(counter: Arc<UdpSocket>, node: SocketAddr, inside: Arc<Mutex<Inside>>) {
    let (parcels, under_way) = mpsc::unbounded_channel();
    tokio::spawn(deliver(under_way));
    let mut buffer = vec![0; PACKET_MAX];
    loop {
        // What the system says of packets that were sent earlier is nobody's business.
        let Ok((length, device)) = counter.recv_from(&mut buffer).await else { continue };
        let known = locked(&inside).speaking.get(&device).cloned();
        let socket = match known {
            Some(socket) => socket,
            None => take_in(&counter, device, node, &inside, &parcels).await,
        };
        let Some(arrival) = locked(&inside).arrival(Direction::Up) else { continue };
        let bytes = buffer.get(..length).unwrap().to_vec();
        // Ends only with this.
        let _ = parcels.send((arrival, Parcel { socket, to: node, bytes }));
    }
}

type Parcels = mpsc::UnboundedSender<(Instant, Parcel)>;

/// Speaks with the node for a device that was not here before.
async fn take_in(
    counter: &Arc<UdpSocket>,
    device: SocketAddr,
    node: SocketAddr,
    inside: &Arc<Mutex<Inside>>,
    parcels: &Parcels,
) -> Arc<UdpSocket> {
    let any: IpAddr = if node.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = Arc::new(UdpSocket::bind((any, 0)).await.unwrap());
    locked(inside).speaking.insert(device, Arc::clone(&socket));
    let (counter, mine, inside, parcels) =
        (Arc::clone(counter), Arc::clone(&socket), Arc::clone(inside), parcels.clone());
    tokio::spawn(async move {
        let mut buffer = vec![0; PACKET_MAX];
        loop {
            let Ok((length, _)) = mine.recv_from(&mut buffer).await else { continue };
            let arrival = {
                let mut inside = locked(&inside);
                let speaks = inside.speaking.get(&device).is_some_and(|speaking| Arc::ptr_eq(speaking, &mine));
                if speaks { inside.arrival(Direction::Down) } else { None }
            };
            let Some(arrival) = arrival else { continue };
            let bytes = buffer.get(..length).unwrap().to_vec();
            let _ = parcels.send((arrival, Parcel { socket: Arc::clone(&counter), to: device, bytes }));
        }
    });
    socket
}

/// Sends each packet when its time has come; of the same time, in the order they came.
async fn deliver(mut parcels: mpsc::UnboundedReceiver<(Instant, Parcel)>) {
    let mut order = BinaryHeap::new();
    let mut waiting: BTreeMap<u64, Parcel> = BTreeMap::new();
    let mut count = 0_u64;
    loop {
        let next = order.peek().map(|Reverse((arrival, number))| (*arrival, *number));
        let due = async {
            match next {
                Some((arrival, _)) if arrival <= Instant::now() => {}
                Some((arrival, _)) => sleep_until(arrival).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = due => {
                order.pop();
                if let Some(parcel) = next.and_then(|(_, number)| waiting.remove(&number)) {
                    // A packet that the system does not take is lost, as packets are.
                    let _ = parcel.socket.send_to(&parcel.bytes, parcel.to).await;
                }
            }
            parcel = parcels.recv() => {
                let Some((arrival, parcel)) = parcel else { return };
                count += 1;
                order.push(Reverse((arrival, count)));
                waiting.insert(count, parcel);
            }
        }
    }
}

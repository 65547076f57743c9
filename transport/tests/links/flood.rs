//! Handshakes that hang, many from one address, and many honest ones from one address: each address has its places.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime, UdpPoller};
use raftchat_schema::budgets::ADDRESS_HANDSHAKES_MAX;
use raftchat_transport::{Role, RpcThreads, Server};

use crate::attacks::raw_config;
use crate::support::{Cluster, HOME, echo_server, expect, locally, say, soon};

/// More than there are places in all.
const HANGING: usize = 600;

/// Mallory's address, which is not alice's.
const MALLORY: &str = "127.0.0.2:0";

/// A socket that hears nothing but the request for a proof of address: handshakes on it hang.
#[derive(Debug)]
struct Deaf(Arc<dyn AsyncUdpSocket>);

impl AsyncUdpSocket for Deaf {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.0).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        const RETRY: u8 = 0xf0;
        let received = self.0.poll_recv(cx, buffers, meta);
        if let Poll::Ready(Ok(count)) = received {
            for (buffer, meta) in buffers.iter().zip(meta).take(count) {
                if buffer[0] & 0xf0 != RETRY {
                    meta.len = 0;
                }
            }
        }
        received
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn deaf_endpoint(home: &Cluster) -> quinn::Endpoint {
    let runtime = Arc::new(quinn::TokioRuntime);
    let socket = runtime.wrap_udp_socket(std::net::UdpSocket::bind(MALLORY).unwrap()).unwrap();
    let config = quinn::EndpointConfig::default();
    let mut endpoint =
        quinn::Endpoint::new_with_abstract_socket(config, None, Arc::new(Deaf(socket)), runtime).unwrap();
    endpoint.set_default_client_config(raw_config(home, Some(&home.device("mallory")), Role::Device));
    endpoint
}

async fn server(home: &Cluster, threads: &RpcThreads) -> (Server, raftchat_transport::LinkMeters) {
    let config = home.server_config(Role::Device, 1);
    let meters = config.meters.clone();
    (echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await, meters)
}

#[tokio::test]
async fn handshakes_that_hang_take_the_places_of_their_own_address_alone() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let (server, meters) = server(&home, &threads).await;
        let endpoint = deaf_endpoint(&home);
        let node = server.local_address();
        let hanging: Vec<_> =
            (0..HANGING).map(|_| endpoint.connect(node, "n1.node.home.raftchat.internal").unwrap()).collect();
        let places = u64::try_from(ADDRESS_HANDSHAKES_MAX).unwrap();
        let full = async {
            while meters.handshakes.reading().held < places {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        soon(full).await;
        let alice = home.dialer(Role::Device, home.device("alice"));
        for _ in 0..10 {
            let began = Instant::now();
            let link = soon(alice.connect(server.local_address(), &expect(1))).await.unwrap();
            say(&link, "hello").await;
            assert!(began.elapsed() < Duration::from_millis(1500), "alice waited for {:?}", began.elapsed());
        }
        let most = meters.handshakes.reading().most;
        assert!(most <= places + 1, "{most} handshakes were under way");
        drop(hanging);
    })
    .await;
}

#[tokio::test]
async fn many_devices_of_one_address_get_in() {
    const DEVICES: usize = 200;
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(2).unwrap();
        let (server, meters) = server(&home, &threads).await;
        let dialers: Vec<_> =
            (0..DEVICES).map(|number| home.dialer(Role::Device, home.device(&format!("d{number}")))).collect();
        let knocks = dialers.iter().map(async |dialer| {
            // Who gave up asks again, as a client does.
            loop {
                if let Ok(link) = dialer.connect(server.local_address(), &expect(1)).await {
                    return link;
                }
            }
        });
        let links = soon(futures::future::join_all(knocks)).await;
        assert_eq!(links.len(), DEVICES);
        let most = meters.handshakes.reading().most;
        assert!(most <= u64::try_from(ADDRESS_HANDSHAKES_MAX).unwrap(), "{most} handshakes were under way");
    })
    .await;
}

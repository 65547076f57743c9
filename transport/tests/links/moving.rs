//! What tells that a node is there, and that it is not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use raftchat_transport::{Datagram, LinkFailure, Role, RpcThreads, Server};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::support::{Cluster, Echo, HOME, echo_server, expect, locally, soon};

async fn node(home: &Cluster, threads: &RpcThreads) -> Server {
    let config = home.server_config(Role::Device, 1);
    echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await
}

/// A way to the node that can be taken away: aborting the task closes its sockets.
async fn relay(node: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let near = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let far = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let address = near.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut from, mut there, mut back) = (None, [0; 2048], [0; 2048]);
        loop {
            tokio::select! {
                Ok((length, caller)) = near.recv_from(&mut there) => {
                    from = Some(caller);
                    far.send_to(&there[..length], node).await.unwrap();
                }
                Ok((length, _)) = far.recv_from(&mut back) => {
                    near.send_to(&back[..length], from.unwrap()).await.unwrap();
                }
            }
        }
    });
    (address, task)
}

/// A way to the node on which what goes there can be stopped, by setting what this gives to false.
async fn one_way_relay(node: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    let near = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let far = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let address = near.local_addr().unwrap();
    let open = Arc::new(AtomicBool::new(true));
    let there_is_a_way = Arc::clone(&open);
    tokio::spawn(async move {
        let (mut from, mut there, mut back) = (None, [0; 2048], [0; 2048]);
        loop {
            tokio::select! {
                Ok((length, caller)) = near.recv_from(&mut there) => {
                    from = Some(caller);
                    if there_is_a_way.load(Ordering::Relaxed) {
                        far.send_to(&there[..length], node).await.unwrap();
                    }
                }
                Ok((length, _)) = far.recv_from(&mut back) => {
                    near.send_to(&back[..length], from.unwrap()).await.unwrap();
                }
            }
        }
    });
    (address, open)
}

#[tokio::test]
async fn beats_and_cursors_come_across_and_every_packet_is_a_sign_of_life() {
    locally(async {
        let (home, threads) = (Cluster::new(HOME), RpcThreads::start(1).unwrap());
        let server = node(&home, &threads).await;
        let alice = home.dialer(Role::Device, home.device("alice"));
        let link = soon(alice.connect(server.local_address(), &expect(1))).await.unwrap();
        let _echo: Echo = link.bootstrap().await.unwrap();
        let before = link.heard();
        link.send_beat();
        link.send_activate(b"cursor");
        while server.connections().is_empty() {
            tokio::task::yield_now().await;
        }
        let connection = server.connections()[0].clone();
        assert_eq!(soon(connection.read_datagram()).await, Ok(Datagram::Beat));
        let activate = Datagram::Activate(b"cursor".as_slice().into());
        assert_eq!(soon(connection.read_datagram()).await, Ok(activate));
        let sent = connection.packets_sent();
        assert!(connection.send_beat());
        assert_eq!(soon(link.read_datagram()).await, Ok(Datagram::Beat));
        assert!(connection.packets_sent() > sent);
        let after = link.heard();
        assert!(after.packets > before.packets && after.last > before.last, "{before:?} {after:?}");
    })
    .await;
}

#[tokio::test]
async fn the_system_tells_that_nobody_listens_there_any_more_and_the_link_survives_that() {
    locally(async {
        let (home, threads) = (Cluster::new(HOME), RpcThreads::start(1).unwrap());
        let server = node(&home, &threads).await;
        let (way, relaying) = relay(server.local_address()).await;
        let alice = home.dialer(Role::Device, home.device("alice"));
        let link = soon(alice.connect(way, &expect(1))).await.unwrap();
        let echo: Echo = link.bootstrap().await.unwrap();
        soon(echo.say("hello".to_owned())).await.unwrap();
        for socket in ["the first", "a fresh"] {
            let mut unreachable = link.unreachable();
            assert!(!unreachable.has_changed().unwrap(), "on {socket} socket");
            if socket == "the first" {
                relaying.abort();
                while UdpSocket::bind(way).await.is_err() {
                    tokio::task::yield_now().await;
                }
            } else {
                link.rebind().unwrap();
            }
            let begun = Instant::now();
            link.send_beat();
            soon(unreachable.changed()).await.unwrap();
            println!("on {socket} socket after {:?}", begun.elapsed());
        }
        assert_eq!(link.failure(), None, "it is a hint");
    })
    .await;
}

#[tokio::test]
async fn what_is_acknowledged_shows_that_the_node_hears_and_what_is_told_again_does_not() {
    locally(async {
        let (home, threads) = (Cluster::new(HOME), RpcThreads::start(1).unwrap());
        let server = node(&home, &threads).await;
        let (way, there) = one_way_relay(server.local_address()).await;
        let alice = home.dialer(Role::Device, home.device("alice"));
        let link = soon(alice.connect(way, &expect(1))).await.unwrap();
        let echo: Echo = link.bootstrap().await.unwrap();
        soon(echo.say("hello".to_owned())).await.unwrap();
        let before = link.heard().acknowledged;
        link.send_beat();
        soon(async {
            while link.heard().acknowledged == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        there.store(false, Ordering::Relaxed);
        // What was on its way is acknowledged yet; the node speaks on, and says again what it has heard.
        let connection = server.connections()[0].clone();
        let mut heard = Vec::new();
        for _ in 0..60 {
            assert!(connection.send_beat());
            assert_eq!(soon(link.read_datagram()).await, Ok(Datagram::Beat));
            heard.push(link.heard().acknowledged);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(heard[20], heard[59], "nothing new");
        assert!(link.heard().last > heard[59]);
    })
    .await;
}

#[tokio::test]
async fn a_device_does_not_wait_for_a_node_that_is_not_there() {
    locally(async {
        let home = Cluster::new(HOME);
        let nobody = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
        let alice = home.dialer(Role::Device, home.device("alice"));
        let Err(LinkFailure::Unreachable { cause }) = soon(alice.connect(nobody, &expect(1))).await else {
            panic!("somebody answers");
        };
        assert_eq!(cause, format!("nobody listens at {nobody}"));
    })
    .await;
}

#[tokio::test]
async fn what_is_lost_on_the_way_is_silence() {
    locally(async {
        let (home, threads) = (Cluster::new(HOME), RpcThreads::start(1).unwrap());
        let server = node(&home, &threads).await;
        let alice = home.dialer(Role::Device, home.device("alice"));
        let link = soon(alice.connect(server.local_address(), &expect(1))).await.unwrap();
        let echo: Echo = link.bootstrap().await.unwrap();
        soon(echo.say("hello".to_owned())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(link.heard().last.elapsed() > Duration::from_millis(50), "nobody speaks, and nobody is heard");
    })
    .await;
}

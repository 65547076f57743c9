//! Links that work, and how they end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use raftchat_transport::{AuthRefusal, BindError, CloseCode, LinkFailure, LinkTiming, Role, RpcThreads, Server};

use crate::support::{Cluster, Echo, Guests, HOME, LINKS, echo_server, expect, locally, refusal, say, soon, spki};

#[tokio::test]
async fn a_device_speaks_to_a_node_over_one_stream() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(2).unwrap();
        let config = home.server_config(Role::Device, 1);
        let server = echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await;
        let alice = home.dialer(Role::Device, home.device("alice-1"));

        let link = soon(alice.connect(server.local_address(), &expect(1))).await.unwrap();
        assert_eq!(link.peer().to_string(), "node 1 of home");
        assert_eq!(say(&link, "hello").await, "device alice-1 of home: hello");
        assert_eq!(server.connections().len(), 1);

        // A second stream is refused, and the first goes on to work.
        let echo: Echo = link.bootstrap().await.unwrap();
        assert!(soon(echo.say("again".to_owned())).await.is_err());
        assert_eq!(link.failure(), None);
        link.finish().await;
        while !server.connections().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_has_the_same_name_on_both_sides_and_another_one_each_time() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let config = home.server_config(Role::Device, 1);
        let server = echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await;
        let nora = home.dialer(Role::Device, home.device("nora-who-is-named"));
        for text in ["once", "twice"] {
            let link = soon(nora.connect(server.local_address(), &expect(1))).await.unwrap();
            say(&link, text).await;
            link.finish().await;
        }
        let links = LINKS.lock().unwrap().clone();
        let of_node = links.iter().filter(|link| link.get("who").is_some_and(|who| who.contains("nora-who-is-named")));
        let names: Vec<&String> = of_node.map(|link| link.get("name").unwrap()).collect();
        assert!(names.len() == 2 && names[0] != names[1], "{names:?}");
        for name in names {
            let ours = links.iter().filter(|link| link.get("to").is_some_and(|to| to == "node 1 of home"));
            assert_eq!(ours.filter(|link| link.get("name") == Some(name)).count(), 1, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_moves_to_a_fresh_socket_without_losing_a_call() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let config = home.server_config(Role::Device, 1);
        let server = echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await;
        let alice = home.dialer(Role::Device, home.device("alice"));
        let link = soon(alice.connect(server.local_address(), &expect(1))).await.unwrap();
        let echo: Echo = link.bootstrap().await.unwrap();
        soon(echo.clone().say("before".to_owned())).await.unwrap();
        let before = server.connections()[0].remote_address();
        link.rebind().unwrap();
        soon(echo.say("after".to_owned())).await.unwrap();
        assert_ne!(server.connections()[0].remote_address(), before);
    })
    .await;
}

#[tokio::test]
async fn a_revoked_device_loses_its_live_link_and_does_not_return() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let guests: Arc<Guests> = Arc::default();
        let config = home.server_config(Role::Device, 1);
        let server = echo_server(config, &guests, &threads.handle(), &Arc::default()).await;
        let lost_phone = home.device("alice-phone");
        let key = spki(&lost_phone);
        let phone = home.dialer(Role::Device, lost_phone);
        let laptop = home.dialer(Role::Device, home.device("alice-laptop"));
        let phone_link = soon(phone.connect(server.local_address(), &expect(1))).await.unwrap();
        let laptop_link = soon(laptop.connect(server.local_address(), &expect(1))).await.unwrap();
        say(&phone_link, "from the phone").await;

        guests.revoked.lock().unwrap().insert(key);
        let closed = server.close_where(|who| who.spki() == key, CloseCode::Revoked, "lost");
        assert_eq!(closed, 1);
        let revoked = LinkFailure::Refused { reason: AuthRefusal::Revoked };
        assert_eq!(soon(phone_link.closed()).await, revoked);
        assert_eq!(refusal(&phone, server.local_address(), &expect(1)).await, revoked);
        say(&laptop_link, "from the laptop").await;
    })
    .await;
}

#[tokio::test]
async fn a_second_connection_is_a_full_handshake() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let guests: Arc<Guests> = Arc::default();
        let config = home.server_config(Role::Device, 1);
        let server = echo_server(config, &guests, &threads.handle(), &Arc::default()).await;
        // A client that would resume if it were given a ticket.
        let endpoint = crate::attacks::raw_endpoint(&home, Some(&home.device("mallory")), Role::Device);
        for handshakes in 1..=2 {
            let connecting = endpoint.connect(server.local_address(), "n1.node.home.raftchat.internal");
            let connection = match connecting.unwrap().into_0rtt() {
                Ok(_) => panic!("the server had sent a ticket"),
                Err(connecting) => soon(connecting).await.unwrap(),
            };
            while server.connections().len() < handshakes {
                assert_eq!(connection.close_reason(), None);
                tokio::task::yield_now().await;
            }
            // Asked by the verifier, which resumption would go around, and
            // again after the handshake.
            while guests.asked.load(std::sync::atomic::Ordering::SeqCst) < 2 * handshakes {
                tokio::task::yield_now().await;
            }
            std::mem::forget(connection);
        }
    })
    .await;
}

#[tokio::test]
async fn a_draining_node_says_so_and_a_port_in_use_is_named() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let mut config = home.server_config(Role::Device, 1);
        let server = echo_server(config.clone(), &Arc::default(), &threads.handle(), &Arc::default()).await;
        config.address = server.local_address();
        let guests: Arc<Guests> = Arc::default();
        let second = Server::bind(config, guests, &threads.handle(), |_| unreachable!()).await;
        assert!(matches!(second, Err(BindError::AddressInUse { address }) if address == server.local_address()));

        let alice = home.dialer(Role::Device, home.device("alice"));
        let link = soon(alice.connect(server.local_address(), &expect(1))).await.unwrap();
        say(&link, "hello").await;
        server.close(CloseCode::Draining, "upgrade", Duration::from_secs(5)).await;
        let failure = soon(link.closed()).await;
        assert_eq!(failure, LinkFailure::Draining { detail: "upgrade".to_owned() });
        assert!(failure.retry_other_node());
    })
    .await;
}

#[tokio::test]
async fn a_restarted_node_tells_old_links_long_before_they_time_out() {
    locally(async {
        let home = Cluster::new(HOME);
        let patient = LinkTiming { idle: Duration::from_mins(10), keep_alive: Duration::from_millis(100) };
        let threads = RpcThreads::start(1).unwrap();
        let mut config = home.server_config(Role::Device, 1);
        config.timing = patient;
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let server = echo_server(config.clone(), &Arc::default(), &threads.handle(), &heard).await;
        config.address = server.local_address();
        let alice = raftchat_transport::Dialer::new(&raftchat_transport::DialerConfig {
            role: Role::Device,
            credentials: home.device("alice"),
            nodes: home.nodes.anchors(),
            timing: patient,
            limits: raftchat_transport::LinkLimits::device(),
        })
        .unwrap();
        let link = soon(alice.connect(server.local_address(), &expect(1))).await.unwrap();
        say(&link, "hello").await;

        // A crash: the threads end and nobody is told.
        drop(threads);
        drop(server);
        assert_eq!(link.failure(), None);
        let threads = RpcThreads::start(1).unwrap();
        let _server = echo_server(config, &Arc::default(), &threads.handle(), &heard).await;
        let failure = soon(link.closed()).await;
        assert!(matches!(failure, LinkFailure::NodeGone { .. }), "{failure}");
    })
    .await;
}

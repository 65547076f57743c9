//! The links that nodes keep to each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use raftchat_transport::{AuthRefusal, CallFailure, CloseCode, Lane, LinkFailure, PeerPool, Role, RpcThreads};

use crate::support::{Cluster, Echo, Guests, HOME, echo_server, locally, soon, spki};

type Heard = Arc<Mutex<Vec<String>>>;

async fn ask(pool: &PeerPool<Echo>, lane: Lane, text: &str) -> Result<String, CallFailure> {
    let text = text.to_owned();
    soon(pool.call(1, lane, move |echo| echo.say(text).boxed_local())).await
}

async fn ask_until_answered(pool: &PeerPool<Echo>, lane: Lane) -> String {
    soon(async {
        loop {
            if let Ok(answer) = ask(pool, lane, "there?").await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_on_all_lanes_arrive_in_order_and_survive_a_restart_of_the_node() {
    let home = Cluster::new(HOME);
    let threads = RpcThreads::start(2).unwrap();
    let second = home.node(2);
    let members = BTreeMap::from([(2, spki(&second))]);
    let guests = Arc::new(Guests { members, ..Guests::default() });
    let heard: Heard = Arc::default();
    let mut config = home.server_config(Role::Node, 1);
    let server = echo_server(config.clone(), &guests, &threads.handle(), &heard).await;
    config.address = server.local_address();

    let pool = PeerPool::new(home.dialer(Role::Node, second), HOME, threads.handle());
    assert!(matches!(ask(&pool, Lane::Log, "nobody").await, Err(CallFailure::Link(LinkFailure::Unreachable { .. }))));
    pool.set_peer(1, &server.local_address().to_string());
    for lane in [Lane::Control, Lane::Log, Lane::Snapshot] {
        assert_eq!(ask_until_answered(&pool, lane).await, "node 2 of home: there?");
    }
    let health = pool.health(1).unwrap();
    assert!(health.up && health.rtt.is_some());
    assert_eq!(server.connections().len(), 2);

    heard.lock().unwrap().clear();
    let calls: Vec<_> = (0..500)
        .map(|number| {
            let text = number.to_string();
            pool.call(1, Lane::Log, move |echo| echo.say(text).boxed_local())
        })
        .collect();
    for answer in soon(futures::future::join_all(calls)).await {
        answer.unwrap();
    }
    let in_order: Vec<_> = (0..500).map(|number| number.to_string()).collect();
    assert_eq!(*heard.lock().unwrap(), in_order);

    // A call under way when the node ends fails with the cause.
    let waiting = pool.call(1, Lane::Log, |echo| echo.say("wait".to_owned()).boxed_local());
    while heard.lock().unwrap().last().map(String::as_str) != Some("wait") {
        tokio::task::yield_now().await;
    }
    server.close(CloseCode::Shutdown, "restart", Duration::from_secs(5)).await;
    let Err(CallFailure::Link(failure)) = soon(waiting).await else {
        panic!("the call was answered");
    };
    assert_eq!(failure, LinkFailure::Draining { detail: "restart".to_owned() });
    assert!(failure.may_have_happened());
    drop(server);

    // Without a link, a call fails at once.
    soon(async {
        while ask(&pool, Lane::Control, "hello?").await.is_ok() || pool.health(1).unwrap().up {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let restarted = soon(async {
        loop {
            // The former endpoint lets go of the port when its last task ends.
            let free = std::net::UdpSocket::bind(config.address).is_ok();
            if free {
                break echo_server(config.clone(), &guests, &threads.handle(), &heard).await;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    for lane in [Lane::Control, Lane::Log, Lane::Snapshot] {
        ask_until_answered(&pool, lane).await;
    }
    assert_eq!(restarted.connections().len(), 2);
    pool.remove_peer(1);
    assert!(pool.health(1).is_none());
    soon(async {
        while !restarted.connections().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_node_the_membership_does_not_list_learns_why_it_has_no_link() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let config = home.server_config(Role::Node, 1);
        let server = echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await;
        let pool: PeerPool<Echo> = PeerPool::new(home.dialer(Role::Node, home.node(7)), HOME, threads.handle());
        pool.set_peer(1, &server.local_address().to_string());
        let refused = LinkFailure::Refused { reason: AuthRefusal::NotAMember };
        soon(async {
            while pool.health(1).unwrap().last_failure.as_ref() != Some(&refused) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert!(!pool.health(1).unwrap().up);
    })
    .await;
}

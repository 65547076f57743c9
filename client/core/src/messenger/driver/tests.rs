//! What the driver makes of events that come in an order of their own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::time::SystemTime;

use raftchat_certs::{Authorities, Subject};
use raftchat_model::{Connection, Shown};
use raftchat_schema::id::{NodeId, UserId};
use tokio::task::LocalSet;

use super::*;
use crate::options::ClientOptions;
use crate::profile::{ClientConfig, NodeEntry, Profile};

/// A client that finds no node.
fn alone() -> Client {
    let authorities = Authorities::create(SystemTime::now()).unwrap();
    let leaf = authorities.issue_device("alice", SystemTime::now()).unwrap();
    let anchors = authorities.anchors_for(&Subject::device("alice").unwrap());
    let nodes = vec![NodeEntry { node: 1, address: "127.0.0.1:9".to_owned() }];
    let config = ClientConfig { cluster: authorities.cluster().to_string(), nodes };
    Client::start(Profile::in_memory(config, leaf, anchors), ClientOptions::default()).unwrap()
}

#[tokio::test]
async fn a_feed_that_has_caught_up_before_its_link_was_looked_at_has_caught_up() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), UserId(1)).unwrap();
    let stored = store.head().unwrap().stored;
    let (updates, mut shown) = mpsc::unbounded_channel();
    let caught_up = async {
        let (mut driver, _first) = Driver::new(store, stored, alone(), updates, CleanAfter::default());
        let (link, links) = watch::channel(LinkState::Connecting);
        driver.links = links;
        link.send(LinkState::Connected { node: NodeId(1), address: String::new(), rtt: Duration::ZERO }).unwrap();
        driver.hear(Some(FeedEvent::CaughtUp { cursor: Vec::new() })).unwrap();
        driver.look_at_link().unwrap();
    };
    LocalSet::new().run_until(caught_up).await;
    let mut connections = Vec::new();
    while let Some(turn) = shown.recv().await {
        connections.extend(turn.into_iter().filter_map(|update| match update {
            Update::Show(Shown::Connection(connection)) => Some(connection),
            _ => None,
        }));
    }
    assert_eq!(connections.last(), Some(&Connection::Online { node: NodeId(1), rtt_ms: 0 }));
}

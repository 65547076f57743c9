//! Who runs the cluster, at a shell beside its directory. Knows nothing of what happens.

use std::time::Duration;

use raftchat_tests::ctl::{Answer, Ctl};
use raftchat_tests::network::{CLIENT_PORT, Family, PEER_PORT};
use tokio::time::sleep;

use super::stage::Stage;
use crate::PROGRAM;

/// How often the same is asked for again, as the documents say.
const TRIES: u32 = 20;

async fn types(stage: &Stage, command: &str, words: &[&str]) -> Answer {
    let dir = stage.cluster.dir().to_str().unwrap();
    let arguments = [&["cluster", command, "--dir", dir], words].concat();
    let mut pause = Duration::from_millis(250);
    let mut tries = 1;
    loop {
        let answer = Ctl(PROGRAM.into()).call(&arguments, "");
        if answer.status == 0 || tries == TRIES || (tries > 1 && answer.error() == "no-such-node") {
            return answer;
        }
        tries += 1;
        sleep(pause).await;
        pause = Duration::from_secs(2).min(pause * 2);
    }
}

/// Removes a node, and has another come in its place, with an empty disk.
pub(super) async fn replaces(stage: &mut Stage, node: u64) {
    if stage.cluster.runs(node) {
        stage.cluster.kill(node);
    }
    let removed = types(stage, "remove", &[&node.to_string()]).await;
    assert!(removed.status == 0 || removed.error() == "no-such-node", "{removed:?}");
    stage.cluster.let_go(node);
    stage.disks.remove(&node);
    let place = stage.places.remove(&node).unwrap();

    let host = stage.network.at(Family::Four, place, CLIENT_PORT).ip().to_string();
    let ports = [CLIENT_PORT, PEER_PORT].map(|port| port.to_string());
    let [client, peer] = &ports;
    let added = types(stage, "add", &["--host", &host, "--client-port", client, "--peer-port", peer]).await;
    let new = added.one()["node"].as_u64().unwrap();
    if !stage.disks.is_empty() {
        stage.gives_disk(new).unwrap();
    }
    let namespace = std::sync::Arc::clone(stage.network.node(place));
    stage.cluster.take_in_at(new, namespace);
    stage.places.insert(new, place);
    stage.cluster.start_node(new);
    let promoted = types(stage, "promote", &[&new.to_string()]).await;
    assert_eq!(promoted.one()["role"], "voter");
    println!("    node {new} has come in place of node {node}");
}

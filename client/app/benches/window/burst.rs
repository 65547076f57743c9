//! Real nodes, and bob, who says two hundred things a second to alice, whose window is open.

use std::time::Duration;

use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::{fresh_id, says, with};
use raftchat_tests::soon;
use tokio::time::MissedTickBehavior;

const MESSAGES: u32 = 1000;
const EVERY: Duration = Duration::from_millis(5);

/// Measures a chat in which bob says a thousand things.
pub(crate) fn measure() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bob_talks_much());
}

async fn bob_talks_much() {
    let program = std::env::current_exe().unwrap();
    let cluster = Cluster::start(program.to_str().unwrap(), 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    bob.say("alice", "Listen").await;
    let profile = alice.profile.clone();
    drop(alice);
    let mut window = crate::window(&profile, "hear");
    // Not a wait for something but the time in which the window opens what it has.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut said = tokio::task::JoinSet::new();
    for number in 1..=MESSAGES {
        clock.tick().await;
        let client = bob.client.clone();
        said.spawn(async move {
            client.send(&with("alice"), fresh_id(), says(&format!("Message {number}"))).await.unwrap();
        });
    }
    soon("all is said", said.join_all()).await;
    // The same: the last is on its way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(window.stdin.take());
    window.wait().unwrap();
}

//! A node's first start, and its snapshots.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};

use raftchat_tests::cluster::Cluster;
use raftchat_tests::cuts::{Doomed, End, Files, SYNCS, WHOLE_FILES};
use raftchat_tests::disks::Disk;
use raftchat_tests::people::Person;
use raftchat_tests::until;

use super::{SYNCS_MAX, disk};
use crate::PROGRAM;

/// A message more than so many are said before snapshots have been made.
const SAID: usize = 70;

/// Puts what a node that never ran keeps on the disk.
fn on_disk(cluster: &Cluster, disk: &Disk, at: u64) {
    let (data, there) = (cluster.dir().join("node-1/data"), disk.path().join(format!("data-{at}")));
    let mark = fs::read(data.join("NEW")).unwrap();
    fs::create_dir(&there).unwrap();
    fs::write(there.join("NEW"), mark).unwrap();
    fs::File::open(there.join("NEW")).unwrap().sync_all().unwrap();
    fs::File::open(&there).unwrap().sync_all().unwrap();
    fs::remove_dir_all(&data).unwrap();
    symlink(there, data).unwrap();
}

fn doomed(cluster: &Cluster, before: &str, at: u64) -> Doomed {
    let config = cluster.config(1);
    let log = cluster.log_path(1);
    let words = ["--log", raftchat_node::daemon::LOG_FILTER, "node", "--config"].map(OsStr::new);
    let words = [&words[..], &[config.as_os_str()]].concat();
    Doomed::start(before, at, PROGRAM, &words, Files { input: None, log: Some(log) })
}

fn small(config: &mut raftchat_node::config::NodeConfig) {
    (config.snapshot_entries, config.keep_entries) = (20, 5);
    config.disk.reserve_mib = 8;
}

/// It serves, after its power was cut.
async fn serves(cluster: &Cluster, what: &str) {
    println!("{what}");
    cluster.start_all();
    cluster.serving(1).await;
}

#[tokio::test]
async fn a_node_starts_again_whenever_its_first_start_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = disk(dir.path()) else { return };
    for at in 1..SYNCS_MAX {
        let cluster = Cluster::make(PROGRAM, 1, small);
        on_disk(&cluster, &disk, at);
        let mut node = doomed(&cluster, SYNCS, at);
        let end = until("it is cut, or serves", async || {
            let serves = cluster.log(1).contains("serving");
            node.end().or(serves.then_some(End::Done))
        })
        .await;
        node.cut(&disk);
        serves(&cluster, &format!("the first start, cut before sync {at}: {end:?}")).await;
        cluster.kill(1);
        fs::remove_dir_all(disk.path().join(format!("data-{at}"))).unwrap();
        if end == End::Done {
            assert!(at > 5, "{at}");
            return;
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_whenever_a_snapshot_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = disk(dir.path()) else { return };
    for at in 1..SYNCS_MAX {
        let cluster = Cluster::make(PROGRAM, 1, small);
        on_disk(&cluster, &disk, at);
        cluster.start_all();
        cluster.serving(1).await;
        let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
        cluster.kill(1);
        let mut node = doomed(&cluster, WHOLE_FILES, at);
        let said = Arc::new(Mutex::new(Vec::new()));
        let speaker = tokio::spawn(speaks(alice, Arc::clone(&said)));
        let end = until("it is cut, or all is said", async || {
            let all = said.lock().unwrap().len() >= SAID;
            node.end().or(all.then_some(End::Done))
        })
        .await;
        node.cut(&disk);
        speaker.abort();
        serves(&cluster, &format!("snapshots, cut before {at}: {end:?}")).await;
        let read = bob.read("alice").await;
        for (position, text) in said.lock().unwrap().iter() {
            assert!(
                read.contains(&(*position, Some(text.clone()))),
                "{text} was acknowledged at {position} and is lost"
            );
        }
        cluster.kill(1);
        fs::remove_dir_all(disk.path().join(format!("data-{at}"))).unwrap();
        if end == End::Done {
            assert!(at > 5, "{at}");
            return;
        }
    }
}

async fn speaks(alice: Person, said: Arc<Mutex<Vec<(u64, String)>>>) {
    for number in 0..=SAID {
        let text = format!("number {number}");
        let sent = alice.say("bob", &text).await;
        said.lock().unwrap().push((sent.position.0, text));
    }
}

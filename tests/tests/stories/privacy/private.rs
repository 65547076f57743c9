//! What a node keeps and writes is for its owner's eyes alone, however it was left lying before.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use raftchat_tests::cluster::Cluster;

use crate::PROGRAM;

/// What others than the owner could get at under a directory, and it itself.
fn open_to_others(path: &Path) -> Vec<PathBuf> {
    let mut open = Vec::new();
    if path.metadata().is_ok_and(|found| found.permissions().mode() & 0o077 != 0) {
        open.push(path.to_owned());
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        open.extend(open_to_others(&entry.path()));
    }
    open
}

#[tokio::test]
async fn a_data_directory_is_closed_to_others_and_a_crash_leaves_no_memory_on_the_disk() {
    let cluster = Cluster::make(PROGRAM, 1, |_| {});
    let data = cluster.dir().join("node-1/data");
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    cluster.start_all();
    cluster.serving(1).await;
    let (alice, _bob) = (cluster.person("alice").await, cluster.person("bob").await);
    alice.say("bob", "for your eyes only").await;
    assert_eq!(open_to_others(&data), [] as [PathBuf; 0]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", cluster.pid(1))).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    cluster.kill_all();
}

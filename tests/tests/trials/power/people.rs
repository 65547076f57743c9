//! What a device keeps when somebody logs in, and a cluster that is added to.

use std::fs;
use std::path::Path;
use std::process::Command;

use raftchat_tests::cluster::Cluster;
use raftchat_tests::ctl::Ctl;
use raftchat_tests::cuts::End;
use raftchat_tests::disks::Disk;
use raftchat_tests::people::PASSWORD;
use serde_json::Value;

use super::{ctl, disk, each_sync, text};
use crate::PROGRAM;

/// Copies a directory to the disk, for good.
fn copy(from: &Path, disk: &Disk, name: &str) -> String {
    let to = text(&disk.path().join(name));
    assert!(Command::new("cp").args(["-a", &text(from), &to]).status().unwrap().success());
    assert!(Command::new("sync").args(["-f", &to]).status().unwrap().success());
    to
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_kept_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = disk(dir.path()) else { return };
    let cluster = Cluster::start(PROGRAM, 1, |_| {}).await;
    let _alice = cluster.person("alice").await;
    let password = dir.path().join("password");
    fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let profile = copy(&cluster.device("laptop"), &disk, "laptop");
    let chat = |words: &[&str], input: &str| {
        Ctl(PROGRAM.into()).call(&[&["chat", "--profile", &profile], words].concat(), input)
    };
    let words = |_| ["chat", "--profile", &profile, "login", "alice", "--password-stdin"].map(str::to_owned).to_vec();
    let cuts = each_sync(&disk, Some(&password), words, |_, end| {
        let who = chat(&["whoami"], "");
        let logged_in = who.status == 0;
        assert!(logged_in || who.error() == "session-ended", "{who:?}");
        assert!(logged_in || end == End::Cut, "a session that was told of is lost");
        let again = chat(&["login", "alice", "--password-stdin"], &format!("{PASSWORD}\n"));
        assert_eq!(again.status, 0, "{again:?}");
        assert_eq!(chat(&["logout"], "").status, 0);
    });
    println!("chat login was cut {cuts} times");
    assert!(cuts > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_added_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = disk(dir.path()) else { return };
    let cluster = Cluster::start(PROGRAM, 1, |_| {}).await;
    cluster.authorities().save(&cluster.dir().join("pki")).unwrap();
    fs::create_dir(disk.path().join("home")).unwrap();
    let home = text(&disk.path().join("home"));
    for part in ["pki", "node-1"] {
        copy(&cluster.dir().join(part), &disk, &format!("home/{part}"));
    }
    let words = |_| ["cluster", "add", "--dir", &home].map(str::to_owned).to_vec();
    let mut tries = 0;
    let cuts = each_sync(&disk, None, words, |_, _| {
        tries += 1;
        let again = ctl(&["cluster", "add", "--dir", &home]);
        assert_eq!(again.status, 0, "{again:?}");
        let members = ctl(&["cluster", "members", "--dir", &home]);
        assert_eq!(members.status, 0, "{members:?}");
        for node in members.lines.iter().filter_map(|line| line["node"].as_u64()).filter(|node| *node != 1) {
            let config = Path::new(&home).join(format!("node-{node}/node.toml"));
            let there = raftchat_node::config::NodeConfig::load(&config);
            assert!(there.is_ok(), "the cluster knows node {node}, whose directory is lost: {there:?}");
            let removed = ctl(&["cluster", "remove", "--dir", &home, &node.to_string()]);
            assert_eq!(
                removed.lines.last().map(|line| line["role"].clone()),
                Some(Value::from("removed")),
                "{removed:?}"
            );
        }
    });
    println!("cluster add was cut {cuts} times");
    assert!(cuts > 3);
}

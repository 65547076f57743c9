//! The power is cut right before each of the syncs that a program makes for itself, one after the other, and what was not synced
//! is lost: whatever it keeps is whole then, or not there, and it goes on from there. A first start, `cluster init`, `device` and
//! `add`, a login, snapshots.
//!
//! Needs root, loop devices, `perl` and `strace`; where one is missing, a trial says so and tells nothing.

mod node;
mod people;

use std::ffi::OsStr;
use std::path::Path;
use std::time::SystemTime;

use raftchat_certs::{Authorities, LeafFiles};
use raftchat_node::config::NodeConfig;
use raftchat_tests::ctl::{Answer, Ctl};
use raftchat_tests::cuts::{self, Doomed, End, Files, SYNCS};
use raftchat_tests::disks::Disk;
use raftchat_tests::places;

use crate::PROGRAM;

/// Large enough for what one trial keeps.
const DISK_MIB: u64 = 300;
/// No program here makes more syncs in one thread.
const SYNCS_MAX: u64 = 200;

/// Where a trial takes place, or why not.
fn disk(dir: &Path) -> Option<Disk> {
    match cuts::can_be().and_then(|()| Disk::make(dir, "disk", DISK_MIB)) {
        Ok(disk) => Some(disk),
        Err(reason) => {
            println!("not tried: {reason}");
            None
        }
    }
}

/// Runs `raftchatctl` with these words again and again, and cuts the power before its first sync, its second and so on, until it
/// makes no more. `words` and `then` are told how often it was tried.
fn each_sync(
    disk: &Disk,
    input: Option<&Path>,
    words: impl Fn(u64) -> Vec<String>,
    mut then: impl FnMut(u64, End),
) -> u64 {
    for at in 1..SYNCS_MAX {
        let words = words(at);
        let words: Vec<_> = words.iter().map(OsStr::new).collect();
        let files = Files { input: input.map(Path::to_owned), log: None };
        let mut doomed = Doomed::start(SYNCS, at, PROGRAM, &words, files);
        let end = doomed.ends();
        doomed.cut(disk);
        then(at, end);
        if end == End::Done {
            return at - 1;
        }
    }
    panic!("it never comes to its end");
}

fn ctl(words: &[&str]) -> Answer {
    Ctl(PROGRAM.into()).call(words, "")
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Nothing is missing in a cluster's directory.
fn is_whole(home: &Path) {
    Authorities::load(&home.join("pki")).unwrap();
    let config = NodeConfig::load(&home.join("node-1/node.toml")).unwrap();
    LeafFiles::load(&config.certs, SystemTime::now()).unwrap();
    assert!(home.join("node-1/data/NEW").metadata().unwrap().len() > 0);
}

#[test]
fn a_cluster_is_made_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = disk(dir.path()) else { return };
    let port = places::next().port().to_string();
    let home = |at| text(&disk.path().join(format!("home-{at}")));
    let words =
        |at| ["cluster", "init", "--nodes", "1", "--base-port", &port, "--dir", &home(at)].map(str::to_owned).to_vec();
    let cuts = each_sync(&disk, None, words, |at, end| {
        let home = home(at);
        let there = Path::new(&home).exists();
        assert!(there || end == End::Cut, "it was said to be made, and is lost");
        let again = ctl(&["cluster", "init", "--nodes", "1", "--base-port", &port, "--dir", &home]);
        assert_eq!(again.status == 0, !there, "{again:?}");
        is_whole(Path::new(&home));
    });
    println!("cluster init was cut {cuts} times");
    assert!(cuts > 10);
}

#[test]
fn a_device_is_made_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = disk(dir.path()) else { return };
    let home = text(&disk.path().join("home"));
    let made =
        ctl(&["cluster", "init", "--nodes", "1", "--base-port", &places::next().port().to_string(), "--dir", &home]);
    assert_eq!(made.status, 0, "{made:?}");
    let name = |at| format!("device-{at}");
    let words = |at| ["cluster", "device", "--dir", &home, &name(at)].map(str::to_owned).to_vec();
    let cuts = each_sync(&disk, None, words, |at, end| {
        let profile = Path::new(&home).join("devices").join(name(at));
        let there = profile.exists();
        assert!(there || end == End::Cut, "it was said to be made, and is lost");
        let again = ctl(&["cluster", "device", "--dir", &home, &name(at)]);
        assert_eq!(again.status == 0, !there, "{again:?}");
        raftchat_client::Profile::open(&profile).unwrap();
    });
    println!("cluster device was cut {cuts} times");
    assert!(cuts > 3);
}

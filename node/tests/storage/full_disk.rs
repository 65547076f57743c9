//! A disk that is full: the failure is told, and nothing is acknowledged any more.

use std::path::Path;
use std::process::Command;

use raftchat_node::store::{LogRecord, StoreError};

use crate::support::{append, open, place, record, vote};

/// A small file system in memory, unmounted at the end.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "none"]).arg(path).output().ok()?;
        mounted.status.success().then_some(Self(path))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        if !Command::new("umount").arg("--lazy").arg(self.0).status().is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.0.display());
        }
    }
}

#[test]
fn a_full_disk_is_told_and_ends_all_acknowledging() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(dir.path()) else {
        eprintln!("not tried: mounting needs rights that this user does not have");
        return;
    };
    let stores = open(dir.path()).unwrap();
    vote(&stores.log, 1).unwrap();
    let mut noise = 1_u64;
    let mut large = |index| {
        // Not to be compressed away.
        let bytes = (0..100_000).map(|_| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.to_be_bytes()[0]
        });
        LogRecord { id: place(1, index), entry: bytes.collect::<Vec<_>>().into() }
    };
    let mut acknowledged = 0_u64;
    let refused = (0..200).find_map(|index| {
        let refused = append(&stores.log, vec![large(index)]).err();
        acknowledged += u64::from(refused.is_none());
        refused
    });
    assert!(matches!(refused, Some(StoreError::Failed(_))), "{refused:?}");
    let reason = stores.failures.reason().expect("the failure is reported");
    assert!(reason.contains("free space") && !reason.contains("must not vote"), "{reason}");
    let next = stores.log.bounds().next_index();
    assert!(append(&stores.log, vec![record(1, next)]).is_err());
    assert!(vote(&stores.log, 2).is_err());
    assert!(stores.log.wait_synced(next).is_err());
    drop(stores);

    // As long as there is no room it says so and nothing else; with room it goes on, with all that it has acknowledged.
    if let Err(error) = open(dir.path()) {
        let told = error.to_string();
        assert!(told.contains("free space") && !told.contains("must not vote"), "{told}");
    }
    let grown = Command::new("mount").args(["-t", "tmpfs", "-o", "remount,size=64m", "none"]).arg(dir.path()).status();
    assert!(grown.unwrap().success());
    let stores = open(dir.path()).unwrap();
    assert!(stores.log.bounds().next_index() >= acknowledged);
    append(&stores.log, vec![record(1, stores.log.bounds().next_index())]).unwrap();
}

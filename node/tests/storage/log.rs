//! The log by itself: what is read back, and when.

use raftchat_node::store::{Failures, LogRecord, StoreError, StoreSettings, Stores};
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::{Entry, EntryPayload};
use raftchat_schema::wire;

use raftchat_state::Writes;

use crate::support::{append, open, place, record, vote, wait};

fn indices(stores: &Stores, from: u64, to: u64) -> Vec<u64> {
    stores.log.read(from, to).unwrap().iter().map(|record| record.id.index).collect()
}

#[test]
fn entries_are_read_as_soon_as_they_are_handed_over_and_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open(dir.path()).unwrap();
    vote(&stores.log, 3).unwrap();
    let records: Vec<_> = (0..500).map(|index| record(3, index)).collect();
    wait(|done| {
        stores.log.append(records.clone(), done).unwrap();
        assert_eq!(stores.log.read(0, 500).unwrap(), records);
    })
    .unwrap();
    stores.log.wait_synced(499).unwrap();
    stores.log.note_committed(Some(place(3, 400)));
    append(&stores.log, vec![record(3, 500)]).unwrap();
    stores.close().unwrap();
    drop(stores);

    let stores = open(dir.path()).unwrap();
    assert_eq!(stores.log.vote().unwrap().term, 3);
    assert_eq!(stores.log.committed(), Some(place(3, 400)));
    assert_eq!(stores.log.read(0, 500).unwrap(), records);
    assert!(!stores.log.is_in_memory(0, 10));
    let some = stores.log.read_some(10, 400, 300).unwrap();
    assert!(!some.is_empty() && some.len() < 10 && some[0].id.index == 10);
}

#[test]
fn a_cut_leaves_no_hole_and_the_log_goes_on_from_there() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open(dir.path()).unwrap();
    vote(&stores.log, 1).unwrap();
    append(&stores.log, (0..50).map(|index| record(1, index)).collect()).unwrap();
    wait(|done| stores.log.truncate(30, done).unwrap()).unwrap();
    assert_eq!(stores.log.bounds().last, Some(place(1, 29)));
    vote(&stores.log, 2).unwrap();
    append(&stores.log, (30..35).map(|index| record(2, index)).collect()).unwrap();
    assert!(matches!(stores.log.append(vec![record(2, 37)], Box::new(|_| ())), Err(StoreError::NotNext { .. })));
    drop(stores);

    let stores = open(dir.path()).unwrap();
    assert_eq!(stores.log.bounds().last, Some(place(2, 34)));
    assert_eq!(indices(&stores, 28, 99), (28..35).collect::<Vec<_>>());
    wait(|done| stores.log.truncate(0, done).unwrap()).unwrap();
    assert_eq!(stores.log.bounds().last, None);
    drop(stores);
    assert_eq!(open(dir.path()).unwrap().log.bounds().last, None);
}

#[test]
fn purged_entries_are_gone_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open(dir.path()).unwrap();
    vote(&stores.log, 1).unwrap();
    append(&stores.log, (0..3000).map(|index| record(1, index)).collect()).unwrap();
    // As a snapshot would have it: what is purged is in the state.
    let applied = raftchat_node::store::AppliedState { log_id: Some(place(1, 2600)), ..Default::default() };
    stores.state.commit(&Writes::default(), &applied, None).unwrap();
    stores.state.sync().unwrap();
    wait(|done| stores.log.purge(place(1, 2500), done)).unwrap();
    assert_eq!(indices(&stores, 0, 2503), [2501, 2502]);
    append(&stores.log, vec![record(1, 3000)]).unwrap();
    stores.close().unwrap();
    drop(stores);

    let stores = open(dir.path()).unwrap();
    assert_eq!(stores.log.bounds().purged, Some(place(1, 2500)));
    assert_eq!(indices(&stores, 0, 9999), (2501..=3000).collect::<Vec<_>>());
    // A snapshot from elsewhere is ahead of all that is here.
    wait(|done| stores.log.purge(place(4, 9000), done)).unwrap();
    vote(&stores.log, 4).unwrap();
    append(&stores.log, vec![record(4, 9001)]).unwrap();
    let applied = raftchat_node::store::AppliedState { log_id: Some(place(4, 9000)), ..Default::default() };
    stores.state.commit(&Writes::default(), &applied, None).unwrap();
    drop(stores);
    assert_eq!(indices(&open(dir.path()).unwrap(), 0, 9999), [9001]);
}

/// Whether that text is in any file under a directory.
pub(crate) fn is_found(dir: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_found(&path, text);
        }
        std::fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes())
    })
}

/// A log of which the first ten entries, one with planted words among them, are purged.
fn purged(dir: &std::path::Path) -> Stores {
    let stores = open(dir).unwrap();
    vote(&stores.log, 1).unwrap();
    append(&stores.log, (0..5).map(|index| record(1, index)).collect()).unwrap();
    let planted = Entry { log_id: place(1, 5), payload: EntryPayload::Batch(b"PLANTED-words".to_vec()) };
    let planted = LogRecord { id: planted.log_id, entry: wire::encode_entry(&planted).into() };
    append(&stores.log, vec![planted]).unwrap();
    append(&stores.log, (6..20).map(|index| record(1, index)).collect()).unwrap();
    let applied = raftchat_node::store::AppliedState { log_id: Some(place(1, 12)), ..Default::default() };
    stores.state.commit(&Writes::default(), &applied, None).unwrap();
    stores.state.sync().unwrap();
    wait(|done| stores.log.purge(place(1, 10), done)).unwrap();
    stores
}

#[test]
fn what_was_purged_is_in_no_file_once_the_log_was_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let stores = purged(dir.path());
    assert!(is_found(dir.path(), "PLANTED-words"), "a purge alone leaves it in the journal");
    wait(|done| stores.log.renew(done)).unwrap();
    assert!(!is_found(dir.path(), "PLANTED-words"));
    assert_eq!(indices(&stores, 0, 99), (11..20).collect::<Vec<_>>());
    append(&stores.log, vec![record(1, 20)]).unwrap();
    vote(&stores.log, 2).unwrap();
    stores.close().unwrap();
    drop(stores);
    let stores = open(dir.path()).unwrap();
    assert_eq!(indices(&stores, 0, 99), (11..=20).collect::<Vec<_>>());
    assert_eq!(stores.log.vote().unwrap().term, 2);
}

#[test]
fn a_log_whose_exchange_for_another_was_interrupted_anywhere_is_whole() {
    // What there may be beside the log: the new one, begun or whole; the old one, whole or half removed.
    for (log, old, new) in [(true, false, true), (false, true, true), (true, true, false), (false, true, false)] {
        let dir = tempfile::tempdir().unwrap();
        drop(purged(dir.path()));
        let at = |name: &str| dir.path().join(name);
        if old {
            std::fs::rename(at("log"), at("log.old")).unwrap();
        }
        if log && old {
            copy_dir(&at("log.old"), &at("log"));
            std::fs::remove_file(at("log.old/0.jnl")).unwrap();
        }
        if new {
            std::fs::create_dir(at("log.new")).unwrap();
            std::fs::write(at("log.new/0.jnl"), "begun").unwrap();
        }
        let stores = open(dir.path()).unwrap();
        assert_eq!(indices(&stores, 0, 99), (11..20).collect::<Vec<_>>(), "log {log} old {old} new {new}");
        assert!(!at("log.old").exists() && !at("log.new").exists());
    }
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy_dir(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

#[test]
fn a_directory_is_one_nodes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(StoreError::InUse { .. })));
    drop(stores);
    let other = |node, cluster| {
        Stores::open(dir.path(), NodeId(node), cluster, &StoreSettings::default(), Failures::default()).unwrap_err()
    };
    assert!(matches!(other(2, "ship"), StoreError::OtherIdentity { found_node: 1, .. }));
    assert!(matches!(other(1, "house"), StoreError::OtherIdentity { .. }));
}

//! The log by itself: what is read back, and when.

use raftchat_node::store::{Failures, StoreError, StoreSettings, Stores};
use raftchat_schema::id::NodeId;

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

//! Snapshots: the same bytes for the same state, the same state from the bytes, and nothing from damaged ones.

use std::fs;
use std::path::Path;

use raftchat_node::store::{AppliedState, SnapshotFile, StoreError, Stores};
use raftchat_schema::command::{Command, Recipient};
use raftchat_schema::id::{NodeId, SessionId, UserId};
use raftchat_schema::stored::{Member, Membership, StoredMembership};
use raftchat_state::suite;

use raftchat_state::Writes;

use crate::state::apply;
use crate::support::{append, open, place, record, vote};

fn story(stores: &Stores) {
    let member = Member { peer_address: "n1:7400".into(), ..Member::default() };
    let membership = Membership { configs: vec![vec![NodeId(1)]], members: vec![(NodeId(1), member)] };
    let membership = StoredMembership { log_id: Some(place(1, 0)), membership };
    let applied = AppliedState { log_id: Some(place(1, 0)), membership, ..AppliedState::default() };
    stores.state.commit(&Writes::default(), &applied, None).unwrap();
    apply(&stores.state, 1, &[suite::register("alice", 1), suite::register("bob", 2)]);
    for index in 2..40 {
        let id = u8::try_from(index).unwrap();
        let said: Vec<Command> =
            vec![suite::say(SessionId(1), Recipient::Direct(UserId(2)), id, &"so it is. ".repeat(900))];
        apply(&stores.state, index, &said);
    }
}

fn told(dir: &Path) -> (Stores, SnapshotFile) {
    let stores = open(dir).unwrap();
    vote(&stores.log, 1).unwrap();
    append(&stores.log, (0..40).map(|index| record(1, index)).collect()).unwrap();
    story(&stores);
    let file = stores.snapshots.build(&stores.state.view()).unwrap();
    (stores, file)
}

/// Receives the file's bytes from where the reception stands.
fn receive(stores: &Stores, file: &SnapshotFile, bytes: &[u8]) -> Result<SnapshotFile, StoreError> {
    let mut reception = stores.snapshots.receive(&file.id, bytes.len() as u64).unwrap();
    let mut offset = usize::try_from(reception.have()).unwrap();
    while offset < bytes.len() {
        let end = bytes.len().min(offset + 100_000);
        reception.write(offset as u64, &bytes[offset..end]).unwrap();
        offset = end;
    }
    reception.finish()
}

#[test]
fn the_same_state_gives_the_same_bytes_and_the_bytes_give_the_same_state() {
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let (alices, file) = told(dirs[0].path());
    let (_bobs, same) = told(dirs[1].path());
    let bytes = fs::read(&file.path).unwrap();
    assert!(bytes.len() > 300_000, "more than one block");
    assert_eq!(bytes, fs::read(&same.path).unwrap());
    assert_eq!(file.id, same.id);

    let carols = open(dirs[2].path()).unwrap();
    let old = carols.state.view();
    let received = receive(&carols, &file, &bytes).unwrap();
    carols.state.install(&received).unwrap();
    assert_eq!(old.applied().unwrap(), AppliedState::default(), "a view taken before shows what was before");
    let (ours, theirs) = (alices.state.view(), carols.state.view());
    assert_eq!(raftchat_state::state_hash(&ours).unwrap(), raftchat_state::state_hash(&theirs).unwrap());
    assert_eq!(theirs.applied().unwrap().log_id, file.header.last_applied);
    assert_eq!(theirs.applied().unwrap().membership, ours.applied().unwrap().membership);
    let again = carols.snapshots.build(&theirs).unwrap();
    assert_eq!(fs::read(&again.path).unwrap(), bytes);
    drop((old, theirs));
    drop(carols);

    let carols = open(dirs[2].path()).unwrap();
    assert_eq!(carols.state.applied().unwrap().log_id, file.header.last_applied);
    assert_eq!(carols.snapshots.current().map(|file| file.id), Some(file.id));
    let states = fs::read_dir(dirs[2].path()).unwrap().filter_map(Result::ok);
    let states = states.filter(|entry| entry.file_name().to_string_lossy().starts_with("state-"));
    assert_eq!(states.count(), 1, "the state before is gone");
}

#[test]
fn a_transfer_goes_on_where_it_was_interrupted() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (_alices, file) = told(dirs[0].path());
    let bytes = fs::read(&file.path).unwrap();
    let bobs = open(dirs[1].path()).unwrap();
    let mut reception = bobs.snapshots.receive(&file.id, file.length).unwrap();
    assert!(matches!(reception.write(5, b"x"), Err(StoreError::SnapshotOffset { offset: 5, have: 0 })));
    reception.write(0, &bytes[..70_000]).unwrap();
    assert!(matches!(reception.finish(), Err(StoreError::SnapshotOffset { .. })));
    drop(bobs);

    let bobs = open(dirs[1].path()).unwrap();
    assert_eq!(bobs.snapshots.receive(&file.id, file.length).unwrap().have(), 70_000);
    assert_eq!(receive(&bobs, &file, &bytes).unwrap().header, file.header);
    // What is under way of another one is dropped.
    let mut other = bobs.snapshots.receive("9-9-9-beef", 10).unwrap();
    other.write(0, b"some").unwrap();
    drop(other);
    assert_eq!(bobs.snapshots.receive(&file.id, file.length).unwrap().have(), 0);
    assert_eq!(bobs.snapshots.receive("9-9-9-beef", 10).unwrap().have(), 0);
}

#[test]
fn a_damaged_snapshot_is_never_taken() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (_alices, file) = told(dirs[0].path());
    let bytes = fs::read(&file.path).unwrap();
    let bobs = open(dirs[1].path()).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 60 + 1).chain(0..70).chain(bytes.len() - 60..bytes.len()) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let outcome = receive(&bobs, &file, &damaged);
        assert!(outcome.is_err(), "byte {at}");
        assert_eq!(bobs.snapshots.current(), None);
    }
    assert!(matches!(receive(&bobs, &file, &bytes[..bytes.len() - 9]), Err(StoreError::DamagedSnapshot { .. })));
    let longer = [&bytes[..], b"more"].concat();
    assert!(matches!(receive(&bobs, &file, &longer), Err(StoreError::DamagedSnapshot { .. })));
    receive(&bobs, &file, &bytes).unwrap();
}

#[test]
fn a_snapshot_that_got_damaged_on_the_shelf_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (stores, file) = told(dir.path());
    drop(stores);
    let mut bytes = fs::read(&file.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&file.path, bytes).unwrap();
    assert_eq!(open(dir.path()).unwrap().snapshots.current(), None);
    assert!(!file.path.exists());
}

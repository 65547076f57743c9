//! The state's rows on disk: the state machine's own suite, and what becomes of a state that is damaged.

use std::ops::ControlFlow;
use std::path::Path;

use raftchat_node::store::state::StateSettings;
use raftchat_node::store::{AppliedState, StateStore, StoreError, Stores};
use raftchat_schema::command::Command;
use raftchat_schema::id::Stamp;
use raftchat_state::suite::{self, TestTables};
use raftchat_state::{Applied, Order, Rows, Writes};
use tempfile::TempDir;

use crate::support::{append, open, place, record, vote, wait};

struct OnDisk {
    _dir: TempDir,
    state: StateStore,
}

impl OnDisk {
    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = StateStore::open(dir.path(), &StateSettings::default()).unwrap();
        Self { _dir: dir, state }
    }
}

impl Rows for OnDisk {
    type Error = StoreError;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.state.view().get(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.state.view().scan(from, to, order, visit)
    }
}

impl TestTables for OnDisk {
    fn commit(&mut self, writes: Writes) {
        self.state.commit(&writes, &AppliedState::default(), None).unwrap();
    }
}

#[test]
fn the_rows_on_disk_are_what_the_state_machine_asks_for() {
    suite::run(OnDisk::empty);
}

/// Applies commands as the entry at `index`.
pub(crate) fn apply(state: &StateStore, index: u64, commands: &[Command]) -> Applied {
    let applied = raftchat_state::apply_batch(&state.view(), Stamp(1000 + index), commands).unwrap();
    let at = AppliedState { log_id: Some(place(1, index)), ..state.applied().unwrap() };
    state.commit(&applied.writes, &at, Some(applied.state_hash)).unwrap();
    applied
}

#[test]
fn a_view_shows_one_moment() {
    let disk = OnDisk::empty();
    apply(&disk.state, 0, &[suite::register("alice", 1)]);
    let before = disk.state.view();
    apply(&disk.state, 1, &[suite::register("bob", 2)]);
    let after = disk.state.view();
    assert_eq!(before.applied().unwrap().log_id, Some(place(1, 0)));
    assert_eq!(after.applied().unwrap().log_id, Some(place(1, 1)));
    let change = |view| raftchat_state::change_number(view).unwrap();
    assert!(change(&before) < change(&after));
}

fn entries_and_state(dir: &Path) -> Stores {
    let stores = open(dir).unwrap();
    vote(&stores.log, 1).unwrap();
    append(&stores.log, (0..40).map(|index| record(1, index)).collect()).unwrap();
    apply(&stores.state, 20, &[suite::register("alice", 1)]);
    stores
}

fn ruin_the_state(dir: &Path) {
    for entry in std::fs::read_dir(dir.join("state-1")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::write(&path, "ruined").unwrap();
        }
    }
}

#[test]
fn a_ruined_state_is_rebuilt_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    drop(entries_and_state(dir.path()));
    ruin_the_state(dir.path());
    let stores = open(dir.path()).unwrap();
    // Empty, and the whole log is here to be applied again.
    assert_eq!(stores.state.applied().unwrap(), AppliedState::default());
    assert_eq!(stores.log.bounds().next_index(), 40);
}

#[test]
fn a_ruined_state_is_rebuilt_from_a_snapshot_when_the_log_was_purged() {
    let dir = tempfile::tempdir().unwrap();
    let stores = entries_and_state(dir.path());
    stores.snapshots.build(&stores.state.view()).unwrap();
    let hash = raftchat_state::state_hash(&stores.state.view()).unwrap();
    wait(|done| stores.log.purge(place(1, 20), done)).unwrap();
    drop(stores);
    ruin_the_state(dir.path());
    let stores = open(dir.path()).unwrap();
    assert_eq!(stores.state.applied().unwrap().log_id, Some(place(1, 20)));
    assert_eq!(raftchat_state::state_hash(&stores.state.view()).unwrap(), hash);
    drop(stores);

    std::fs::remove_dir_all(dir.path().join("snap")).unwrap();
    std::fs::write(dir.path().join("CURRENT"), "state-99").unwrap();
    assert!(matches!(open(dir.path()), Err(StoreError::StateLost { .. })));
}

#[test]
fn a_state_that_is_ahead_of_the_log_says_that_the_log_is_shorter() {
    let dir = tempfile::tempdir().unwrap();
    let stores = entries_and_state(dir.path());
    apply(&stores.state, 40, &[suite::register("bob", 2)]);
    drop(stores);
    assert!(matches!(open(dir.path()), Err(StoreError::LogShorter { have: 40, witnessed: 40 })));
}

//! The state's rows on disk: the state machine's own suite, and what becomes of a state that is damaged.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use raftchat_node::store::state::StateSettings;
use raftchat_node::store::{AppliedState, Failures, StateStore, StoreError, StoreSettings, Stores};
use raftchat_schema::command::{Command, Recipient};
use raftchat_schema::id::{NodeId, SessionId, Stamp, UserId};
use raftchat_state::suite::{self, TestTables};
use raftchat_state::{Applied, Order, Rows, Writes};
use tempfile::TempDir;

use crate::support::{CLUSTER, append, open, place, record, vote, wait};

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

/// The tables of a state's rows.
fn tables(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tables(&path));
        } else if path.parent().is_some_and(|parent| parent.ends_with("tables")) {
            found.push(path);
        }
    }
    found
}

#[test]
fn tables_that_were_damaged_are_made_anew_at_the_next_start_and_not_met_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = StoreSettings::default();
    settings.state.memtable = 64 << 10;
    let open = || Stores::open(dir.path(), NodeId(1), CLUSTER, &settings, Failures::default());
    let stores = open().unwrap();
    vote(&stores.log, 1).unwrap();
    append(&stores.log, (0..40).map(|index| record(1, index)).collect()).unwrap();
    apply(&stores.state, 1, &[suite::register("alice", 1), suite::register("bob", 2)]);
    for index in 2..40 {
        let id = u8::try_from(index).unwrap();
        let text: String =
            (0..9000).map(|at| char::from(b'a' + u8::try_from((at * index * 7919) % 23).unwrap())).collect();
        apply(&stores.state, index, &[suite::say(SessionId(1), Recipient::Direct(UserId(2)), id, &text)]);
    }
    stores.snapshots.build(&stores.state.view()).unwrap();
    let hash = raftchat_state::state_hash(&stores.state.view()).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while tables(&dir.path().join("state-1")).is_empty() {
        assert!(Instant::now() < deadline, "nothing is written out");
        std::thread::yield_now();
    }
    stores.close().unwrap();
    drop(stores);

    for table in tables(&dir.path().join("state-1")) {
        let mut bytes = std::fs::read(&table).unwrap();
        // Where the rows are: what else is in a table is looked at when it is opened.
        let end = bytes.len() / 2;
        bytes[..end].iter_mut().for_each(|byte| *byte ^= 0x10);
        std::fs::write(&table, bytes).unwrap();
    }
    // It may be seen at once, or when the rows are read; either way the start after that finds all of them.
    if let Ok(stores) = open()
        && stores.state.applied().unwrap().log_id == Some(place(1, 39))
        && stores.snapshots.build(&stores.state.view()).is_err()
    {
        assert!(stores.state.is_damaged());
    }
    let stores = open().unwrap();
    assert!(!stores.state.is_damaged());
    assert_eq!(raftchat_state::state_hash(&stores.state.view()).unwrap(), hash);
    stores.snapshots.build(&stores.state.view()).expect("every row can be read");
}

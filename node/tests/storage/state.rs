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

use crate::corruption::Image;
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
    let current = std::fs::read_to_string(dir.join("CURRENT")).unwrap();
    for entry in std::fs::read_dir(dir.join(current.trim())).unwrap() {
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

/// A node whose rows are lost, with nothing to make them anew from.
fn lost() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let stores = entries_and_state(dir.path());
    stores.state.sync().unwrap();
    wait(|done| stores.log.purge(place(1, 20), done)).unwrap();
    drop(stores);
    ruin_the_state(dir.path());
    dir
}

fn open_among_others(dir: &Path) -> Result<Stores, StoreError> {
    let settings = StoreSettings { others: true, ..StoreSettings::default() };
    Stores::open(dir, NodeId(1), CLUSTER, &settings, Failures::default())
}

#[test]
fn rows_that_are_lost_are_had_from_the_others_and_the_log_is_kept_until_then() {
    let dir = lost();
    assert!(matches!(open(dir.path()), Err(StoreError::StateLost { .. })), "who is alone must not go on");
    for start in 0..3 {
        let stores = open_among_others(dir.path()).unwrap();
        let promised = stores.owed.promised().unwrap();
        assert_eq!(promised.last, Some(place(1, 39)), "start {start}");
        assert_eq!(promised.vote.map(|vote| vote.term), Some(1));
        assert_eq!(stores.log.vote(), promised.vote, "what was voted is kept");
        assert_eq!(stores.log.bounds(), raftchat_node::store::LogBounds::default());
        assert_eq!(stores.state.applied().unwrap(), AppliedState::default());
        assert!(dir.path().join("log.owed").is_dir());
    }
    // The same again before it has caught up: the disk is rotten.
    let stores = open_among_others(dir.path()).unwrap();
    append(&stores.log, vec![record(1, 20), record(1, 21)]).unwrap();
    wait(|done| stores.log.purge(place(1, 20), done)).unwrap();
    drop(stores);
    ruin_the_state(dir.path());
    assert!(matches!(open_among_others(dir.path()), Err(StoreError::StateLost { .. })));
}

#[test]
fn a_log_that_is_set_aside_half_way_is_put_back() {
    let dir = lost();
    // As if the power went between the two renames.
    std::fs::rename(dir.path().join("log"), dir.path().join("log.owed")).unwrap();
    assert!(matches!(open(dir.path()), Err(StoreError::StateLost { .. })));
    assert!(dir.path().join("log").is_dir() && !dir.path().join("log.owed").exists());
    assert!(open_among_others(dir.path()).is_ok());
}

#[test]
fn a_state_that_is_ahead_of_the_log_says_that_the_log_is_shorter() {
    let dir = tempfile::tempdir().unwrap();
    let stores = entries_and_state(dir.path());
    apply(&stores.state, 40, &[suite::register("bob", 2)]);
    drop(stores);
    assert!(matches!(open(dir.path()), Err(StoreError::LogShorter { have: 40, marked: 40 })));
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

/// A node whose rows are in tables, and a snapshot of them, together with the name of that.
fn with_tables() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let stores = open_small(dir.path()).unwrap();
    vote(&stores.log, 1).unwrap();
    append(&stores.log, (0..40).map(|index| record(1, index)).collect()).unwrap();
    apply(&stores.state, 1, &[suite::register("alice", 1), suite::register("bob", 2)]);
    for index in 2..40 {
        let id = u8::try_from(index).unwrap();
        let text: String =
            (0..9000).map(|at| char::from(b'a' + u8::try_from((at * index * 7919) % 23).unwrap())).collect();
        apply(&stores.state, index, &[suite::say(SessionId(1), Recipient::Direct(UserId(2)), id, &text)]);
    }
    let snapshot = stores.snapshots.build(&stores.state.view()).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while tables(&dir.path().join("state-1")).is_empty() {
        assert!(Instant::now() < deadline, "nothing is written out");
        std::thread::yield_now();
    }
    stores.close().unwrap();
    (dir, snapshot.id)
}

/// With so little memory for rows that they are soon in tables.
fn open_small(dir: &Path) -> Result<Stores, StoreError> {
    let mut settings = StoreSettings::default();
    settings.state.memtable = 64 << 10;
    Stores::open(dir, NodeId(1), CLUSTER, &settings, Failures::default())
}

/// Starts until every row is there and can be read. Who finds damage ends, having noted it, and the next start is sound: says
/// whether there was one.
fn is_sound_after_one_restart_at_most(dir: &Path, expected: &str, what: &str) -> bool {
    for start in 0..2 {
        let stores = open_small(dir).unwrap_or_else(|error| panic!("{what}, start {start}: {error}"));
        match stores.snapshots.build(&stores.state.view()) {
            Ok(snapshot) => {
                assert_eq!(snapshot.id, expected, "{what}: other rows");
                assert!(!stores.state.is_damaged(), "{what}");
                return start > 0;
            }
            Err(error) => assert!(error.is_damage_of_state() && stores.state.is_damaged(), "{what}: {error}"),
        }
        // As a node ends that has found damage: what is left to write may not be taken.
        drop(stores.close());
    }
    panic!("{what}: met again and again");
}

/// Damage to the tables, by its name.
type Damage = (&'static str, fn(&mut Vec<u8>));

#[test]
fn tables_that_were_damaged_are_made_anew_and_not_met_again_and_again() {
    let (dir, id) = with_tables();
    let image = Image::take(dir.path());
    let damages: [Damage; 6] = [
        ("rows", |bytes| (0..bytes.len() / 2).for_each(|at| bytes[at] ^= 0x10)),
        ("everything", |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x10)),
        ("zeros", |bytes| bytes.fill(0)),
        ("the end", |bytes| {
            let from = bytes.len().saturating_sub(4096);
            bytes[from..].fill(0);
        }),
        ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
        ("empty", Vec::clear),
    ];
    for (what, damage) in damages {
        let dir = image.put_down();
        for table in tables(&dir.path().join("state-1")) {
            let mut bytes = std::fs::read(&table).unwrap();
            damage(&mut bytes);
            std::fs::write(&table, bytes).unwrap();
        }
        is_sound_after_one_restart_at_most(dir.path(), &id, what);
        // What was put down was really damaged: the state is another than it was.
        assert!(!dir.path().join("state-1").exists(), "{what}: not made anew");
    }
}

#[test]
fn tables_that_are_missing_are_made_anew() {
    let (dir, id) = with_tables();
    for table in tables(&dir.path().join("state-1")) {
        std::fs::remove_file(table).unwrap();
    }
    is_sound_after_one_restart_at_most(dir.path(), &id, "missing");
    assert!(!dir.path().join("state-1").exists(), "not made anew");
}

#[test]
fn one_bit_anywhere_in_the_tables_is_harmless_or_found_when_it_is_read() {
    let (dir, id) = with_tables();
    let image = Image::take(dir.path());
    let mut found = 0_u32;
    for place in 0..60 {
        let dir = image.put_down();
        let tables = tables(&dir.path().join("state-1"));
        let table = &tables[place % tables.len()];
        let mut bytes = std::fs::read(table).unwrap();
        let at = bytes.len() * place / 60;
        bytes[at] ^= 1 << (place % 8);
        std::fs::write(table, bytes).unwrap();
        let what = format!("bit {} of byte {at} of {}", place % 8, table.display());
        found += u32::from(is_sound_after_one_restart_at_most(dir.path(), &id, &what));
    }
    // Many fall where the journal has the same rows, or a newer one: the snapshot is the same with them.
    assert!(found > 10, "only {found} flipped bits were noticed when they were read");
}

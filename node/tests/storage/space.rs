//! What a node keeps on disk follows what there is, not what was once written: the same rows written anew again and again, and a
//! log that is purged, take no more after a long time than after a short one, without a restart.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raftchat_node::store::{AppliedState, LogRecord, Stores};
use raftchat_schema::stored::{Entry, EntryPayload};
use raftchat_schema::wire;
use raftchat_state::Writes;

use crate::support::{append, open, place, vote, wait};

/// A journal ends at 64 MB, and is there until what is in it was written out.
const JOURNALS: u64 = 2 * (64 << 20);
/// What there is at a time, and tables that were not merged yet.
const TABLES: u64 = 40 << 20;

/// How many bytes of the disk the files in a directory take; fjall makes its journals longer than what is in them.
fn disk(dir: &Path) -> u64 {
    let mut bytes = 0;
    // A file may go while it is looked at.
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(found) = entry.metadata() else { continue };
        bytes += if found.is_dir() { disk(&entry.path()) } else { found.blocks() * 512 };
    }
    bytes
}

/// Bytes that cannot be compressed.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(bytes).collect()
}

/// Writes so many pieces of 100 KB, and says how much was on disk at the most meanwhile.
fn most(dir: &Path, pieces: u64, mut write: impl FnMut(u64)) -> u64 {
    let mut most = 0;
    for piece in 0..pieces {
        write(piece);
        if piece.is_multiple_of(20) {
            most = most.max(disk(dir));
        }
    }
    most
}

fn commit(stores: &Stores, index: u64) {
    let rows = (0..10).map(|row| (format!("row {row}").into_bytes(), Some(noise(index * 10 + row, 10_000)))).collect();
    let applied = AppliedState { log_id: Some(place(1, index)), ..AppliedState::default() };
    stores.state.commit(&Writes(rows), &applied, None).unwrap();
}

#[test]
fn rows_that_are_written_anew_again_and_again_take_no_more_space() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open(dir.path()).unwrap();
    let state = dir.path().join("state-1");
    let most = most(&state, 2200, |piece| commit(&stores, piece));
    println!("{} MB were written, {} MB were on disk", 220, most >> 20);
    assert!(most < JOURNALS + TABLES, "{} MB", most >> 20);
}

#[test]
fn a_log_that_is_purged_takes_no_more_space() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open(dir.path()).unwrap();
    vote(&stores.log, 1).unwrap();
    let log = dir.path().join("log");
    let most = most(&log, 2200, |index| {
        let entry = Entry { log_id: place(1, index), payload: EntryPayload::Batch(noise(index, 100_000)) };
        append(&stores.log, vec![LogRecord { id: entry.log_id, entry: Bytes::from(wire::encode_entry(&entry)) }])
            .unwrap();
        if index.is_multiple_of(50) && index > 100 {
            wait(|done| stores.log.purge(place(1, index - 100), done)).unwrap();
        }
    });
    println!("{} MB were written, {} MB were on disk", 220, most >> 20);
    assert!(most < JOURNALS + TABLES, "{} MB", most >> 20);
    // What was purged leaves the tables too, sooner or later.
    let deadline = Instant::now() + Duration::from_mins(1);
    while disk(&log) > JOURNALS + TABLES {
        assert!(Instant::now() < deadline, "{} MB", disk(&log) >> 20);
        std::thread::yield_now();
    }
}

//! A lower bound of what the log must hold, kept outside of it: a log that came back shorter does not look broken by
//! itself. Knows nothing of the log's own form.
//!
//! Two slots take turns, a block apart, so that a write that was cut off leaves the other whole. Noting is not synced:
//! an old watermark asks for less, and that is all it does. Where the log gets shorter on purpose, the watermark is lowered
//! and synced first.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use raftchat_schema::id::NodeId;
use raftchat_schema::stored::Vote;
use xxhash_rust::xxh3::xxh3_64;

use super::error::StoreError;
use super::files;
use super::log::Chain;

const SLOT_DISTANCE: u64 = 4096;
const SLOT: usize = 96;
const MAGIC: &[u8; 4] = b"rcw1";

/// What the log must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HighWater {
    /// The last entry that was acknowledged; none before the first.
    pub entry: Option<MarkedEntry>,
    /// The last vote that was given.
    pub vote: Option<Vote>,
}

/// An entry that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkedEntry {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// The chain's hash at it.
    pub chain: Chain,
}

/// The file that holds it.
#[derive(Debug)]
pub struct Watermark {
    file: File,
    path: PathBuf,
    turn: u64,
}

impl Watermark {
    /// Makes the file, durably, with nothing marked.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let mut zeros = vec![0; usize::try_from(SLOT_DISTANCE).unwrap_or(SLOT)];
        zeros.extend([0; SLOT]);
        files::replace(path, &zeros)?;
        let mut watermark = Self { file: open(path)?, path: path.to_owned(), turn: 0 };
        watermark.note(&HighWater::default())?;
        watermark.sync()?;
        Ok(watermark)
    }

    /// Opens the file and says what it holds.
    pub fn open(path: &Path) -> Result<(Self, HighWater), StoreError> {
        let lost = || StoreError::WatermarkLost { path: path.to_owned() };
        if !path.exists() {
            return Err(lost());
        }
        let file = open(path)?;
        let slots = [0, SLOT_DISTANCE].map(|offset| {
            let mut bytes = [0; SLOT];
            file.read_exact_at(&mut bytes, offset).ok()?;
            read(&bytes)
        });
        let (turn, high_water) = slots.into_iter().flatten().max_by_key(|(turn, _)| *turn).ok_or_else(lost)?;
        Ok((Self { file, path: path.to_owned(), turn }, high_water))
    }

    /// Notes what the log now holds, which must be durable there. Reaches the disk when the system finds time.
    pub fn note(&mut self, high_water: &HighWater) -> Result<(), StoreError> {
        self.turn = self.turn.saturating_add(1);
        let offset = if self.turn.is_multiple_of(2) { 0 } else { SLOT_DISTANCE };
        let bytes = write(self.turn, high_water);
        self.file.write_all_at(&bytes, offset).map_err(StoreError::io("writing", &self.path))
    }

    /// Makes what was noted durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(StoreError::io("syncing", &self.path))
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new().read(true).write(true).open(path).map_err(StoreError::io("opening", path))
}

fn write(turn: u64, high_water: &HighWater) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(turn.to_be_bytes());
    let entry = high_water.entry.unwrap_or(MarkedEntry { index: 0, term: 0, chain: Chain::default() });
    bytes.push(u8::from(high_water.entry.is_some()));
    bytes.extend(entry.index.to_be_bytes());
    bytes.extend(entry.term.to_be_bytes());
    bytes.extend(entry.chain.0);
    let vote = high_water.vote.unwrap_or(Vote { term: 0, node: NodeId(0), committed: false });
    bytes.push(u8::from(high_water.vote.is_some()));
    bytes.extend(vote.term.to_be_bytes());
    bytes.extend(vote.node.0.to_be_bytes());
    bytes.push(u8::from(vote.committed));
    bytes.resize(SLOT - 8, 0);
    bytes.extend(xxh3_64(&bytes).to_be_bytes());
    bytes
}

fn read(slot: &[u8; SLOT]) -> Option<(u64, HighWater)> {
    let (body, sum) = slot.split_last_chunk::<8>()?;
    if xxh3_64(body) != u64::from_be_bytes(*sum) {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let turn = number(&mut rest)?;
    let has_entry = flag(&mut rest)?;
    let (index, term) = (number(&mut rest)?, number(&mut rest)?);
    let (chain, after) = rest.split_first_chunk::<16>()?;
    rest = after;
    let entry = has_entry.then_some(MarkedEntry { index, term, chain: Chain(*chain) });
    let has_vote = flag(&mut rest)?;
    let vote = Vote { term: number(&mut rest)?, node: NodeId(number(&mut rest)?), committed: flag(&mut rest)? };
    Some((turn, HighWater { entry, vote: has_vote.then_some(vote) }))
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_be_bytes(*number))
}

fn flag(rest: &mut &[u8]) -> Option<bool> {
    let (flag, after) = rest.split_first()?;
    *rest = after;
    Some(*flag != 0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn high_water(index: u64) -> HighWater {
        HighWater {
            entry: Some(MarkedEntry { index, term: 4, chain: Chain([7; 16]) }),
            vote: Some(Vote { term: 5, node: NodeId(2), committed: true }),
        }
    }

    #[test]
    fn the_newest_testimony_is_read_back_and_a_torn_one_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("watermark");
        let mut watermark = Watermark::create(&path).unwrap();
        assert_eq!(Watermark::open(&path).unwrap().1, HighWater::default());
        for index in 0..5 {
            watermark.note(&high_water(index)).unwrap();
            assert_eq!(Watermark::open(&path).unwrap().1, high_water(index));
        }
        let newest = if watermark.turn.is_multiple_of(2) { 0 } else { SLOT_DISTANCE };
        watermark.file.write_all_at(&[0xff; 9], newest + 3).unwrap();
        assert_eq!(Watermark::open(&path).unwrap().1, high_water(3));
        watermark.file.write_all_at(&[0xff; 9], SLOT_DISTANCE - newest + 3).unwrap();
        assert!(matches!(Watermark::open(&path), Err(StoreError::WatermarkLost { .. })));
    }
}

//! Damage to what is on disk: either all is still there, or the node says by name why it does not take part. Never
//! a log that is silently shorter, never an older vote.

use std::fs;
use std::path::{Path, PathBuf};

use raftchat_node::store::{StoreError, Stores};

use crate::support::{append, open, place, record, vote};

const ENTRIES: u64 = 60;

/// A data directory in memory, its trailing zeros left out, to be put down again and again.
pub(crate) struct Image(Vec<(PathBuf, Vec<u8>, u64)>);

impl Image {
    pub(crate) fn take(dir: &Path) -> Self {
        let mut files = Vec::new();
        let mut open = vec![dir.to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let mut bytes = fs::read(&path).unwrap();
                let length = bytes.len() as u64;
                let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                bytes.truncate(used);
                files.push((path.strip_prefix(dir).unwrap().to_owned(), bytes, length));
            }
        }
        Self(files)
    }

    pub(crate) fn put_down(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes, length) in &self.0 {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(*length).unwrap();
        }
        dir
    }

    /// The log's journal: its name and how much of it is used.
    fn journal(&self) -> (PathBuf, usize) {
        let in_log = |name: &Path| name.starts_with("log") && name.extension().is_some_and(|end| end == "jnl");
        let (name, bytes, _) = self.0.iter().find(|(name, ..)| in_log(name)).expect("a journal");
        (name.clone(), bytes.len())
    }
}

#[test]
fn a_first_start_that_the_power_cut_short_begins_again() {
    for made in ["lock", "0.jnl", "version"] {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::create_dir_all(log.join("keyspaces")).unwrap();
        for file in ["lock", "0.jnl", "version"] {
            fs::write(log.join(file), "").unwrap();
            if file == made {
                break;
            }
        }
        let stores = open(dir.path()).unwrap_or_else(|error| panic!("made up to {made}: {error}"));
        vote(&stores.log, 1).unwrap();
        append(&stores.log, vec![record(1, 0)]).unwrap();
        stores.close().unwrap();
        drop(stores);
        open(dir.path()).unwrap();
    }
}

/// What a node that was stopped has on disk: each entry synced by itself, three votes among them.
fn image() -> Image {
    let dir = tempfile::tempdir().unwrap();
    let stores = open(dir.path()).unwrap();
    for index in 0..ENTRIES {
        if index.is_multiple_of(20) {
            vote(&stores.log, index / 20 + 1).unwrap();
        }
        append(&stores.log, vec![record(index / 20 + 1, index)]).unwrap();
    }
    stores.close().unwrap();
    drop(stores);
    Image::take(dir.path())
}

fn is_complete(stores: &Stores) -> bool {
    let entries = stores.log.read(0, ENTRIES).unwrap();
    entries == (0..ENTRIES).map(|index| record(index / 20 + 1, index)).collect::<Vec<_>>()
        && stores.log.bounds().last == Some(place(3, ENTRIES - 1))
        && stores.log.vote().is_some_and(|vote| vote.term == 3)
}

/// Opens a damaged copy; what comes of it is one of two things.
fn must_be_complete_or_refused(image: &Image, what: &str, damage: impl FnOnce(&Path)) -> Option<StoreError> {
    let dir = image.put_down();
    damage(dir.path());
    match open(dir.path()) {
        Ok(stores) => {
            assert!(is_complete(&stores), "{what}: opened, and not all is there");
            None
        }
        Err(error) => Some(error),
    }
}

fn flip(path: &Path, at: usize, mask: u8) {
    use std::os::unix::fs::FileExt as _;
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ mask], at as u64).unwrap();
}

#[test]
fn the_untouched_image_is_complete() {
    assert!(must_be_complete_or_refused(&image(), "untouched", |_| ()).is_none());
}

#[test]
fn a_flipped_bit_anywhere_in_the_journal_is_harmless_or_named() {
    let image = image();
    let (journal, used) = image.journal();
    let mut refused = 0_u32;
    // A step that meets every field of a record sooner or later.
    for at in (0..used).step_by(used / 150 + 1) {
        let mask = 1 << (at % 8);
        let error = must_be_complete_or_refused(&image, &format!("bit {mask:#x} of byte {at}"), |dir| {
            flip(&dir.join(&journal), at, mask);
        });
        refused += u32::from(error.is_some());
    }
    assert!(refused > 100, "only {refused} flipped bits were noticed");
}

#[test]
fn a_block_of_zeros_in_the_middle_is_named() {
    let image = image();
    let (journal, used) = image.journal();
    for part in 1..4 {
        let error = must_be_complete_or_refused(&image, "zeros", |dir| {
            use std::os::unix::fs::FileExt as _;
            let file = fs::OpenOptions::new().write(true).open(dir.join(&journal)).unwrap();
            file.write_all_at(&[0; 4096], (used * part / 4) as u64).unwrap();
        });
        assert!(error.is_some(), "zeros from {part}/4 of the journal");
    }
}

#[test]
fn a_journal_that_was_cut_is_named() {
    let image = image();
    let (journal, used) = image.journal();
    for part in 0..8 {
        let error = must_be_complete_or_refused(&image, "cut", |dir| {
            let file = fs::OpenOptions::new().write(true).open(dir.join(&journal)).unwrap();
            file.set_len((used * part / 8) as u64).unwrap();
        });
        let error = error.unwrap_or_else(|| panic!("cut at {part}/8"));
        assert!(error.to_string().contains("must not vote"), "{error}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let image = image();
    let (journal, _) = image.journal();
    let removed = |name: &Path| {
        must_be_complete_or_refused(&image, "removed", |dir| {
            let path = dir.join(name);
            let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            gone.unwrap();
        })
    };
    assert!(removed(&journal).is_some());
    assert!(matches!(removed(Path::new("log")), Some(StoreError::LogMissing { .. })));
    assert!(matches!(removed(Path::new("watermark")), Some(StoreError::WatermarkLost { .. })));
    assert!(matches!(removed(Path::new("node.toml")), Some(StoreError::IdentityLost { .. })));
}

#[test]
fn a_vote_that_came_back_older_is_named() {
    let image = image();
    let (journal, used) = image.journal();
    let mut named = 0_u32;
    for cut in (0..used).step_by(used / 24 + 1) {
        let dir = image.put_down();
        let path = dir.path().join(&journal);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..cut]).unwrap();
        // Even if it knew nothing of entries, the watermark would know the vote.
        blind_to_entries(&dir.path().join("watermark"));
        match open(dir.path()) {
            Ok(stores) => assert_eq!(stores.log.vote().map(|vote| vote.term), Some(3), "cut at {cut}"),
            Err(error) => named += u32::from(matches!(error, StoreError::VoteLost { .. })),
        }
    }
    assert!(named > 0, "no cut was seen as a lost vote");
}

/// Rewrites the watermark so that it knows of the vote alone.
fn blind_to_entries(path: &Path) {
    use raftchat_node::store::watermark::{HighWater, Watermark};
    let (mut watermark, high_water) = Watermark::open(path).unwrap();
    watermark.note(&HighWater { entry: None, ..high_water }).unwrap();
    watermark.note(&HighWater { entry: None, ..high_water }).unwrap();
}

#[test]
fn a_damaged_current_costs_nothing_while_the_log_is_whole() {
    let image = image();
    for text in ["", "state-", "state-77\n", "\u{0}\u{1}"] {
        let error = must_be_complete_or_refused(&image, text, |dir| fs::write(dir.join("CURRENT"), text).unwrap());
        assert!(error.is_none(), "{error:?}");
    }
    let error = must_be_complete_or_refused(&image, "absent", |dir| fs::remove_file(dir.join("CURRENT")).unwrap());
    assert!(error.is_none(), "{error:?}");
}

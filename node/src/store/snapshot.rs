//! Where snapshots are: the newest whole one, and what of another's has arrived so far. A snapshot is what a node that
//! was away too long is sent, and the form of a backup. Knows nothing of how it travels.

mod format;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raftchat_schema::stored::SnapshotHeader;

pub use format::{SNAPSHOT_FORMAT, SnapshotFile};

pub(crate) use format::read_rows;

use super::error::StoreError;
use super::files;
use super::state::StateView;

const WHOLE: &str = ".snap";
const PART: &str = ".part";
/// A transfer that has brought nothing for so long is not gone on with.
const RECEIVING_PAUSE_MAX: Duration = Duration::from_mins(5);
const BUILD: &str = "build.tmp";

/// The directory of snapshots. Clones are the same one.
#[derive(Clone, Debug)]
pub struct SnapshotShelf {
    dir: PathBuf,
    cluster: String,
    /// Held while files come and go; building has a lock of its own.
    current: Arc<Mutex<Option<SnapshotFile>>>,
    building: Arc<Mutex<()>>,
    /// The newest was damaged and is gone: another is to be made when one is asked for.
    discarded: Arc<AtomicBool>,
}

impl SnapshotShelf {
    /// Looks through the directory: keeps the newest whole snapshot of this cluster and what is only partly here, and
    /// removes the rest. A damaged one is worth nothing: it can be built again.
    pub fn open(dir: &Path, cluster: &str) -> Result<Self, StoreError> {
        files::make_dir(dir)?;
        let mut newest: Option<SnapshotFile> = None;
        for name in files::names(dir)?.into_iter().filter(|name| name.ends_with(WHOLE)) {
            let path = dir.join(name);
            match read_rows(&path, |_| Ok(())) {
                Ok(file) if file.header.cluster == cluster => {
                    let newer = newest.as_ref().is_none_or(|kept| kept.header.last_applied < file.header.last_applied);
                    let worse = if newer { newest.replace(file) } else { Some(file) };
                    worse.map_or(Ok(()), |worse| files::remove(&worse.path))?;
                }
                Ok(file) => {
                    return Err(StoreError::OtherClusterSnapshot {
                        found: file.header.cluster,
                        cluster: cluster.into(),
                    });
                }
                Err(StoreError::DamagedSnapshot { path, what }) => {
                    tracing::warn!(path = %path.display(), what, "a damaged snapshot is removed");
                    files::remove(&path)?;
                }
                Err(error) => return Err(error),
            }
        }
        let (current, building, discarded) = (Arc::new(Mutex::new(newest)), Arc::default(), Arc::default());
        Ok(Self { dir: dir.to_owned(), cluster: cluster.to_owned(), current, building, discarded })
    }

    /// The newest whole snapshot.
    pub fn current(&self) -> Option<SnapshotFile> {
        self.lock().clone()
    }

    /// Reads the file from end to end. One that is not what was written is removed: [`SnapshotShelf::is_discarded`].
    pub(crate) fn must_be_whole(&self, file: &SnapshotFile) -> Result<(), StoreError> {
        let damaged = match read_rows(&file.path, |_| Ok(())) {
            Ok(found) if found.id == file.id => return Ok(()),
            Ok(_) => StoreError::DamagedSnapshot { path: file.path.clone(), what: "it is another than was made" },
            Err(error) => error,
        };
        let mut current = self.lock();
        if current.as_ref().is_some_and(|kept| kept.id == file.id) {
            tracing::error!(error = %damaged, "the newest snapshot cannot be read any more: it is made anew. Look after the disk");
            *current = None;
            self.discarded.store(true, Ordering::Relaxed);
            files::remove(&file.path)?;
        }
        Err(damaged)
    }

    /// Whether the newest was damaged and removed, and none was made since.
    pub(crate) fn is_discarded(&self) -> bool {
        self.discarded.load(Ordering::Relaxed)
    }

    /// Makes a snapshot of the view and keeps it as the newest. Reads the whole state: not for a thread that has
    /// anything else to do. One at a time; a second waits.
    pub fn build(&self, view: &StateView) -> Result<SnapshotFile, StoreError> {
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let applied = view.applied()?;
        let unreadable = |error: &dyn std::fmt::Display| StoreError::StateDatabase {
            doing: "making a snapshot",
            reason: error.to_string(),
        };
        let header = SnapshotHeader {
            format: SNAPSHOT_FORMAT,
            cluster: self.cluster.clone(),
            last_applied: applied.log_id,
            membership: applied.membership,
            change: raftchat_state::change_number(view).map_err(|error| unreadable(&error))?,
            state_hash: raftchat_state::state_hash(view).map_err(|error| unreadable(&error))?,
            level: raftchat_state::level(view).map_err(|error| unreadable(&error))?,
        };
        let file = format::write(&self.dir.join(BUILD), header, view)?;
        self.keep(file)
    }

    /// Removes what is left of transfers that nobody goes on with, and of snapshots that were never finished: rows are in
    /// them that the state may have no more.
    pub(crate) fn sweep(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.lock();
        for name in files::names(&self.dir)? {
            let path = self.dir.join(name);
            let is_current = current.as_ref().is_some_and(|current| current.path == path);
            let since = path.metadata().and_then(|found| found.modified()).ok();
            let touched = since.is_some_and(|since| since.elapsed().is_ok_and(|since| since < RECEIVING_PAUSE_MAX));
            let is_received = path.extension().is_some_and(|extension| extension == PART.trim_start_matches('.'));
            let is_needed = is_current || (is_received && touched);
            if !is_needed {
                files::remove(&path)?;
            }
        }
        Ok(())
    }

    /// Begins, or goes on with, receiving a snapshot of `length` bytes that its sender calls `id`.
    pub fn receive(&self, id: &str, length: u64) -> Result<Reception, StoreError> {
        let path = self.dir.join(format!("{}{PART}", file_name(id)));
        let _held = self.lock();
        for name in files::names(&self.dir)?.iter().filter(|name| name.ends_with(PART)) {
            let other = self.dir.join(name);
            if other != path {
                files::remove(&other)?;
            }
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).read(true).open(&path);
        let file = file.map_err(StoreError::io("receiving", &path))?;
        let have = file.metadata().map_err(StoreError::io("receiving", &path))?.len();
        if have > length {
            file.set_len(0).map_err(StoreError::io("receiving", &path))?;
        }
        let have = if have > length { 0 } else { have };
        Ok(Reception { shelf: self.clone(), file, path, id: id.to_owned(), length, have })
    }

    /// Takes over a whole file that is to be installed; one from elsewhere is copied, so that what is installed stays here.
    pub(crate) fn adopt(&self, file: SnapshotFile) -> Result<SnapshotFile, StoreError> {
        if file.path.parent() == Some(self.dir.as_path()) {
            return Ok(file);
        }
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.dir.join(BUILD);
        std::fs::copy(&file.path, &path)
            .and_then(|_bytes| std::fs::File::open(&path)?.sync_all())
            .map_err(StoreError::io("copying the snapshot to", &path))?;
        self.keep(SnapshotFile { path, ..file })
    }

    /// Keeps a whole file as the newest and removes the one before.
    fn keep(&self, mut file: SnapshotFile) -> Result<SnapshotFile, StoreError> {
        let path = self.dir.join(format!("{}{WHOLE}", file_name(&file.id)));
        let mut current = self.lock();
        if let Some(kept) = current.as_ref().filter(|kept| kept.header.last_applied > file.header.last_applied) {
            files::remove(&file.path)?;
            return Ok(kept.clone());
        }
        files::rename(&file.path, &path)?;
        self.discarded.store(false, Ordering::Relaxed);
        file.path = path;
        if let Some(old) = current.replace(file.clone())
            && old.path != file.path
        {
            files::remove(&old.path)?;
        }
        Ok(file)
    }

    fn lock(&self) -> MutexGuard<'_, Option<SnapshotFile>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sender's name for a snapshot as a name in our directory, whatever is in it.
fn file_name(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(120).collect()
}

/// A snapshot on its way in. Dropped before its end it leaves what has arrived, and the next attempt goes on there.
#[derive(Debug)]
pub struct Reception {
    shelf: SnapshotShelf,
    file: std::fs::File,
    path: PathBuf,
    id: String,
    length: u64,
    have: u64,
}

impl Reception {
    /// How many bytes are here: where the sender goes on.
    pub fn have(&self) -> u64 {
        self.have
    }

    /// Takes the next bytes, which start where the last ended.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let end = offset.saturating_add(bytes.len() as u64);
        if offset != self.have || end > self.length {
            return Err(StoreError::SnapshotOffset { offset, have: self.have });
        }
        self.file.write_all_at(bytes, offset).map_err(StoreError::io("receiving", &self.path))?;
        self.have = end;
        Ok(())
    }

    /// Checks the whole file and keeps it, durably. What is damaged is removed, so that the next attempt begins anew.
    pub fn finish(self) -> Result<SnapshotFile, StoreError> {
        if self.have < self.length {
            return Err(StoreError::SnapshotOffset { offset: self.length, have: self.have });
        }
        self.file.sync_all().map_err(StoreError::io("receiving", &self.path))?;
        let checked = read_rows(&self.path, |_| Ok(())).and_then(|file| {
            if file.header.cluster != self.shelf.cluster {
                let found = file.header.cluster;
                return Err(StoreError::OtherClusterSnapshot { found, cluster: self.shelf.cluster.clone() });
            }
            if file.id != self.id {
                let what = "it is another than was announced";
                return Err(StoreError::DamagedSnapshot { path: self.path.clone(), what });
            }
            Ok(file)
        });
        match checked {
            Ok(file) => self.shelf.keep(file),
            Err(error) => {
                files::remove(&self.path)?;
                Err(error)
            }
        }
    }
}

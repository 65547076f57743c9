//! The state machine's rows on disk. Not synced on every entry: what a power cut takes, the log gives again. Knows
//! nothing of what the rows hold.

mod cache;
mod copy;
mod live;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use raftchat_schema::id::StateHash;
use raftchat_schema::stored::SnapshotHeader;
use raftchat_state::Writes;
use raftchat_transport::counters;

pub use cache::RowCache;
pub(crate) use copy::{Commit, FreshState};
pub use live::{AppliedState, StateView, Unclean};

use super::error::StoreError;
use super::snapshot::{self, SnapshotFile};
use super::{files, keys};
use crate::clock::wall::wall;
use live::Live;

pub use live::StateSettings;

counters! {
    /// What was done with the rows.
    pub(crate) struct StoreCounters of "store" {
        /// Batches of rows that were written, each of one entry or several.
        commits,
        /// Rows that were made, replaced or removed in them.
        rows,
        /// Times that all rows were made durable.
        syncs,
        /// Times that all rows were replaced by those of a snapshot.
        installed,
    }
}

/// The rows. Clones are the same rows.
#[derive(Clone)]
pub struct StateStore {
    live: Arc<RwLock<Arc<Live>>>,
    dir: PathBuf,
    settings: StateSettings,
    counters: Arc<StoreCounters>,
}

impl std::fmt::Debug for StateStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateStore").field("dir", &self.dir).field("epoch", &self.live().epoch).finish_non_exhaustive()
    }
}

impl StateStore {
    /// Opens what `CURRENT` names, and begins empty if there has never been a state.
    ///
    /// A damaged one is [`StoreError::StateDatabase`]: it may be rebuilt.
    pub fn open(dir: &Path, settings: &StateSettings) -> Result<Self, StoreError> {
        let damaged = |reason: &str| StoreError::StateDatabase { doing: "opening", reason: reason.to_owned() };
        let epochs = epochs(dir)?;
        let epoch = match fs::read_to_string(dir.join(keys::CURRENT_FILE)) {
            Ok(name) => epoch_of(name.trim()).ok_or_else(|| damaged("CURRENT names no state"))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && epochs.is_empty() => {
                return Self::begin(dir, settings, None);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(damaged("CURRENT is missing")),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(damaged("CURRENT is no text")),
            Err(error) => return Err(StoreError::io("reading", dir.join(keys::CURRENT_FILE))(error)),
        };
        if dir.join(keys::DAMAGED_FILE).exists() {
            return Err(damaged("its tables were found to be damaged"));
        }
        if !epochs.contains(&epoch) {
            return Err(damaged("the directory that CURRENT names is missing"));
        }
        let store = Self::serve(dir, settings, Live::open(&path(dir, epoch), epoch, settings)?);
        store.must_be_whole()?;
        store.remove_all_but(epoch);
        Ok(store)
    }

    /// Throws away what is there and begins with the snapshot, or empty without one.
    pub fn begin(dir: &Path, settings: &StateSettings, from: Option<&SnapshotFile>) -> Result<Self, StoreError> {
        let epoch = epochs(dir)?.last().map_or(1, |last| last.saturating_add(1));
        let live = match from {
            Some(file) => load(dir, epoch, settings, file)?,
            None => Live::open(&path(dir, epoch), epoch, settings)?,
        };
        live.sync(None)?;
        point(dir, epoch)?;
        files::remove(&dir.join(keys::DAMAGED_FILE))?;
        let store = Self::serve(dir, settings, live);
        store.remove_all_but(epoch);
        Ok(store)
    }

    /// Whether something in it was found to be damaged, so that the node has to stop: it is made anew at the next start.
    pub fn is_damaged(&self) -> bool {
        self.live().is_damaged()
    }

    /// Has it made anew at the next start.
    pub(crate) fn note_damage(&self) {
        self.live().note_damage();
    }

    /// What Raft says about the rows.
    pub fn applied(&self) -> Result<AppliedState, StoreError> {
        self.view().applied()
    }

    /// The rows as they are now.
    pub fn view(&self) -> StateView {
        StateView::of(self.live())
    }

    /// Stores what an entry, or several, wrote, and that they are applied; all at once. Survives the process's death; the
    /// machine's only after [`StateStore::sync`].
    pub fn commit(&self, writes: &Writes, applied: &AppliedState, hash: Option<StateHash>) -> Result<(), StoreError> {
        self.counters.commits.add(1);
        self.counters.rows.add(writes.0.len());
        self.live().commit(writes, applied, hash)
    }

    /// What was done with the rows so far.
    pub(crate) fn counters(&self) -> &StoreCounters {
        &self.counters
    }

    /// Makes all that was committed durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.counters.syncs.add(1);
        let live = self.live();
        let applied = StateView::of(live.clone()).applied()?.log_id;
        live.sync(applied)
    }

    /// Makes durable what was applied up to and with that entry. Costs nothing where that is known to be so already.
    pub(crate) fn sync_upto(&self, index: u64) -> Result<(), StoreError> {
        if self.live().is_durable(index) { Ok(()) } else { self.sync() }
    }

    /// Replaces all rows by a snapshot's. After a crash at any moment either the old or the new are there, whole. Views
    /// taken before go on showing the old.
    pub fn install(&self, file: &SnapshotFile) -> Result<(), StoreError> {
        self.counters.installed.add(1);
        let epoch = epochs(&self.dir)?.last().map_or(1, |last| last.saturating_add(1));
        let live = load(&self.dir, epoch, &self.settings, file)?;
        point(&self.dir, epoch)?;
        files::remove(&self.dir.join(keys::DAMAGED_FILE))?;
        let mut current = self.live.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, Arc::new(live)).retire();
        Ok(())
    }

    fn serve(dir: &Path, settings: &StateSettings, live: Live) -> Self {
        let live = Arc::new(RwLock::new(Arc::new(live)));
        Self { live, dir: dir.to_owned(), settings: *settings, counters: Arc::default() }
    }

    fn live(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rolling hash stands in two places: a database that lost a part of a batch shows two.
    fn must_be_whole(&self) -> Result<(), StoreError> {
        let view = self.view();
        let damaged = |reason: String| StoreError::StateDatabase { doing: "opening", reason };
        view.applied()?;
        let rows = raftchat_state::state_hash(&view).map_err(|error| damaged(error.to_string()))?;
        match view.noted_hash()? {
            Some(noted) if noted != rows => Err(damaged("its rows are not those of its last entry".into())),
            _ => Ok(()),
        }
    }

    fn remove_all_but(&self, epoch: u64) {
        for other in epochs(&self.dir).unwrap_or_default().into_iter().filter(|other| *other != epoch) {
            if let Err(error) = fs::remove_dir_all(path(&self.dir, other)) {
                tracing::warn!(epoch = other, %error, "an old state cannot be removed");
            }
        }
    }
}

/// Makes a state directory of a snapshot, and trusts it only when it was closed, opened again and compared.
fn load(dir: &Path, epoch: u64, settings: &StateSettings, file: &SnapshotFile) -> Result<Live, StoreError> {
    let path = path(dir, epoch);
    if path.exists() {
        fs::remove_dir_all(&path).map_err(StoreError::io("removing", &path))?;
    }
    let live = Live::open(&path, epoch, settings)?;
    let trailer = snapshot::read_rows(&file.path, |rows| live.load(rows))?;
    if trailer.id != file.id {
        return Err(StoreError::DamagedSnapshot { path: file.path.clone(), what: "it is another than was announced" });
    }
    let SnapshotHeader { last_applied, membership, state_hash, .. } = &file.header;
    // The log still holds what this node had before, and whoever made the snapshot may have deleted some of it.
    let unclean = last_applied.map(|id| Unclean { since: wall(), upto: id.index });
    let applied =
        AppliedState { log_id: *last_applied, membership: membership.clone(), installed: *last_applied, unclean };
    live.commit(&Writes::default(), &applied, Some(*state_hash))?;
    live.sync(None)?;
    drop(live);
    let live = Arc::new(Live::open(&path, epoch, settings)?);
    live.sync(*last_applied)?;
    compare(&StateView::of(live.clone()), file)?;
    files::sync_dir(&path)?;
    files::sync_dir(dir)?;
    Arc::try_unwrap(live).map_err(|_| StoreError::Failed("a new state is in use before it is live".into()))
}

fn compare(view: &StateView, file: &SnapshotFile) -> Result<(), StoreError> {
    let differs = |what| StoreError::DamagedSnapshot { path: file.path.clone(), what };
    let mut count = 0_u64;
    view.every_row(|_, _| {
        count = count.saturating_add(1);
        Ok::<(), StoreError>(())
    })?;
    if count != file.rows {
        return Err(differs("the state made of it has another number of rows"));
    }
    if view.applied()?.log_id != file.header.last_applied {
        return Err(differs("the state made of it ends at another entry"));
    }
    let hash = raftchat_state::state_hash(view).map_err(|_| differs("its state hash cannot be read"))?;
    let change = raftchat_state::change_number(view).map_err(|_| differs("its change counter cannot be read"))?;
    if hash != file.header.state_hash || change != file.header.change {
        return Err(differs("its rows are not those that its header speaks of"));
    }
    Ok(())
}

fn point(dir: &Path, epoch: u64) -> Result<(), StoreError> {
    files::replace(&dir.join(keys::CURRENT_FILE), format!("{}{epoch}\n", keys::STATE_PREFIX).as_bytes())
}

fn path(dir: &Path, epoch: u64) -> PathBuf {
    dir.join(format!("{}{epoch}", keys::STATE_PREFIX))
}

fn epoch_of(name: &str) -> Option<u64> {
    name.strip_prefix(keys::STATE_PREFIX)?.parse().ok()
}

fn epochs(dir: &Path) -> Result<Vec<u64>, StoreError> {
    let mut epochs: Vec<_> = files::names(dir)?.iter().filter_map(|name| epoch_of(name)).collect();
    epochs.sort_unstable();
    Ok(epochs)
}

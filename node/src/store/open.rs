//! Opens a node's data directory: makes it, or finds it whole, or rebuilds what can be rebuilt, or says why the node must
//! not take part. Knows nothing of Raft beyond that.

use std::path::Path;

use raftchat_schema::id::NodeId;
use raftchat_schema::level::Level;

use super::error::{StoreError, must_know};
use super::failure::Failures;
use super::identity::Identity;
use super::log::{LogSettings, LogStore, OpenLog, Scanned};
use super::owed::{self, Owed};
use super::snapshot::SnapshotShelf;
use super::state::{AppliedState, StateSettings, StateStore};
use super::syncs::Syncs;
use super::watermark::{HighWater, Watermark};
use super::{check, files, keys, log};

/// A file in a data directory that was never used: says for which cluster it was made. A node that lost its disk finds
/// none, and does not come back under its id as if it had never voted.
pub const NEW_FILE: &str = "NEW";

/// How much memory the stores take, and on what disk they are.
#[derive(Clone, Debug, Default)]
pub struct StoreSettings {
    /// The log's.
    pub log: LogSettings,
    /// The state's.
    pub state: StateSettings,
    /// How long the disk takes is noted here.
    pub syncs: Syncs,
    /// There are other nodes that have all of it: rows that are lost and cannot be made anew are no reason not to start.
    pub others: bool,
}

/// All that a node keeps. Clones are the same stores.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Who the node is.
    pub identity: Identity,
    /// Raft's log and vote.
    pub log: LogStore,
    /// The state machine's rows.
    pub state: StateStore,
    /// Snapshots.
    pub snapshots: SnapshotShelf,
    /// Where a store says that it has failed.
    pub failures: Failures,
    /// How long the disk takes.
    pub syncs: Syncs,
    /// What this node has promised and does not hold.
    pub owed: Owed,
}

impl Stores {
    /// Opens the data directory of `node`; makes it if it is empty.
    pub fn open(
        dir: &Path,
        node: NodeId,
        cluster: &str,
        settings: &StoreSettings,
        failures: Failures,
    ) -> Result<Self, StoreError> {
        files::make_dir(dir)?;
        files::make_all_private(dir)?;
        files::remove_temporaries(dir)?;
        let found = Identity::read(dir)?;
        if let Some(identity) = &found {
            identity.must_be(node, cluster)?;
        }
        let owed = Owed::open(dir)?;
        let (log, mut watermark, high_water) = match &found {
            Some(_) => open_log(dir, cluster, settings)?,
            None => make_log(dir, cluster, settings)?,
        };
        let state = match StateStore::open(dir, &settings.state) {
            Err(error) if !matches!(error, StoreError::StateDatabase { .. }) => return Err(error),
            whole_or_damaged => whole_or_damaged,
        };
        let applied = state.as_ref().ok().map(StateStore::applied).transpose()?;
        let scanned = log.scan(&check::asked(&high_water, applied.as_ref()))?;
        check::check(&scanned, &high_water, applied.as_ref())?;
        let snapshots = SnapshotShelf::open(&dir.join(keys::SNAPSHOT_DIR), cluster)?;
        let usable = usable_state(dir, &settings.state, state, applied.as_ref(), &scanned, &snapshots);
        let (log, scanned, state) = match usable {
            Err(StoreError::StateLost { why }) if settings.others && !owed.is_set_aside() => {
                tracing::error!(%why, "the rows are lost and cannot be made anew from what is here: the others send all of it");
                let (log, scanned) = owed.begin_anew((log, &scanned), &mut watermark, cluster, &settings.log)?;
                (log, scanned, StateStore::begin(dir, &settings.state, None)?)
            }
            usable => (log, scanned, usable?),
        };
        must_know(level_of(&state)?)?;
        let identity = found.map_or_else(|| claim(dir, node, cluster), Ok)?;
        let syncs = settings.syncs.clone();
        let log = log.serve(&scanned, watermark, &settings.log, (failures.clone(), syncs.clone()))?;
        Ok(Self { identity, log, state, snapshots, failures, syncs, owed })
    }

    /// Opens the data directory of a member of the cluster. An empty one must be marked as new by [`NEW_FILE`], and is
    /// so only once.
    pub fn open_member(
        dir: &Path,
        node: NodeId,
        cluster: &str,
        settings: &StoreSettings,
        failures: Failures,
    ) -> Result<Self, StoreError> {
        let mark = dir.join(NEW_FILE);
        let marked = std::fs::read_to_string(&mark).is_ok_and(|text| text.trim() == cluster);
        if !marked && Identity::read(dir)?.is_none() {
            return Err(StoreError::NotNew { path: dir.to_owned() });
        }
        let stores = Self::open(dir, node, cluster, settings, failures)?;
        // By now there is an identity: the mark must not outlive a disk that is lost later.
        files::remove(&mark)?;
        Ok(stores)
    }

    /// Writes what is left and makes all of it durable. Blocks; nothing can be written afterwards.
    pub fn close(&self) -> Result<(), StoreError> {
        let log = self.log.close();
        self.state.sync()?;
        log
    }
}

/// The feature level of the rows.
fn level_of(state: &StateStore) -> Result<Level, StoreError> {
    raftchat_state::level(&state.view())
        .map_err(|error| StoreError::StateDatabase { doing: "reading the feature level", reason: error.to_string() })
}

/// Last of all: with an identity, the rest must be there.
fn claim(dir: &Path, node: NodeId, cluster: &str) -> Result<Identity, StoreError> {
    let identity = Identity::new(node, cluster)?;
    identity.write(dir)?;
    Ok(identity)
}

fn open_log(
    dir: &Path,
    cluster: &str,
    settings: &StoreSettings,
) -> Result<(OpenLog, Watermark, HighWater), StoreError> {
    let path = dir.join(keys::LOG_DIR);
    owed::undo(dir)?;
    log::settle(&path)?;
    if !path.is_dir() {
        return Err(StoreError::LogMissing { path });
    }
    let (watermark, high_water) = Watermark::open(&dir.join(keys::WATERMARK_FILE))?;
    let log = OpenLog::open(&path, &settings.log)?;
    log.must_be_of(cluster)?;
    Ok((log, watermark, high_water))
}

/// A new log, or one that a first start left behind when it was interrupted.
fn make_log(
    dir: &Path,
    cluster: &str,
    settings: &StoreSettings,
) -> Result<(OpenLog, Watermark, HighWater), StoreError> {
    let log = OpenLog::open(&dir.join(keys::LOG_DIR), &settings.log)?;
    let Scanned { bounds, vote, .. } = log.scan(&[])?;
    if bounds.last.is_some() || vote.is_some() {
        return Err(StoreError::IdentityLost { path: dir.join(keys::IDENTITY_FILE) });
    }
    log.claim(cluster)?;
    files::sync_dir(dir)?;
    let watermark = Watermark::create(&dir.join(keys::WATERMARK_FILE))?;
    Ok((log, watermark, HighWater::default()))
}

/// The state if it is whole and the log goes on where it ends; otherwise one rebuilt from the snapshot that is here, or
/// an empty one if the log is here from its beginning.
fn usable_state(
    dir: &Path,
    settings: &StateSettings,
    opened: Result<StateStore, StoreError>,
    applied: Option<&AppliedState>,
    scanned: &Scanned,
    snapshots: &SnapshotShelf,
) -> Result<StateStore, StoreError> {
    let first = scanned.bounds.first_index();
    let reaches =
        |last: Option<raftchat_schema::stored::LogId>| last.map_or(0, |id| id.index.saturating_add(1)) >= first;
    let why = match opened {
        Ok(state) if applied.is_some_and(|applied| reaches(applied.log_id)) => return Ok(state),
        Ok(_) => "it ends before the log begins".to_owned(),
        Err(error) => error.to_string(),
    };
    let snapshot = snapshots.current().filter(|file| reaches(file.header.last_applied));
    if snapshot.is_none() && !reaches(None) {
        return Err(StoreError::StateLost { why });
    }
    let from = snapshot.as_ref().map_or("the log", |file| file.id.as_str());
    tracing::warn!(%why, from, "the state is rebuilt");
    StateStore::begin(dir, settings, snapshot.as_ref())
}

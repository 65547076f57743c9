//! What this node has promised and does not hold any more: where its rows are lost, and neither a snapshot nor the whole log is
//! here to make them anew, it begins with nothing and has the others send it all. Until it has come as far as it was, it gives no
//! vote (`raft/trust/doubts.rs`), and the log that it had is set aside: it may be the only one with what was acknowledged last.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftchat_schema::stored::{LogId, Vote};
use raftchat_schema::wire;

use super::error::StoreError;
use super::log::{self, LogSettings, OpenLog, Scanned, seal, unseal};
use super::watermark::{HighWater, Watermark};
use super::{files, keys};

/// Up to where this node must come before it votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promised {
    /// The last vote that it gave.
    pub vote: Option<Vote>,
    /// The end of the log that it had.
    pub last: Option<LogId>,
}

/// Where that is kept. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Owed {
    dir: PathBuf,
    promised: Arc<Mutex<Option<Promised>>>,
}

impl Owed {
    /// What is noted in a data directory.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(keys::OWED_FILE);
        let promised = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            other => {
                let bytes = other.map_err(StoreError::io("reading", &path))?;
                Some(decode(&bytes).ok_or(StoreError::DamagedMeta { what: "owed" })?)
            }
        };
        Ok(Self { dir: dir.to_owned(), promised: Arc::new(Mutex::new(promised)) })
    }

    /// What this node has promised and does not hold yet; none as a rule.
    pub fn promised(&self) -> Option<Promised> {
        *self.lock()
    }

    /// All of it is here again: the log that was set aside can go.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        let mut promised = self.lock();
        if promised.is_none() {
            return Ok(());
        }
        let aside = self.dir.join(keys::LOG_OWED_DIR);
        match std::fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("removing", &aside)(error));
            }
            _ => files::remove(&self.dir.join(keys::OWED_FILE))?,
        }
        *promised = None;
        Ok(())
    }

    /// Notes what the log holds, sets it aside, and puts an empty one with its vote in its place. After a crash at any moment the
    /// log is where it was, or all of this is done.
    pub(crate) fn begin_anew(
        &self,
        (log, scanned): (OpenLog, &Scanned),
        watermark: &mut Watermark,
        cluster: &str,
        settings: &LogSettings,
    ) -> Result<(OpenLog, Scanned), StoreError> {
        let promised = Promised { vote: scanned.vote, last: scanned.bounds.last };
        files::replace(&self.dir.join(keys::OWED_FILE), &encode(&promised))?;
        *self.lock() = Some(promised);
        // Lowered first, as where the log is cut.
        watermark.note(&HighWater { entry: None, vote: promised.vote })?;
        watermark.sync()?;
        drop(log);
        let path = self.dir.join(keys::LOG_DIR);
        log::begin_beside(&path, settings, cluster, promised.vote)?;
        files::rename(&path, &self.dir.join(keys::LOG_OWED_DIR))?;
        files::rename(&self.dir.join(keys::LOG_NEW_DIR), &path)?;
        let log = OpenLog::open(&path, settings)?;
        let scanned = log.scan(&[])?;
        Ok((log, scanned))
    }

    /// Whether a log was set aside already.
    pub(crate) fn is_set_aside(&self) -> bool {
        self.dir.join(keys::LOG_OWED_DIR).exists()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Promised>> {
        // It is whole after every step, whoever panicked meanwhile.
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a log back that was set aside while the new one was not in its place yet.
pub(crate) fn undo(dir: &Path) -> Result<(), StoreError> {
    let (log, aside) = (dir.join(keys::LOG_DIR), dir.join(keys::LOG_OWED_DIR));
    if aside.is_dir() && !log.is_dir() { files::rename(&aside, &log) } else { Ok(()) }
}

fn encode(promised: &Promised) -> Vec<u8> {
    let vote = promised.vote.map_or_else(Vec::new, |vote| wire::encode_vote(&vote));
    let last = promised.last.map_or_else(Vec::new, |last| wire::encode_log_id(&last));
    seal(&[&(vote.len() as u64).to_be_bytes(), vote.as_slice(), last.as_slice()].concat())
}

fn decode(bytes: &[u8]) -> Option<Promised> {
    let (length, rest) = unseal(bytes)?.split_first_chunk::<8>()?;
    let (vote, last) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
    let vote = if vote.is_empty() { None } else { Some(wire::decode_vote(vote).ok()?) };
    let last = if last.is_empty() { None } else { Some(wire::decode_log_id(last).ok()?) };
    Some(Promised { vote, last })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use raftchat_schema::id::NodeId;

    use super::*;

    #[test]
    fn what_was_promised_outlives_a_restart_and_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        let owed = Owed::open(dir.path()).unwrap();
        assert_eq!(owed.promised(), None);
        owed.settle().unwrap();
        let vote = Some(Vote { term: 7, node: NodeId(2), committed: true });
        let last = Some(LogId { term: 7, leader: NodeId(2), index: 40 });
        for promised in [Promised { vote, last }, Promised { vote: None, last }, Promised { vote: None, last: None }] {
            std::fs::write(dir.path().join(keys::OWED_FILE), encode(&promised)).unwrap();
            let owed = Owed::open(dir.path()).unwrap();
            assert_eq!(owed.promised(), Some(promised));
            owed.settle().unwrap();
            assert_eq!(Owed::open(dir.path()).unwrap().promised(), None);
        }
        std::fs::write(dir.path().join(keys::OWED_FILE), "nothing").unwrap();
        assert!(matches!(Owed::open(dir.path()), Err(StoreError::DamagedMeta { what: "owed" })));
    }
}

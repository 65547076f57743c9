//! A profile directory: which cluster, which nodes, this device's certificate, and the session it is logged in with.
//! Knows nothing of links and calls.

pub(crate) mod clock;
pub(crate) mod error;
pub(crate) mod session;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use documented::{Documented, DocumentedFields};
use raftchat_certs::{Anchors, Leaf, LeafFiles, Subject, describe};
use raftchat_schema::id::Stamp;
use raftchat_transport::{Credentials, TrustAnchors};
use serde::{Deserialize, Serialize};

use crate::cursor;

use clock::DeviceClock;
use error::ProfileError;
use session::{SessionToken, StoredSession};

const CONFIG: &str = "client.toml";
const CERTS: &str = "certs";
const SESSION: &str = "session.toml";
const NODES: &str = "nodes.json";
const TIME: &str = "time";
const HINT: &str = "`raftchatctl cluster device` makes a profile directory";

/// A device of a raftchat cluster, and where the nodes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented, DocumentedFields)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// The id of the cluster, as `raftchatctl certs show` prints it.
    pub cluster: String,
    /// The nodes to try. One that answers tells of the others, so that the list need not be complete.
    pub nodes: Vec<NodeEntry>,
}

/// A node and where devices reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeEntry {
    /// Its number in the cluster.
    pub node: u64,
    /// `host:port` of its client endpoint.
    pub address: String,
}

/// A device's profile. Clones are the same profile: a session stored through one is seen through all.
#[derive(Clone)]
pub struct Profile {
    inner: Arc<Inner>,
}

struct Inner {
    /// None: nothing is kept.
    directory: Option<PathBuf>,
    config: ClientConfig,
    device_name: String,
    credentials: Credentials,
    nodes: TrustAnchors,
    session: Mutex<Option<StoredSession>>,
    /// When the certificate's time begins.
    valid_from: SystemTime,
    /// When the first of the certificates ends that this device needs.
    ends_at: SystemTime,
}

impl Profile {
    /// Reads the directory `dir`: `client.toml`, `certs/` and, if somebody is logged in, `session.toml`.
    pub fn open(dir: &Path) -> Result<Self, ProfileError> {
        let path = dir.join(CONFIG);
        let config: ClientConfig = raftchat_config::read(&path, HINT)?;
        let files = LeafFiles::load_whenever(&dir.join(CERTS))?;
        check_time(&files, clock::read(&dir.join(TIME)))?;
        check(&config, files.identity.cluster.as_str()).map_err(|reason| ProfileError::Value { path, reason })?;
        let Subject::Device(name) = &files.identity.subject else {
            let reason = format!("it is the certificate of {}, where a device's belongs", files.identity);
            return Err(ProfileError::NotADevice { path: dir.join(CERTS), reason });
        };
        let session = session::read(&dir.join(SESSION))?;
        let name = name.to_string();
        let ends_at = files.ending.at;
        Ok(Self::new(Some(dir.to_owned()), config, name, (&files.leaf, &files.anchors), ends_at, session))
    }

    /// A profile without a directory: a session lasts as long as the profile is in memory.
    #[expect(clippy::needless_pass_by_value, reason = "a key is handed over, not left behind")]
    pub fn in_memory(config: ClientConfig, leaf: Leaf, anchors: Anchors) -> Self {
        let identity = describe(leaf.certificate()).ok().and_then(|description| description.identity().ok());
        // A certificate without a usable name is refused by every node, which says more than an error here.
        let name = identity.map_or_else(String::new, |identity| match identity.subject {
            Subject::Device(name) => name.to_string(),
            Subject::Node(id) => format!("node {id}"),
        });
        let ends_at = describe(leaf.certificate()).map_or(SystemTime::UNIX_EPOCH, |leaf| leaf.expires_at());
        Self::new(None, config, name, (&leaf, &anchors), ends_at, None)
    }

    /// Makes `dir`, private, if it is missing, and in it a `client.toml` in which every key is explained.
    ///
    /// # Errors
    /// There is a `client.toml` already, or the system does not take one.
    pub fn create(dir: &Path, config: &ClientConfig) -> Result<(), ProfileError> {
        let text = raftchat_config::write(config)
            .map_err(|error| ProfileError::Value { path: dir.join(CONFIG), reason: error.to_string() })?;
        let unwritable = |path: &Path| {
            let path = path.to_owned();
            move |source: std::io::Error| match source.kind() {
                std::io::ErrorKind::AlreadyExists => ProfileError::AlreadyExists(path),
                _ => ProfileError::Unwritable { path, source },
            }
        };
        raftchat_files::make_private_dir(dir).map_err(unwritable(dir))?;
        let path = dir.join(CONFIG);
        raftchat_files::create(&path, text.as_bytes(), 0o644).map_err(unwritable(&path))
    }

    fn new(
        directory: Option<PathBuf>,
        config: ClientConfig,
        device_name: String,
        (leaf, anchors): (&Leaf, &Anchors),
        ends_at: SystemTime,
        session: Option<StoredSession>,
    ) -> Self {
        let credentials = Credentials { chain: leaf.chain_der(), key: leaf.key_der() };
        let nodes = TrustAnchors(vec![anchors.nodes.to_vec()]);
        let session = Mutex::new(session);
        let valid_from = describe(leaf.certificate()).map_or(SystemTime::UNIX_EPOCH, |leaf| leaf.begins_at());
        let inner = Inner { directory, config, device_name, credentials, nodes, session, valid_from, ends_at };
        Self { inner: Arc::new(inner) }
    }

    /// What `client.toml` says.
    pub fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    /// The profile's directory; none for one in memory.
    pub fn directory(&self) -> Option<&Path> {
        self.inner.directory.as_deref()
    }

    /// The device's name, as its certificate has it.
    pub fn device_name(&self) -> &str {
        &self.inner.device_name
    }

    /// When the first of the certificates ends that this device needs: from then on no node lets it in.
    pub fn ends_at(&self) -> Stamp {
        clock::stamp(self.inner.ends_at)
    }

    /// Who is logged in, if anybody is.
    pub fn session(&self) -> Option<StoredSession> {
        self.lock().clone()
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.inner.credentials
    }

    pub(crate) fn node_anchors(&self) -> &TrustAnchors {
        &self.inner.nodes
    }

    /// Takes `session` as the one that is logged in, and keeps it on the disk.
    pub(crate) fn store(&self, session: StoredSession) -> Result<(), ProfileError> {
        let mut held = self.lock();
        if let Some(path) = self.session_path() {
            session::write(&path, &session)?;
        }
        *held = Some(session);
        Ok(())
    }

    /// Forgets the session with this token. One that another program has logged in with meanwhile stays on the disk.
    pub(crate) fn forget(&self, token: &SessionToken) -> Result<(), ProfileError> {
        let mut held = self.lock();
        held.take_if(|session| session.token == *token);
        let Some(path) = self.session_path() else { return Ok(()) };
        match session::read(&path) {
            Ok(Some(stored)) if stored.token == *token => session::remove(&path),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Notes how far the session with this token has seen, in memory and on the disk, if that is further than before.
    pub(crate) fn keep_seen(&self, token: &SessionToken, seen: &[u8]) -> Result<(), ProfileError> {
        let mut held = self.lock();
        let Some(session) = held.as_mut().filter(|session| session.token == *token) else { return Ok(()) };
        if !cursor::supersedes(seen, session.seen.as_deref()) {
            return Ok(());
        }
        session.seen = Some(seen.to_vec());
        let Some(path) = self.session_path() else { return Ok(()) };
        // Another program may have logged in or out since: its word stands.
        match session::read(&path)? {
            Some(stored) if stored.token == *token => session::write(&path, session),
            _ => Ok(()),
        }
    }

    /// Where is kept what is learned of the nodes; nowhere for a profile in memory.
    pub(crate) fn nodes_path(&self) -> Option<PathBuf> {
        self.inner.directory.as_ref().map(|directory| directory.join(NODES))
    }

    /// A clock that goes by what nodes tell, and by what they have told last as long as none has.
    pub(crate) fn clock(&self) -> DeviceClock {
        let path = self.inner.directory.as_ref().map(|directory| directory.join(TIME));
        DeviceClock::new(path, self.inner.valid_from)
    }

    fn session_path(&self) -> Option<PathBuf> {
        self.inner.directory.as_ref().map(|directory| directory.join(SESSION))
    }

    fn lock(&self) -> MutexGuard<'_, Option<StoredSession>> {
        self.inner.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("directory", &self.inner.directory)
            .field("cluster", &self.inner.config.cluster)
            .field("device", &self.inner.device_name)
            .finish_non_exhaustive()
    }
}

/// Refuses a certificate whose time is over, or not yet there, by more than this device's clock: by what the cluster told last,
/// or else by nothing. Then the nodes have to say what time it is. Warns of one whose time is over soon.
fn check_time(files: &LeafFiles, told: Option<Stamp>) -> Result<(), ProfileError> {
    let now = SystemTime::now();
    let Err(error) = files.check_time(now) else {
        if let Some(warning) = files.ending.warning(now) {
            tracing::warn!("{warning} (`raftchatctl cluster device`, `raftchatctl certs device`)");
        }
        return Ok(());
    };
    let at_least = clock::moment(told.unwrap_or_default()).max(files.valid_from());
    if files.check_time(at_least).is_err() {
        return Err(error.into());
    }
    tracing::warn!(%error, "by this device's clock, which may be wrong: the nodes are asked");
    Ok(())
}

fn check(config: &ClientConfig, certified: &str) -> Result<(), String> {
    if config.cluster != certified {
        return Err(format!("it is for cluster {}, the certificate beside it for {certified}", config.cluster));
    }
    if config.nodes.is_empty() {
        return Err("it lists no node: add one to `nodes`".to_owned());
    }
    match config.nodes.iter().find(|entry| entry.node == 0) {
        Some(entry) => Err(format!("the node at {} has the number 0: nodes are numbered from 1", entry.address)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

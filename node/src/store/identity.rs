//! Who a data directory belongs to: written once, checked at every start. Knows nothing of what else is in it.

use std::fs;
use std::path::Path;

use raftchat_schema::id::NodeId;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::{files, keys};

/// The format of the data directory as a whole.
pub const DATA_FORMAT: u32 = 1;

/// Whose data it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The node.
    pub node: NodeId,
    /// The name of its cluster.
    pub cluster: String,
    /// Random, made with the directory: tells a directory from one that replaced it under the same id.
    pub data: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    node: u64,
    cluster: String,
    data: String,
}

impl Identity {
    /// A new one for an empty directory.
    pub fn new(node: NodeId, cluster: &str) -> Result<Self, StoreError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            let source = std::io::Error::other(error.to_string());
            StoreError::io("asking for random bytes for", keys::IDENTITY_FILE)(source)
        })?;
        let data = files::hex(&random);
        Ok(Self { node, cluster: cluster.to_owned(), data })
    }

    /// What is written in `dir`; none if nothing is.
    pub fn read(dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join(keys::IDENTITY_FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(StoreError::io("reading", &path))?,
        };
        let Ok(Written { format, node, cluster, data }) = toml::from_str(&text) else {
            return Err(StoreError::IdentityLost { path });
        };
        if format != DATA_FORMAT {
            return Err(StoreError::OtherFormat { path, found: format, known: DATA_FORMAT });
        }
        Ok(Some(Self { node: NodeId(node), cluster, data }))
    }

    /// Writes it, durably.
    pub fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(keys::IDENTITY_FILE);
        let Self { node, cluster, data } = self.clone();
        let text = toml::to_string(&Written { format: DATA_FORMAT, node: node.0, cluster, data })
            .map_err(|error| StoreError::io("encoding", &path)(std::io::Error::other(error.to_string())))?;
        files::replace(&path, text.as_bytes())
    }

    /// Refuses a directory that is not this node's.
    pub fn must_be(&self, node: NodeId, cluster: &str) -> Result<(), StoreError> {
        if self.node == node && self.cluster == cluster {
            return Ok(());
        }
        Err(StoreError::OtherIdentity {
            found_node: self.node.0,
            found_cluster: self.cluster.clone(),
            node: node.0,
            cluster: cluster.to_owned(),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stays_with_its_node() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Identity::read(dir.path()).unwrap(), None);
        let identity = Identity::new(NodeId(3), "ship").unwrap();
        identity.write(dir.path()).unwrap();
        assert_eq!(Identity::read(dir.path()).unwrap(), Some(identity.clone()));
        identity.must_be(NodeId(3), "ship").unwrap();
        assert!(matches!(identity.must_be(NodeId(4), "ship"), Err(StoreError::OtherIdentity { found_node: 3, .. })));
        assert!(matches!(identity.must_be(NodeId(3), "house"), Err(StoreError::OtherIdentity { .. })));
    }

    #[test]
    fn a_damaged_identity_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(keys::IDENTITY_FILE), "node = ").unwrap();
        assert!(matches!(Identity::read(dir.path()), Err(StoreError::IdentityLost { .. })));
    }
}

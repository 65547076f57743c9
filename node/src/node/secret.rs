//! What lets a restarted node end its former connections at once. Knows nothing of connections.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use raftchat_transport::NodeSecret;

use super::NodeError;
use crate::store::StoreError;

/// In the data directory.
const SECRET_FILE: &str = "secret";

/// The node's secret; made at its first start.
pub(super) fn of(data: &Path) -> Result<NodeSecret, NodeError> {
    let path = &data.join(SECRET_FILE);
    let failed = |error: io::Error| StoreError::io("reading or making", path)(error);
    match fs::read(path) {
        Ok(bytes) => match <[u8; 32]>::try_from(bytes) {
            Ok(secret) => Ok(NodeSecret(secret)),
            Err(_) => Err(failed(io::Error::other("it does not hold 32 bytes: remove it, a new one is made")).into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(|error| NodeError::System(error.to_string()))?;
            let mut options = fs::OpenOptions::new();
            let created = options.write(true).create_new(true).mode(0o600).open(path);
            created.and_then(|mut file| file.write_all(&secret)).map_err(failed)?;
            Ok(NodeSecret(secret))
        }
        Err(error) => Err(failed(error).into()),
    }
}

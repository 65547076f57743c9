//! What lets a restarted node end its former connections at once. Never knows how it does that.

use std::path::Path;
use std::{fs, io};

use raftchat_transport::NodeSecret;

use super::NodeError;
use crate::store::StoreError;

/// In the data directory: 32 bytes.
const SECRET_FILE: &str = "secret";

/// The node's secret; made at its first start, and anew where it is not whole: all that a lost one costs is that former
/// connections end by their timeouts.
pub(super) fn of(data: &Path) -> Result<NodeSecret, NodeError> {
    let path = &data.join(SECRET_FILE);
    match fs::read(path) {
        Ok(bytes) => match <[u8; 32]>::try_from(bytes) {
            Ok(secret) => return Ok(NodeSecret(secret)),
            Err(bytes) => tracing::warn!(path = %path.display(), bytes = bytes.len(), "not whole; a new one is made"),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::io("reading", path)(error).into()),
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| NodeError::System(error.to_string()))?;
    raftchat_files::replace(path, &secret, 0o600).map_err(StoreError::io("writing", path))?;
    Ok(NodeSecret(secret))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_that_a_power_loss_left_empty_is_made_anew_and_one_that_is_whole_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SECRET_FILE);
        for left in [&b""[..], &[7; 31], &[7; 33]] {
            fs::write(&path, left).unwrap();
            let NodeSecret(made) = of(dir.path()).unwrap();
            assert_eq!(fs::read(&path).unwrap(), made);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            let NodeSecret(again) = of(dir.path()).unwrap();
            assert_eq!(again, made);
        }
    }
}

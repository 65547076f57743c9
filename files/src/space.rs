//! How much room there is. Never knows how much somebody needs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// So much is written to find out whether a disk takes anything, in bytes.
const PROBE_BYTES: usize = 64 << 10;

/// The room of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Its size in bytes, without what only root may use.
    pub total_bytes: u64,
    /// The free part of it in bytes, without what only root may use.
    pub free_bytes: u64,
}

impl Space {
    /// The used part of it, in hundredths.
    pub fn used_percent(&self) -> u64 {
        let used = self.total_bytes.saturating_sub(self.free_bytes);
        used.saturating_mul(100).checked_div(self.total_bytes).unwrap_or(100)
    }
}

/// The room of the file system that holds `path`.
///
/// # Errors
/// What the system says.
pub fn space(path: &Path) -> io::Result<Space> {
    let found = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    let used = found.f_blocks.saturating_sub(found.f_bfree);
    Ok(Space { total_bytes: bytes(used.saturating_add(found.f_bavail)), free_bytes: bytes(found.f_bavail) })
}

/// Tries whether the directory takes a file, and has room for `needed_bytes`.
///
/// # Errors
/// It does not, and why.
pub fn probe(dir: &Path, needed_bytes: u64) -> io::Result<()> {
    take_one(dir)?;
    if space(dir)?.free_bytes < needed_bytes { Err(rustix::io::Errno::NOSPC.into()) } else { Ok(()) }
}

fn take_one(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!("probe.{}.tmp", std::process::id()));
    let tried = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    let tried = tried.and_then(|mut file: File| {
        file.write_all(&vec![0x55; PROBE_BYTES])?;
        file.sync_all()
    });
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => tried.and(Err(error)),
        _ => tried,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_told_in_hundredths() {
        let used = |total_bytes, free_bytes| Space { total_bytes, free_bytes }.used_percent();
        assert_eq!([used(1000, 1000), used(1000, 200), used(1000, 0), used(0, 0)], [0, 80, 100, 100]);
    }

    #[test]
    fn a_directory_that_takes_files_passes_and_keeps_none() {
        let dir = tempfile::tempdir().unwrap();
        probe(dir.path(), 1).unwrap();
        assert_eq!(probe(dir.path(), u64::MAX).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(space(dir.path()).unwrap().total_bytes > 0);
        assert_eq!(probe(&dir.path().join("nowhere"), 1).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

//! A file is there wholly or not at all, whenever the power fails: written beside its place under another name, synced,
//! renamed, and its directory synced. Never knows what is written.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The ending of the names of files that are not whole yet.
const TEMPORARY: &str = ".tmp";

/// Puts `bytes` into the file at `path`, readable as `mode` says: after a crash it is the old one or the new one.
///
/// # Errors
/// What the system says; the file is then the old one, or, where only the last sync failed, perhaps the new one.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    put(path, bytes, mode, |temporary| fs::rename(temporary, path))
}

/// Makes the file at `path` with `bytes` in it; after a crash it is whole or not there. One that is there already stays.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`], or what else the system says.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    put(path, bytes, mode, |temporary| {
        // A second name, which unlike a rename fails where there is a file; some file systems have no such thing.
        match fs::hard_link(temporary, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                if path.symlink_metadata().is_ok() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                fs::rename(temporary, path)
            }
            other => other.and_then(|()| fs::remove_file(temporary)),
        }
    })
}

fn put(path: &Path, bytes: &[u8], mode: u32, name: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary_beside(path);
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let done = written.and_then(|()| name(&temporary)).and_then(|()| sync_parent(path));
    if done.is_err() {
        // Of no use to anybody; that it cannot be removed changes nothing of the error that is told.
        let _ = fs::remove_file(&temporary);
    }
    done
}

/// Makes what was created, renamed or removed in a directory durable.
///
/// # Errors
/// What the system says.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// [`sync_dir`] of the directory that `path` lies in.
///
/// # Errors
/// What the system says.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// What interrupted writers have left in a directory: of no use, and to be removed by whoever alone writes there.
///
/// # Errors
/// What the system says.
pub fn temporaries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let is_temporary = |name: &OsStr| name.to_str().is_some_and(|name| meant_for(name).is_some());
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if is_temporary(&entry.file_name()) && entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The name of the file for which an interrupted writer has left one of this name; none if it is no such file's.
pub fn meant_for(name: &str) -> Option<&str> {
    name.strip_suffix(TEMPORARY)?.rsplit_once('.').map(|(name, _writer)| name)
}

/// A name of its own for each writer: several programs may write the same file at a time.
fn temporary_beside(path: &Path) -> PathBuf {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{}{TEMPORARY}", std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed)));
    PathBuf::from(name)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_with_the_mode_asked_for_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("letter");
        for text in ["dear bob", "dear carol"] {
            replace(&path, text.as_bytes(), 0o600).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_there_is_never_created_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("letter");
        create(&path, b"dear bob", 0o600).unwrap();
        let again = create(&path, b"dear carol", 0o600).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "dear bob");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_an_interrupted_writer_left_is_found() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("letter.7-0.tmp"), "dea").unwrap();
        fs::write(dir.path().join("letter"), "dear bob").unwrap();
        assert_eq!(temporaries(dir.path()).unwrap(), [dir.path().join("letter.7-0.tmp")]);
        let path = temporary_beside(&dir.path().join("letter.toml"));
        assert_eq!(path.file_name().and_then(OsStr::to_str).and_then(meant_for), Some("letter.toml"));
        assert_eq!((meant_for("letter.toml"), meant_for("letter")), (None, None));
    }
}

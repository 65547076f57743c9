//! What is for its owner's eyes alone. Never knows what a file holds.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Access for the owner alone.
const DIRECTORY_MODE: u32 = 0o700;
/// The bits by which a group or anybody else could get at something.
const FOREIGN_ACCESS: u32 = 0o077;

/// To be called first of all in a program that holds what is private: whatever it makes is its owner's alone, and its memory,
/// where keys and messages are, is written to no core file.
///
/// # Errors
/// The system does not let the limit be lowered.
pub fn be_private() -> io::Result<()> {
    rustix::process::umask(Mode::from_raw_mode(FOREIGN_ACCESS));
    Ok(rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

/// No other program of the same user reads this one's memory either. Not for the window: a desktop looks at a program's files
/// under `/proc` to see which one asks it for something.
///
/// # Errors
/// The system does not know it.
pub fn hide_memory() -> io::Result<()> {
    Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Makes a directory that its owner alone can look into, with its missing parents; one that is there is made so.
///
/// # Errors
/// What the system says.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => tighten(path).map(drop),
        other => other,
    }
}

/// Takes away what others than the owner may do with a file or directory; says whether there was anything.
///
/// # Errors
/// It is another user's, or what else the system says.
pub fn tighten(path: &Path) -> io::Result<bool> {
    let mode = path.metadata()?.permissions().mode() & 0o7777;
    if mode & FOREIGN_ACCESS == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(mode & !FOREIGN_ACCESS))?;
    Ok(true)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_directory_is_made_private_and_a_lax_one_is_tightened() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("data");
        make_private_dir(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        make_private_dir(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        assert!(!tighten(&dir).unwrap());
    }
}

//! Files that are there wholly or not at all, and databases that open or say why not. Knows nothing of what is in them.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fjall::{Database, DatabaseBuilder};
use raftchat_files::Making;

use super::error::{Cause, StoreError};

/// What a node keeps is its owner's alone.
const FILE_MODE: u32 = 0o600;

/// Makes the directory if there is none, its owner's alone, and its name durable. One that others can look into is closed
/// to them.
pub(crate) fn make_dir(path: &Path) -> Result<(), StoreError> {
    raftchat_files::make_private_dir(path)
        .map_err(StoreError::io("making, for this user alone, the directory", path))?;
    raftchat_files::sync_parent(path).map_err(StoreError::io("syncing the directory above", path))
}

/// Closes what lies in a directory to others than its owner.
pub(crate) fn make_all_private(dir: &Path) -> Result<(), StoreError> {
    for name in names(dir)? {
        let path = dir.join(name);
        let tightened = raftchat_files::tighten(&path).map_err(StoreError::io("closing to others", &path))?;
        if tightened {
            tracing::warn!(path = %path.display(), "others could read this; it is closed to them now");
        }
    }
    Ok(())
}

/// Makes what was created, renamed or removed in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    raftchat_files::sync_dir(path).map_err(StoreError::io("syncing the directory", path))
}

/// Replaces a file so that after a crash it is either the old or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    raftchat_files::replace(path, bytes, FILE_MODE).map_err(StoreError::io("writing", path))
}

/// Removes what an interrupted [`replace`] left in a directory.
pub(crate) fn remove_temporaries(dir: &Path) -> Result<(), StoreError> {
    let left = raftchat_files::temporaries(dir).map_err(StoreError::io("listing", dir))?;
    left.iter().try_for_each(|path| remove(path))
}

/// Renames within a directory, durably.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::io("renaming", from))?;
    to.parent().map_or(Ok(()), sync_dir)
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("removing", path)(error)),
        _ => Ok(()),
    }
}

/// How fjall makes a database: of one whose making was cut short it says for ever that a file exists.
const MAKING: Making<'static> = Making { lock: "lock", mark: "version", contents: "keyspaces" };

/// Opens the database in `dir`. fjall panics on some damaged journals instead of answering; here that is an answer like the
/// others. A disk that takes nothing is told before damage is: what looks so may only not have been written.
pub(crate) fn open_database(dir: &Path, builder: DatabaseBuilder<Database>) -> Result<Database, OpenFailure> {
    match raftchat_files::remove_half_made(dir, &MAKING) {
        Ok(true) => tracing::info!(dir = %dir.display(), "a database whose making was interrupted is made anew"),
        Ok(false) => {}
        Err(error) => return Err(OpenFailure::System(error)),
    }
    let cause = match catch_unwind(AssertUnwindSafe(|| builder.open())) {
        Ok(Ok(database)) => return Ok(database),
        Ok(Err(fjall::Error::Locked)) => return Err(OpenFailure::InUse),
        Ok(Err(error)) => Cause::of(error, dir),
        Err(_panic) => Cause::Damage("its files are damaged beyond what the database can tell".into()),
    };
    Err(match cause {
        Cause::System(error) => OpenFailure::System(error),
        Cause::Damage(reason) => match raftchat_files::probe(dir, 0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => OpenFailure::System(error),
            _ => OpenFailure::Damaged(reason),
        },
        Cause::Before => OpenFailure::Damaged("it stopped while it was opened".into()),
    })
}

/// Why a database did not open.
pub(crate) enum OpenFailure {
    InUse,
    System(std::io::Error),
    Damaged(String),
}

/// The bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

/// The names in a directory that are valid text, in order; none if there is no directory.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(StoreError::io("listing", path))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StoreError::io("listing", path))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

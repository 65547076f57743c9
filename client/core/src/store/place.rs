//! Which of two directories the database of a store is in: they take turns, so that a database can be written anew beside the
//! one that is used. Knows nothing of what is in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The two directories.
const FIRST: &str = "db";
const SECOND: &str = "db-b";
/// Names the one in use; the first where there is none.
const CURRENT: &str = "CURRENT";

/// Where the database is.
pub(super) fn current(dir: &Path) -> io::Result<PathBuf> {
    Ok(dir.join(name(is_second(dir)?)))
}

/// Where the next is to be written. Nothing is there.
pub(super) fn next(dir: &Path) -> io::Result<PathBuf> {
    let path = dir.join(name(!is_second(dir)?));
    remove(&path)?;
    Ok(path)
}

/// From now on the database is where the next was written, which is durable.
pub(super) fn exchange(dir: &Path) -> io::Result<()> {
    let second = is_second(dir)?;
    raftchat_files::replace(&dir.join(CURRENT), name(!second).as_bytes(), 0o600)
}

/// Removes what was not finished, or not removed.
pub(super) fn sweep(dir: &Path) -> io::Result<()> {
    raftchat_files::temporaries(dir)?.iter().try_for_each(fs::remove_file)?;
    next(dir).map(drop)
}

const fn name(second: bool) -> &'static str {
    if second { SECOND } else { FIRST }
}

fn is_second(dir: &Path) -> io::Result<bool> {
    match fs::read_to_string(dir.join(CURRENT)) {
        Ok(name) => Ok(name.trim() == SECOND),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

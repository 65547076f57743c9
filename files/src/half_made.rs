//! A directory whose making was cut short: a database that makes its own in several steps refuses what it finds half made, for
//! ever. Never knows what is in it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

/// By what a directory is known that was made to the end.
#[derive(Clone, Copy, Debug)]
pub struct Making<'a> {
    /// The file that whoever uses the directory holds locked.
    pub lock: &'a str,
    /// The file that is written last of all, and is never empty then.
    pub mark: &'a str,
    /// The directory that holds nothing before that.
    pub contents: &'a str,
}

/// Removes `dir` if it is there, was not made to the end, and nobody makes it now: nothing can be in it yet. One that has contents
/// is damaged and stays. True if it was removed.
///
/// # Errors
/// What the system says.
pub fn remove_half_made(dir: &Path, making: &Making<'_>) -> io::Result<bool> {
    if !dir.is_dir() || length(&dir.join(making.mark))? > 0 || has_entries(&dir.join(making.contents))? {
        return Ok(false);
    }
    let lock = match File::open(dir.join(making.lock)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other?),
    };
    match lock.as_ref().map_or(Ok(()), File::try_lock) {
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    fs::remove_dir_all(dir)?;
    crate::sync_parent(dir)?;
    Ok(true)
}

fn length(path: &Path) -> io::Result<u64> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        other => other.map(|found| found.len()),
    }
}

fn has_entries(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        other => Ok(other?.next().is_some()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const MAKING: Making<'static> = Making { lock: "lock", mark: "version", contents: "tables" };

    #[test]
    fn only_what_was_never_made_to_the_end_goes() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("db");
        assert!(!remove_half_made(&dir, &MAKING).unwrap(), "there is none");
        for steps in 0..5 {
            fs::create_dir(&dir).unwrap();
            let making: [&dyn Fn(); 4] = [
                &|| fs::write(dir.join("lock"), "").unwrap(),
                &|| fs::create_dir(dir.join("tables")).unwrap(),
                &|| fs::write(dir.join("journal"), "").unwrap(),
                &|| fs::write(dir.join("version"), "").unwrap(),
            ];
            making.iter().take(steps).for_each(|step| step());
            assert!(remove_half_made(&dir, &MAKING).unwrap(), "after {steps} steps");
            assert!(!dir.exists());
        }
        fs::create_dir_all(dir.join("tables/0")).unwrap();
        assert!(!remove_half_made(&dir, &MAKING).unwrap(), "its mark is lost, and what it holds is not");
        fs::remove_dir(dir.join("tables/0")).unwrap();
        fs::write(dir.join("version"), "3").unwrap();
        assert!(!remove_half_made(&dir, &MAKING).unwrap(), "it holds nothing yet");
        fs::remove_file(dir.join("version")).unwrap();
        let held = File::create(dir.join("lock")).unwrap();
        held.lock().unwrap();
        assert!(!remove_half_made(&dir, &MAKING).unwrap(), "somebody makes it");
    }
}

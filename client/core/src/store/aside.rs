//! Moves a database that does not open out of the way. Knows nothing of what is wrong with it, and is never called from
//! here: whoever opens the store decides, and tells the person.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::StoreOpenError;
use super::{open, place};

/// Moves the database of the store in `dir` aside and says where it is now; none if there is none. The next
/// [`Store::open`](super::Store::open) begins with nothing, and what was not yet sent is only in what was moved.
pub fn move_aside(dir: &Path) -> Result<Option<PathBuf>, StoreOpenError> {
    let _lock = open::lock(dir)?;
    let database = place::current(dir).map_err(StoreOpenError::io("looking through", dir))?;
    if !database.exists() {
        return Ok(None);
    }
    let free = |number: &u32| !dir.join(name(*number)).exists();
    let aside = dir.join(name((1..u32::MAX).find(free).unwrap_or(u32::MAX)));
    fs::rename(&database, &aside).map_err(StoreOpenError::io("renaming", &database))?;
    let synced = fs::File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(StoreOpenError::io("syncing the directory", dir))?;
    Ok(Some(aside))
}

fn name(number: u32) -> String {
    format!("damaged-{number}")
}

//! What this machine's wall clock says, for what is no matter of the cluster's: how long something has lain here.

use std::time::{SystemTime, UNIX_EPOCH};

use raftchat_schema::id::Stamp;

/// By this machine's clock, whatever the others have.
pub(crate) fn wall() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

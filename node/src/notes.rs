//! What a node notes in the log of its own accord: who was seen, which sessions are used and from where, what has reached
//! devices, and that more is to be erased. Each looks first, and proposes nothing that would change nothing.

mod delivered;
mod erasure;
mod last_seen;
mod session_use;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use delivered::{Deliveries, note_delivered};
pub(crate) use erasure::{Erasures, erase};
pub(crate) use last_seen::note_last_seen;
pub(crate) use session_use::note_use;

/// How long a note may take; the next one does as well.
const NOTE_LIMIT: Duration = Duration::from_secs(5);

/// Milliseconds since 1970, by this node's clock.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

//! What a node notes in the log of its own accord: who was seen, which sessions are used and from where, what has reached
//! devices, that time has passed, and that more is to be erased. Each looks first, and proposes nothing that would change nothing.

mod age;
mod delivered;
mod erasure;
mod last_seen;
mod session_use;

use std::time::Duration;

pub(crate) use age::note_age;
pub(crate) use delivered::{Deliveries, note_delivered};
pub(crate) use erasure::{Erasures, erase};
pub(crate) use last_seen::note_last_seen;
pub(crate) use session_use::note_use;

/// How long a note may take; the next one does as well.
const NOTE_LIMIT: Duration = Duration::from_secs(5);

//! What a node keeps on disk: Raft's log, the state machine's rows, snapshots, and who the node is. The only place that
//! names fjall. Never knows openraft, a network, or what an entry means.
//!
//! ```text
//! data/
//!   node.toml        who this node is; written once, last of all
//!   watermark          a lower bound of what the log must hold
//!   log/             a fjall database: every write is synced before it is acknowledged
//!   CURRENT          the name of the live state directory
//!   state-<epoch>/   a fjall database: not synced on every entry, the log replays it
//!   snap/            the newest snapshot file, and what of others has arrived
//! ```
//!
//! fjall's recovery cuts a damaged journal short without a word. So nothing here is believed because it opened:
//! entries form a chain of hashes, and the chain must reach what the watermark and the state have seen.

mod check;
pub mod error;
pub mod failure;
mod files;
pub mod identity;
mod keys;
pub mod log;
pub mod open;
mod owed;
pub mod snapshot;
pub mod state;
pub mod syncs;
pub mod watermark;
mod yielding;

pub use error::StoreError;
pub use failure::Failures;
pub(crate) use files::replace as replace_file;
pub use identity::Identity;
pub use log::{LogBounds, LogRecord, LogStore};
pub use open::{StoreSettings, Stores};
pub use owed::{Owed, Promised};
pub use snapshot::{SnapshotFile, SnapshotShelf};
pub use state::{AppliedState, RowCache, StateStore, StateView, Unclean};
pub(crate) use state::{Commit, FreshState};
pub use syncs::Syncs;
pub(crate) use yielding::spawn_yielding;

//! Raft: how the nodes agree on one log, and what this node does with it. The only place that names openraft; its types
//! stay inside, and nothing of it is ever on disk or on the wire in an encoding of its own. Never knows quinn, capnp-rpc, or
//! what a command means.
//!
//! | module | holds |
//! | --- | --- |
//! | [`handle`] | [`RaftHandle`]: all that the rest of the node asks of Raft |
//! | [`messages`] | what peers ask each other, and the trait by which they are asked |
//! | [`receive`] | what a peer's calls do here |
//! | [`settings`] | times and sizes |
//! | [`membership`] | who is in the cluster, and how that changes |
//! | [`status`] | what is told of it |
//! | `trust` | what a peer says that cannot be, whether this node's data is what it was |
//! | `machine` | the thread that applies entries, and who hears of it |
//! | `elections` | when this node stands for election |
//! | `replacing` | a leader whose port is closed |
//! | `pace` | how long disks and paths are waited for |
//! | `types` | openraft's types, the way there and back, and its runtime |
//! | `log_storage`, `network` | what else openraft asks of the node |

mod elections;
pub mod handle;
mod log_storage;
mod machine;
pub mod membership;
pub mod messages;
mod network;
mod pace;
pub mod receive;
mod replacing;
pub mod settings;
pub mod status;
#[cfg(test)]
mod suite;
mod trust;
mod types;

pub(crate) use handle::clean::CleanFailure;
pub use handle::{ProposeFailure, RaftHandle, ReadFailure, StartError};
pub use machine::apply::{AppliedEntry, ApplySink, ProposalOutcome};
pub use messages::{
    AppendRequest, AppendResponse, Lane, OutgoingSnapshot, PeerCallError, PeerCalls, SnapshotRequest, Target,
    TransferRequest, VoteRequest, VoteResponse,
};
pub use receive::{AppendStream, IncomingSnapshot, ReceiveError};
pub use settings::RaftSettings;
pub use status::{Leadership, RaftStatus, Role};
pub use trust::claims::Absurd;

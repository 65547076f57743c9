//! Raft: how the nodes agree on one log, and what this node does with it. The only place that names openraft; its types
//! stay inside, and nothing of it is ever on disk or on the wire in an encoding of its own. Never knows quinn, capnp-rpc, or
//! what a command means.
//!
//! | module | holds |
//! | --- | --- |
//! | [`handle`] | [`RaftHandle`]: all that the rest of the node asks of Raft |
//! | [`messages`] | what peers ask each other, and the trait by which they are asked |
//! | [`receive`] | what a peer's calls do here |
//! | [`claims`] | what a peer says that cannot be |
//! | [`apply`] | the thread that applies entries, and who hears of it |
//! | [`settings`] | times and sizes |
//! | `clean` | that what was deleted leaves the disk |
//! | `copying` | the rows written anew while entries go on being applied |
//! | `doubts` | whether this node's data is what it was |
//! | `elections` | when this node stands for election |
//! | `pace` | how long disks and paths are waited for |
//! | `progress` | what a leader has seen of each follower |
//! | `runtime` | that openraft gives up no call before its time |
//! | `types`, `convert` | openraft's types, and the way there and back |
//! | `log_storage`, `machine`, `network` | what openraft asks of the node |

mod elections;
pub mod handle;
mod log_storage;
mod machine;
pub mod membership;
pub mod messages;
mod network;
mod pace;
pub mod receive;
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

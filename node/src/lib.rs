//! One raftchat node: Raft, storage, and the services that devices and other nodes call.
//!
//! A call of a device becomes a command in `services`, is packed into a log entry by the [`proposer`],
//! agreed on in [`raft`], kept in [`store`], applied by `raftchat_state`, and told from `audience` to who
//! waits and who listens.
//!
//! | module | holds |
//! | --- | --- |
//! | [`node`], [`daemon`], [`config`] | what runs, as a process, as it is told |
//! | `services` | the client interface, a file for each capability |
//! | `admission` | passwords, guesses and rates: what is decided before anything is proposed |
//! | [`proposer`] | commands into the log, outcomes back, reads that are up to date |
//! | [`raft`], [`store`] | the only places that name openraft and fjall |
//! | `audience` | who hears of what: fan-out, live sessions, presence, typing |
//! | [`peers`] | the links to the other nodes, who may call as one and from where, what they tell each other when they meet |
//! | `levels` | which feature level the nodes know, and when all know another |
//! | `health` | whom this node misses, whether it is behind, how full its budgets and disks are |
//! | `clock` | what time it is, whatever this machine's clock says |
//! | `housekeeping` | what the node notes in the log by itself, that what was deleted is gone, that certificates end |
//!
//! This crate never knows a window or the client.

mod admission;
mod audience;
mod clock;
pub mod config;
pub mod daemon;
mod health;
mod housekeeping;
mod levels;
pub mod node;
pub mod peers;
pub mod proposer;
pub mod raft;
mod services;
pub mod store;

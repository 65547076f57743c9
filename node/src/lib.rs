//! One raftchat node: Raft, storage, and the services that devices and other nodes call.
//!
//! A call of a device becomes a command in `services`, is packed into a log entry by the [`proposer`],
//! agreed on in [`raft`], kept in [`store`], applied by `raftchat_state`, and told from `applied` to who
//! waits and who listens.
//!
//! | module | holds |
//! | --- | --- |
//! | [`node`], [`daemon`], [`config`] | what runs, as a process, as it is told |
//! | `services` | the client interface, a file for each capability |
//! | [`proposer`], `waiting`, [`read_index`], `reaching` | commands into the log, outcomes back, reads that are up to date |
//! | [`raft`], [`store`] | the only places that name openraft and fjall |
//! | [`peers`], `members`, `doorkeeper`, `exposure` | the links to the other nodes, who may call as one, and from where |
//! | `applied`, `fanout`, `live`, `presence`, `announce`, `typing` | who hears of what |
//! | `greeting`, `levels` | what nodes tell of themselves when they meet: older copies and lists that differ are noticed, and when all know another feature level |
//! | `suspicion`, `freshness`, `standing` | whom this node misses, whether it is behind, and what its devices are told of that |
//! | `passwords`, `guessing`, `rates` | what is decided before anything is proposed |
//! | `clock` | what time it is, whatever this machine's clock says |
//! | `meters`, `room` | how full each budget is, and the disks |
//! | `notes` | what the node itself has noted in the log |
//! | `cleaning`, `damage` | that what was deleted is gone from the disk, and what is damaged is made anew |
//!
//! This crate never knows a window or the client.

mod announce;
mod applied;
mod asking;
mod cleaning;
mod clock;
pub mod config;
pub mod daemon;
mod damage;
mod doorkeeper;
mod expiry;
mod exposure;
mod fanout;
mod freshness;
mod greeting;
mod guessing;
mod levels;
mod live;
mod members;
mod meters;
pub mod node;
mod notes;
mod password_rules;
mod passwords;
pub mod peers;
mod presence;
pub mod proposer;
pub mod raft;
mod rates;
mod reaching;
pub mod read_index;
mod room;
mod services;
mod standing;
pub mod store;
mod suspicion;
mod typing;
mod waiting;

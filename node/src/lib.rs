//! One raftchat node: Raft and storage.

pub mod raft;
pub mod store;

//! One hostile device, and what everybody else notices of it: nothing. Each trial is named after the fault that it was made
//! for. Three nodes run, alice and bob talk, carol and erin log in all the while; a quiet phase is measured, then the attack, then
//! how long it takes until all is as before. Every figure is printed as a line of a table.
//!
//! `RAFTCHAT_ATTACK_SECONDS` says how long each attack goes on (3 if it is not set). From 30 on the bounds are strict; below,
//! a busy machine is allowed for. One at a time, as the trials share the processors with what they measure:
//! `RAFTCHAT_ATTACK_SECONDS=60 cargo test --release -p raftchat-tests --test attacks -- --nocapture --test-threads 1`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod door;
mod everybody;
mod links;
mod passwords;
mod town;
mod trial;

const PROGRAM: &str = env!("CARGO_BIN_EXE_raftchat-under-test");
const ATTACKER: &str = env!("CARGO_BIN_EXE_raftchat-attacker");

//! Stories with real processes: people talk while nodes die, come back, and are asked for what they must refuse.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod catching_up;
mod conversation;
mod devices;
mod door;
mod founding;
mod full_disk;
mod groups;
mod input;
mod membership;
mod messages;
mod older_copies;
mod privacy;
mod stopping;
mod survival;
mod upgrading;

/// The program that the stories run.
const PROGRAM: &str = env!("CARGO_BIN_EXE_raftchat-under-test");

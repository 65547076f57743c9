//! `raftchatctl`: everything a person types.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// The nodes of a demo and of a benchmark run in this program too: see `raftchatd`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    raftchat_tools::main()
}

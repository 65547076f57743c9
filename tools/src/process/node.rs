//! `raftchatctl node`: one node in this process, for `cluster up`, the demo and the benchmarks. Ends when the process that
//! started it ends, however that ended.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// The node to run, and who started it.
#[derive(Debug, Args)]
pub(crate) struct NodeArguments {
    /// The node's `node.toml`
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Process id of who started this, without whom it must not go on
    #[arg(long, value_name = "PID")]
    parent: Option<u32>,
}

/// Runs the node until it is told to stop or cannot go on.
pub(crate) fn run(arguments: &NodeArguments, log: &str) -> ExitCode {
    if let Some(parent) = arguments.parent
        && !ends_with(parent)
    {
        return ExitCode::SUCCESS;
    }
    ExitCode::from(raftchat_node::daemon::run(&arguments.config, log))
}

/// Asks the system to end this process with its parent; false if the parent is gone already.
fn ends_with(parent: u32) -> bool {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        // Logging is the node's own and not set up yet.
        eprintln!("this node cannot be made to end with the process that started it: {error}");
    }
    // Asked after the wish was made, so that a parent that ended just before is noticed too.
    getppid().is_some_and(|pid| u32::try_from(pid.as_raw_nonzero().get()) == Ok(parent))
}

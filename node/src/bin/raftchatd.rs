//! `raftchatd`: one node of a raftchat cluster.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use raftchat_node::daemon;

/// Calls make many small objects on one thread and drop them on another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs one node of a raftchat cluster until Ctrl-C, or SIGTERM, when it first sends its devices to other nodes for up to five
/// seconds. Logs on standard error.
#[derive(Parser)]
#[command(
    name = "raftchatd",
    version,
    after_help = "Example: raftchatd --config cluster/node-1/node.toml\n\n\
                  `raftchatctl cluster init` makes a directory with a configuration for each node."
)]
struct Arguments {
    /// The node's configuration, `node.toml`
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How much to log: error, warn, info, debug or trace, also for single modules such as `raftchat_node=debug`
    #[arg(long, value_name = "LEVEL", default_value = daemon::LOG_FILTER)]
    log: String,
}

fn main() -> ExitCode {
    let private = raftchat_files::be_private().and_then(|()| raftchat_files::hide_memory());
    if let Err(error) = private {
        eprintln!("raftchatd: a crash may write keys and messages to a core file: {error}");
    }
    let arguments = Arguments::parse();
    ExitCode::from(daemon::run(&arguments.config, &arguments.log))
}

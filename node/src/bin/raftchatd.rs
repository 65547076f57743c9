//! `raftchatd`: one node of a raftchat cluster.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Runs one node of a raftchat cluster until SIGTERM or Ctrl-C. Logs on standard error.
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
    #[arg(long, value_name = "LEVEL", default_value = "info,openraft=warn")]
    log: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = match EnvFilter::try_new(&arguments.log) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("raftchatd: --log: {error}");
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    ExitCode::from(raftchat_node::daemon::run(&arguments.config))
}

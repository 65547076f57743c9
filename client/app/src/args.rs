//! The command line. Knows nothing of what it starts.

use std::path::PathBuf;

use clap::Parser;
use raftchat_config::places;

/// The raftchat window: your conversations, on your own machines
#[derive(Debug, Parser)]
#[command(name = "raftchat", version)]
#[command(after_help = "Example: raftchat --profile home/devices/alice")]
pub(crate) struct Args {
    /// The device's profile, as `raftchatctl cluster device` makes it
    #[arg(long, value_name = "DIR", env = "RAFTCHAT_PROFILE", default_value_os_t = places::profile())]
    pub(crate) profile: PathBuf,
    /// Try this node first
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) node: Option<String>,
    /// Full screen, with a keyboard on the screen, and no way to quit
    #[arg(long)]
    pub(crate) kiosk: bool,
    /// What to log on standard error: error, warn, info, debug, trace, or a filter such as `raftchat_client=debug`
    #[arg(long, value_name = "LEVEL", default_value = "warn,winit=error")]
    pub(crate) log: String,
}

//! `raftchatctl cluster`: makes a cluster's directory, runs its nodes, and asks how they are.

pub(crate) mod device;
pub(crate) mod directory;
pub(crate) mod init;
pub(crate) mod observer;
mod status;
mod up;

use clap::Subcommand;

use crate::failure::Failure;
use crate::output::Output;

/// A cluster on this machine, or what of it is kept here.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Make a new cluster's certificates, configuration and directories
    #[command(after_help = "Example: raftchatctl cluster init --dir home --nodes 5")]
    Init(init::InitArguments),
    /// Run the nodes as child processes until Ctrl-C
    #[command(after_help = "Example: raftchatctl cluster up --dir home")]
    Up(up::UpArguments),
    /// Ask every node how it is
    #[command(after_help = "Example: raftchatctl cluster status --dir home --watch")]
    Status(status::StatusArguments),
    /// Make the profile of one more device
    #[command(after_help = "Example: raftchatctl cluster device --dir home alice-laptop")]
    Device(device::DeviceArguments),
}

/// Does what was asked.
pub(crate) async fn run(command: ClusterCommand, output: Output) -> Result<(), Failure> {
    match command {
        ClusterCommand::Init(arguments) => init::run(&arguments, output),
        ClusterCommand::Up(arguments) => up::run(arguments, output).await,
        ClusterCommand::Status(arguments) => status::run(arguments, output).await,
        ClusterCommand::Device(arguments) => device::run(&arguments, output),
    }
}

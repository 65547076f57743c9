//! `raftchatctl cluster`: makes a cluster's directory, runs its nodes and ends them, asks how they are, and changes
//! who they are.

mod add;
pub(crate) mod admin;
pub(crate) mod device;
pub(crate) mod directory;
mod drain;
mod finalize;
mod health;
mod home;
pub(crate) mod init;
mod members;
pub(crate) mod observer;
mod promote;
mod remove;
mod status;
mod up;

use clap::Subcommand;
use tokio::task::LocalSet;

use crate::failure::Failure;
use crate::shell::output::Output;

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
    #[command(
        after_help = "Example: raftchatctl cluster status --dir home --watch\n\nExit status 5: nodes answered, and something is wrong, which is told"
    )]
    Status(status::StatusArguments),
    /// Make the profile of one more device
    #[command(after_help = "Example: raftchatctl cluster device --dir home alice-laptop")]
    Device(device::DeviceArguments),
    /// Show who belongs to the cluster: voters, learners, the leader
    #[command(after_help = "Example: raftchatctl cluster members --dir home")]
    Members(members::MembersArguments),
    /// Make one more node and add it; it learns everything and does not vote yet
    #[command(after_help = "Example: raftchatctl cluster add --dir home")]
    Add(add::AddArguments),
    /// Give a node that was added its vote, once it has caught up
    #[command(after_help = "Example: raftchatctl cluster promote --dir home 4")]
    Promote(promote::PromoteArguments),
    /// Have a node send its devices to the others, hand on what it leads, and end
    #[command(after_help = "Example: raftchatctl cluster drain --dir home 2")]
    Drain(drain::DrainArguments),
    /// Raise the feature level, once every node runs a program that knows the next
    #[command(
        after_help = "Example: raftchatctl cluster finalize --dir home\n\nFrom then on no older node can come back: run it when the upgrade is to stay"
    )]
    Finalize(finalize::FinalizeArguments),
    /// Take a node out of the cluster, for good
    #[command(after_help = "Example: raftchatctl cluster remove --dir home 2")]
    Remove(remove::RemoveArguments),
}

/// Does what was asked.
pub(crate) async fn run(command: ClusterCommand, output: Output) -> Result<(), Failure> {
    // Links to nodes live on one thread.
    let local = LocalSet::new();
    match command {
        ClusterCommand::Init(arguments) => init::run(&arguments, output),
        ClusterCommand::Up(arguments) => up::run(arguments, output).await,
        ClusterCommand::Status(arguments) => status::run(arguments, output).await,
        ClusterCommand::Device(arguments) => device::run(&arguments, output),
        ClusterCommand::Members(arguments) => local.run_until(members::run(&arguments, output)).await,
        ClusterCommand::Add(arguments) => local.run_until(add::run(&arguments, output)).await,
        ClusterCommand::Promote(arguments) => local.run_until(promote::run(&arguments, output)).await,
        ClusterCommand::Drain(arguments) => local.run_until(drain::run(&arguments, output)).await,
        ClusterCommand::Finalize(arguments) => local.run_until(finalize::run(&arguments, output)).await,
        ClusterCommand::Remove(arguments) => local.run_until(remove::run(&arguments, output)).await,
    }
}

//! `raftchatctl bench`: measures a cluster from outside, as devices see it.

mod arena;
mod catchup;
mod connections;
mod crowd;
mod door;
mod failover;
mod group;
mod load;
mod measure;
mod send;
mod stamp;
mod tally;

use clap::Subcommand;

use crate::failure::Failure;
use crate::shell::output::Output;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// How many messages are confirmed and delivered, and how long that takes
    #[command(after_help = "Example: raftchatctl bench send --nodes 3 --senders 256 --receivers 256 --seconds 10")]
    Send(send::SendArguments),
    /// How fast sessions are accepted, and what an idle one costs
    #[command(after_help = "Example: raftchatctl bench connections --count 1000")]
    Connections(connections::ConnectionsArguments),
    /// How long nothing is confirmed and nothing delivered when the leader is killed
    #[command(after_help = "Example: raftchatctl bench failover --nodes 5 --rounds 5")]
    Failover(failover::FailoverArguments),
    /// How long a message takes to all who listen to a large group
    #[command(after_help = "Example: raftchatctl bench group --members 1000 --sessions 200 --nodes 3")]
    Group(group::GroupArguments),
    /// What it costs a device to come back after many changes
    #[command(after_help = "Example: raftchatctl bench catchup --stored 1000,100000 --missed 10000")]
    Catchup(catchup::CatchupArguments),
}

/// Runs one measurement until it is done or the program is to stop.
pub(crate) async fn run(command: BenchCommand, output: Output) -> Result<(), Failure> {
    let mut stop = crate::process::stop::StopSignals::listen()?;
    let measure = async {
        match command {
            BenchCommand::Send(arguments) => send::run(&arguments, output).await,
            BenchCommand::Connections(arguments) => connections::run(&arguments, output).await,
            BenchCommand::Failover(arguments) => failover::run(&arguments, output).await,
            BenchCommand::Group(arguments) => group::run(&arguments, output).await,
            BenchCommand::Catchup(arguments) => catchup::run(&arguments, output).await,
        }
    };
    tokio::select! {
        () = stop.next() => Err(Failure::Failed("interrupted before there was a result".to_owned())),
        result = measure => result,
    }
}

//! Showing that one is writing.

use std::time::Duration;

use clap::Args;
use raftchat_client::Client;
use raftchat_schema::limits::TYPING_MS;
use tokio::time::{interval, sleep};

use crate::chat::target::TargetArguments;
use crate::failure::Failure;
use crate::shell::output::Output;

/// Twice as often as the others forget it.
const REPEAT_EVERY: Duration = Duration::from_millis(TYPING_MS / 2);

/// For how long.
#[derive(Debug, Args)]
pub(in crate::chat) struct TypingArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Show that you have stopped
    #[arg(long, conflicts_with = "seconds")]
    stop: bool,
    /// Go on showing it for this time, and then show that you have stopped; otherwise the others forget it by themselves
    #[arg(long, value_name = "S", value_parser = crate::shell::values::seconds)]
    seconds: Option<Duration>,
}

pub(super) async fn run(client: &Client, arguments: &TypingArguments, output: Output) -> Result<(), Failure> {
    let target = arguments.target.target()?;
    let Some(duration) = arguments.seconds else {
        client.typing(&target, !arguments.stop).await?;
        return output.done(if arguments.stop { "no longer writing" } else { "writing" });
    };
    let mut ticks = interval(REPEAT_EVERY);
    let keep_on = async {
        loop {
            ticks.tick().await;
            if let Err(error) = client.typing(&target, true).await {
                return error;
            }
        }
    };
    tokio::select! {
        error = keep_on => return Err(error.into()),
        () = sleep(duration) => client.typing(&target, false).await?,
    }
    output.done("no longer writing")
}

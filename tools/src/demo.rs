//! `raftchatctl demo`: a whole cluster at work on one machine. Makes it, runs it, and leaves nothing behind.

mod live;
mod script;
mod stage;
mod steps;
mod window;

use std::path::PathBuf;

use clap::Args;

use self::stage::Stage;
use self::steps::Steps;
use crate::failure::Failure;
use crate::process::stop::StopSignals;
use crate::shell::output::Output;

/// How large, where, and who speaks.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=9))]
    nodes: u16,
    /// Keep the cluster here: a directory that is missing, empty, or from an earlier demo, which then goes on
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Play the whole story, check every step, and end
    #[arg(long)]
    script: bool,
}

/// Plays it. However it ends, the nodes end too, and a temporary directory is removed.
pub(crate) async fn run(arguments: DemoArguments, output: Output) -> Result<(), Failure> {
    if arguments.script && arguments.nodes < 3 {
        return Err(Failure::Usage("--script kills nodes: with fewer than 3 of them nothing would be left".to_owned()));
    }
    if !arguments.script && output.is_json() {
        return Err(Failure::Usage(
            "a conversation on the terminal has no JSON; `demo --script --json` has".to_owned(),
        ));
    }
    let mut stop = StopSignals::listen()?;
    let mut steps = Steps::begin(output);
    let set = steps.step("make a cluster", async {
        let stage = Stage::set(arguments.dir.as_deref(), arguments.nodes)?;
        let told = format!("{} nodes in {}", stage.node_count()?, stage.place());
        Ok((stage, told))
    });
    let mut stage = set.await?;
    let result = if arguments.script {
        tokio::select! {
            () = stop.next() => Err(Failure::Failed("interrupted before the end of the story".to_owned())),
            result = script::play(&mut stage, &mut steps) => result,
        }
    } else {
        tokio::select! {
            () = stop.next() => Ok(()),
            result = live::play(&mut stage, &mut steps) => result,
        }
    };
    stage.scratch.stop().await;
    result
}

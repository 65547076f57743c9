//! `raftchatctl chat`: everything a person can do in a conversation, from a shell. Speaks to the cluster through the client
//! alone.

mod account;
mod group;
mod local;
mod names;
mod password;
mod people;
mod place;
mod reading;
pub(crate) mod repl;
mod saying;
mod shapes;
mod tail;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use raftchat_client::{Client, ClientOptions, Profile};
use raftchat_config::places;

use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::values::seconds;

/// Who speaks, over which node, and what.
#[derive(Debug, Args)]
pub(crate) struct ChatArguments {
    /// The device's profile, made by `cluster device`
    #[arg(long, global = true, value_name = "DIR", env = "RAFTCHAT_PROFILE", default_value_os_t = places::profile())]
    profile: PathBuf,
    /// How long to try before giving up
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Try this node first
    #[arg(long, global = true, value_name = "ADDRESS")]
    node: Option<String>,
    #[command(subcommand)]
    command: ChatCommand,
}

impl ChatArguments {
    /// Whether the terminal is taken for a conversation.
    pub(crate) const fn is_repl(&self) -> bool {
        matches!(self.command, ChatCommand::Repl(_))
    }
}

#[derive(Debug, Subcommand)]
enum ChatCommand {
    #[command(flatten)]
    Account(account::AccountCommand),
    #[command(flatten)]
    People(people::PeopleCommand),
    #[command(flatten)]
    Reading(reading::ReadingCommand),
    /// Print each change as it happens
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice tail --from-start --json")]
    Tail(tail::TailArguments),
    #[command(flatten)]
    Saying(saying::SayingCommand),
    #[command(flatten)]
    Place(place::PlaceCommand),
    /// Make groups and change them
    #[command(
        subcommand,
        after_help = "Example: raftchatctl chat --profile home/devices/alice group create Harbour bob carol"
    )]
    Group(group::GroupCommand),
    #[command(flatten)]
    Local(local::LocalCommand),
    /// Talk on the terminal
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice repl --with bob")]
    Repl(repl::ReplArguments),
}

/// Does what was asked.
pub(crate) async fn run(arguments: ChatArguments, output: Output) -> Result<(), Failure> {
    let profile = Profile::open(&arguments.profile)?;
    let device = profile.device_name().to_owned();
    let options = ClientOptions { first: arguments.node, timeout: arguments.timeout, ..ClientOptions::default() };
    let command = match arguments.command {
        ChatCommand::Local(command) => return local::run(profile, options, command, output).await,
        ChatCommand::Saying(saying::SayingCommand::Send(send)) if send.is_for_later() => {
            return local::send_later(profile, options, send.for_later()?, output).await;
        }
        ChatCommand::Repl(arguments) => return repl::run(profile, options, &arguments, output).await,
        other => other,
    };
    let client = Client::start(profile.clone(), options)?;
    match command {
        ChatCommand::Account(command) => account::run(&client, profile, &device, command, output).await,
        ChatCommand::People(command) => people::run(&client, command, output).await,
        ChatCommand::Reading(command) => reading::run(&client, command, output).await,
        ChatCommand::Tail(arguments) => tail::run(&client, arguments, output).await,
        ChatCommand::Saying(command) => saying::run(&client, command, output).await,
        ChatCommand::Place(command) => place::run(&client, command, output).await,
        ChatCommand::Group(command) => group::run(&client, command, output).await,
        // Were done before, without a client of their own.
        ChatCommand::Local(_) | ChatCommand::Repl(_) => Ok(()),
    }
}

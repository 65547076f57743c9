//! `raftchatctl chat`: everything a person can do in a conversation, from a shell. Speaks to the cluster through the client
//! alone.

mod account;
mod password;
mod reading;
pub(crate) mod repl;
mod sending;
mod shapes;
mod tail;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use raftchat_client::{Client, ClientOptions, Profile};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Username;

use crate::failure::Failure;
use crate::output::Output;

/// Who speaks, over which node, and what.
#[derive(Debug, Args)]
pub(crate) struct ChatArguments {
    /// The device's profile, made by `cluster device`
    #[arg(long, global = true, value_name = "DIR")]
    profile: Option<PathBuf>,
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
    /// Make an account and log in with it
    #[command(
        after_help = "Example: raftchatctl chat --profile home/devices/alice register alice --display-name Alice"
    )]
    Register(account::RegisterArguments),
    /// Log in; the session is kept in the profile
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice login alice")]
    Login(account::LoginArguments),
    /// End the session everywhere
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice logout")]
    Logout,
    /// Show who is logged in
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice whoami")]
    Whoami,
    /// List everybody with an account
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice users")]
    Users,
    /// List your conversations
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice conversations")]
    Conversations,
    /// Send a message; returns when a majority of the nodes has it on disk
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice send --to bob 'Hello, Bob'")]
    Send(sending::SendArguments),
    /// Read back a conversation
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice history --with bob --limit 20")]
    History(reading::HistoryArguments),
    /// Print each change as it happens
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice tail --from-start --json")]
    Tail(tail::TailArguments),
    /// Delete one of your messages for everyone
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice delete --with bob 42")]
    Delete(sending::DeleteArguments),
    /// Mark a conversation as read
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice read --with bob")]
    Read(sending::ReadArguments),
    /// Delete your account for ever; the name is never given again
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice delete-account --yes")]
    DeleteAccount(account::DeleteAccountArguments),
    /// Talk on the terminal
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice repl --with bob")]
    Repl(repl::ReplArguments),
}

/// Does what was asked.
pub(crate) async fn run(arguments: ChatArguments, output: Output) -> Result<(), Failure> {
    let Some(dir) = &arguments.profile else {
        return Err(Failure::Usage("--profile DIR is needed: `raftchatctl cluster device` makes a profile".to_owned()));
    };
    let profile = Profile::open(dir)?;
    let device = profile.device_name().to_owned();
    let options = ClientOptions { first: arguments.node, timeout: arguments.timeout };
    let client = Client::start(profile, options)?;
    match arguments.command {
        ChatCommand::Register(arguments) => account::register(&client, &device, arguments, output).await,
        ChatCommand::Login(arguments) => account::login(&client, &device, arguments, output).await,
        ChatCommand::Logout => account::logout(&client, output).await,
        ChatCommand::Whoami => account::whoami(&client, &device, output).await,
        ChatCommand::Users => reading::users(&client, output).await,
        ChatCommand::Conversations => reading::conversations(&client, output).await,
        ChatCommand::Send(arguments) => sending::send(&client, arguments, output).await,
        ChatCommand::History(arguments) => reading::history(&client, arguments, output).await,
        ChatCommand::Tail(arguments) => tail::run(&client, arguments, output).await,
        ChatCommand::Delete(arguments) => sending::delete(&client, arguments, output).await,
        ChatCommand::Read(arguments) => sending::read(&client, arguments, output).await,
        ChatCommand::DeleteAccount(arguments) => account::delete(&client, arguments, output).await,
        ChatCommand::Repl(arguments) => {
            if output.is_json() {
                return Err(Failure::Usage("a repl has no JSON; `tail --json` and `send --json` do".to_owned()));
            }
            repl::run(&client, arguments.partner()?).await
        }
    }
}

/// What cannot be a username is refused as the service refuses it.
fn username(text: &str) -> Result<Username, Failure> {
    text.parse().map_err(|_| ErrorCode::MalformedUsername.into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| *duration <= Duration::from_hours(24))
        .ok_or_else(|| "a number of seconds above 0 and up to a day, such as 10 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_positive_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        for bad in ["0", "-1", "NaN", "inf", "1e300", "soon"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_malformed_name_is_refused_like_the_service_does() {
        let failure = username("Alice").err().map(|failure| (failure.code(), failure.exit_status()));
        assert_eq!(failure, Some(("malformed-username", 1)));
    }
}

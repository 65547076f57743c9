//! Who there is, and who may not write to oneself, from a shell.

use clap::{Args, Subcommand};
use raftchat_client::Client;
use raftchat_schema::command::{AccountAct, Switch};
use raftchat_schema::id::UserId;

use super::shapes::UserShape;
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::values::username;

/// What concerns other people.
#[derive(Debug, Subcommand)]
pub(super) enum PeopleCommand {
    /// List everybody with an account
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice users")]
    Users,
    /// Let somebody not write to you directly or add you to groups
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice block mallory")]
    Block(PersonArguments),
    /// Let somebody write to you again
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice unblock mallory")]
    Unblock(PersonArguments),
    /// List whom you have blocked
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice blocked")]
    Blocked,
}

/// Whom it concerns.
#[derive(Debug, Args)]
pub(super) struct PersonArguments {
    /// The person's username
    #[arg(value_name = "USER")]
    user: String,
}

pub(super) async fn run(client: &Client, command: PeopleCommand, output: Output) -> Result<(), Failure> {
    let people = match command {
        PeopleCommand::Users => client.users().await?,
        PeopleCommand::Blocked => client.blocked().await?,
        PeopleCommand::Block(person) => {
            client
                .act_on_account(AccountAct::Block { user: id(client, &person.user).await?, switch: Switch::On })
                .await?;
            return output.done(&format!("{} is blocked", person.user));
        }
        PeopleCommand::Unblock(person) => {
            client
                .act_on_account(AccountAct::Block { user: id(client, &person.user).await?, switch: Switch::Off })
                .await?;
            return output.done(&format!("{} is not blocked any more", person.user));
        }
    };
    for user in people {
        let shape = UserShape::of(&user);
        output.answer(&shape, || shape.words())?;
    }
    Ok(())
}

/// The id of whoever has that name.
pub(super) async fn id(client: &Client, name: &str) -> Result<UserId, Failure> {
    Ok(client.user(username(name)?).await?.id)
}

/// The ids of all of them, in the order given.
pub(super) async fn ids(client: &Client, names: &[String]) -> Result<Vec<UserId>, Failure> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(id(client, name).await?);
    }
    Ok(ids)
}

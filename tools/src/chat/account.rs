//! Accounts and sessions from a shell.

use clap::Args;
use raftchat_client::Client;
use raftchat_schema::id::{NodeId, SessionId};
use raftchat_schema::view::UserView;

use super::password::PasswordArguments;
use super::shapes::SessionShape;
use super::username;
use crate::failure::Failure;
use crate::output::Output;

/// Who wants to be whom.
#[derive(Debug, Args)]
pub(super) struct RegisterArguments {
    /// The name to log in with: 2 to 32 characters out of a-z, 0-9, `.`, `_` and `-`
    #[arg(value_name = "USER")]
    username: String,
    /// The name to show; the username if left out
    #[arg(long, value_name = "NAME", default_value = "")]
    display_name: String,
    #[command(flatten)]
    password: PasswordArguments,
}

/// Who logs in.
#[derive(Debug, Args)]
pub(super) struct LoginArguments {
    /// The name the account was made with
    #[arg(value_name = "USER")]
    username: String,
    #[command(flatten)]
    password: PasswordArguments,
}

/// Whether it is meant.
#[derive(Debug, Args)]
pub(super) struct DeleteAccountArguments {
    /// That it is meant: this cannot be undone
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    password: PasswordArguments,
}

pub(super) async fn register(
    client: &Client,
    device: &str,
    arguments: RegisterArguments,
    output: Output,
) -> Result<(), Failure> {
    let username = username(&arguments.username)?;
    let password = arguments.password.ask_for_a_new_one()?;
    let session = client.register(username, arguments.display_name, password).await?;
    show(&session.user, session.session, device, session.node, output)
}

pub(super) async fn login(
    client: &Client,
    device: &str,
    arguments: LoginArguments,
    output: Output,
) -> Result<(), Failure> {
    let username = username(&arguments.username)?;
    let password = arguments.password.ask()?;
    let session = client.login(username, password).await?;
    show(&session.user, session.session, device, session.node, output)
}

pub(super) async fn logout(client: &Client, output: Output) -> Result<(), Failure> {
    client.logout().await?;
    output.done("logged out")
}

pub(super) async fn whoami(client: &Client, device: &str, output: Output) -> Result<(), Failure> {
    let me = client.whoami().await?;
    show(&me.user, me.session, device, me.node, output)
}

pub(super) async fn delete(client: &Client, arguments: DeleteAccountArguments, output: Output) -> Result<(), Failure> {
    if !arguments.yes {
        let reason = "an account cannot be brought back, nor its name be used again: say --yes if that is meant";
        return Err(Failure::Usage(reason.to_owned()));
    }
    let password = arguments.password.ask()?;
    client.delete_account(password).await?;
    output.done("the account is deleted; its messages stay")
}

fn show(user: &UserView, session: SessionId, device: &str, node: NodeId, output: Output) -> Result<(), Failure> {
    let shape = SessionShape::of(user, session, device, node);
    output.answer(&shape, || shape.words())
}

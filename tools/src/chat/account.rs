//! Accounts, sessions and what one shows of oneself, from a shell.

use clap::{Args, Subcommand, ValueEnum};
use raftchat_client::{Client, Profile as ClientProfile};
use raftchat_schema::command::{AccountAct, OtherSessions, OwnMessages, Profile, Switch};
use raftchat_schema::id::{NodeId, SessionId};
use raftchat_schema::view::UserView;

use super::local::Device;
use super::password::{PasswordArguments, PasswordChangeArguments};
use super::shapes::{DeviceShape, ProfileShape, SessionShape};
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::values::username;

/// What concerns the account itself.
#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Make an account and log in with it
    #[command(
        after_help = "Example: raftchatctl chat --profile home/devices/alice register alice --display-name Alice"
    )]
    Register(RegisterArguments),
    /// Log in; the session is kept in the profile
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice login alice")]
    Login(LoginArguments),
    /// End the session everywhere; what was read stays on this device, in clear, unless it is erased
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice logout --erase")]
    Logout(LogoutArguments),
    /// Show who is logged in
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice whoami")]
    Whoami,
    /// Show or change what others see of you
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice profile --presence off")]
    Profile(ProfileArguments),
    /// List where you are logged in, or end sessions there
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice sessions --revoke s12")]
    Sessions(SessionsArguments),
    /// Change your password; your other sessions end
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice change-password")]
    ChangePassword(ChangePasswordArguments),
    /// Delete your account for ever; the name is never given again
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice delete-account --yes")]
    DeleteAccount(DeleteAccountArguments),
}

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

/// What to show of oneself; what is not given stays.
#[derive(Debug, Args)]
pub(super) struct ProfileArguments {
    /// The name to show
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Whether others see when you are there
    #[arg(long, value_name = "on|off")]
    presence: Option<OnOff>,
    /// Whether others are told what you have received and read; off, you are not told of theirs either
    #[arg(long, value_name = "on|off")]
    receipts: Option<OnOff>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnOff {
    On,
    Off,
}

impl From<OnOff> for Switch {
    fn from(word: OnOff) -> Self {
        match word {
            OnOff::On => Self::On,
            OnOff::Off => Self::Off,
        }
    }
}

/// Which sessions to end; none: list them.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct SessionsArguments {
    /// End this session, as `chat sessions` prints it
    #[arg(long, value_name = "ID")]
    revoke: Option<SessionId>,
    /// End all but this one
    #[arg(long)]
    revoke_others: bool,
}

/// How the passwords are given, and what becomes of the other sessions.
#[derive(Debug, Args)]
pub(super) struct ChangePasswordArguments {
    /// Do not end your other sessions
    #[arg(long)]
    keep_others: bool,
    #[command(flatten)]
    passwords: PasswordChangeArguments,
}

/// What becomes of what is kept on this device.
#[derive(Debug, Args)]
pub(super) struct LogoutArguments {
    /// Remove all messages that are kept on this device too, and what was not sent
    #[arg(long)]
    erase: bool,
}

/// Whether it is meant.
#[derive(Debug, Args)]
pub(super) struct DeleteAccountArguments {
    /// That it is meant: this cannot be undone
    #[arg(long)]
    yes: bool,
    /// Delete everything you have said as well, for everyone
    #[arg(long)]
    erase_messages: bool,
    #[command(flatten)]
    password: PasswordArguments,
}

pub(super) async fn run(
    client: &Client,
    of: ClientProfile,
    device: &str,
    command: AccountCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        AccountCommand::Register(arguments) => register(client, device, arguments, output).await,
        AccountCommand::Login(arguments) => login(client, device, arguments, output).await,
        AccountCommand::Logout(arguments) => logout(client, of, &arguments, output).await,
        AccountCommand::Whoami => whoami(client, device, output).await,
        AccountCommand::Profile(arguments) => profile(client, arguments, output).await,
        AccountCommand::Sessions(arguments) => sessions(client, &arguments, output).await,
        AccountCommand::ChangePassword(arguments) => change_password(client, &arguments, output).await,
        AccountCommand::DeleteAccount(arguments) => delete(client, &arguments, output).await,
    }
}

async fn register(client: &Client, device: &str, arguments: RegisterArguments, output: Output) -> Result<(), Failure> {
    let username = username(&arguments.username)?;
    let password = arguments.password.ask_for_a_new_one()?;
    let session = client.register(username, arguments.display_name, password).await?;
    show(&session.user, session.session, device, session.node, output)
}

async fn login(client: &Client, device: &str, arguments: LoginArguments, output: Output) -> Result<(), Failure> {
    let username = username(&arguments.username)?;
    let password = arguments.password.ask()?;
    let session = client.login(username, password).await?;
    show(&session.user, session.session, device, session.node, output)
}

async fn logout(
    client: &Client,
    profile: ClientProfile,
    arguments: &LogoutArguments,
    output: Output,
) -> Result<(), Failure> {
    // While it is known who is logged in.
    let device = Device::of(profile)?;
    client.logout().await?;
    if arguments.erase {
        device.erase()?;
        return output.done("logged out; what was kept on this device is erased");
    }
    match device.kept() {
        Some(kept) => output.done(&format!(
            "logged out; what you have read is still in {}: `chat logout --erase` would have removed it, and so does removing \
             that directory",
            kept.display()
        )),
        None => output.done("logged out"),
    }
}

async fn whoami(client: &Client, device: &str, output: Output) -> Result<(), Failure> {
    let me = client.whoami().await?;
    show(&me.user, me.session, device, me.node, output)
}

async fn profile(client: &Client, arguments: ProfileArguments, output: Output) -> Result<(), Failure> {
    let ProfileArguments { display_name, presence, receipts } = arguments;
    let wanted = Profile { display_name, presence: presence.map(Switch::from), receipts: receipts.map(Switch::from) };
    if wanted.display_name.as_ref().is_some_and(String::is_empty) {
        return Err(Failure::Usage("a display name cannot be empty".to_owned()));
    }
    if wanted != Profile::default() {
        client.act_on_account(AccountAct::SetProfile(wanted)).await?;
    }
    let shape = ProfileShape::of(&client.whoami().await?.user);
    output.answer(&shape, || shape.words())
}

async fn sessions(client: &Client, arguments: &SessionsArguments, output: Output) -> Result<(), Failure> {
    if let Some(session) = arguments.revoke {
        client.act_on_account(AccountAct::EndSession(session)).await?;
        return output.done(&format!("session {session} has ended"));
    }
    if arguments.revoke_others {
        client.act_on_account(AccountAct::EndOtherSessions).await?;
        return output.done("all your other sessions have ended");
    }
    for entry in client.sessions().await? {
        let shape = DeviceShape::of(&entry);
        output.answer(&shape, || shape.words())?;
    }
    Ok(())
}

async fn change_password(client: &Client, arguments: &ChangePasswordArguments, output: Output) -> Result<(), Failure> {
    let (others, told) = if arguments.keep_others {
        (OtherSessions::Keep, "the password is changed; your other sessions go on")
    } else {
        (OtherSessions::End, "the password is changed; your other sessions have ended")
    };
    let (old, new) = arguments.passwords.ask()?;
    client.change_password(old, new, others).await?;
    output.done(told)
}

async fn delete(client: &Client, arguments: &DeleteAccountArguments, output: Output) -> Result<(), Failure> {
    if !arguments.yes {
        let reason = "an account cannot be brought back, nor its name be used again: say --yes if that is meant";
        return Err(Failure::Usage(reason.to_owned()));
    }
    let (messages, told) = if arguments.erase_messages {
        (OwnMessages::Erase, "the account is deleted, and its messages are being erased")
    } else {
        (OwnMessages::Keep, "the account is deleted; its messages stay")
    };
    let password = arguments.password.ask()?;
    client.delete_account(password, messages).await?;
    output.done(told)
}

fn show(user: &UserView, session: SessionId, device: &str, node: NodeId, output: Output) -> Result<(), Failure> {
    let shape = SessionShape::of(user, session, device, node);
    output.answer(&shape, || shape.words())
}

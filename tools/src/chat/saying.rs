//! Saying something from a shell, and everything that can be done with what was said.

mod forward;
mod mentions;
mod text;
mod typing;

use clap::{Args, Subcommand};
use raftchat_client::Client;
use raftchat_schema::command::{ConversationAct, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{MessageId, Position};
use uuid::Uuid;

pub(super) use self::mentions::mentioned;
pub(super) use self::text::{Text, payload};
use super::local::Later;
use super::shapes::SentShape;
use super::target::{MessageArguments, TargetArguments, position};
use crate::failure::Failure;
use crate::shell::output::Output;

/// What can be said and done with messages.
#[derive(Debug, Subcommand)]
pub(super) enum SayingCommand {
    /// Send a message; returns when a majority of the nodes has it on disk
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice send --to bob 'Hello, Bob'")]
    Send(SendArguments),
    /// Say elsewhere what was said here
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice forward --with bob 42 --to carol")]
    Forward(forward::ForwardArguments),
    /// Replace what one of your messages says
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice edit --with bob 42 'Hello, Bob!'")]
    Edit(EditArguments),
    /// Delete one of your messages for everyone
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice delete --with bob 42")]
    Delete(MessageArguments),
    /// React to a message with an emoji, or take that back
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice react --with bob 42 👍")]
    React(ReactArguments),
    /// Pin a message for all members
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice pin --conversation c7 42")]
    Pin(MessageArguments),
    /// Let a pinned message go
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice unpin --conversation c7 42")]
    Unpin(MessageArguments),
    /// Show the others that you are writing
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice typing --with bob --seconds 10")]
    Typing(typing::TypingArguments),
}

/// What to say to whom.
#[derive(Debug, Args)]
pub(super) struct SendArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Sending again under the same id stores nothing twice and tells where the message is
    #[arg(long, value_name = "UUID")]
    message_id: Option<Uuid>,
    /// The message that this one answers
    #[arg(long, value_name = "POSITION", value_parser = position)]
    reply_to: Option<Position>,
    /// Keep it on this device and return at once; it goes out with the next `chat sync`, repl or window
    #[arg(long)]
    later: bool,
    /// What to say, where `@name` calls a member; `-` for all of standard input
    #[arg(value_name = "TEXT|-")]
    text: Text,
}

impl SendArguments {
    /// Whether it is not to be sent now.
    pub(super) const fn is_for_later(&self) -> bool {
        self.later
    }

    /// What to keep on this device.
    pub(super) fn for_later(self) -> Result<Later, Failure> {
        let (target, message_id) = (self.target.target()?, new_message_id(self.message_id));
        let text = self.text.read()?;
        // What would never be sent is not kept either.
        if payload(text.clone(), self.reply_to)?.is_empty() {
            return Err(ErrorCode::EmptyMessage.into());
        }
        Ok(Later { target, message_id, text, reply_to: self.reply_to })
    }
}

/// What a message says from now on.
#[derive(Debug, Args)]
pub(super) struct EditArguments {
    #[command(flatten)]
    message: MessageArguments,
    /// What it says from now on; `-` for all of standard input
    #[arg(value_name = "TEXT|-")]
    text: Text,
}

/// A reaction to a message, or that there is none any more.
#[derive(Debug, Args)]
pub(super) struct ReactArguments {
    #[command(flatten)]
    message: MessageArguments,
    /// The reaction, one emoji
    emoji: String,
    /// Take the reaction back
    #[arg(long)]
    remove: bool,
}

pub(super) async fn run(client: &Client, command: SayingCommand, output: Output) -> Result<(), Failure> {
    match command {
        SayingCommand::Send(arguments) => send(client, arguments, output).await,
        SayingCommand::Forward(arguments) => forward::run(client, &arguments, output).await,
        SayingCommand::Edit(arguments) => edit(client, arguments, output).await,
        SayingCommand::Delete(message) => {
            client.act(&message.target()?, ConversationAct::DeleteMessage { position: message.position }).await?;
            output.done("deleted for everyone")
        }
        SayingCommand::React(arguments) => react(client, arguments, output).await,
        SayingCommand::Pin(message) => {
            client
                .act(&message.target()?, ConversationAct::PinMessage { position: message.position, switch: Switch::On })
                .await?;
            output.done("pinned for everyone")
        }
        SayingCommand::Unpin(message) => {
            client
                .act(
                    &message.target()?,
                    ConversationAct::PinMessage { position: message.position, switch: Switch::Off },
                )
                .await?;
            output.done("not pinned any more")
        }
        SayingCommand::Typing(arguments) => typing::run(client, &arguments, output).await,
    }
}

async fn send(client: &Client, arguments: SendArguments, output: Output) -> Result<(), Failure> {
    let target = arguments.target.target()?;
    let text = arguments.text.read()?;
    if let Some(answered) = arguments.reply_to {
        super::target::message_at(client, &target, answered).await?;
    }
    let mentions = mentioned(client, &target, &text).await?;
    let payload = payload(text, arguments.reply_to)?;
    let message_id = new_message_id(arguments.message_id);
    let sent = client.send_mentioning(&target, message_id, payload, mentions).await?;
    let shape = SentShape::of(message_id, &sent);
    output.answer(&shape, || shape.words())
}

/// The id that was given, or one that nobody has used.
fn new_message_id(given: Option<Uuid>) -> MessageId {
    MessageId(given.unwrap_or_else(Uuid::now_v7).into_bytes())
}

async fn edit(client: &Client, arguments: EditArguments, output: Output) -> Result<(), Failure> {
    let (target, position) = (arguments.message.target()?, arguments.message.position);
    let text = arguments.text.read()?;
    let before = super::target::message_at(client, &target, position).await?;
    client
        .act(&target, ConversationAct::EditMessage { position, payload: text::replaced(&before.payload, text)? })
        .await?;
    output.done("edited")
}

async fn react(client: &Client, arguments: ReactArguments, output: Output) -> Result<(), Failure> {
    let (target, position) = (arguments.message.target()?, arguments.message.position);
    let switch = Switch::from_bool(!arguments.remove);
    client.act(&target, ConversationAct::React { position, emoji: arguments.emoji, switch }).await?;
    output.done(if arguments.remove { "taken back" } else { "reacted" })
}

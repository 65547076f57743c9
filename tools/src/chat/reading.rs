//! Reading from a shell: which conversations, what was said, and what became of it.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_client::{Client, Page, Target};
use raftchat_schema::id::{Position, UserId};
use raftchat_schema::view::ConversationView;

use super::names::Names;
use super::shapes::{ConversationShape, ReceiptShape, RevisionShape, message_json, message_words, people_in};
use super::target::{MessageArguments, TargetArguments, message_at, position};
use crate::failure::Failure;
use crate::shell::output::Output;

/// What can be read.
#[derive(Debug, Subcommand)]
pub(super) enum ReadingCommand {
    /// List your conversations
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice conversations")]
    Conversations,
    /// Read back a conversation
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice history --with bob --limit 20")]
    History(HistoryArguments),
    /// Show what a message said before it was edited
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice revisions --with bob 42")]
    Revisions(MessageArguments),
    /// Show who has received and read a message
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice info --with bob 42")]
    Info(MessageArguments),
}

/// What to read back.
#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Only what was said before this position: the newest of it
    #[arg(long, value_name = "POSITION", value_parser = position)]
    before: Option<Position>,
    /// Only what was said after this position: the oldest of it
    #[arg(long, value_name = "POSITION", conflicts_with = "before")]
    after: Option<u64>,
    /// How many messages at most
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl HistoryArguments {
    fn page(&self) -> Page {
        self.after.map_or(Page::Before(self.before), |after| Page::After(Position(after)))
    }
}

pub(super) async fn run(client: &Client, command: ReadingCommand, output: Output) -> Result<(), Failure> {
    match command {
        ReadingCommand::Conversations => conversations(client, output).await,
        ReadingCommand::History(arguments) => history(client, &arguments, output).await,
        ReadingCommand::Revisions(message) => revisions(client, &message, output).await,
        ReadingCommand::Info(message) => info(client, &message, output).await,
    }
}

async fn conversations(client: &Client, output: Output) -> Result<(), Failure> {
    let me = client.whoami().await?.user.id;
    for conversation in client.conversations().await? {
        show_conversation(client, conversation, me, output).await?;
    }
    Ok(())
}

/// Shows a conversation with all its members, as `me` sees it.
pub(super) async fn show_conversation(
    client: &Client,
    mut conversation: ConversationView,
    me: UserId,
    output: Output,
) -> Result<(), Failure> {
    if u32::try_from(conversation.members.len()).is_ok_and(|shown| shown < conversation.member_count) {
        conversation.members = client.members(&Target::Conversation(conversation.id)).await?;
    }
    let shape = ConversationShape::of(&conversation, me);
    output.answer(&shape, || shape.words())
}

async fn history(client: &Client, arguments: &HistoryArguments, output: Output) -> Result<(), Failure> {
    let messages = client.history(&arguments.target.target()?, arguments.page(), arguments.limit).await?;
    let mut names = Names::default();
    names.find(client, people_in(&messages)).await?;
    let (now, zone) = (Timestamp::now(), TimeZone::system());
    for message in &messages {
        output.answer(&message_json(message, &names), || message_words(message, now, &zone))?;
    }
    Ok(())
}

async fn revisions(client: &Client, message: &MessageArguments, output: Output) -> Result<(), Failure> {
    let (revisions, older) = client.revisions(&message.target()?, message.position).await?;
    if older {
        output.say("-- some older ones are left out --")?;
    }
    for revision in &revisions {
        let shape = RevisionShape::of(revision);
        output.answer(&shape, || shape.words())?;
    }
    Ok(())
}

async fn info(client: &Client, message: &MessageArguments, output: Output) -> Result<(), Failure> {
    let target = message.target()?;
    let shown = message_at(client, &target, message.position).await?;
    let members = client.members(&target).await?;
    // Who joined later does not see it.
    let addressed = members.iter().filter(|member| member.user.id != shown.sender && member.since < shown.position);
    for member in addressed {
        let shape = ReceiptShape::of(member, shown.position, members.len());
        output.answer(&shape, || shape.words())?;
    }
    Ok(())
}

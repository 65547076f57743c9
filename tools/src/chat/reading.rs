//! Reading from a shell: who there is, which conversations, what was said.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_client::Client;
use raftchat_schema::id::Position;

use super::shapes::{ConversationShape, MessageShape, UserShape, message_words};
use super::target::{TargetArguments, position};
use crate::failure::Failure;
use crate::output::Output;

/// What to read back.
#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Only what was said before this position
    #[arg(long, value_name = "POSITION", value_parser = position)]
    before: Option<Position>,
    /// How many messages at most, the newest of them
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn users(client: &Client, output: Output) -> Result<(), Failure> {
    for user in client.users().await? {
        let shape = UserShape::of(&user);
        output.answer(&shape, || shape.words())?;
    }
    Ok(())
}

pub(super) async fn conversations(client: &Client, output: Output) -> Result<(), Failure> {
    let me = client.whoami().await?.user.id;
    for conversation in client.conversations().await? {
        let shape = ConversationShape::of(&conversation, me);
        output.answer(&shape, || shape.words())?;
    }
    Ok(())
}

pub(super) async fn history(client: &Client, arguments: HistoryArguments, output: Output) -> Result<(), Failure> {
    let target = arguments.target.target()?;
    let (now, zone) = (Timestamp::now(), TimeZone::system());
    for message in client.history(&target, arguments.before, arguments.limit).await? {
        output.answer(&MessageShape::of(&message), || message_words(&message, now, &zone))?;
    }
    Ok(())
}

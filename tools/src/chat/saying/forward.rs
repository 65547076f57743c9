//! Forwarding: what was said here is said again elsewhere, with the name of who said it first.

use clap::Args;
use raftchat_client::Client;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{MessageState, MessageView};
use raftchat_schema::wire::decode_payload;
use uuid::Uuid;

use super::new_message_id;
use super::text::encoded;
use crate::chat::shapes::SentShape;
use crate::chat::target::{message_at, position, target};
use crate::failure::Failure;
use crate::shell::output::Output;

/// Which message, and where to.
#[derive(Debug, Args)]
pub(in crate::chat) struct ForwardArguments {
    #[command(flatten)]
    source: Source,
    /// The message's position, as `chat history` prints it
    #[arg(value_name = "POSITION", value_parser = position)]
    position: Position,
    #[command(flatten)]
    destination: Destination,
    /// Forwarding again under the same id stores nothing twice
    #[arg(long, value_name = "UUID")]
    message_id: Option<Uuid>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The message is in the conversation with this user
    #[arg(long, value_name = "USER")]
    with: Option<String>,
    /// The message is in this conversation
    #[arg(long, value_name = "ID")]
    conversation: Option<ConversationId>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Destination {
    /// Forward it to this user
    #[arg(long, value_name = "USER")]
    to: Option<String>,
    /// Forward it to this conversation
    #[arg(long, value_name = "ID")]
    to_conversation: Option<ConversationId>,
}

pub(super) async fn run(client: &Client, arguments: &ForwardArguments, output: Output) -> Result<(), Failure> {
    let ForwardArguments { source, destination, .. } = arguments;
    let needed = || Failure::Usage("--with USER or --conversation ID, and --to or --to-conversation".to_owned());
    let from = target(source.with.as_deref(), source.conversation)?.ok_or_else(needed)?;
    let to = target(destination.to.as_deref(), destination.to_conversation)?.ok_or_else(needed)?;
    let message = message_at(client, &from, arguments.position).await?;
    let payload = encoded(&forwarded(&message)?)?;
    let message_id = new_message_id(arguments.message_id);
    let sent = client.send(&to, message_id, payload).await?;
    let shape = SentShape::of(message_id, &sent);
    output.answer(&shape, || shape.words())
}

/// The message's text, by whoever said it first; what it answered is elsewhere.
fn forwarded(message: &MessageView) -> Result<Payload, Failure> {
    if message.state == MessageState::Deleted {
        return Err(ErrorCode::NoSuchMessage.into());
    }
    let said = decode_payload(&message.payload)
        .map_err(|error| Failure::Failed(format!("the message cannot be read, and so not be forwarded: {error}")))?;
    let first = said.forwarded_from.unwrap_or_else(|| message.sender_name.clone());
    Ok(Payload { forwarded_from: Some(first), ..Payload::text(said.text) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::wire::encode_payload;

    use super::*;
    use crate::chat::shapes::examples;

    #[test]
    fn what_is_forwarded_keeps_the_name_of_who_said_it_first() {
        let mut message = examples::message("news");
        let once = forwarded(&message).unwrap();
        let expected = Payload { forwarded_from: "alice".parse().ok(), ..Payload::text("news") };
        assert_eq!(once, expected);
        message.payload = encode_payload(&once);
        message.sender_name = "bob".parse().unwrap();
        assert_eq!(forwarded(&message).unwrap(), expected);
        message.state = MessageState::Deleted;
        assert_eq!(forwarded(&message).unwrap_err().code(), "no-such-message");
    }
}

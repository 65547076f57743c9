//! Sending, deleting and marking as read from a shell.

use std::io::{self, Read};

use clap::Args;
use raftchat_client::Client;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{MessageId, Position};
use raftchat_schema::limits::PAYLOAD_BYTES_MAX;
use raftchat_schema::wire::{Payload, encode_payload};
use uuid::Uuid;

use super::shapes::SentShape;
use super::target::{TargetArguments, position};
use crate::failure::Failure;
use crate::output::Output;

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
    /// What to say; `-` for all of standard input
    #[arg(value_name = "TEXT|-")]
    text: String,
}

/// Which message to delete.
#[derive(Debug, Args)]
pub(super) struct DeleteArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Its position, as `chat history` prints it
    #[arg(value_name = "POSITION", value_parser = position)]
    position: Position,
}

/// Up to where it was read.
#[derive(Debug, Args)]
pub(super) struct ReadArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The last message that was read; the newest one if left out
    #[arg(value_name = "POSITION", value_parser = position)]
    position: Option<Position>,
}

pub(super) async fn send(client: &Client, arguments: SendArguments, output: Output) -> Result<(), Failure> {
    let target = arguments.target.target()?;
    let text = if arguments.text == "-" { standard_input(io::stdin().lock())? } else { arguments.text };
    let payload = payload(text, arguments.reply_to)?;
    let message_id = MessageId(arguments.message_id.unwrap_or_else(Uuid::now_v7).into_bytes());
    let sent = client.send(&target, message_id, payload).await?;
    let shape = SentShape::of(message_id, &sent);
    output.answer(&shape, || shape.words())
}

pub(super) async fn delete(client: &Client, arguments: DeleteArguments, output: Output) -> Result<(), Failure> {
    client.delete(&arguments.target.target()?, arguments.position).await?;
    output.done("deleted for everyone")
}

pub(super) async fn read(client: &Client, arguments: ReadArguments, output: Output) -> Result<(), Failure> {
    client.mark_read(&arguments.target.target()?, arguments.position).await?;
    output.done("marked as read")
}

/// The text as nodes keep it. An empty one stays empty, for the service to refuse; one that is too large would break the
/// link and is refused here as the service would.
pub(crate) fn payload(text: String, reply_to: Option<Position>) -> Result<Vec<u8>, Failure> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let payload = encode_payload(&Payload { text, reply_to });
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(ErrorCode::TooLarge.into());
    }
    Ok(payload)
}

fn standard_input(input: impl Read) -> Result<String, Failure> {
    // More than a payload holds is too large, however much follows.
    let most = u64::try_from(PAYLOAD_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(4);
    let mut bytes = Vec::new();
    input
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Usage(format!("standard input cannot be read: {error}")))?;
    if bytes.len() > PAYLOAD_BYTES_MAX {
        return Err(ErrorCode::TooLarge.into());
    }
    String::from_utf8(bytes).map_err(|_| Failure::Usage("standard input is not UTF-8 text".to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::wire::decode_payload;

    use super::*;

    #[test]
    fn a_payload_holds_the_text_and_what_it_answers() {
        let bytes = payload("hello".to_owned(), Some(Position(3))).unwrap();
        let read = decode_payload(&bytes).unwrap();
        assert_eq!((read.text.as_str(), read.reply_to), ("hello", Some(Position(3))));
    }

    #[test]
    fn an_empty_text_is_left_to_the_service_and_a_large_one_refused_as_the_service_does() {
        assert_eq!(payload(String::new(), None).unwrap(), Vec::<u8>::new());
        assert!(payload("x".repeat(PAYLOAD_BYTES_MAX - 64), None).is_ok());
        let failure = payload("x".repeat(PAYLOAD_BYTES_MAX), None).unwrap_err();
        assert_eq!((failure.code(), failure.exit_status()), ("too-large", 1));
    }

    #[test]
    fn standard_input_is_taken_whole_or_not_at_all() {
        assert_eq!(standard_input(&b"two\nlines\n"[..]).unwrap(), "two\nlines\n");
        assert_eq!(standard_input(&b"\xff"[..]).unwrap_err().exit_status(), 2);
        let endless = io::repeat(b'x');
        assert_eq!(standard_input(endless).unwrap_err().code(), "too-large");
    }
}

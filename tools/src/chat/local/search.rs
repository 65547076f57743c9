//! Searching what is kept on this device.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_model::ChatId;
use raftchat_model::text::words;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::ConversationId;

use super::place::{Device, chat_of, names_of};
use crate::chat::shapes::{message_json, message_words};
use crate::chat::target::WithinArguments;
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::counted;

/// What to look for, and where.
#[derive(Debug, Args)]
pub(in crate::chat) struct SearchArguments {
    #[command(flatten)]
    within: WithinArguments,
    /// How many messages at most, the newest of them
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Words that are all in the message; of the last one its beginning is enough
    query: String,
}

pub(super) fn run(device: &Device, arguments: &SearchArguments, output: Output) -> Result<(), Failure> {
    let target = arguments.within.target()?;
    let store = device.open()?;
    let head = store.head()?;
    let within = match target {
        Some(target) => Some(held(chat_of(&head, device.me(), &target)?)?),
        None => None,
    };
    let names = names_of(&head);
    let found = store.search(&arguments.query, usize::from(arguments.limit), within)?;
    let (now, zone) = (Timestamp::now(), TimeZone::system());
    for message in &found {
        let words = || format!("{:<6} {}", message.conversation.to_string(), message_words(message, now, &zone));
        output.answer(&message_json(message, &names), words)?;
    }
    let kept = counted(store.count(within)?, "message");
    let why = if words::query(&arguments.query).is_empty() { ": nothing in it but punctuation" } else { "" };
    output.say(&format!("-- {} found among the {kept} kept on this device{why} --", found.len()))
}

fn held(chat: ChatId) -> Result<ConversationId, Failure> {
    match chat {
        ChatId::Known(conversation) => Ok(conversation),
        ChatId::Direct(_) => Err(ErrorCode::NoSuchConversation.into()),
    }
}

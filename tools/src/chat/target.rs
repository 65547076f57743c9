//! Which conversation a command speaks of, and which message in it.

use std::num::NonZeroU64;

use clap::Args;
use raftchat_client::{Client, Page, Target};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position};
use raftchat_schema::view::MessageView;

use crate::failure::Failure;
use crate::shell::values::username;

/// The conversation with somebody, or one by its id.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct TargetArguments {
    /// Whom to talk to
    #[arg(long, visible_alias = "to", value_name = "USER")]
    with: Option<String>,
    /// Which conversation, as `chat conversations` prints it
    #[arg(long, value_name = "ID")]
    conversation: Option<ConversationId>,
}

/// The conversation with somebody, or one by its id; all of them if none is named.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub(super) struct WithinArguments {
    /// Only the conversation with this user
    #[arg(long, value_name = "USER")]
    with: Option<String>,
    /// Only this conversation, as `chat conversations` prints it
    #[arg(long, value_name = "ID")]
    conversation: Option<ConversationId>,
}

/// One message of a conversation.
#[derive(Debug, Args)]
pub(super) struct MessageArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The message's position, as `chat history` prints it
    #[arg(value_name = "POSITION", value_parser = position)]
    pub(super) position: Position,
}

impl TargetArguments {
    /// The conversation, as the client names it.
    pub(super) fn target(&self) -> Result<Target, Failure> {
        let named = target(self.with.as_deref(), self.conversation)?;
        named.ok_or_else(|| Failure::Usage("--with USER or --conversation ID is needed".to_owned()))
    }
}

impl WithinArguments {
    /// The conversation; none: all of them.
    pub(super) fn target(&self) -> Result<Option<Target>, Failure> {
        target(self.with.as_deref(), self.conversation)
    }
}

impl MessageArguments {
    /// The conversation, as the client names it.
    pub(super) fn target(&self) -> Result<Target, Failure> {
        self.target.target()
    }
}

/// The conversation that either of these names.
pub(super) fn target(user: Option<&str>, conversation: Option<ConversationId>) -> Result<Option<Target>, Failure> {
    match (user, conversation) {
        (Some(name), _) => username(name).map(Target::User).map(Some),
        (None, conversation) => Ok(conversation.map(Target::Conversation)),
    }
}

/// A message's place, from 1.
pub(super) fn position(text: &str) -> Result<Position, String> {
    text.parse::<NonZeroU64>()
        .map(|number| Position(number.get()))
        .map_err(|_| "a message's position is a whole number from 1, as `chat history` prints it".to_owned())
}

/// The message at that position.
pub(super) async fn message_at(client: &Client, target: &Target, position: Position) -> Result<MessageView, Failure> {
    let found = client.history(target, Page::Before(Some(position.next())), 1).await?;
    let found = found.into_iter().find(|message| message.position == position);
    found.ok_or_else(|| ErrorCode::NoSuchMessage.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one() {
        assert_eq!(position("42"), Ok(Position(42)));
        for bad in ["0", "-1", "x", ""] {
            assert!(position(bad).is_err(), "{bad}");
        }
    }
}

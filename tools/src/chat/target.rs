//! Which conversation a command speaks of.

use std::num::NonZeroU64;

use clap::Args;
use raftchat_client::Target;
use raftchat_schema::id::{ConversationId, Position};

use super::username;
use crate::failure::Failure;

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

impl TargetArguments {
    /// The conversation, as the client names it.
    pub(super) fn target(&self) -> Result<Target, Failure> {
        match (&self.with, self.conversation) {
            (Some(name), _) => username(name).map(Target::User),
            (None, Some(conversation)) => Ok(Target::Conversation(conversation)),
            (None, None) => Err(Failure::Usage("--with USER or --conversation ID is needed".to_owned())),
        }
    }
}

/// A message's place, from 1.
pub(super) fn position(text: &str) -> Result<Position, String> {
    text.parse::<NonZeroU64>()
        .map(|number| Position(number.get()))
        .map_err(|_| "a message's position is a whole number from 1, as `chat history` prints it".to_owned())
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

//! What a message says, between clients. Knows nothing of how it is encoded; nodes never look inside.

use crate::id::{Position, Username};

/// The content of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// The text, UTF-8.
    pub text: String,
    /// The message in the same conversation that this one answers.
    pub reply_to: Option<Position>,
    /// The user who said this first, where it was taken over from another conversation.
    pub forwarded_from: Option<Username>,
}

impl Payload {
    /// Nothing but text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

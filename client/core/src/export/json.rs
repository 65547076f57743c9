//! A conversation as one JSON object, one line for each message. Knows nothing of where messages come from.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use raftchat_schema::id::UserId;
use raftchat_schema::view::{MessageState, MessageView, ReactionView};
use raftchat_schema::wire::{WireError, decode_payload};
use serde::Serialize;
use uuid::Uuid;

use super::{Head, time};

/// Writes one message after the other.
pub(super) struct JsonWriter<'a> {
    head: &'a Head,
    first: bool,
}

/// A message as JSON: what an export holds, and what `raftchatctl chat history --json` prints.
#[derive(Debug, Serialize)]
pub struct MessageJson {
    conversation: String,
    position: u64,
    message_id: String,
    from: String,
    text: Option<String>,
    reply_to: Option<u64>,
    forwarded_from: Option<String>,
    mentions: Vec<String>,
    deleted: bool,
    edited: bool,
    revision: u32,
    sent_at: String,
    reactions: BTreeMap<String, Vec<String>>,
    /// A newer program wrote it, and this one cannot read it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    newer: bool,
}

impl<'a> JsonWriter<'a> {
    pub(super) fn begin(head: &'a Head, now: Timestamp, out: &mut dyn Write) -> io::Result<Self> {
        write!(out, "{{\"conversation\":")?;
        serde_json::to_writer(&mut *out, &head.conversation.to_string())?;
        write!(out, ",\"title\":")?;
        serde_json::to_writer(&mut *out, &head.title)?;
        write!(out, ",\"members\":")?;
        serde_json::to_writer(&mut *out, &head.members)?;
        write!(out, ",\"exported_at\":")?;
        serde_json::to_writer(&mut *out, &rfc3339(now))?;
        write!(out, ",\"messages\":[")?;
        Ok(Self { head, first: true })
    }

    pub(super) fn message(&mut self, message: &MessageView, out: &mut dyn Write) -> io::Result<()> {
        let separator = if std::mem::take(&mut self.first) { "\n" } else { ",\n" };
        out.write_all(separator.as_bytes())?;
        Ok(serde_json::to_writer(out, &MessageJson::of(message, |user| self.head.username(user)))?)
    }

    #[expect(clippy::unused_self, reason = "nothing is written after the end")]
    pub(super) fn end(self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n]}}")
    }
}

impl MessageJson {
    /// The message, with users called as `name` calls them.
    pub fn of(message: &MessageView, name: impl Fn(UserId) -> String) -> Self {
        let read = (message.state != MessageState::Deleted).then(|| decode_payload(&message.payload));
        let newer = matches!(read, Some(Err(WireError::UnknownKind(_))));
        let payload = read.and_then(Result::ok);
        let names = |reaction: &ReactionView| reaction.users.iter().map(|user| name(*user)).collect();
        let forwarded_from = payload.as_ref().and_then(|payload| payload.forwarded_from.as_ref());
        Self {
            conversation: message.conversation.to_string(),
            position: message.position.0,
            message_id: Uuid::from_bytes(message.message_id.0).to_string(),
            from: message.sender_name.to_string(),
            reply_to: payload.as_ref().and_then(|payload| payload.reply_to).map(|position| position.0),
            forwarded_from: forwarded_from.map(ToString::to_string),
            text: payload.map(|payload| payload.text),
            mentions: message.mentions.iter().map(|user| name(*user)).collect(),
            deleted: message.state == MessageState::Deleted,
            edited: message.state == MessageState::Edited,
            revision: message.revision,
            sent_at: rfc3339(time(message.sent_at)),
            reactions: message.reactions.iter().map(|one| (one.emoji.clone(), names(one))).collect(),
            newer,
        }
    }
}

/// With milliseconds, also where they are none.
fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn times_are_written_as_history_prints_them() {
        assert_eq!(rfc3339(Timestamp::from_millisecond(1_767_207_600_500).unwrap()), "2025-12-31T19:00:00.500Z");
    }
}

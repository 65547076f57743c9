//! Messages and what comes of sending them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_client::{MessageJson, Sent};
use raftchat_schema::id::{MessageId, UserId};
use raftchat_schema::view::{MessageState, MessageView, ReactionView, RevisionView};
use raftchat_schema::wire::{WireError, decode_payload};
use serde::Serialize;
use uuid::Uuid;

use crate::chat::names::Names;
use crate::shell::text::printable;
use crate::shell::time::{for_a_person, rfc3339};

/// One message, as `--json` prints it: the form is that of an export.
pub(in crate::chat) fn message_json(message: &MessageView, names: &Names) -> MessageJson {
    MessageJson::of(message, |user| names.name(user))
}

/// Everybody whose name is needed to show these messages.
pub(in crate::chat) fn people_in(messages: &[MessageView]) -> impl Iterator<Item = UserId> {
    let reacted =
        |message: &MessageView| message.reactions.iter().flat_map(|one| one.users.clone()).collect::<Vec<_>>();
    messages.iter().flat_map(move |message| message.mentions.clone().into_iter().chain(reacted(message)))
}

/// Who reacted with what.
pub(in crate::chat) fn reactions(reactions: &[ReactionView], names: &Names) -> BTreeMap<String, Vec<String>> {
    let users = |reaction: &ReactionView| reaction.users.iter().map(|user| names.name(*user)).collect();
    reactions.iter().map(|reaction| (reaction.emoji.clone(), users(reaction))).collect()
}

/// What a message says to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::chat) enum Said {
    /// A text, perhaps in answer to another message.
    Text {
        /// As it was written.
        text: String,
        /// What it answers.
        reply_to: Option<u64>,
        /// Who said it first.
        forwarded_from: Option<String>,
    },
    /// Nothing any more.
    Deleted,
    /// Something for a newer program.
    Newer,
    /// Bytes that no program of ours wrote.
    Unreadable,
}

impl Said {
    pub(in crate::chat) fn by(message: &MessageView) -> Self {
        if message.state == MessageState::Deleted { Self::Deleted } else { Self::in_payload(&message.payload) }
    }

    fn in_payload(payload: &[u8]) -> Self {
        match decode_payload(payload) {
            Ok(payload) => Self::Text {
                text: payload.text,
                reply_to: payload.reply_to.map(|position| position.0),
                forwarded_from: payload.forwarded_from.map(|name| name.to_string()),
            },
            Err(WireError::UnknownKind(_)) => Self::Newer,
            Err(_) => Self::Unreadable,
        }
    }

    /// In one line that is safe to show.
    pub(in crate::chat) fn words(&self) -> String {
        match self {
            Self::Text { text, reply_to, forwarded_from } => {
                let reply = reply_to.map_or_else(String::new, |position| format!("(to #{position}) "));
                let from = forwarded_from.as_ref().map_or_else(String::new, |name| format!("(from {name}) "));
                format!("{reply}{from}{}", printable(text))
            }
            Self::Deleted => "(deleted)".to_owned(),
            Self::Newer => "(written by a newer raftchat, which is needed to read it)".to_owned(),
            Self::Unreadable => "(cannot be read)".to_owned(),
        }
    }
}

/// One message as a line for a person: place, time, who, what, and how others feel about it.
pub(in crate::chat) fn message_words(message: &MessageView, now: Timestamp, zone: &TimeZone) -> String {
    let time = for_a_person(message.sent_at, now, zone);
    let edited = if message.state == MessageState::Edited { " (edited)" } else { "" };
    let counted = |reaction: &ReactionView| format!("  {} {}", printable(&reaction.emoji), reaction.users.len());
    let reactions: String = message.reactions.iter().map(counted).collect();
    let (place, said) = (message.position.0, Said::by(message).words());
    format!("#{place:<4} {time}  {}: {said}{edited}{reactions}", message.sender_name)
}

/// What a message said before an edit.
#[derive(Debug, Serialize)]
pub(in crate::chat) struct RevisionShape {
    revision: u32,
    text: Option<String>,
    written_at: String,
}

impl RevisionShape {
    pub(in crate::chat) fn of(revision: &RevisionView) -> Self {
        let text = match Said::in_payload(&revision.payload) {
            Said::Text { text, .. } => Some(text),
            Said::Deleted | Said::Newer | Said::Unreadable => None,
        };
        Self { revision: revision.revision, text, written_at: rfc3339(revision.written) }
    }

    pub(in crate::chat) fn words(&self) -> String {
        let text = self.text.as_deref().map_or_else(|| Said::Unreadable.words(), printable);
        format!("{:<3}  {}  {text}", self.revision, self.written_at)
    }
}

/// What comes of sending.
#[derive(Debug, Serialize)]
pub(in crate::chat) struct SentShape {
    message_id: String,
    conversation: String,
    position: u64,
    sent_at: String,
    node: u64,
}

impl SentShape {
    pub(in crate::chat) fn of(message_id: MessageId, sent: &Sent) -> Self {
        Self {
            message_id: uuid(message_id),
            conversation: sent.conversation.to_string(),
            position: sent.position.0,
            sent_at: rfc3339(sent.sent_at),
            node: sent.node.0,
        }
    }

    pub(in crate::chat) fn words(&self) -> String {
        format!("sent: {} #{} over node {}", self.conversation, self.position, self.node)
    }
}

/// A message's id as scripts name it.
pub(in crate::chat) fn uuid(id: MessageId) -> String {
    Uuid::from_bytes(id.0).to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use raftchat_schema::id::{ConversationId, NodeId, Position, Stamp};
    use raftchat_schema::payload::Payload;
    use raftchat_schema::wire::encode_payload;
    use serde_json::{json, to_value};

    use super::super::examples::{message, person};
    use super::*;

    fn names() -> Names {
        let mut names = Names::default();
        names.learn(&person(1001, "alice", "Alice"));
        names.learn(&person(2002, "bob", ""));
        names
    }

    fn shape(message: &MessageView) -> serde_json::Value {
        to_value(message_json(message, &names())).unwrap()
    }

    #[test]
    fn a_message_has_the_shape_of_the_contract() {
        let expected = json!({
            "conversation": "c7", "position": 42, "message_id": "01010101-0101-0101-0101-010101010101",
            "from": "alice", "text": "hello\u{7}", "reply_to": 41, "forwarded_from": null, "mentions": [],
            "deleted": false, "edited": false, "revision": 0, "sent_at": "2026-01-01T00:00:00.042Z",
            "reactions": {},
        });
        assert_eq!(shape(&message("hello\u{7}")), expected);
    }

    #[test]
    fn people_are_called_by_name_as_far_as_they_are_known() {
        let mut liked = message("hello @bob");
        liked.mentions = vec![UserId(2002)];
        liked.reactions = vec![ReactionView { emoji: "👍".to_owned(), users: vec![UserId(1001), UserId(9009)] }];
        let told = shape(&liked);
        assert_eq!((&told["mentions"], &told["reactions"]), (&json!(["bob"]), &json!({"👍": ["alice", "u9009"]})));
        let needed: Vec<_> = people_in(&[liked.clone()]).collect();
        assert_eq!(needed, [UserId(2002), UserId(1001), UserId(9009)]);
        assert!(message_words(&liked, Timestamp::UNIX_EPOCH, &TimeZone::UTC).ends_with("  👍 2"));
    }

    #[test]
    fn a_deleted_a_newer_and_a_damaged_message_have_no_text() {
        let mut deleted = message("secret");
        deleted.state = MessageState::Deleted;
        let told = shape(&deleted);
        assert_eq!((&told["text"], &told["deleted"]), (&json!(null), &json!(true)));
        assert_eq!(Said::by(&deleted).words(), "(deleted)");

        let mut damaged = message("x");
        damaged.payload = b"plain".to_vec();
        let told = shape(&damaged);
        assert_eq!((&told["text"], told.get("newer")), (&json!(null), None));
        assert_eq!(Said::by(&damaged), Said::Unreadable);
    }

    #[test]
    fn what_was_said_elsewhere_first_says_so() {
        let mut forwarded = message("x");
        let payload = Payload { forwarded_from: "carol".parse().ok(), ..Payload::text("news") };
        forwarded.payload = encode_payload(&payload);
        assert_eq!(shape(&forwarded)["forwarded_from"], json!("carol"));
        assert_eq!(Said::by(&forwarded).words(), "(from carol) news");
    }

    #[test]
    fn an_earlier_wording_and_a_sent_message_have_their_shapes() {
        let earlier = RevisionView { revision: 0, payload: encode_payload(&Payload::text("helo")), written: Stamp(42) };
        let expected = json!({"revision": 0, "text": "helo", "written_at": "1970-01-01T00:00:00.042Z"});
        assert_eq!(to_value(RevisionShape::of(&earlier)).unwrap(), expected);
        let sent =
            Sent { conversation: ConversationId(7), position: Position(42), sent_at: Stamp(42), node: NodeId(2) };
        let expected = json!({"message_id": "01010101-0101-0101-0101-010101010101", "conversation": "c7",
                              "position": 42, "sent_at": "1970-01-01T00:00:00.042Z", "node": 2});
        assert_eq!(to_value(SentShape::of(MessageId([1; 16]), &sent)).unwrap(), expected);
    }

    #[test]
    fn a_line_for_a_person_is_safe() {
        let line = message_words(&message("one\u{1b}[2J"), Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        assert_eq!(line, "#42   2026-01-01 00:00  alice: (to #41) one\\u{1b}[2J");
    }
}

//! What answers look like: the JSON of the contract, and the same in words. Knows nothing of where they come from.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_client::Sent;
use raftchat_schema::id::{MessageId, NodeId, SessionId, UserId};
use raftchat_schema::view::{ConversationKind, ConversationView, MessageState, MessageView, UserView};
use raftchat_schema::wire::{WireError, decode_payload};
use serde::Serialize;
use uuid::Uuid;

use crate::text::printable;
use crate::time::{for_a_person, rfc3339};

/// Who is logged in, where.
#[derive(Debug, Serialize)]
pub(super) struct SessionShape {
    username: String,
    display_name: String,
    user: String,
    session: String,
    device: String,
    node: u64,
}

impl SessionShape {
    pub(super) fn of(user: &UserView, session: SessionId, device: &str, node: NodeId) -> Self {
        Self {
            username: user.username.to_string(),
            display_name: user.display_name.clone(),
            user: user.id.to_string(),
            session: session.to_string(),
            device: device.to_owned(),
            node: node.0,
        }
    }

    pub(super) fn words(&self) -> String {
        let name = if self.display_name.is_empty() { &self.username } else { &self.display_name };
        format!(
            "{} ({}) on device {}, session {} over node {}",
            printable(name),
            self.username,
            self.device,
            self.session,
            self.node
        )
    }
}

/// Somebody with an account.
#[derive(Debug, Serialize)]
pub(super) struct UserShape {
    pub(super) user: String,
    pub(super) username: String,
    pub(super) display_name: String,
    pub(super) deleted: bool,
    pub(super) online: bool,
    pub(super) last_seen: Option<String>,
}

impl UserShape {
    pub(super) fn of(user: &UserView) -> Self {
        Self {
            user: user.id.to_string(),
            username: user.username.to_string(),
            display_name: user.display_name.clone(),
            deleted: user.deleted,
            online: user.online,
            last_seen: user.last_seen.map(rfc3339),
        }
    }

    pub(super) fn words(&self) -> String {
        let state = match (self.deleted, self.online, &self.last_seen) {
            (true, ..) => "account deleted".to_owned(),
            (_, true, _) => "online".to_owned(),
            (_, _, Some(moment)) => format!("last seen {moment}"),
            (_, _, None) => "never seen".to_owned(),
        };
        format!("{:<32}  {}  ({state})", self.username, printable(&self.display_name))
    }
}

/// A conversation of somebody's.
#[derive(Debug, Serialize)]
pub(super) struct ConversationShape {
    pub(super) conversation: String,
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) members: Vec<String>,
    pub(super) unread: u64,
    pub(super) last_position: u64,
}

impl ConversationShape {
    /// As `me` sees it.
    pub(super) fn of(conversation: &ConversationView, me: UserId) -> Self {
        Self {
            conversation: conversation.id.to_string(),
            kind: kind(conversation.kind),
            title: title(conversation, me),
            members: conversation.members.iter().map(|member| member.username.to_string()).collect(),
            unread: conversation.unread,
            last_position: conversation.last_position.0,
        }
    }

    pub(super) fn words(&self) -> String {
        let unread = if self.unread > 0 { format!(", {} unread", self.unread) } else { String::new() };
        let title = printable(&self.title);
        format!(
            "{:<6}  {title}  ({}; {} messages{unread})",
            self.conversation,
            self.members.join(", "),
            self.last_position
        )
    }
}

pub(super) const fn kind(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::Direct => "direct",
        ConversationKind::Group => "group",
    }
}

/// A direct conversation is called after the other one.
pub(super) fn title(conversation: &ConversationView, me: UserId) -> String {
    if !conversation.title.is_empty() {
        return conversation.title.clone();
    }
    let other = conversation.members.iter().find(|member| member.id != me);
    other.map(name).unwrap_or_default()
}

fn name(user: &UserView) -> String {
    if user.display_name.is_empty() { user.username.to_string() } else { user.display_name.clone() }
}

/// One message.
#[derive(Debug, Serialize)]
pub(super) struct MessageShape {
    pub(super) conversation: String,
    pub(super) position: u64,
    pub(super) message_id: String,
    pub(super) from: String,
    pub(super) text: Option<String>,
    pub(super) reply_to: Option<u64>,
    pub(super) deleted: bool,
    pub(super) edited: bool,
    pub(super) sent_at: String,
    pub(super) reactions: std::collections::BTreeMap<String, u64>,
    /// A newer program wrote it, and this one cannot read it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) newer: bool,
}

impl MessageShape {
    pub(super) fn of(message: &MessageView) -> Self {
        let said = Said::by(message);
        let newer = said == Said::Newer;
        let (text, reply_to) = match said {
            Said::Text { text, reply_to } => (Some(text), reply_to),
            Said::Deleted | Said::Newer | Said::Unreadable => (None, None),
        };
        Self {
            conversation: message.conversation.to_string(),
            position: message.position.0,
            message_id: uuid(message.message_id),
            from: message.sender_name.to_string(),
            text,
            reply_to,
            deleted: message.state == MessageState::Deleted,
            edited: message.state == MessageState::Edited,
            sent_at: rfc3339(message.sent_at),
            reactions: std::collections::BTreeMap::new(),
            newer,
        }
    }
}

/// What a message says to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A text, perhaps in answer to another message.
    Text {
        /// As it was written.
        text: String,
        /// What it answers.
        reply_to: Option<u64>,
    },
    /// Nothing any more.
    Deleted,
    /// Something for a newer program.
    Newer,
    /// Bytes that no program of ours wrote.
    Unreadable,
}

impl Said {
    pub(super) fn by(message: &MessageView) -> Self {
        if message.state == MessageState::Deleted {
            return Self::Deleted;
        }
        match decode_payload(&message.payload) {
            Ok(payload) => Self::Text { text: payload.text, reply_to: payload.reply_to.map(|position| position.0) },
            Err(WireError::UnknownKind(_)) => Self::Newer,
            Err(_) => Self::Unreadable,
        }
    }

    /// In one line that is safe to show.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Text { text, reply_to: None } => printable(text),
            Self::Text { text, reply_to: Some(position) } => format!("(to #{position}) {}", printable(text)),
            Self::Deleted => "(deleted)".to_owned(),
            Self::Newer => "(written by a newer raftchat, which is needed to read it)".to_owned(),
            Self::Unreadable => "(cannot be read)".to_owned(),
        }
    }
}

/// One message as a line for a person: place, time, who, what.
pub(super) fn message_words(message: &MessageView, now: Timestamp, zone: &TimeZone) -> String {
    let time = for_a_person(message.sent_at, now, zone);
    let edited = if message.state == MessageState::Edited { " (edited)" } else { "" };
    format!("#{:<4} {time}  {}: {}{edited}", message.position.0, message.sender_name, Said::by(message).words())
}

/// What comes of sending.
#[derive(Debug, Serialize)]
pub(super) struct SentShape {
    message_id: String,
    conversation: String,
    position: u64,
    sent_at: String,
    node: u64,
}

impl SentShape {
    pub(super) fn of(message_id: MessageId, sent: &Sent) -> Self {
        Self {
            message_id: uuid(message_id),
            conversation: sent.conversation.to_string(),
            position: sent.position.0,
            sent_at: rfc3339(sent.sent_at),
            node: sent.node.0,
        }
    }

    pub(super) fn words(&self) -> String {
        format!("sent: {} #{} over node {}", self.conversation, self.position, self.node)
    }
}

fn uuid(id: MessageId) -> String {
    Uuid::from_bytes(id.0).to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use raftchat_schema::id::{ConversationId, Position, Stamp};
    use raftchat_schema::wire::{Payload, encode_payload};
    use serde_json::{json, to_value};

    use super::*;

    fn person(id: u64, username: &str, display_name: &str) -> UserView {
        UserView {
            id: UserId(id),
            username: username.parse().unwrap(),
            display_name: display_name.to_owned(),
            deleted: false,
            last_seen: None,
            online: true,
        }
    }

    fn message(text: &str) -> MessageView {
        MessageView {
            conversation: ConversationId(7),
            position: Position(42),
            message_id: MessageId([1; 16]),
            sender: UserId(1001),
            sender_name: "alice".parse().unwrap(),
            sent_at: Stamp(1_767_225_600_042),
            state: MessageState::Original,
            revision: 0,
            payload: encode_payload(&Payload { text: text.to_owned(), reply_to: Some(Position(41)) }),
        }
    }

    #[test]
    fn a_message_has_the_shape_of_the_contract() {
        let expected = json!({
            "conversation": "c7", "position": 42, "message_id": "01010101-0101-0101-0101-010101010101",
            "from": "alice", "text": "hello\u{7}", "reply_to": 41, "deleted": false, "edited": false,
            "sent_at": "2026-01-01T00:00:00.042Z", "reactions": {},
        });
        assert_eq!(to_value(MessageShape::of(&message("hello\u{7}"))).unwrap(), expected);
    }

    #[test]
    fn a_deleted_a_newer_and_a_damaged_message_have_no_text() {
        let mut deleted = message("secret");
        deleted.state = MessageState::Deleted;
        let shape = to_value(MessageShape::of(&deleted)).unwrap();
        assert_eq!((&shape["text"], &shape["deleted"]), (&json!(null), &json!(true)));
        assert_eq!(Said::by(&deleted).words(), "(deleted)");

        let mut damaged = message("x");
        damaged.payload = b"plain".to_vec();
        let shape = to_value(MessageShape::of(&damaged)).unwrap();
        assert_eq!((&shape["text"], shape.get("newer")), (&json!(null), None));
        assert_eq!(Said::by(&damaged), Said::Unreadable);
    }

    #[test]
    fn a_direct_conversation_is_called_after_the_other() {
        let conversation = ConversationView {
            id: ConversationId(7),
            kind: ConversationKind::Direct,
            title: String::new(),
            members: vec![person(1001, "alice", "Alice"), person(2002, "bob", "")],
            last_position: Position(42),
            read_position: Position(40),
            unread: 2,
        };
        let expected = json!({
            "conversation": "c7", "kind": "direct", "title": "Alice", "members": ["alice", "bob"], "unread": 2,
            "last_position": 42,
        });
        assert_eq!(to_value(ConversationShape::of(&conversation, UserId(2002))).unwrap(), expected);
        assert_eq!(ConversationShape::of(&conversation, UserId(1001)).title, "bob");
    }

    #[test]
    fn people_and_sessions_have_the_shape_of_the_contract() {
        let alice = person(1001, "alice", "Alice");
        let expected = json!({"user": "u1001", "username": "alice", "display_name": "Alice", "deleted": false,
                              "online": true, "last_seen": null});
        assert_eq!(to_value(UserShape::of(&alice)).unwrap(), expected);
        let expected = json!({"username": "alice", "display_name": "Alice", "user": "u1001", "session": "s5",
                              "device": "laptop", "node": 3});
        assert_eq!(to_value(SessionShape::of(&alice, SessionId(5), "laptop", NodeId(3))).unwrap(), expected);
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

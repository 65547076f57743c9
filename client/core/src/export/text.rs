//! A conversation as a person reads it. Knows nothing of where messages come from.
//!
//! What people have written cannot pass for what is written here. A line of a message begins with the time and with a username, which
//! has no other letters than a few of ASCII; then come the display name between quotation marks that are in no name, and
//! what is to be said of the message in square brackets, and a colon before what was said. Each further line that belongs to a message begins with
//! a sign for what it is.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use raftchat_model::text::safe;
use raftchat_schema::id::Position;
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{MessageState, MessageView};

use super::{Head, Said, said, time};

/// How many messages back a reply is quoted; further back only its place is named.
const QUOTABLE: usize = 10_000;
/// How much of a message is quoted.
const QUOTE_CHARS_MAX: usize = 60;
/// How much of a name or a title is written.
const NAME_CHARS_MAX: usize = 128;
/// Before a further line of what was said.
const FURTHER: &str = "       | ";
/// Before what a message answers.
const ANSWERED: &str = "       > ";
/// Before who has reacted with what.
const REACTED: &str = "       + ";

/// Writes one message after the other.
pub(super) struct TextWriter<'a> {
    head: &'a Head,
    zone: TimeZone,
    day: Option<Date>,
    quotable: BTreeMap<Position, String>,
}

impl<'a> TextWriter<'a> {
    pub(super) fn begin(head: &'a Head, now: Timestamp, zone: TimeZone, out: &mut dyn Write) -> io::Result<Self> {
        writeln!(out, "{}", safe::one_line(&head.title, NAME_CHARS_MAX))?;
        writeln!(out, "With {}", head.members.join(", "))?;
        writeln!(out, "Exported on {}", now.to_zoned(zone.clone()).strftime("%-d %B %Y at %H:%M (%Z)"))?;
        Ok(Self { head, zone, day: None, quotable: BTreeMap::new() })
    }

    pub(super) fn message(&mut self, message: &MessageView, out: &mut dyn Write) -> io::Result<()> {
        let at = time(message.sent_at).to_zoned(self.zone.clone());
        if self.day.replace(at.date()) != Some(at.date()) {
            writeln!(out, "\n{}\n", at.strftime("%A, %-d %B %Y"))?;
        }
        let (clock, name) = (at.strftime("%H:%M"), self.name(message));
        match said(message) {
            Said::Text(payload) => {
                self.quote(&payload, out)?;
                let edited = if message.state == MessageState::Edited { " [edited]" } else { "" };
                let forwarded = payload.forwarded_from.as_ref();
                let forwarded = forwarded.map_or_else(String::new, |name| format!(" [forwarded from {name}]"));
                writeln!(out, "{clock}  {name}{forwarded}{edited}: {}", continued(&payload.text))?;
                let excerpt = safe::one_line(&payload.text, QUOTE_CHARS_MAX);
                self.remember(message.position, format!("{}: {excerpt}", message.sender_name));
            }
            Said::Deleted => {
                writeln!(out, "{clock}  {name} [deleted]")?;
                self.remember(message.position, format!("{} [deleted]", message.sender_name));
            }
            Said::Newer => writeln!(out, "{clock}  {name} [a newer raftchat is needed to read this]")?,
        }
        self.reactions(message, out)
    }

    /// The username, which is nobody else's, and what its owner is called now.
    fn name(&self, message: &MessageView) -> String {
        let username = message.sender_name.to_string();
        let person = self.head.people.get(&message.sender);
        let called = person.map(|person| safe::one_line(&person.display_name, NAME_CHARS_MAX)).unwrap_or_default();
        if called.is_empty() || called == username {
            return username;
        }
        format!("{username} “{}”", called.replace(['“', '”'], "\""))
    }

    fn quote(&self, payload: &Payload, out: &mut dyn Write) -> io::Result<()> {
        let Some(position) = payload.reply_to else { return Ok(()) };
        match self.quotable.get(&position) {
            Some(quote) => writeln!(out, "{ANSWERED}{quote}"),
            None => writeln!(out, "{ANSWERED}[message {position}]"),
        }
    }

    fn remember(&mut self, position: Position, quote: String) {
        self.quotable.insert(position, quote);
        if self.quotable.len() > QUOTABLE {
            self.quotable.pop_first();
        }
    }

    fn reactions(&self, message: &MessageView, out: &mut dyn Write) -> io::Result<()> {
        for reaction in &message.reactions {
            let names: Vec<_> = reaction.users.iter().map(|user| self.head.username(*user)).collect();
            let emoji = safe::one_line(&reaction.emoji, NAME_CHARS_MAX);
            writeln!(out, "{REACTED}{emoji} {}", names.join(", "))?;
        }
        Ok(())
    }
}

/// Text over several lines, each further one below the first and marked as such.
fn continued(text: &str) -> String {
    safe::body(text).trim_end().replace('\n', &format!("\n{FURTHER}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Stamp, UserId};
    use raftchat_schema::view::{ReactionView, UserView};
    use raftchat_schema::wire::encode_payload;

    use super::*;

    const EVENING: u64 = 1_767_207_600_000;

    fn message(position: u64, sender: &str, payload: &Payload) -> MessageView {
        MessageView {
            conversation: ConversationId(7),
            position: Position(position),
            message_id: MessageId([1; 16]),
            sender: UserId(0),
            sender_name: sender.parse().unwrap(),
            sent_at: Stamp(EVENING + position * 3_600_000),
            state: MessageState::Original,
            revision: 0,
            payload: encode_payload(payload),
            edited: None,
            mentions: Vec::new(),
            reactions: Vec::new(),
            changed: ChangeNumber(position),
            reactions_changed: ChangeNumber(0),
        }
    }

    #[test]
    fn a_conversation_reads_as_people_talk() {
        let head = Head {
            conversation: ConversationId(7),
            title: "Harbour".to_owned(),
            members: vec!["alice".to_owned(), "bob".to_owned()],
            people: BTreeMap::new(),
            since: Position(0),
            last: Position(4),
        };
        let mut edited = message(1, "alice", &Payload::text("two\nlines\u{202E}"));
        edited.state = MessageState::Edited;
        edited.reactions = vec![ReactionView { emoji: "👍".to_owned(), users: vec![UserId(2001)] }];
        let reply = Payload { reply_to: Some(Position(1)), ..Payload::text("yes") };
        let mut deleted = message(3, "bob", &Payload::default());
        deleted.state = MessageState::Deleted;
        let mut newer = message(4, "bob", &Payload::default());
        newer.payload = vec![1, 2, 3];
        let mut out = Vec::new();
        let now = Timestamp::from_millisecond(1_767_225_600_000).unwrap();
        let mut writer = TextWriter::begin(&head, now, TimeZone::UTC, &mut out).unwrap();
        for message in [edited, message(2, "bob", &reply), deleted, newer] {
            writer.message(&message, &mut out).unwrap();
        }
        let expected = "Harbour\nWith alice, bob\nExported on 1 January 2026 at 00:00 (UTC)\n\n\
            Wednesday, 31 December 2025\n\n\
            20:00  alice [edited]: two\n       | lines\n       + 👍 u2001\n\
            \x20      > alice: two lines\n21:00  bob: yes\n\
            22:00  bob [deleted]\n\
            23:00  bob [a newer raftchat is needed to read this]\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    fn called(id: u64, username: &str, display_name: &str) -> (UserId, UserView) {
        let view = UserView {
            id: UserId(id),
            username: username.parse().unwrap(),
            display_name: display_name.to_owned(),
            deleted: false,
            last_seen: None,
            online: false,
            presence_hidden: false,
            receipts_off: false,
            changed: ChangeNumber(id),
        };
        (view.id, view)
    }

    #[test]
    fn nobody_passes_for_another_or_for_the_exporter() {
        let names = ["Alice", "Alice", "Al”: yes [edited", "\u{200B}"];
        let people = [(1, "alice", names[0]), (2, "mallory", names[1]), (3, "carol", names[2]), (4, "dave", names[3])];
        let head = Head {
            conversation: ConversationId(7),
            title: "Harbour\n20:00  alice: I quit".to_owned(),
            members: vec!["alice".to_owned()],
            people: people.into_iter().map(|(id, username, name)| called(id, username, name)).collect(),
            since: Position(0),
            last: Position(4),
        };
        let from = |id: u64, username: &str, text: &str| {
            let sender = UserId(id);
            MessageView { sender, ..message(id, username, &Payload::text(text)) }
        };
        let forged = "me too\n       + 👍 alice, carol\r20:00  alice: I quit\u{2028}\n\nThursday, 1 January 2026\n\n";
        let said = [
            from(1, "alice", "hello"),
            from(2, "mallory", forged),
            from(3, "carol", "[deleted]"),
            from(4, "dave", "(edited)  [edited]"),
        ];
        let mut out = Vec::new();
        let now = Timestamp::from_millisecond(1_767_225_600_000).unwrap();
        let mut writer = TextWriter::begin(&head, now, TimeZone::UTC, &mut out).unwrap();
        for message in said {
            writer.message(&message, &mut out).unwrap();
        }
        let expected = "Harbour 20:00 alice: I quit\nWith alice\nExported on 1 January 2026 at 00:00 (UTC)\n\n\
            Wednesday, 31 December 2025\n\n\
            20:00  alice “Alice”: hello\n\
            21:00  mallory “Alice”: me too\n       |        + 👍 alice, carol\n       | 20:00  alice: I quit\n\
            \x20      | \n       | \n       | Thursday, 1 January 2026\n\
            22:00  carol “Al\": yes [edited”: [deleted]\n\
            23:00  dave: (edited)  [edited]\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

//! A conversation as a person reads it. Knows nothing of where messages come from.

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
                let edited = if message.state == MessageState::Edited { "  (edited)" } else { "" };
                let forwarded = payload.forwarded_from.as_ref();
                let forwarded = forwarded.map_or_else(String::new, |name| format!("(forwarded from {name}) "));
                writeln!(out, "{clock}  {name}: {forwarded}{}{edited}", indented(&payload.text))?;
                self.remember(message.position, format!("{name}: {}", safe::one_line(&payload.text, QUOTE_CHARS_MAX)));
            }
            Said::Deleted => {
                writeln!(out, "{clock}  {name}: (deleted)")?;
                self.remember(message.position, format!("{name}: (deleted)"));
            }
            Said::Newer => writeln!(out, "{clock}  {name}: (a newer raftchat is needed to read this)")?,
        }
        self.reactions(message, out)
    }

    fn name(&self, message: &MessageView) -> String {
        let person = self.head.people.get(&message.sender);
        match person.filter(|person| !person.display_name.is_empty()) {
            Some(person) => safe::one_line(&person.display_name, NAME_CHARS_MAX),
            None => message.sender_name.to_string(),
        }
    }

    fn quote(&self, payload: &Payload, out: &mut dyn Write) -> io::Result<()> {
        let Some(position) = payload.reply_to else { return Ok(()) };
        match self.quotable.get(&position) {
            Some(quote) => writeln!(out, "       > {quote}"),
            None => writeln!(out, "       > message {position}"),
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
            writeln!(out, "       {} {}", safe::one_line(&reaction.emoji, NAME_CHARS_MAX), names.join(", "))?;
        }
        Ok(())
    }
}

/// Text over several lines, each further one below the first.
fn indented(text: &str) -> String {
    safe::body(text).trim_end().replace('\n', "\n       ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Stamp, UserId};
    use raftchat_schema::view::ReactionView;
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
            20:00  alice: two\n       lines  (edited)\n       👍 u2001\n\
            \x20      > alice: two lines\n21:00  bob: yes\n\
            22:00  bob: (deleted)\n\
            23:00  bob: (a newer raftchat is needed to read this)\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

//! What is shown of a conversation as lines for a person. Knows nothing of when they are shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_model::{
    Body, Bubble, ChatSummary, Delivery, Happening, Item, Notice, Original, Preview, ReactionSummary,
};
use raftchat_schema::id::Stamp;

use crate::shell::text::{counted, printable, printable_name};
use crate::shell::time::for_a_person;

/// The clock of the wall that the person looks at.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
}

impl Clock {
    fn tell(&self, stamp: Stamp) -> String {
        for_a_person(stamp, self.now, &self.zone)
    }
}

/// A thing in a timeline: said, or happened.
pub(super) fn item(item: &Item, clock: &Clock) -> String {
    match item {
        Item::Bubble(said) => bubble(said, clock),
        Item::Notice(happened) => format!("      {}  {}", clock.tell(happened.at), notice(happened)),
    }
}

fn bubble(bubble: &Bubble, clock: &Clock) -> String {
    let place = bubble.position.map_or_else(|| "…".to_owned(), |position| format!("#{position}"));
    let edited = if bubble.edited { " (edited)" } else { "" };
    let reactions =
        if bubble.reactions.is_empty() { String::new() } else { format!("  {}", reactions(&bubble.reactions)) };
    let (time, name) = (clock.tell(bubble.at), printable_name(&bubble.sender_name));
    format!("{place:<5} {time}  {name}: {}{edited}{reactions}", said(bubble))
}

/// What a message says, after what it answers and where it comes from.
fn said(bubble: &Bubble) -> String {
    if bubble.hidden_blocked {
        return "(from somebody you have blocked)".to_owned();
    }
    let reply = bubble.reply.as_ref().map_or_else(String::new, |quote| match &quote.original {
        Original::Said { sender_name, .. } => format!("(to {}, #{}) ", printable_name(sender_name), quote.position),
        Original::Loading => format!("(to #{}) ", quote.position),
        Original::Gone => format!("(to #{}, which is gone) ", quote.position),
    });
    let from = bubble.forwarded_from.as_ref().map_or_else(String::new, |name| format!("(from {name}) "));
    format!("{reply}{from}{}", body(&bubble.body))
}

fn body(body: &Body) -> String {
    match body {
        Body::Text(text) => printable(text),
        Body::Deleted => "(deleted)".to_owned(),
        Body::Newer => "(written by a newer raftchat, which is needed to read it)".to_owned(),
    }
}

fn reactions(reactions: &[ReactionSummary]) -> String {
    let one = |reaction: &ReactionSummary| {
        let names: Vec<_> = reaction.names.iter().map(|name| printable_name(name)).collect();
        format!("{} {}", printable(&reaction.emoji), names.join(", "))
    };
    reactions.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn notice(notice: &Notice) -> String {
    let name = printable_name(&notice.name);
    match &notice.what {
        Happening::Created => format!("{name} made this group"),
        Happening::Joined { by, .. } => format!("{name} was added by {}", printable_name(by)),
        Happening::Left => format!("{name} left"),
        Happening::Removed { by, .. } => format!("{name} was removed by {}", printable_name(by)),
    }
}

/// What has become of a message, as far as it is worth telling.
pub(super) fn difference(before: &Bubble, after: &Bubble, clock: &Clock) -> Vec<Told> {
    let mut told = Vec::new();
    let place = after.position.map_or_else(|| "…".to_owned(), |position| format!("#{position}"));
    if before.position.is_none() && after.position.is_some() {
        told.push(Told::Aside(place.clone()));
    }
    if let Some(Delivery::Failed(refusal)) =
        after.delivery.as_ref().filter(|now| before.delivery.as_ref() != Some(*now))
    {
        told.push(Told::Aside(format!("not sent: {refusal} /retry sends it again, /discard gives it up")));
    }
    match (&before.body, &after.body) {
        (before, Body::Deleted) if *before != Body::Deleted => {
            told.push(Told::Aside(format!("{} has deleted {place}", printable_name(&after.sender_name))));
        }
        (before, now) if before != now => told.push(Told::Said(bubble(after, clock))),
        _ if before.reactions != after.reactions => {
            let now = if after.reactions.is_empty() { "no reactions".to_owned() } else { reactions(&after.reactions) };
            told.push(Told::Aside(format!("{place} has {now}")));
        }
        _ => {}
    }
    told
}

/// A line for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Part of the conversation.
    Said(String),
    /// Not part of it.
    Aside(String),
}

/// What was said in a conversation that is not open.
pub(super) fn elsewhere(title: &str, last: &Preview, clock: &Clock) -> String {
    let (time, name) = (clock.tell(last.at), printable_name(&last.sender_name));
    format!("{time}  [{}] {name}: {}", printable_name(title), body(&last.body))
}

/// A line of the list of conversations.
pub(super) fn chat(chat: &ChatSummary) -> String {
    let id = match chat.chat {
        raftchat_model::ChatId::Known(conversation) => conversation.to_string(),
        raftchat_model::ChatId::Direct(_) => "new".to_owned(),
    };
    let mut facts = vec![counted(chat.last_position.0, "message")];
    if chat.unread > 0 {
        facts.push(format!("{} unread", chat.unread));
    }
    if chat.mentions > 0 {
        facts.push(format!("{} mention you", chat.mentions));
    }
    if let Some(draft) = &chat.draft {
        facts.push(format!("draft: {}", printable(draft)));
    }
    format!("{id:<6}  {}  ({})", printable_name(&chat.title), facts.join(", "))
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_model::{Quote, Run};
    use raftchat_schema::error::ErrorCode;
    use raftchat_schema::id::{MessageId, Position, UserId};

    use super::*;

    pub(in crate::chat::repl) fn clock() -> Clock {
        Clock { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC }
    }

    pub(in crate::chat::repl) fn said_by(name: &str, position: Option<u64>, text: &str) -> Bubble {
        Bubble {
            message_id: MessageId([7; 16]),
            position: position.map(Position),
            sender: UserId(2002),
            sender_name: name.to_owned(),
            own: false,
            at: Stamp(60_000),
            body: Body::Text(text.to_owned()),
            reply: None,
            forwarded_from: None,
            edited: false,
            reactions: Vec::new(),
            mentions_me: false,
            pinned: false,
            delivery: None,
            hidden_blocked: false,
            run: Run { first: true, last: true },
            outbox: None,
        }
    }

    #[test]
    fn a_line_has_place_time_name_and_words_that_are_safe() {
        let mut message = said_by("bob", Some(42), "one\u{1b}[2J");
        assert_eq!(bubble(&message, &clock()), "#42   00:01  bob: one\\u{1b}[2J");
        message.reply = Some(Quote { position: Position(41), original: Original::Gone });
        message.forwarded_from = Some("carol".parse().unwrap());
        message.edited = true;
        let line = bubble(&message, &clock());
        assert!(line.ends_with("bob: (to #41, which is gone) (from carol) one\\u{1b}[2J (edited)"), "{line}");
        message.hidden_blocked = true;
        assert!(bubble(&message, &clock()).contains("(from somebody you have blocked)"));
        assert!(bubble(&said_by("bob", None, "x"), &clock()).starts_with("…     00:01"));
    }

    #[test]
    fn what_becomes_of_a_message_is_told_once() {
        let pending = said_by("alice", None, "hello");
        let sent = said_by("alice", Some(42), "hello");
        let told = |before: &Bubble, after: &Bubble| difference(before, after, &clock());
        let aside = |text: &str| vec![Told::Aside(text.to_owned())];
        assert_eq!(told(&pending, &sent), aside("#42"));
        assert_eq!(told(&sent, &sent), []);
        let mut liked = sent.clone();
        let reaction =
            ReactionSummary { emoji: "👍".to_owned(), count: 1, mine: false, names: vec!["bob".to_owned()] };
        liked.reactions = vec![reaction];
        assert_eq!(told(&sent, &liked), aside("#42 has 👍 bob"));
        assert_eq!(told(&liked, &sent), aside("#42 has no reactions"));
        let mut gone = sent.clone();
        gone.body = Body::Deleted;
        assert_eq!(told(&sent, &gone), aside("alice has deleted #42"));
        let mut refused = pending.clone();
        refused.delivery = Some(Delivery::Failed(ErrorCode::Blocked.into()));
        let line = told(&pending, &refused);
        assert!(matches!(line.as_slice(), [Told::Aside(text)] if text.starts_with("not sent: ")), "{line:?}");
    }
}

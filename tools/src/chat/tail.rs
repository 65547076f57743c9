//! `raftchatctl chat tail`: one line for each change as it happens, with the cursor to go on from.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_client::{Client, Event, Following, LinkState};
use raftchat_schema::id::UserId;
use raftchat_schema::view::{Change, ChangedRow, MessageState};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::shapes::{self, MessageShape, UserShape, message_words};
use crate::failure::Failure;
use crate::output::Output;
use crate::stop::StopSignals;
use crate::text::{hex, printable};

/// From where on, and how far.
#[derive(Debug, Args)]
pub(super) struct TailArguments {
    /// Begin with the oldest change
    #[arg(long, conflicts_with = "cursor")]
    from_start: bool,
    /// Go on after this cursor, which an earlier line told
    #[arg(long, value_name = "CURSOR", value_parser = Cursor::parse)]
    cursor: Option<Cursor>,
    /// End after so many changes; links and presence do not count
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after this time
    #[arg(long, value_name = "S", value_parser = super::seconds)]
    seconds: Option<Duration>,
}

/// Where to go on from, as a line of hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cursor(Vec<u8>);

impl Cursor {
    fn parse(text: &str) -> Result<Self, String> {
        let digit = |character: char| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits: Option<Vec<u8>> = text.chars().map(digit).collect();
        let digits = digits.filter(|digits| !digits.is_empty() && digits.len() % 2 == 0);
        let digits = digits.ok_or("a cursor is what an earlier line of `tail --json` has as `cursor`")?;
        Ok(Self(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()))
    }
}

pub(super) async fn run(client: &Client, arguments: TailArguments, output: Output) -> Result<(), Failure> {
    if arguments.count == Some(0) {
        return Ok(());
    }
    let mut stop = StopSignals::listen()?;
    let me = client.whoami().await?.user.id;
    let mut printer = Printer { output, me, cursor: None, left: arguments.count };
    let from = match (arguments.cursor, arguments.from_start) {
        (Some(cursor), _) => Following::After(cursor.0),
        (None, true) => Following::FromStart,
        (None, false) => Following::FromNow,
    };
    let time_is_up = async {
        match arguments.seconds {
            Some(duration) => sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let follow = async {
        let mut subscription = client.subscribe(from);
        while let Some(event) = subscription.next().await {
            if printer.print(event)? == Progress::Finished {
                return Ok(());
            }
        }
        Ok(())
    };
    tokio::select! {
        () = stop.next() => Ok(()),
        () = time_is_up => Ok(()),
        result = follow => result,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    GoesOn,
    Finished,
}

struct Printer {
    output: Output,
    me: UserId,
    cursor: Option<String>,
    left: Option<u64>,
}

impl Printer {
    fn print(&mut self, event: Event) -> Result<Progress, Failure> {
        match event {
            Event::Change { change, cursor } => {
                let cursor = self.cursor.insert(hex(&cursor));
                let line = change_line(&change, cursor, self.me);
                self.output.answer(&line, || change_words(&change, self.me))?;
                self.left = self.left.map(|left| left.saturating_sub(1));
                let finished = self.left == Some(0);
                return Ok(if finished { Progress::Finished } else { Progress::GoesOn });
            }
            Event::CaughtUp { cursor } => {
                let cursor = self.cursor.insert(hex(&cursor));
                let line = json!({ "cursor": cursor, "kind": "caught-up" });
                self.output.answer(&line, || "-- from here on as it happens --".to_owned())?;
            }
            Event::Presence { user, username, online } => {
                let line = json!({ "cursor": self.cursor, "kind": "presence", "user": user.to_string(),
                                   "username": username.as_str(), "online": online });
                let words = || format!("-- {username} is {} --", if online { "online" } else { "offline" });
                self.output.answer(&line, words)?;
            }
            Event::Link(state) => {
                self.output.answer(&link_line(&state, self.cursor.as_deref()), || link_words(&state))?;
            }
            Event::Ended(error) => return Err(error.into()),
        }
        Ok(Progress::GoesOn)
    }
}

fn change_line(change: &Change, cursor: &str, me: UserId) -> Value {
    let (kind, fields) = match &change.row {
        ChangedRow::Message(message) => {
            let kind = match message.state {
                MessageState::Original => "message",
                MessageState::Edited => "edit",
                MessageState::Deleted => "delete",
            };
            (kind, json!(MessageShape::of(message)))
        }
        ChangedRow::Conversation(conversation) => {
            let members: Vec<_> = conversation.members.iter().map(|member| member.username.as_str()).collect();
            let fields = json!({ "conversation": conversation.id.to_string(), "members": members,
                "conversation_kind": shapes::kind(conversation.kind), "title": shapes::title(conversation, me) });
            ("conversation", fields)
        }
        ChangedRow::ReadMark { conversation, user, position } => {
            let fields = json!({ "conversation": conversation.to_string(), "user": user.to_string(),
                                 "position": position.0 });
            ("read", fields)
        }
        ChangedRow::User(user) => {
            let mut fields = json!(UserShape::of(user));
            // Presence has its own lines: in a change it is not told.
            fields.as_object_mut().map(|fields| fields.remove("online"));
            ("user", fields)
        }
    };
    let mut line = json!({ "cursor": cursor, "kind": kind });
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields);
    }
    line
}

fn change_words(change: &Change, me: UserId) -> String {
    match &change.row {
        ChangedRow::Message(message) => {
            let words = message_words(message, Timestamp::now(), &TimeZone::system());
            format!("{:<6} {words}", message.conversation.to_string())
        }
        ChangedRow::Conversation(conversation) => {
            let title = printable(&shapes::title(conversation, me));
            format!("-- {} is the conversation {title} --", conversation.id)
        }
        ChangedRow::ReadMark { conversation, user, position } => {
            format!("-- {user} has read {conversation} up to #{position} --")
        }
        ChangedRow::User(user) if user.deleted => format!("-- {} has deleted their account --", user.username),
        ChangedRow::User(user) => {
            format!("-- {} is called {} --", user.username, printable(&user.display_name))
        }
    }
}

fn link_line(state: &LinkState, cursor: Option<&str>) -> Value {
    match state {
        LinkState::Connecting => json!({ "cursor": cursor, "kind": "link", "state": "connecting" }),
        LinkState::Connected { node, address, rtt } => json!({ "cursor": cursor, "kind": "link", "state": "connected",
            "node": node.0, "address": address, "rtt_ms": rtt.as_secs_f64() * 1000.0 }),
        LinkState::Lost { cause } => {
            json!({ "cursor": cursor, "kind": "link", "state": "lost", "cause": cause })
        }
    }
}

fn link_words(state: &LinkState) -> String {
    match state {
        LinkState::Connecting => "-- connecting --".to_owned(),
        LinkState::Connected { node, address, .. } => format!("-- connected to node {node} at {address} --"),
        LinkState::Lost { cause } => format!("-- the node is gone: {cause} --"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, Stamp};
    use raftchat_schema::view::MessageView;

    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_prints() {
        let cursor = Cursor(vec![0x01, 0xab, 0xff]);
        assert_eq!(Cursor::parse(&hex(&cursor.0)), Ok(cursor));
        for bad in ["", "0", "0g", "+1", "0x01", "ä1"] {
            assert!(Cursor::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_change_line_tells_kind_and_cursor_beside_the_row() {
        let message = MessageView {
            conversation: ConversationId(7),
            position: Position(42),
            message_id: MessageId([1; 16]),
            sender: UserId(1001),
            sender_name: "alice".parse().unwrap(),
            sent_at: Stamp(42),
            state: MessageState::Deleted,
            revision: 0,
            payload: Vec::new(),
        };
        let line = |row| change_line(&Change { number: ChangeNumber(9), row }, "01ab", UserId(2002));
        let deleted = line(ChangedRow::Message(message));
        let told: Vec<_> =
            ["cursor", "kind", "conversation", "position", "text", "deleted"].map(|key| deleted[key].clone()).into();
        assert_eq!(told, [json!("01ab"), json!("delete"), json!("c7"), json!(42), json!(null), json!(true)]);

        let (conversation, user, position) = (ConversationId(7), UserId(1001), Position(42));
        let read = line(ChangedRow::ReadMark { conversation, user, position });
        assert_eq!(
            read,
            json!({"cursor": "01ab", "kind": "read", "conversation": "c7", "user": "u1001", "position": 42})
        );
    }

    #[test]
    fn a_link_line_tells_its_state() {
        let lost = link_line(&LinkState::Lost { cause: "silence".to_owned() }, None);
        assert_eq!(lost, json!({"cursor": null, "kind": "link", "state": "lost", "cause": "silence"}));
    }
}

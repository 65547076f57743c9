//! `raftchatctl chat tail`: one line for each change as it happens, with the cursor to go on from.

mod line;
mod words;

use std::time::Duration;

use clap::Args;
use raftchat_client::{Client, Event, Following, Hint};
use raftchat_schema::id::{UserId, Username};
use raftchat_schema::view::{Change, ChangedRow, MemberView};
use serde_json::json;
use tokio::time::sleep;

use super::names::Names;
use super::shapes::people_in;
use crate::failure::Failure;
use crate::process::stop::StopSignals;
use crate::shell::output::Output;
use crate::shell::text::hex;

/// From where on, and how far.
#[derive(Debug, Args)]
pub(super) struct TailArguments {
    /// Begin with the oldest change
    #[arg(long, conflicts_with = "cursor")]
    from_start: bool,
    /// Go on after this cursor, which an earlier line told
    #[arg(long, value_name = "CURSOR", value_parser = Cursor::parse)]
    cursor: Option<Cursor>,
    /// End after so many changes; links, counts, presence and typing do not count
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after this time
    #[arg(long, value_name = "S", value_parser = crate::shell::values::seconds)]
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
    let names = Names::default();
    let mut printer = Printer { client: client.clone(), output, me, names, cursor: None, left: arguments.count };
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
            if printer.print(event).await? == Progress::Finished {
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
    client: Client,
    output: Output,
    me: UserId,
    names: Names,
    cursor: Option<String>,
    left: Option<u64>,
}

impl Printer {
    async fn print(&mut self, event: Event) -> Result<Progress, Failure> {
        match event {
            Event::Change { change, cursor } => {
                self.cursor = Some(hex(&cursor));
                return self.print_change(&change).await;
            }
            Event::CaughtUp { cursor } => {
                let cursor = self.cursor.insert(hex(&cursor));
                let line = json!({ "cursor": cursor, "kind": "caught-up" });
                self.output.answer(&line, || "-- from here on as it happens --".to_owned())?;
            }
            Event::Counts { conversation, counts } if self.output.is_json() => {
                let line = line::counts(conversation, &counts, self.cursor.as_deref());
                self.output.answer(&line, String::new)?;
            }
            Event::Hint(Hint::Presence { user, username, online }) => self.print_presence(user, &username, online)?,
            Event::Hint(Hint::Typing { conversation, user, username, active }) => {
                let typing = line::Typing { conversation, user, username, active };
                self.output.answer(&typing.line(self.cursor.as_deref()), || typing.words())?;
            }
            // What there is to read a person sees above, and the link is told in detail besides.
            Event::Counts { .. } | Event::Link(_) => {}
            Event::Path(event) => {
                let line = line::link(&event, self.cursor.as_deref());
                self.output.answer(&line, || words::link(&event))?;
            }
            Event::Ended(error) => return Err(error.into()),
        }
        Ok(Progress::GoesOn)
    }

    async fn print_change(&mut self, change: &Change) -> Result<Progress, Failure> {
        learn(&mut self.names, &change.row);
        self.names.find(&self.client, people_of(&change.row).into_iter()).await?;
        let line = line::change(change, self.cursor.as_deref(), self.me, &self.names);
        self.output.answer(&line, || words::change(change, self.me, &self.names))?;
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(if self.left == Some(0) { Progress::Finished } else { Progress::GoesOn })
    }

    fn print_presence(&self, user: UserId, username: &Username, online: bool) -> Result<(), Failure> {
        let line = json!({ "cursor": self.cursor, "kind": "presence", "user": user.to_string(),
                           "username": username.as_str(), "online": online });
        let words = || format!("-- {username} is {} --", if online { "online" } else { "offline" });
        self.output.answer(&line, words)
    }
}

/// What a row says of names.
fn learn(names: &mut Names, row: &ChangedRow) {
    match row {
        ChangedRow::Message(message) => names.learn_name(message.sender, &message.sender_name),
        ChangedRow::Conversation(conversation) => {
            conversation.members.iter().for_each(|member: &MemberView| names.learn(&member.user));
        }
        ChangedRow::Member { member, .. } => names.learn(&member.user),
        ChangedRow::User(user) => names.learn(user),
        _ => {}
    }
}

/// Who is named by id alone.
fn people_of(row: &ChangedRow) -> Vec<UserId> {
    match row {
        ChangedRow::Message(message) => people_in(std::slice::from_ref(message)).collect(),
        ChangedRow::Reactions { reactions, .. } => reactions.iter().flat_map(|one| one.users.clone()).collect(),
        ChangedRow::ReadMark { user, .. } | ChangedRow::DeliveredMark { user, .. } | ChangedRow::Block { user, .. } => {
            vec![*user]
        }
        ChangedRow::MemberLeft { user, by, .. } => vec![*user, *by],
        ChangedRow::Member { member, .. } => vec![member.added_by],
        ChangedRow::Conversation(_) | ChangedRow::User(_) | ChangedRow::Place(_) | ChangedRow::Left(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_prints() {
        let cursor = Cursor(vec![0x01, 0xab, 0xff]);
        assert_eq!(Cursor::parse(&hex(&cursor.0)), Ok(cursor));
        for bad in ["", "0", "0g", "+1", "0x01", "ä1"] {
            assert!(Cursor::parse(bad).is_err(), "{bad}");
        }
    }
}

//! `raftchatctl chat repl`: a conversation on the terminal, or of plain lines where there is none.

mod command;
mod console;
mod moves;
mod outbox;
mod rooms;

use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_client::{Client, Event, Following, Subscription, Target};
use raftchat_schema::id::{Position, Username};
use raftchat_schema::view::{Change, ChangedRow, MessageState, MessageView, UserView};

use self::command::Typed;
use self::console::Console;
pub(crate) use self::console::Screen;
use self::moves::Moves;
use self::outbox::{Outbox, ReadMarks};
use self::rooms::Rooms;
use super::shapes::{ConversationShape, Said, UserShape, message_words};
use super::{sending, username};
use crate::failure::Failure;
use crate::stop::StopSignals;
use crate::time::for_a_person;

/// How many messages are shown when a conversation is taken up.
const SHOWN_AT_FIRST: u32 = 10;

/// With whom to begin.
#[derive(Debug, Args)]
pub(super) struct ReplArguments {
    /// Whom to talk to; `/with USER` changes it
    #[arg(long, value_name = "USER")]
    with: Option<String>,
}

impl ReplArguments {
    pub(super) fn partner(&self) -> Result<Option<Username>, Failure> {
        self.with.as_deref().map(username).transpose()
    }
}

/// Talks until the person has had enough.
pub(super) async fn run(client: &Client, partner: Option<Username>) -> Result<(), Failure> {
    Repl::open(client, partner).await?.run().await
}

/// A person at the terminal.
pub(crate) struct Repl {
    client: Client,
    me: UserView,
    partner: Option<Username>,
    console: Console,
    screen: Screen,
    rooms: Rooms,
    moves: Moves,
    outbox: Outbox,
    marks: ReadMarks,
    zone: TimeZone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Quit,
}

impl Repl {
    /// Takes over the terminal.
    pub(crate) async fn open(client: &Client, partner: Option<Username>) -> Result<Self, Failure> {
        let me = client.whoami().await?.user;
        let rooms = Rooms::of(&me, &client.conversations().await?);
        let (console, screen) = Console::open()?;
        let outbox = Outbox::open(client.clone(), screen.clone());
        let marks = ReadMarks::open(client.clone());
        let (client, moves, zone) = (client.clone(), Moves::default(), TimeZone::system());
        Ok(Self { client, me, partner, console, screen, rooms, moves, outbox, marks, zone })
    }

    /// Where others may print beside the conversation.
    pub(crate) fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Talks until `/quit`, the end of the input, Ctrl-C or SIGTERM; what was typed by then is sent.
    pub(crate) async fn run(mut self) -> Result<(), Failure> {
        let mut stop = StopSignals::listen()?;
        let mut subscription = self.client.subscribe(Following::FromNow);
        let result = tokio::select! {
            () = stop.next() => Ok(()),
            result = self.talk(&mut subscription) => result,
        };
        drop(self.console);
        self.outbox.close().await;
        self.marks.close().await;
        result
    }

    async fn talk(&mut self, subscription: &mut Subscription) -> Result<(), Failure> {
        if let Some(partner) = self.partner.clone() {
            self.begin_with(partner).await?;
        } else {
            self.screen.aside("/with USER begins a conversation, /help tells the rest")?;
        }
        let mut asked = false;
        loop {
            if !asked {
                self.console.ask(self.prompt());
                asked = true;
            }
            tokio::select! {
                line = self.console.next_line() => {
                    let Some(line) = line else { return Ok(()) };
                    asked = false;
                    match self.handle(command::parse(&line)).await {
                        Ok(Next::Quit) => return Ok(()),
                        Ok(Next::GoOn) => {}
                        Err(failure @ Failure::Client(_)) => self.screen.aside(&failure.to_string())?,
                        Err(failure) => return Err(failure),
                    }
                }
                event = subscription.next() => match event {
                    Some(event) => self.hear(event)?,
                    None => return Ok(()),
                },
            }
        }
    }

    fn prompt(&self) -> String {
        match &self.partner {
            Some(partner) => format!("{} → {partner}> ", self.me.username),
            None => format!("{}> ", self.me.username),
        }
    }

    async fn handle(&mut self, typed: Typed) -> Result<Next, Failure> {
        match typed {
            Typed::Nothing => {}
            Typed::Quit => return Ok(Next::Quit),
            Typed::Help => self.screen.show(command::HELP)?,
            Typed::NotACommand(told) => self.screen.aside(&told)?,
            Typed::With(name) => {
                let partner = username(&name)?;
                self.begin_with(partner).await?;
            }
            Typed::Users => {
                for user in self.client.users().await? {
                    self.screen.show(&UserShape::of(&user).words())?;
                }
            }
            Typed::Conversations => {
                for conversation in self.client.conversations().await? {
                    self.screen.show(&ConversationShape::of(&conversation, self.me.id).words())?;
                }
            }
            Typed::History(count) => self.history(count).await?,
            Typed::Delete(position) => self.delete(position).await?,
            Typed::Text(text) => self.say(text)?,
        }
        Ok(Next::GoOn)
    }

    async fn begin_with(&mut self, partner: Username) -> Result<(), Failure> {
        let conversation = self.client.conversation(&Target::User(partner.clone())).await?;
        self.rooms.note(&conversation);
        self.partner = Some(partner);
        if conversation.last_position > Position(0) {
            self.history(SHOWN_AT_FIRST).await?;
        }
        Ok(())
    }

    async fn history(&mut self, count: u32) -> Result<(), Failure> {
        let Some(target) = self.target()? else { return Ok(()) };
        let messages = self.client.history(&target, None, count).await?;
        let now = Timestamp::now();
        for message in &messages {
            self.screen.show(&message_words(message, now, &self.zone))?;
        }
        if let Some(last) = messages.last() {
            self.marks.read(last.conversation, last.position);
        }
        Ok(())
    }

    async fn delete(&mut self, position: Position) -> Result<(), Failure> {
        let Some(target) = self.target()? else { return Ok(()) };
        self.client.delete(&target, position).await?;
        self.screen.aside(&format!("#{position} is deleted for everyone"))
    }

    fn say(&mut self, text: String) -> Result<(), Failure> {
        let Some(target) = self.target()? else { return Ok(()) };
        let payload = sending::payload(text, None)?;
        self.outbox.send(target, payload);
        Ok(())
    }

    /// The conversation that is open; if none is, the person is told how to open one.
    fn target(&self) -> Result<Option<Target>, Failure> {
        if self.partner.is_none() {
            self.screen.aside("say with whom first: /with USER")?;
        }
        Ok(self.partner.clone().map(Target::User))
    }

    fn hear(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Change { change, .. } => self.hear_change(change),
            Event::Presence { username, online, .. } if username != self.me.username => {
                self.screen.aside(&format!("{username} is {}", if online { "online" } else { "offline" }))
            }
            Event::CaughtUp { .. } | Event::Presence { .. } => Ok(()),
            Event::Link(state) => match self.moves.hear(&state, Instant::now()) {
                Some(told) => self.screen.aside(&told),
                None => Ok(()),
            },
            Event::Ended(error) => Err(error.into()),
        }
    }

    fn hear_change(&mut self, change: Change) -> Result<(), Failure> {
        match change.row {
            ChangedRow::Message(message) => self.hear_message(&message),
            ChangedRow::Conversation(conversation) => {
                self.rooms.note(&conversation);
                Ok(())
            }
            ChangedRow::ReadMark { .. } | ChangedRow::User(_) => Ok(()),
        }
    }

    fn hear_message(&mut self, message: &MessageView) -> Result<(), Failure> {
        let here = self.partner.is_some() && self.rooms.partner(message.conversation) == self.partner.as_ref();
        if message.state == MessageState::Deleted {
            let (position, sender) = (message.position, &message.sender_name);
            return if here { self.screen.aside(&format!("{sender} has deleted #{position}")) } else { Ok(()) };
        }
        // What was typed here stands on the screen already.
        if self.outbox.has_sent(message.message_id) {
            return Ok(());
        }
        let time = for_a_person(message.sent_at, Timestamp::now(), &self.zone);
        let words = Said::by(message).words();
        if here {
            self.screen.show(&format!("{time}  {}: {words}", message.sender_name))?;
            self.marks.read(message.conversation, message.position);
            return Ok(());
        }
        let room = self.rooms.title(message.conversation);
        self.screen.show(&format!("{time}  [{room}] {}: {words}", message.sender_name))
    }
}

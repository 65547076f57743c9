//! `raftchatctl chat repl`: a conversation on the terminal, or of plain lines where there is none. Holds a messenger, as the
//! window does: opens on what is kept on this device, and what is typed waits there until it can be sent.

mod command;
mod console;
mod moves;
mod view;
mod words;

use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_client::{ClientError, ClientOptions, Messenger, Profile, Update, Updates};
use raftchat_model::{ChatId, Connection, Intent, Shown};
use raftchat_schema::command::{ConversationAct, Switch};
use raftchat_schema::id::{MessageId, Position, Username};
use tokio::time::timeout;
use uuid::Uuid;

use self::command::Typed;
use self::console::Console;
pub(crate) use self::console::Screen;
use self::moves::Moves;
use self::view::{Answer, View};
use self::words::{Clock, Told};
use super::local::{Device, Progress};
use super::shapes::message_words;
use crate::failure::Failure;
use crate::process::stop::StopSignals;
use crate::shell::output::Output;
use crate::shell::values::username;

/// A link takes a moment; only where none comes for longer is that worth a word.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is not one's own is neither edited nor deleted.
const NOT_YOURS: &str = "only the person who sent a message may do that";
/// How many messages a search shows.
const FOUND_MAX: usize = 20;

/// With whom to begin.
#[derive(Debug, Args)]
pub(super) struct ReplArguments {
    /// Whom to talk to; `/with USER` changes it
    #[arg(long, value_name = "USER")]
    with: Option<String>,
}

/// Talks until the person has had enough.
pub(super) async fn run(
    profile: Profile,
    options: ClientOptions,
    arguments: &ReplArguments,
    output: Output,
) -> Result<(), Failure> {
    if output.is_json() {
        return Err(Failure::Usage("a repl has no JSON; `tail --json` and `send --json` do".to_owned()));
    }
    let partner = arguments.with.as_deref().map(username).transpose()?;
    Repl::open(profile, options, partner)?.run().await
}

/// A person at the terminal.
pub(crate) struct Repl {
    messenger: Messenger,
    updates: Updates,
    console: Console,
    screen: Screen,
    view: View,
    moves: Moves,
    progress: Progress,
    /// Somebody to talk to as soon as they are known on this device.
    wanted: Option<Username>,
    options: ClientOptions,
    zone: TimeZone,
    offline_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Quit,
}

impl Repl {
    /// Takes over the terminal.
    pub(crate) fn open(profile: Profile, options: ClientOptions, partner: Option<Username>) -> Result<Self, Failure> {
        let (messenger, updates) = Device::of(profile)?.messenger(options.clone())?;
        let (console, screen) = Console::open()?;
        let (view, moves, progress) = (View::default(), Moves::default(), Progress::default());
        let (zone, offline_since) = (TimeZone::system(), Some(Instant::now()));
        Ok(Self {
            messenger,
            updates,
            console,
            screen,
            view,
            moves,
            progress,
            wanted: partner,
            options,
            zone,
            offline_since,
        })
    }

    /// Where others may print beside the conversation.
    pub(crate) fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Talks until `/quit`, the end of the input, Ctrl-C or SIGTERM. What was typed by then is done and answered, or stays on
    /// this device.
    pub(crate) async fn run(mut self) -> Result<(), Failure> {
        let mut stop = StopSignals::listen()?;
        self.messenger.act(Intent::Attend(Switch::On));
        let result = tokio::select! {
            () = stop.next() => Ok(()),
            result = self.talk() => result,
        };
        if result.is_ok() {
            self.finish().await?;
        }
        drop(self.console);
        self.messenger.close().await?;
        result
    }

    async fn talk(&mut self) -> Result<(), Failure> {
        // What is kept on this device is known before the first line is taken.
        self.messenger.waiting().await;
        while let Some(turn) = self.updates.try_next() {
            self.hear(turn)?;
        }
        if self.wanted.is_none() {
            self.screen.aside("/with USER begins a conversation, /help tells the rest")?;
        }
        let mut asked = false;
        loop {
            // What is typed while nobody is there to hear it waits at the keyboard.
            let ready = self.wanted.is_none();
            if ready && !asked {
                self.console.ask(self.prompt());
                asked = true;
            }
            tokio::select! {
                line = self.console.next_line(), if ready => {
                    let Some(line) = line else { return Ok(()) };
                    asked = false;
                    if self.handle(command::parse(&line)).await? == Next::Quit {
                        return Ok(());
                    }
                }
                turn = self.updates.next() => match turn {
                    Some(turn) => self.hear(turn)?,
                    None => return Ok(()),
                },
            }
        }
    }

    /// Waits a while for what is on its way and for what was asked; the rest stays on this device.
    async fn finish(&mut self) -> Result<(), Failure> {
        let longest = self.options.timeout;
        let patience = if self.progress.is_sending() { longest } else { longest.min(PATIENCE) };
        match timeout(patience, self.settle()).await {
            Ok(settled) => settled,
            Err(_) if self.messenger.waiting().await == 0 => Ok(()),
            Err(_) => {
                self.screen.aside("not everything could be sent: it stays on this device and goes out the next time")
            }
        }
    }

    /// Hears what there is to hear until nothing is to be done or answered any more.
    async fn settle(&mut self) -> Result<(), Failure> {
        loop {
            let waiting = self.messenger.waiting().await;
            let mut heard = false;
            while let Some(turn) = self.updates.try_next() {
                self.hear(turn)?;
                heard = true;
            }
            if heard {
                continue;
            }
            if waiting == 0 && !self.view.is_asked() {
                return Ok(());
            }
            let Some(turn) = self.updates.next().await else { return Ok(()) };
            self.hear(turn)?;
        }
    }

    fn prompt(&self) -> String {
        let me = self.view.my_name().map_or("me", Username::as_str);
        match self.view.title() {
            Some(title) => format!("{me} → {}> ", crate::shell::text::printable_name(&title)),
            None => format!("{me}> "),
        }
    }

    fn clock(&self) -> Clock {
        Clock { now: Timestamp::now(), zone: self.zone.clone() }
    }

    async fn handle(&mut self, typed: Typed) -> Result<Next, Failure> {
        match typed {
            Typed::Nothing => {}
            Typed::Quit => return Ok(Next::Quit),
            Typed::Help => self.screen.show(command::HELP)?,
            Typed::NotACommand(told) => self.screen.aside(&told)?,
            Typed::With(name) => match name.parse() {
                Ok(partner) => self.begin_with(&partner)?,
                Err(error) => self.screen.aside(&format!("{error}"))?,
            },
            Typed::Open(conversation) => match self.view.chat_of(conversation) {
                Some(chat) => self.open_chat(chat),
                None => self.screen.aside("there is no such conversation; /conversations lists yours")?,
            },
            Typed::Users => self.view.people().try_for_each(|line| self.screen.show(&line))?,
            Typed::Conversations => self.view.chats().iter().try_for_each(|line| self.screen.show(line))?,
            Typed::Search(query) => self.search(&query).await?,
            in_this_one => match self.view.open_chat() {
                Some(chat) => self.handle_in(chat, in_this_one)?,
                None => self.screen.aside("say with whom first: /with USER")?,
            },
        }
        Ok(Next::GoOn)
    }

    fn handle_in(&mut self, chat: ChatId, typed: Typed) -> Result<(), Failure> {
        let react =
            |position, emoji, switch| Intent::Act { chat, act: ConversationAct::React { position, emoji, switch } };
        let intent = match typed {
            Typed::Text(text) => return self.say(chat, text, None),
            Typed::Reply(position, text) => return self.say(chat, text, Some(position)),
            Typed::History(count) => {
                let answers = self.view.want_history(count, &self.clock());
                return self.answer(answers);
            }
            Typed::Edit(position, text) => match self.view.own(position) {
                Some(true) => Intent::Edit { chat, position, text },
                Some(false) => return self.screen.aside(NOT_YOURS),
                None => {
                    return self
                        .screen
                        .aside(&format!("#{position} does not stand here; /history 100 reads further back"));
                }
            },
            Typed::Delete(position) if self.view.own(position) == Some(false) => return self.screen.aside(NOT_YOURS),
            Typed::Delete(position) => Intent::Act { chat, act: ConversationAct::DeleteMessage { position } },
            Typed::React(position, emoji) => react(position, emoji, Switch::On),
            Typed::Unreact(position, emoji) => react(position, emoji, Switch::Off),
            Typed::Who => {
                self.view.want_members();
                Intent::ShowMembers { chat }
            }
            Typed::Retry => {
                self.view.refused().into_iter().for_each(|id| self.messenger.act(Intent::Retry { id }));
                return Ok(());
            }
            Typed::Discard => {
                self.view.refused().into_iter().for_each(|id| self.messenger.act(Intent::Discard { id }));
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.messenger.act(intent);
        Ok(())
    }

    fn say(&mut self, chat: ChatId, text: String, reply_to: Option<Position>) -> Result<(), Failure> {
        let message_id = MessageId(Uuid::now_v7().into_bytes());
        self.messenger.act(Intent::Send { chat, message_id, text, reply_to, forwarded_from: None });
        // The messenger tells of it in a moment; until then it must not be taken for sent.
        self.progress.entered(chat);
        if self.offline_since.is_none_or(|since| since.elapsed() < PATIENCE) {
            return Ok(());
        }
        self.screen.aside("no node answers just now: it is kept on this device and goes out when one does")
    }

    async fn search(&self, query: &str) -> Result<(), Failure> {
        let found = self.messenger.search(query, FOUND_MAX).await?;
        let clock = self.clock();
        for message in &found {
            let line = message_words(message, clock.now, &clock.zone);
            self.screen.show(&format!("{:<6} {line}", message.conversation.to_string()))?;
        }
        self.screen.aside(&format!("{} found among what is kept on this device", found.len()))
    }

    fn begin_with(&mut self, partner: &Username) -> Result<(), Failure> {
        match self.view.chat_with(partner) {
            Some(_) if self.view.my_name() == Some(partner) => {
                self.screen.aside("a direct conversation needs another person")?;
            }
            Some(chat) => self.open_chat(chat),
            None if self.progress.is_online() => self.screen.aside(&format!("there is nobody called {partner}"))?,
            None => {
                let told = format!("{partner} is not known on this device, and no node answers just now");
                self.screen.aside(&told)?;
            }
        }
        Ok(())
    }

    fn open_chat(&mut self, chat: ChatId) {
        self.view.opening(chat);
        self.messenger.act(Intent::Open { chat });
    }

    fn hear(&mut self, turn: Vec<Update>) -> Result<(), Failure> {
        for update in turn {
            match update {
                Update::Show(shown) => self.see(shown)?,
                Update::OutboxDamaged(lost) => {
                    self.screen.aside(&format!(
                        "{lost} things that were to be sent cannot be read any more: look what is missing"
                    ))?;
                }
                Update::Stopped(reason) => return Err(Failure::Failed(reason)),
                Update::Notify(_) | Update::ClearNotification(_) => {}
            }
        }
        self.take_up_wanted()
    }

    fn see(&mut self, shown: Shown) -> Result<(), Failure> {
        self.progress.see(&shown);
        match shown {
            Shown::SessionEnded(refusal) => Err(ClientError::Refused(refusal).into()),
            Shown::Connection(connection) => {
                if matches!(connection, Connection::Online { .. }) {
                    self.view.settle();
                    self.offline_since = None;
                } else {
                    self.offline_since.get_or_insert_with(Instant::now);
                }
                let told = self.moves.hear(connection, Instant::now());
                told.map_or(Ok(()), |told| self.screen.aside(&told))
            }
            Shown::Moved { to, ms, .. } => self.screen.aside(&format!("moved to node {to} in {ms} ms")),
            other => {
                let answers = self.view.see(other, &self.clock());
                self.answer(answers)
            }
        }
    }

    /// Begins to talk with who was named at the start, as soon as they are known or it is known that there is nobody.
    fn take_up_wanted(&mut self) -> Result<(), Failure> {
        let Some(partner) = self.wanted.take() else { return Ok(()) };
        if self.view.chat_with(&partner).is_some() || self.progress.is_online() {
            return self.begin_with(&partner);
        }
        self.wanted = Some(partner);
        Ok(())
    }

    fn answer(&self, answers: Vec<Answer>) -> Result<(), Failure> {
        for answer in answers {
            match answer {
                Answer::Tell(Told::Said(line)) => self.screen.show(&line)?,
                Answer::Tell(Told::Aside(line)) => self.screen.aside(&line)?,
                Answer::Ask(intent) => self.messenger.act(intent),
            }
        }
        Ok(())
    }
}

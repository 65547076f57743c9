//! Devices as people hold them: a messenger with its store, and a screen that draws what it is told and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use raftchat_client::{CleanAfter, ClientOptions, Messenger, MessengerOptions, Profile, Update, Updates};
use raftchat_model::{
    Body, Bubble, ChatId, ChatSummary, Connection, Delivery, Intent, Item, Receipt, Shown, TimelineChange,
    TimelineState,
};
use raftchat_schema::id::{ConversationId, Position};

use crate::people::fresh_id;
use crate::{PATIENCE, soon, until};

/// What a window would show.
#[derive(Debug, Default)]
pub struct Screen {
    /// The list of conversations.
    pub chats: BTreeMap<ChatId, ChatSummary>,
    /// The timeline of the open conversation.
    pub timeline: Vec<Item>,
    /// How it lies in its conversation.
    pub state: Option<TimelineState>,
    /// Who has received and read the message that was last asked for.
    pub receipts: Option<(ChatId, Position, Vec<Receipt>)>,
    /// How the connection stands.
    pub connection: Option<Connection>,
    /// How much was refused.
    pub failures: usize,
}

impl Screen {
    fn apply(&mut self, shown: Shown) {
        match shown {
            Shown::Chat(summary) => {
                self.chats.insert(summary.chat, *summary);
            }
            Shown::ChatGone(chat) => {
                self.chats.remove(&chat);
            }
            Shown::Renamed { from, to } => {
                if let Some(summary) = self.chats.remove(&from) {
                    self.chats.insert(to, ChatSummary { chat: to, ..summary });
                }
            }
            Shown::Timeline { changes, .. } => changes.into_iter().for_each(|change| self.draw(change)),
            Shown::TimelineState(state) => self.state = Some(state),
            Shown::Receipts { chat, position, receipts } => self.receipts = Some((chat, position, receipts)),
            Shown::Connection(connection) => self.connection = Some(connection),
            Shown::Failed(_) => self.failures += 1,
            _ => {}
        }
    }

    fn draw(&mut self, change: TimelineChange) {
        match change {
            TimelineChange::Reset(items) => self.timeline = items,
            TimelineChange::Insert { at, item } => self.timeline.insert(at, item),
            TimelineChange::Update { at, item } => *self.timeline.get_mut(at).unwrap() = item,
            TimelineChange::Remove { at } => drop(self.timeline.remove(at)),
        }
        let mut keys: Vec<_> = self.timeline.iter().map(Item::key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), self.timeline.len(), "something is drawn twice");
    }

    /// The messages of the open conversation.
    pub fn bubbles(&self) -> impl DoubleEndedIterator<Item = &Bubble> {
        self.timeline.iter().filter_map(Item::bubble)
    }

    /// What they say.
    pub fn texts(&self) -> Vec<String> {
        self.bubbles().map(|bubble| said(&bubble.body)).collect()
    }
}

/// The text of a message, or what stands in its place.
pub fn said(body: &Body) -> String {
    match body {
        Body::Text(text) => text.clone(),
        Body::Deleted => "(deleted)".to_owned(),
        Body::Newer => "(newer)".to_owned(),
    }
}

/// A device of somebody's.
pub struct Device {
    /// What it shows.
    pub screen: Screen,
    /// What it holds.
    pub messenger: Messenger,
    updates: Updates,
    profile: PathBuf,
}

impl Device {
    /// Opens what is stored in the profile of somebody who is logged in there; tries the node at `first` before others.
    pub fn open(profile: &Path, first: Option<String>) -> Self {
        Self::open_and_clean(profile, first, CleanAfter::default())
    }

    /// The same; what is deleted is gone from its files after so long.
    pub fn open_and_clean(profile: &Path, first: Option<String>, clean_after: CleanAfter) -> Self {
        let client = ClientOptions { first, ..ClientOptions::default() };
        let options = MessengerOptions { client, stores: None, clean_after };
        let (messenger, updates) = Messenger::open(&Profile::open(profile).unwrap(), options).unwrap();
        Self { screen: Screen::default(), messenger, updates, profile: profile.to_owned() }
    }

    /// Its profile directory.
    pub fn profile(&self) -> &Path {
        &self.profile
    }

    /// Draws what there is to draw by now.
    ///
    /// # Panics
    ///
    /// If the messenger has stopped.
    pub fn draw(&mut self) {
        while let Some(turn) = self.updates.try_next() {
            for update in turn {
                match update {
                    Update::Show(shown) => self.screen.apply(shown),
                    Update::Stopped(reason) => panic!("the messenger has stopped: {reason}"),
                    _ => {}
                }
            }
        }
    }

    /// Waits until the screen shows something.
    pub async fn shows<T>(&mut self, what: &str, mut looked_for: impl FnMut(&Screen) -> Option<T>) -> T {
        until(what, async || {
            self.draw();
            looked_for(&self.screen)
        })
        .await
    }

    /// Waits until it has caught up.
    pub async fn online(&mut self) {
        let online = |screen: &Screen| matches!(screen.connection, Some(Connection::Online { .. })).then_some(());
        self.shows("the device is online", online).await;
    }

    /// Says something.
    pub fn say(&self, chat: ChatId, text: &str) {
        self.messenger.act(Intent::Send {
            chat,
            message_id: fresh_id(),
            text: text.to_owned(),
            reply_to: None,
            forwarded_from: None,
        });
    }

    /// Opens a conversation and waits until all of it is there.
    pub async fn read_whole(&mut self, chat: ChatId) {
        self.messenger.act(Intent::Open { chat });
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            self.draw();
            let state = self.screen.state.as_ref().filter(|state| state.chat == chat);
            if state.is_some_and(|state| state.at_start && state.at_end && !state.loading) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "the whole of {chat:?} does not come: {state:?}");
            if state.is_some_and(|state| !state.loading && !state.at_start) {
                self.messenger.act(Intent::LoadOlder);
            }
            // Not a wait for a time to pass but a pause between two looks.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until nothing of the open conversation is on its way any more.
    pub async fn sent_all(&mut self) {
        let done = |screen: &Screen| {
            let under_way = |bubble: &Bubble| bubble.delivery == Some(Delivery::Sending);
            (!screen.bubbles().any(under_way)).then_some(())
        };
        self.shows("all is sent", done).await;
    }

    /// Closes it in good order.
    pub async fn close(self) -> PathBuf {
        soon("closing", self.messenger.close()).await.unwrap();
        self.profile
    }
}

/// A conversation that exists.
pub const fn chat(id: ConversationId) -> ChatId {
    ChatId::Known(id)
}

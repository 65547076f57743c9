//! A window that only remembers: it applies what it is shown, and holds that no message is there twice.

use std::collections::{BTreeMap, BTreeSet};

use raftchat_model::{
    Body, Bubble, ChatId, ChatSummary, Connection, Delivery, Failure, Item, MemberItem, Person, PinnedMessage, Shown,
    TimelineChange, TimelineState,
};
use raftchat_schema::error::Refusal;
use raftchat_schema::id::{ConversationId, Position, UserId};

#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) chats: BTreeMap<ChatId, ChatSummary>,
    pub(crate) people: BTreeMap<UserId, Person>,
    pub(crate) timeline: Vec<Item>,
    pub(crate) open: Option<ChatId>,
    pub(crate) state: Option<TimelineState>,
    pub(crate) pinned: Vec<PinnedMessage>,
    pub(crate) draft: String,
    pub(crate) members: Vec<MemberItem>,
    pub(crate) typing: BTreeMap<ChatId, Vec<String>>,
    pub(crate) total: (u64, u64),
    pub(crate) connection: Option<Connection>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) groups: Vec<ConversationId>,
    pub(crate) ended: Option<Refusal>,
    /// The steps of the timeline as they came, for stories about what moved.
    pub(crate) steps: Vec<&'static str>,
}

impl Window {
    pub(crate) fn show(&mut self, shown: Shown) {
        match shown {
            Shown::Chat(line) => drop(self.chats.insert(line.chat, *line)),
            Shown::ChatGone(chat) => {
                assert!(self.chats.remove(&chat).is_some(), "{chat:?} was in the list");
                if self.open == Some(chat) {
                    self.open = None;
                    self.timeline.clear();
                }
            }
            Shown::Renamed { from, to } => {
                if let Some(line) = self.chats.remove(&from) {
                    self.chats.insert(to, line);
                }
                if self.open == Some(from) {
                    self.open = Some(to);
                }
            }
            Shown::Timeline { chat, changes } => {
                self.open = Some(chat);
                for change in changes {
                    self.step(change);
                }
                let keys: BTreeSet<_> = self.timeline.iter().map(Item::key).collect();
                assert_eq!(keys.len(), self.timeline.len(), "nothing is there twice: {:?}", self.timeline);
            }
            Shown::Pinned { messages, .. } => self.pinned = messages,
            Shown::TimelineState(state) => self.state = Some(state),
            Shown::Draft { text, .. } => self.draft = text,
            Shown::Members { members, .. } => self.members = members,
            Shown::Typing { chat, names } => drop(self.typing.insert(chat, names)),
            Shown::Person(person) => drop(self.people.insert(person.user, *person)),
            Shown::Connection(connection) => self.connection = Some(connection),
            Shown::Total { unread, mentions } => self.total = (unread, mentions),
            Shown::GroupCreated(conversation) => self.groups.push(conversation),
            Shown::Failed(failure) => self.failures.push(failure),
            Shown::SessionEnded(refusal) => self.ended = Some(refusal),
            Shown::Receipts { .. } | Shown::Moved { .. } => {}
        }
    }

    fn step(&mut self, change: TimelineChange) {
        match change {
            TimelineChange::Reset(items) => {
                self.timeline = items;
                self.steps.push("reset");
            }
            TimelineChange::Insert { at, item } => {
                self.timeline.insert(at, item);
                self.steps.push("insert");
            }
            TimelineChange::Update { at, item } => {
                *self.timeline.get_mut(at).unwrap() = item;
                self.steps.push("update");
            }
            TimelineChange::Remove { at } => {
                self.timeline.remove(at);
                self.steps.push("remove");
            }
        }
    }

    pub(crate) fn chat(&self, id: ConversationId) -> &ChatSummary {
        self.chats.get(&ChatId::Known(id)).unwrap()
    }

    pub(crate) fn bubbles(&self) -> Vec<&Bubble> {
        self.timeline.iter().filter_map(Item::bubble).collect()
    }

    /// What the bubbles say, in order; a cross for a deleted one.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.bubbles().into_iter().map(|bubble| text(&bubble.body)).collect()
    }

    pub(crate) fn bubble(&self, said: &str) -> &Bubble {
        self.bubbles().into_iter().find(|bubble| text(&bubble.body) == said).unwrap()
    }

    pub(crate) fn at(&self, position: u64) -> &Bubble {
        self.bubbles().into_iter().find(|bubble| bubble.position == Some(Position(position))).unwrap()
    }

    pub(crate) fn delivery(&self, said: &str) -> Option<Delivery> {
        self.bubble(said).delivery.clone()
    }
}

pub(crate) fn text(body: &Body) -> String {
    match body {
        Body::Text(text) => text.clone(),
        Body::Deleted => "×".to_owned(),
        Body::Newer => "?".to_owned(),
    }
}

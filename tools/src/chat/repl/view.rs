//! What the person at the terminal has been shown: people, conversations, and the timeline that is open. Decides which
//! of what the messenger tells is worth a line. Knows nothing of terminals.

use std::collections::BTreeMap;

use raftchat_model::{
    Body, ChatId, ChatSummary, Intent, Item, MemberItem, OutboxId, Person, Shown, TimelineChange, TimelineState,
};
use raftchat_schema::command::ConversationAct;
use raftchat_schema::id::{ConversationId, Position, UserId, Username};

use super::words::{self, Clock, Told};
use crate::chat::shapes;
use crate::shell::text::printable_name;

/// The number of messages that are shown when a conversation is taken up.
const SHOWN_AT_FIRST: usize = 10;

/// What has been shown so far.
#[derive(Debug, Default)]
pub(super) struct View {
    people: BTreeMap<UserId, Person>,
    chats: BTreeMap<ChatId, ChatSummary>,
    open: Option<ChatId>,
    timeline: Vec<Item>,
    /// So many of the last items are to be shown once they are there.
    history_wanted: Option<usize>,
    members_wanted: bool,
    /// What comes is news: everything that was there is known.
    settled: bool,
    read: Option<(ChatId, Position)>,
}

/// What is to be done about something that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Show a line.
    Tell(Told),
    /// Ask the messenger for something.
    Ask(Intent),
}

impl Answer {
    fn aside(text: impl Into<String>) -> Self {
        Self::Tell(Told::Aside(text.into()))
    }
}

impl View {
    /// The conversation that is open.
    pub(super) fn open_chat(&self) -> Option<ChatId> {
        self.open
    }

    /// What the open conversation is called.
    pub(super) fn title(&self) -> Option<String> {
        let chat = self.open?;
        let named = self.chats.get(&chat).map(|summary| summary.title.clone());
        named.or_else(|| match chat {
            ChatId::Direct(user) => self.people.get(&user).map(|person| person.username.to_string()),
            ChatId::Known(conversation) => Some(conversation.to_string()),
        })
    }

    /// What the person is called.
    pub(super) fn my_name(&self) -> Option<&Username> {
        self.people.values().find(|person| person.me).map(|me| &me.username)
    }

    /// The conversation with somebody; none if there is nobody of that name, as far as is known.
    pub(super) fn chat_with(&self, name: &Username) -> Option<ChatId> {
        let user = self.people.values().find(|person| person.username == *name)?.user;
        let known = self.chats.values().find(|chat| chat.other == Some(user));
        Some(known.map_or(ChatId::Direct(user), |chat| chat.chat))
    }

    /// Whether the person is in that conversation.
    pub(super) fn chat_of(&self, conversation: ConversationId) -> Option<ChatId> {
        let chat = ChatId::Known(conversation);
        self.chats.contains_key(&chat).then_some(chat)
    }

    /// Everybody, and everything the person takes part in, as lines.
    pub(super) fn people(&self) -> impl Iterator<Item = String> {
        self.people.values().map(person)
    }

    /// The person's conversations, those that came to life last at the end.
    pub(super) fn chats(&self) -> Vec<String> {
        let mut chats: Vec<_> = self.chats.values().collect();
        chats.sort_by_key(|chat| (chat.pinned, chat.active));
        chats.into_iter().map(words::chat).collect()
    }

    /// The messages of the open conversation that were refused.
    pub(super) fn refused(&self) -> Vec<OutboxId> {
        let bubbles = self.timeline.iter().filter_map(Item::bubble);
        let refused = bubbles.filter(|bubble| matches!(bubble.delivery, Some(raftchat_model::Delivery::Failed(_))));
        refused.filter_map(|bubble| bubble.outbox).collect()
    }

    /// A conversation is about to be opened: its end is shown once it is there.
    pub(super) fn opening(&mut self, chat: ChatId) {
        self.open = Some(chat);
        self.timeline.clear();
        self.history_wanted = Some(SHOWN_AT_FIRST);
    }

    /// True if that is the open conversation, perhaps under the id that it has by now.
    fn is_meant(&self, chat: ChatId) -> bool {
        match self.open {
            Some(ChatId::Direct(user)) if self.open != Some(chat) => {
                self.chats.get(&chat).is_some_and(|summary| summary.other == Some(user))
            }
            open => open == Some(chat),
        }
    }

    /// So many of the last messages are wanted: at once, or when they are there.
    pub(super) fn want_history(&mut self, count: usize, clock: &Clock) -> Vec<Answer> {
        if self.history_wanted.replace(count).is_some() {
            return Vec::new();
        }
        self.history(count, clock)
    }

    /// True if something is still to be shown that was asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.members_wanted || (self.open.is_some() && self.history_wanted.is_some())
    }

    /// Whether the message there is the person's own; none if it is not known here, or deleted.
    pub(super) fn own(&self, position: Position) -> Option<bool> {
        let bubbles = self.timeline.iter().filter_map(Item::bubble);
        let found = bubbles.filter(|bubble| bubble.body != Body::Deleted).find(|one| one.position == Some(position));
        found.map(|bubble| bubble.own)
    }

    /// Who is in the conversation is wanted.
    pub(super) fn want_members(&mut self) {
        self.members_wanted = true;
    }

    /// From now on what comes is news.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// Takes note of something that is shown; gives what is to be done about it.
    pub(super) fn see(&mut self, shown: Shown, clock: &Clock) -> Vec<Answer> {
        match shown {
            Shown::Person(person) => self.see_person(*person).into_iter().collect(),
            Shown::Chat(chat) => self.see_chat(*chat, clock).into_iter().collect(),
            Shown::ChatGone(chat) => self.see_gone(chat).into_iter().collect(),
            Shown::Renamed { from, to } => {
                self.chats.remove(&from);
                self.open = self.open.map(|open| if open == from { to } else { open });
                Vec::new()
            }
            // Of one that was open before: what is typed meanwhile is not for it.
            Shown::Timeline { chat, .. } if !self.is_meant(chat) => Vec::new(),
            Shown::Timeline { chat, changes } => {
                self.open = Some(chat);
                let mut answers: Vec<_> =
                    changes.into_iter().flat_map(|change| self.see_step(change, clock)).map(Answer::Tell).collect();
                answers.extend(self.mark_read());
                answers
            }
            Shown::TimelineState(state) => self.see_state(&state, clock),
            Shown::Typing { chat, names } if Some(chat) == self.open && !names.is_empty() => {
                let names: Vec<_> = names.iter().map(|name| printable_name(name)).collect();
                vec![Answer::aside(format!("{} is writing", names.join(", ")))]
            }
            Shown::Members { members, .. } if std::mem::take(&mut self.members_wanted) => {
                members.iter().map(|one| Answer::Tell(Told::Said(member(one)))).collect()
            }
            Shown::Failed(failure) => vec![Answer::aside(format!("not done: {}", failure.why))],
            _ => Vec::new(),
        }
    }

    fn see_person(&mut self, person: Person) -> Option<Answer> {
        let (name, online, me) = (person.username.clone(), person.online, person.me);
        let before = self.people.insert(person.user, person);
        let changed = before.is_some_and(|before| before.online != online);
        let told = || Answer::aside(format!("{name} is {}", if online { "online" } else { "offline" }));
        (self.settled && changed && !me).then(told)
    }

    fn see_chat(&mut self, chat: ChatSummary, clock: &Clock) -> Option<Answer> {
        let heard_up_to = self.chats.get(&chat.chat).map_or(Position(0), |before| before.last_position);
        let news = chat.last.as_ref().filter(|last| !last.own && !last.hidden_blocked);
        let news = news.filter(|_| self.settled && Some(chat.chat) != self.open && chat.last_position > heard_up_to);
        let told = news.map(|last| Answer::Tell(Told::Said(words::elsewhere(&chat.title, last, clock))));
        self.chats.insert(chat.chat, chat);
        told
    }

    fn see_gone(&mut self, chat: ChatId) -> Option<Answer> {
        let title = self.chats.remove(&chat).map(|gone| printable_name(&gone.title));
        if self.open == Some(chat) {
            self.open = None;
            self.timeline.clear();
        }
        // A direct one that was opened and not begun was never more than an empty page.
        let was_there = matches!(chat, ChatId::Known(_));
        title.filter(|_| was_there).map(|title| Answer::aside(format!("you are no longer in {title}")))
    }

    fn see_step(&mut self, change: TimelineChange, clock: &Clock) -> Vec<Told> {
        match change {
            TimelineChange::Reset(items) => {
                self.timeline = items;
                Vec::new()
            }
            TimelineChange::Insert { at, item } => {
                let told = self.is_news(at, &item).then(|| Told::Said(words::item(&item, clock)));
                self.timeline.insert(at.min(self.timeline.len()), item);
                told.into_iter().collect()
            }
            TimelineChange::Update { at, item } => {
                let Some(place) = self.timeline.get_mut(at) else { return Vec::new() };
                let told = match (place.bubble(), item.bubble()) {
                    (Some(before), Some(after)) => words::difference(before, after, clock),
                    _ => Vec::new(),
                };
                *place = item;
                if self.history_wanted.is_some() { Vec::new() } else { told }
            }
            TimelineChange::Remove { at } => {
                if at < self.timeline.len() {
                    self.timeline.remove(at);
                }
                Vec::new()
            }
        }
    }

    /// What comes behind everything the nodes hold, unless it was typed here and stands on the screen already.
    fn is_news(&self, at: usize, item: &Item) -> bool {
        let typed_here = item.bubble().is_some_and(|bubble| bubble.own && bubble.position.is_none());
        let after = self.timeline.get(at..).unwrap_or_default();
        let last_held = after.iter().all(|item| item.bubble().is_some_and(|bubble| bubble.position.is_none()));
        self.history_wanted.is_none() && !typed_here && last_held
    }

    fn see_state(&mut self, state: &TimelineState, clock: &Clock) -> Vec<Answer> {
        let Some(count) = self.history_wanted.filter(|_| !state.loading && Some(state.chat) == self.open) else {
            return Vec::new();
        };
        if self.timeline.len() < count && !state.at_start {
            return vec![Answer::Ask(Intent::LoadOlder)];
        }
        self.history(count, clock)
    }

    fn history(&mut self, count: usize, clock: &Clock) -> Vec<Answer> {
        self.history_wanted = None;
        let items = self.timeline.iter().skip(self.timeline.len().saturating_sub(count));
        let mut answers: Vec<_> = items.map(|item| Answer::Tell(Told::Said(words::item(item, clock)))).collect();
        answers.extend(self.mark_read());
        answers
    }

    /// What stands on the screen has been read.
    fn mark_read(&mut self) -> Option<Answer> {
        let chat = self.open.filter(|_| self.history_wanted.is_none())?;
        let of_others = self.timeline.iter().filter_map(Item::bubble).filter(|bubble| !bubble.own);
        let upto = of_others.filter_map(|bubble| bubble.position).max()?;
        let read = Some((chat, upto));
        (std::mem::replace(&mut self.read, read) != read)
            .then_some(Answer::Ask(Intent::Act { chat, act: ConversationAct::MarkRead { position: upto } }))
    }
}

fn person(person: &Person) -> String {
    let state = match (person.deleted, person.online) {
        (true, _) => "account deleted",
        (_, true) => "online",
        (_, false) => "offline",
    };
    let blocked = if person.blocked { ", blocked" } else { "" };
    format!("{:<32}  {}  ({state}{blocked})", person.username, printable_name(&person.display_name))
}

fn member(member: &MemberItem) -> String {
    format!("{}  ({})", printable_name(&member.name), shapes::role(member.role))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::words::tests::{clock, said_by};
    use super::*;

    const HERE: ChatId = ChatId::Known(ConversationId(7));

    fn state(loading: bool, at_start: bool) -> Shown {
        Shown::TimelineState(TimelineState {
            chat: HERE,
            at_start,
            at_end: true,
            below: 0,
            unread_line: None,
            jumped_to: None,
            loading,
        })
    }

    fn steps(changes: Vec<TimelineChange>) -> Shown {
        Shown::Timeline { chat: HERE, changes }
    }

    fn item(position: u64, text: &str) -> Item {
        Item::Bubble(Box::new(said_by("bob", Some(position), text)))
    }

    fn lines(answers: &[Answer]) -> Vec<&str> {
        let said = |answer| match answer {
            &Answer::Tell(Told::Said(ref line) | Told::Aside(ref line)) => line.split("bob: ").last(),
            Answer::Ask(_) => None,
        };
        answers.iter().filter_map(said).collect()
    }

    #[test]
    fn what_was_said_before_is_shown_once_it_is_all_there() {
        let mut view = View::default();
        view.opening(HERE);
        assert_eq!(view.see(steps(vec![TimelineChange::Reset(vec![item(2, "two")])]), &clock()), []);
        assert_eq!(view.see(state(true, false), &clock()), []);
        assert_eq!(view.see(state(false, false), &clock()), [Answer::Ask(Intent::LoadOlder)]);
        let older = TimelineChange::Insert { at: 0, item: item(1, "one") };
        assert_eq!(view.see(steps(vec![older]), &clock()), []);
        let answers = view.see(state(false, true), &clock());
        assert_eq!(lines(&answers), ["one", "two"]);
        assert!(answers.contains(&Answer::Ask(Intent::Act {
            chat: HERE,
            act: ConversationAct::MarkRead { position: Position(2) }
        })));
        assert_eq!(view.see(state(false, true), &clock()), [], "and only once");
    }

    #[test]
    fn what_is_typed_is_for_the_conversation_that_was_opened_last() {
        let there = ChatId::Known(ConversationId(8));
        let mut view = View::default();
        view.opening(there);
        view.opening(HERE);
        let late = Shown::Timeline { chat: there, changes: vec![TimelineChange::Reset(vec![item(1, "elsewhere")])] };
        assert_eq!(view.see(late, &clock()), []);
        assert_eq!(view.open_chat(), Some(HERE));
        view.see(steps(vec![TimelineChange::Reset(vec![item(1, "here")])]), &clock());
        assert_eq!(lines(&view.see(state(false, true), &clock())), ["here"]);
    }

    #[test]
    fn history_that_is_asked_for_while_it_is_fetched_is_shown_once_it_is_there() {
        let mut view = View::default();
        view.opening(HERE);
        assert_eq!(view.want_history(1, &clock()), []);
        assert!(view.is_asked());
        view.see(steps(vec![TimelineChange::Reset(vec![item(1, "one"), item(2, "two")])]), &clock());
        assert_eq!(lines(&view.see(state(false, true), &clock())), ["two"]);
        assert!(!view.is_asked());
        assert_eq!((view.own(Position(2)), view.own(Position(3))), (Some(false), None));
    }

    #[test]
    fn news_are_shown_as_they_come_but_not_what_was_typed_here() {
        let mut view = View::default();
        view.opening(HERE);
        view.see(state(false, true), &clock());
        let mut typed = said_by("alice", None, "mine");
        typed.own = true;
        let pending = Item::Bubble(Box::new(typed.clone()));
        assert_eq!(view.see(steps(vec![TimelineChange::Insert { at: 0, item: pending }]), &clock()), []);
        let heard = view.see(steps(vec![TimelineChange::Insert { at: 0, item: item(1, "news") }]), &clock());
        assert_eq!(lines(&heard), ["news"]);
        typed.position = Some(Position(2));
        let sent = TimelineChange::Update { at: 1, item: Item::Bubble(Box::new(typed)) };
        assert_eq!(lines(&view.see(steps(vec![sent]), &clock())), ["#2"]);
    }

    #[test]
    fn somebody_is_found_by_name_and_who_leaves_is_told() {
        let mut view = View::default();
        let bob: Username = "bob".parse().unwrap();
        let person = Person {
            user: UserId(2002),
            username: bob.clone(),
            display_name: "Bob".to_owned(),
            me: false,
            online: true,
            last_seen: None,
            deleted: false,
            blocked: false,
            presence_hidden: false,
            receipts_off: false,
        };
        assert_eq!(view.chat_with(&bob), None);
        view.see(Shown::Person(Box::new(person.clone())), &clock());
        assert_eq!(view.chat_with(&bob), Some(ChatId::Direct(UserId(2002))));
        view.settle();
        let gone = Person { online: false, ..person };
        assert_eq!(lines(&view.see(Shown::Person(Box::new(gone)), &clock())), ["bob is offline"]);
    }
}

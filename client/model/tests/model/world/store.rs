//! A store in memory, of which a crash leaves what was written.

use std::collections::{BTreeMap, BTreeSet};

use raftchat_model::{
    ConversationRow, CursorRow, DepartureRow, MemberRow, OutboxEntry, OutboxId, PageRange, PlaceRow, Stored,
    StoredConversation, Write, merge,
};
use raftchat_schema::id::{ConversationId, Position, RequestNumber, UserId};
use raftchat_schema::view::{MessageView, UserView};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Store {
    pub(crate) cursor: Option<CursorRow>,
    pub(crate) bootstrapped: bool,
    pub(crate) people: BTreeMap<UserId, UserView>,
    pub(crate) conversations: BTreeMap<ConversationId, ConversationRow>,
    pub(crate) members: BTreeMap<(ConversationId, UserId), MemberRow>,
    pub(crate) departures: BTreeMap<(ConversationId, UserId), DepartureRow>,
    pub(crate) places: BTreeMap<ConversationId, PlaceRow>,
    pub(crate) messages: BTreeMap<(ConversationId, Position), MessageView>,
    pub(crate) outbox: BTreeMap<OutboxId, OutboxEntry>,
    pub(crate) last_number: RequestNumber,
    pub(crate) blocked: BTreeSet<UserId>,
    pub(crate) direct_drafts: BTreeMap<UserId, Vec<u8>>,
}

impl Store {
    pub(crate) fn apply(&mut self, write: Write) {
        match write {
            Write::Person(view) => drop(self.people.insert(view.id, view)),
            Write::Conversation(row) => drop(self.conversations.insert(row.id, row)),
            Write::Member { conversation, member } => {
                self.departures.remove(&(conversation, member.user));
                self.members.insert((conversation, member.user), member);
            }
            Write::MemberLeft { conversation, departure } => {
                self.members.remove(&(conversation, departure.user));
                self.departures.insert((conversation, departure.user), departure);
            }
            Write::MemberGone { conversation, user } => {
                self.members.remove(&(conversation, user));
                self.departures.remove(&(conversation, user));
            }
            Write::Place(row) => drop(self.places.insert(row.view.conversation, row)),
            Write::Message(message) => {
                let held = self.messages.entry((message.conversation, message.position)).or_insert(message.clone());
                merge::message(held, message);
            }
            Write::Reactions { conversation, position, reactions, changed } => {
                if let Some(held) = self.messages.get_mut(&(conversation, position)) {
                    merge::reactions(held, reactions, changed);
                }
            }
            Write::RemoveConversation(conversation) => self.remove(conversation),
            Write::PutOutbox(entry) => drop(self.outbox.insert(entry.id, entry)),
            Write::RemoveOutbox(id) => drop(self.outbox.remove(&id)),
            Write::LastNumber(number) => self.last_number = number,
            Write::Cursor(cursor) => self.cursor = Some(cursor),
            Write::Bootstrapped => self.bootstrapped = true,
            Write::Blocked { user, switch } => {
                self.blocked.retain(|other| *other != user);
                self.blocked.extend(switch.is_on().then_some(user));
            }
            Write::DirectDraft { user, draft } if draft.is_empty() => drop(self.direct_drafts.remove(&user)),
            Write::DirectDraft { user, draft } => drop(self.direct_drafts.insert(user, draft)),
            Write::Forget => {
                *self = Self {
                    outbox: std::mem::take(&mut self.outbox),
                    last_number: self.last_number,
                    direct_drafts: std::mem::take(&mut self.direct_drafts),
                    ..Self::default()
                }
            }
        }
    }

    fn remove(&mut self, conversation: ConversationId) {
        self.conversations.remove(&conversation);
        self.places.remove(&conversation);
        self.members.retain(|(id, _), _| *id != conversation);
        self.departures.retain(|(id, _), _| *id != conversation);
        self.messages.retain(|(id, _), _| *id != conversation);
    }

    pub(crate) fn page(&self, conversation: ConversationId, range: PageRange) -> Vec<MessageView> {
        let range = (conversation, range.first)..=(conversation, range.last);
        self.messages.range(range).map(|(_, message)| message.clone()).collect()
    }

    pub(crate) fn stored(&self, me: UserId) -> Stored {
        Stored {
            me,
            cursor: self.cursor.clone(),
            bootstrapped: self.bootstrapped,
            people: self.people.values().cloned().collect(),
            conversations: self.conversations.values().map(|row| self.conversation(row)).collect(),
            outbox: self.outbox.values().cloned().collect(),
            last_number: self.last_number,
            blocked: self.blocked.iter().copied().collect(),
            direct_drafts: self.direct_drafts.iter().map(|(user, draft)| (*user, draft.clone())).collect(),
        }
    }

    fn conversation(&self, row: &ConversationRow) -> StoredConversation {
        let id = row.id;
        let everybody = (id, UserId(0))..=(id, UserId(u64::MAX));
        let everything = (id, Position(0))..=(id, Position(u64::MAX));
        StoredConversation {
            conversation: row.clone(),
            members: self.members.range(everybody.clone()).map(|(_, member)| member.clone()).collect(),
            departures: self.departures.range(everybody).map(|(_, departure)| departure.clone()).collect(),
            place: self.places.get(&id).cloned().unwrap_or_default(),
            newest: self.messages.range(everything).next_back().map(|(_, message)| message.clone()),
        }
    }
}

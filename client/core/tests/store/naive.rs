//! The store as its documentation reads: maps, and a search that looks at every message.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use raftchat_model::{
    ConversationRow, CursorRow, DepartureRow, MemberRow, OutboxEntry, OutboxId, PlaceRow, Stored, StoredConversation,
    Write, merge,
};
use raftchat_schema::id::{ConversationId, Position, RequestNumber, UserId};
use raftchat_schema::view::{MessageState, MessageView, UserView};
use raftchat_schema::wire;

use crate::world::ALICE;

#[derive(Clone, Default)]
pub(crate) struct Naive {
    people: BTreeMap<UserId, UserView>,
    conversations: BTreeMap<ConversationId, ConversationRow>,
    members: BTreeMap<(ConversationId, UserId), MemberRow>,
    departures: BTreeMap<(ConversationId, UserId), DepartureRow>,
    places: BTreeMap<ConversationId, PlaceRow>,
    pub(crate) messages: BTreeMap<(ConversationId, Position), MessageView>,
    outbox: BTreeMap<OutboxId, OutboxEntry>,
    last_number: RequestNumber,
    cursor: Option<CursorRow>,
    bootstrapped: bool,
    blocked: BTreeSet<UserId>,
    drafts: BTreeMap<UserId, Vec<u8>>,
}

impl Naive {
    pub(crate) fn apply(&mut self, write: &Write) {
        match write.clone() {
            Write::Person(user) => drop(self.people.insert(user.id, user)),
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
                let key = (message.conversation, message.position);
                let held = self.messages.entry(key).or_insert_with(|| message.clone());
                merge::message(held, message);
            }
            Write::Reactions { conversation, position, reactions, changed } => {
                if let Some(held) = self.messages.get_mut(&(conversation, position)) {
                    merge::reactions(held, reactions, changed);
                }
            }
            Write::RemoveConversation(id) => self.retain(|conversation| conversation != id),
            Write::PutOutbox(entry) => drop(self.outbox.insert(entry.id, entry)),
            Write::RemoveOutbox(id) => drop(self.outbox.remove(&id)),
            Write::LastNumber(number) => self.last_number = number,
            Write::Cursor(row) => self.cursor = Some(row),
            Write::Bootstrapped => self.bootstrapped = true,
            Write::Blocked { user, switch } if switch.is_on() => drop(self.blocked.insert(user)),
            Write::Blocked { user, .. } => drop(self.blocked.remove(&user)),
            Write::DirectDraft { user, draft } if draft.is_empty() => drop(self.drafts.remove(&user)),
            Write::DirectDraft { user, draft } => drop(self.drafts.insert(user, draft)),
            Write::Forget => {
                self.retain(|_| false);
                self.people.clear();
                self.blocked.clear();
                self.cursor = None;
                self.bootstrapped = false;
            }
        }
    }

    fn retain(&mut self, stays: impl Fn(ConversationId) -> bool) {
        self.conversations.retain(|id, _| stays(*id));
        self.members.retain(|(id, _), _| stays(*id));
        self.departures.retain(|(id, _), _| stays(*id));
        self.places.retain(|id, _| stays(*id));
        self.messages.retain(|(id, _), _| stays(*id));
    }

    pub(crate) fn head(&self) -> Stored {
        let highest = self.outbox.values().map(|entry| entry.number).max().unwrap_or_default();
        Stored {
            me: ALICE,
            cursor: self.cursor.clone(),
            bootstrapped: self.bootstrapped,
            people: self.people.values().cloned().collect(),
            conversations: self.conversations.values().map(|row| self.conversation(row)).collect(),
            outbox: self.outbox.values().cloned().collect(),
            last_number: self.last_number.max(highest),
            blocked: self.blocked.iter().copied().collect(),
            direct_drafts: self.drafts.iter().map(|(user, draft)| (*user, draft.clone())).collect(),
        }
    }

    fn conversation(&self, row: &ConversationRow) -> StoredConversation {
        let mut empty = PlaceRow::default();
        empty.view.conversation = row.id;
        let here = |key: &(ConversationId, UserId)| key.0 == row.id;
        StoredConversation {
            conversation: row.clone(),
            members: self.members.iter().filter(|(key, _)| here(key)).map(|(_, row)| row.clone()).collect(),
            departures: self.departures.iter().filter(|(key, _)| here(key)).map(|(_, row)| row.clone()).collect(),
            place: self.places.get(&row.id).cloned().unwrap_or(empty),
            newest: self.messages.values().rfind(|message| message.conversation == row.id).cloned(),
        }
    }

    /// Words are parted by spaces, in lower case; the last of a query may be the beginning of one.
    pub(crate) fn search(&self, query: &str, limit: usize, within: Option<ConversationId>) -> Vec<MessageView> {
        let mut asked: Vec<&str> = query.split(' ').collect();
        let last = asked.pop().unwrap();
        let says = |message: &&MessageView| {
            let payload = wire::decode_payload(&message.payload).unwrap_or_default();
            let words: Vec<&str> = payload.text.split(' ').collect();
            message.state != MessageState::Deleted
                && asked.iter().all(|word| words.contains(word))
                && words.iter().any(|word| word.starts_with(last))
        };
        let inside = |message: &&MessageView| within.is_none_or(|within| within == message.conversation);
        let mut hits: Vec<_> = self.messages.values().filter(inside).filter(says).cloned().collect();
        hits.sort_by_key(|hit| (Reverse(hit.sent_at), hit.conversation, Reverse(hit.position)));
        hits.truncate(limit);
        hits
    }
}

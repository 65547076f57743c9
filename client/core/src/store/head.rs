//! What a program needs of the store before it shows anything. Reads no message but the newest of each conversation.

use std::collections::{BTreeMap, BTreeSet};

use raftchat_model::{
    ConversationRow, CursorRow, DepartureRow, MemberRow, OutboxEntry, OutboxId, PlaceRow, Stored, StoredConversation,
};
use raftchat_schema::id::{ConversationId, RequestNumber, UserId};
use raftchat_schema::view::{MessageView, UserView};

use super::database::{Bytes, Table, View};
use super::error::StoreError;
use super::keys::{self, Kind};
use super::overlay;
use super::rows::{Origin, Row};

/// What the model starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What is kept. It is said not to be bootstrapped if a row of it was damaged, so that all of it is fetched again.
    pub stored: Stored,
    /// What was to be sent and cannot be read any more. The person has to be told; then
    /// [`RemoveOutbox`](raftchat_model::Write::RemoveOutbox) forgets it.
    pub damaged_outbox: Vec<OutboxId>,
}

pub(super) fn read(view: &View) -> Result<Head, StoreError> {
    let mut head = Reading { view, damaged: false };
    let origin: Option<Origin> = head.only(Kind::Origin)?;
    let cursor: Option<CursorRow> = head.only(Kind::Cursor)?;
    let last_number: Option<u64> = head.only(Kind::LastNumber)?;
    let people: Vec<UserView> = head.all(Kind::Person)?.into_iter().map(|(_, user)| user).collect();
    let conversations = head.conversations()?;
    let (outbox, damaged_outbox) = head.outbox()?;
    let direct_drafts = head.all(Kind::DirectDraft)?;
    let highest = outbox.iter().map(|entry| entry.number).max().unwrap_or_default();
    let stored = Stored {
        me: origin.map(|origin| origin.me).unwrap_or_default(),
        cursor,
        people,
        conversations,
        outbox,
        last_number: RequestNumber(last_number.unwrap_or_default()).max(highest),
        blocked: head.numbers(Kind::Blocked)?.into_iter().map(UserId).collect(),
        direct_drafts: direct_drafts.into_iter().map(|(user, draft)| (UserId(user), draft)).collect(),
        bootstrapped: view.has(Table::Rows, &Kind::Bootstrapped.key())? && !head.damaged,
    };
    Ok(Head { stored, damaged_outbox })
}

struct Reading<'a> {
    view: &'a View,
    /// A row that the nodes can give again was not what was written.
    damaged: bool,
}

impl Reading<'_> {
    /// The only row of its kind.
    fn only<R: Row>(&mut self, kind: Kind) -> Result<Option<R>, StoreError> {
        let key = kind.key();
        Ok(self.view.get(Table::Rows, &key)?.and_then(|sealed| self.row(&key, &sealed)))
    }

    /// All rows of a kind that can be read, each with the number in its key.
    fn all<R: Row>(&mut self, kind: Kind) -> Result<Vec<(u64, R)>, StoreError> {
        let mut rows = Vec::new();
        for row in self.view.prefix(Table::Rows, &kind.key()) {
            let (key, sealed): (Bytes, Bytes) = row?;
            let number = keys::first_number(&key).unwrap_or_default();
            rows.extend(self.row(&key, &sealed).map(|row| (number, row)));
        }
        Ok(rows)
    }

    fn numbers(&self, kind: Kind) -> Result<BTreeSet<u64>, StoreError> {
        let mut numbers = BTreeSet::new();
        for key in self.view.prefix(Table::Rows, &kind.key()).keys() {
            numbers.extend(keys::first_number(&key?));
        }
        Ok(numbers)
    }

    fn row<R: Row>(&mut self, key: &[u8], sealed: &[u8]) -> Option<R> {
        let row = overlay::read(key, sealed);
        self.damaged |= row.is_none();
        row
    }

    fn conversations(&mut self) -> Result<Vec<StoredConversation>, StoreError> {
        let rows: Vec<(u64, ConversationRow)> = self.all(Kind::Conversation)?;
        let mut members = grouped(self.all::<MemberRow>(Kind::Member)?);
        let mut departures = grouped(self.all::<DepartureRow>(Kind::Departure)?);
        let mut places: BTreeMap<u64, PlaceRow> = self.all(Kind::Place)?.into_iter().collect();
        let removing = super::removing(self.view)?;
        let mut conversations = Vec::with_capacity(rows.len());
        for (id, conversation) in rows {
            let shown = !removing.contains(&conversation.id);
            let newest = if shown { self.newest(conversation.id)? } else { None };
            conversations.push(StoredConversation {
                members: members.remove(&id).unwrap_or_default(),
                departures: departures.remove(&id).unwrap_or_default(),
                place: places.remove(&id).unwrap_or_else(|| place_of(conversation.id)),
                newest,
                conversation,
            });
        }
        Ok(conversations)
    }

    fn newest(&self, conversation: ConversationId) -> Result<Option<MessageView>, StoreError> {
        let rows = self.view.prefix(Table::Messages, &keys::messages(conversation)).rev();
        super::decoded(rows).next().transpose()
    }

    /// What is to be done, in the order in which it was entered, and what of it cannot be read.
    fn outbox(&self) -> Result<(Vec<OutboxEntry>, Vec<OutboxId>), StoreError> {
        let (mut entries, mut damaged) = (Vec::new(), Vec::new());
        for row in self.view.prefix(Table::Rows, &Kind::Outbox.key()) {
            let (key, sealed) = row?;
            match overlay::read(&key, &sealed) {
                Some(entry) => entries.push(entry),
                None => damaged.extend(keys::first_number(&key).map(OutboxId)),
            }
        }
        Ok((entries, damaged))
    }
}

fn place_of(conversation: ConversationId) -> PlaceRow {
    let mut place = PlaceRow::default();
    place.view.conversation = conversation;
    place
}

fn grouped<R>(rows: Vec<(u64, R)>) -> BTreeMap<u64, Vec<R>> {
    let mut groups: BTreeMap<u64, Vec<R>> = BTreeMap::new();
    for (conversation, row) in rows {
        groups.entry(conversation).or_default().push(row);
    }
    groups
}

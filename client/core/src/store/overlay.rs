//! What a batch will have written, seen before it is: its own writes over the rows that are there. Knows nothing of what
//! the rows mean.
//!
//! A database takes a row once in a batch; here it may be written and erased as often as the batch does.

use std::collections::{BTreeMap, BTreeSet};

use raftchat_schema::id::ConversationId;

use super::database::{Table, View};
use super::error::StoreError;
use super::frame;
use super::keys;
use super::rows::Row;

/// The rows as they will be.
pub(super) struct Overlay<'a> {
    view: &'a View,
    changed: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(view: &'a View) -> Self {
        Self { view, changed: BTreeMap::new() }
    }

    /// The row under `key`; none if there is none, or a damaged one.
    pub(super) fn get<R: Row>(&self, table: Table, key: &[u8]) -> Result<Option<R>, StoreError> {
        match self.changed.get(&(table, key.to_vec())) {
            Some(changed) => Ok(changed.as_deref().and_then(|sealed| read(key, sealed))),
            None => Ok(self.view.get(table, key)?.and_then(|sealed| read(key, &sealed))),
        }
    }

    pub(super) fn has(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        match self.changed.get(&(table, key.to_vec())) {
            Some(changed) => Ok(changed.is_some()),
            None => self.view.has(table, key),
        }
    }

    pub(super) fn put(&mut self, table: Table, key: Vec<u8>, row: &impl Row) {
        let sealed = frame::seal(&key, &row.encode());
        self.changed.insert((table, key), Some(sealed));
    }

    /// Writes a row of which the key says all.
    pub(super) fn mark(&mut self, table: Table, key: Vec<u8>) {
        self.changed.insert((table, key), Some(Vec::new()));
    }

    pub(super) fn erase(&mut self, table: Table, key: Vec<u8>) {
        self.changed.insert((table, key), None);
    }

    /// Erases all rows whose keys begin with `prefix`.
    pub(super) fn erase_all(&mut self, table: Table, prefix: &[u8]) -> Result<(), StoreError> {
        for key in self.keys(table, prefix)? {
            self.erase(table, key);
        }
        Ok(())
    }

    /// The keys of all rows that begin with `prefix`.
    pub(super) fn keys(&self, table: Table, prefix: &[u8]) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        let mut keys = BTreeSet::new();
        for key in self.view.prefix(table, prefix).keys() {
            keys.insert(key?.to_vec());
        }
        for (key, row) in self.changed_from(table, prefix) {
            if row.is_some() {
                keys.insert(key.clone());
            } else {
                keys.remove(key);
            }
        }
        Ok(keys)
    }

    /// The first keys, at most `limit`, of the rows before this batch that begin with `prefix`.
    pub(super) fn first_keys(&self, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.view.prefix(table, prefix).keys().take(limit).map(|key| key.map(|key| key.to_vec())).collect()
    }

    /// The keys that begin with `prefix` of the rows that this batch writes.
    pub(super) fn written(&self, table: Table, prefix: &[u8]) -> Vec<Vec<u8>> {
        self.changed_from(table, prefix).filter(|(_, row)| row.is_some()).map(|(key, _)| key.clone()).collect()
    }

    /// Every conversation that has messages.
    pub(super) fn conversations(&self) -> Result<BTreeSet<ConversationId>, StoreError> {
        let written = self.written(Table::Messages, &[]);
        let mut found: BTreeSet<_> = written.iter().filter_map(|key| keys::of_message(key)).map(|(id, _)| id).collect();
        let mut from = keys::messages(ConversationId(0));
        while let Some(key) = self.view.from(Table::Messages, from).next_key().transpose()? {
            let Some((conversation, _)) = keys::of_message(&key) else { break };
            found.insert(conversation);
            if conversation.0 == u64::MAX {
                break;
            }
            from = keys::messages(conversation.next());
        }
        Ok(found)
    }

    /// Notes that words are taken away, which the files of the database keep until it is written anew.
    pub(super) fn take_words(&mut self) {
        self.mark(Table::Rows, keys::Kind::Unclean.key());
    }

    /// Whether this batch took words away.
    pub(super) fn took_words(&self) -> bool {
        self.changed.contains_key(&(Table::Rows, keys::Kind::Unclean.key()))
    }

    /// The batch.
    pub(super) fn into_rows(self) -> impl Iterator<Item = (Table, Vec<u8>, Option<Vec<u8>>)> {
        self.changed.into_iter().map(|((table, key), row)| (table, key, row))
    }

    fn changed_from(&self, table: Table, prefix: &[u8]) -> impl Iterator<Item = (&Vec<u8>, &Option<Vec<u8>>)> {
        self.changed
            .range((table, prefix.to_vec())..)
            .take_while(move |((other, key), _)| *other == table && key.starts_with(prefix))
            .map(|((_, key), row)| (key, row))
    }
}

/// The row that was stored under `key`; none, and a word in the log, if it is damaged.
pub(super) fn read<R: Row>(key: &[u8], sealed: &[u8]) -> Option<R> {
    let row = frame::unseal(key, sealed).and_then(R::decode);
    if row.is_none() {
        tracing::warn!(?key, "a stored row is damaged");
    }
    row
}

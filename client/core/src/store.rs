//! What a device keeps of its person's conversations: rows, messages, the outbox, and an index of the words in them.
//! Knows no network, no clock, and not what the model makes of the rows.
//!
//! ```text
//! DIR/
//!   lock         held while the store is open
//!   CURRENT      which of the next two is in use; the first where there is none
//!   db/ db-b/    a fjall database
//!   damaged-1/   one that did not open, moved aside
//! ```
//!
//! Everything that the model wants written at once is one batch: there or not there after a crash, whole. What came from
//! the nodes can come again: a damaged row of it is left out, and fetched anew. What is in the outbox exists nowhere
//! else: a damaged entry is told to the person.
//!
//! All methods block; none is to be called where others wait for their turn.

mod apply;
mod aside;
mod database;
mod error;
mod frame;
mod head;
mod index;
mod keys;
mod open;
mod overlay;
mod place;
mod renew;
mod rows;
mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use raftchat_model::{Durability, PageRange, Write};
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::level::Level;
use raftchat_schema::view::MessageView;

use database::{Database, Scan, Table, View};
use keys::Kind;
use overlay::Overlay;

pub use aside::move_aside;
pub use error::{StoreError, StoreOpenError};
pub use head::Head;

/// How many messages one step of [`Store::sweep`] erases: it must not hold up what the person does.
const SWEEP_MESSAGES: usize = 256;

/// What a device keeps. One program has it open at a time.
pub struct Store {
    // First: the lock is held until the database has let go of its files.
    database: Database,
    last_batch: Mutex<u64>,
    /// Words that were deleted are still in the files.
    unclean: AtomicBool,
    dir: PathBuf,
    _lock: File,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("last_batch", &self.last_batch).finish_non_exhaustive()
    }
}

/// Whether conversations that were removed still take room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// There is more to erase.
    More,
    /// Nothing is left of them.
    Clean,
}

impl Store {
    /// Opens what this device keeps of `me` in `dir`; makes it if there is nothing.
    pub fn open(dir: &Path, me: UserId) -> Result<Self, StoreOpenError> {
        open::open(dir, me)
    }

    /// What the model starts with, without all but the newest message of each conversation.
    pub fn head(&self) -> Result<Head, StoreError> {
        head::read(&self.database.view())
    }

    /// Does all of `writes`, in their order, or nothing. It survives this process; with [`Durability::Synced`] the machine
    /// as well, once this returns.
    pub fn write(&self, writes: &[Write], durability: Durability) -> Result<(), StoreError> {
        self.batch(durability, |rows| writes.iter().try_for_each(|write| apply::apply(rows, write)))
    }

    /// The messages that are kept of these positions, in order of position.
    pub fn messages(&self, conversation: ConversationId, range: PageRange) -> Result<Vec<MessageView>, StoreError> {
        let (first, last) = (keys::message(conversation, range.first), behind(conversation, range.last));
        self.page(conversation, |view| decoded(view.range(Table::Messages, first, last)).collect())
    }

    /// The last messages before a position, at most `limit`, in order of position.
    pub fn messages_before(
        &self,
        conversation: ConversationId,
        position: Position,
        limit: usize,
    ) -> Result<Vec<MessageView>, StoreError> {
        let (first, end) = (keys::messages(conversation), keys::message(conversation, position));
        let mut page: Vec<_> = self
            .page(conversation, |view| decoded(view.range(Table::Messages, first, end).rev()).take(limit).collect())?;
        page.reverse();
        Ok(page)
    }

    /// The first messages after a position, at most `limit`, in order of position.
    pub fn messages_after(
        &self,
        conversation: ConversationId,
        position: Position,
        limit: usize,
    ) -> Result<Vec<MessageView>, StoreError> {
        let (first, end) = (behind(conversation, position), behind(conversation, Position(u64::MAX)));
        self.page(conversation, |view| decoded(view.range(Table::Messages, first, end)).take(limit).collect())
    }

    /// The message at a position, if it is kept.
    pub fn message(&self, conversation: ConversationId, position: Position) -> Result<Option<MessageView>, StoreError> {
        let range = PageRange { first: position, last: position };
        Ok(self.messages(conversation, range)?.pop())
    }

    /// The newest messages that say all of `query`, at most `limit`, the newest first. The last word of the query may be
    /// the beginning of one.
    pub fn search(
        &self,
        query: &str,
        limit: usize,
        within: Option<ConversationId>,
    ) -> Result<Vec<MessageView>, StoreError> {
        search::search(&self.database.view(), query, limit, within)
    }

    /// How many messages are kept, of one conversation or of all.
    pub fn count(&self, within: Option<ConversationId>) -> Result<u64, StoreError> {
        let view = self.database.view();
        let removing = removing(&view)?;
        let mut count = 0_u64;
        for key in view.prefix(Table::Messages, &within.map(keys::messages).unwrap_or_default()).keys() {
            let shown = keys::of_message(&key?).is_some_and(|(conversation, _)| !removing.contains(&conversation));
            count = count.saturating_add(u64::from(shown));
        }
        Ok(count)
    }

    /// Erases the next piece of what is left of removed conversations. To be called until it is clean when nothing else is
    /// to be done; goes on after a crash.
    pub fn sweep(&self) -> Result<Sweep, StoreError> {
        let view = self.database.view();
        let Some(conversation) = removing(&view)?.pop_first() else {
            return Ok(Sweep::Clean);
        };
        self.batch(Durability::Lazy, |rows| {
            let messages = rows.first_keys(Table::Messages, &keys::messages(conversation), SWEEP_MESSAGES)?;
            if messages.len() < SWEEP_MESSAGES {
                rows.erase(Table::Rows, Kind::Removing.of_conversation(conversation));
            }
            messages.into_iter().try_for_each(|key| apply::erase_message(rows, key))
        })?;
        Ok(Sweep::More)
    }

    /// Notes that nodes tell what a program that knows `known` cannot read, and so does not keep: the first one that knows a
    /// higher level forgets what came from them when it opens the store, and so fetches all of it anew.
    pub fn outgrow(&self, known: Level) -> Result<(), StoreError> {
        self.batch(Durability::Synced, |rows| {
            rows.put(Table::Rows, Kind::Outgrown.key(), &u64::from(known.0));
            Ok(())
        })
    }

    /// Makes all durable and lets others open the store. Without it nothing is lost, and the next start takes longer.
    pub fn close(self) -> Result<(), StoreError> {
        self.database.close()
    }

    /// One batch, in its turn.
    fn batch(
        &self,
        durability: Durability,
        fill: impl FnOnce(&mut Overlay<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut last_batch = self.last_batch.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.database.view();
        let mut rows = Overlay::new(&view);
        fill(&mut rows)?;
        let batch = last_batch.saturating_add(1);
        for table in Table::ALL {
            rows.put(table, keys::BATCH.to_vec(), &batch);
        }
        let took_words = rows.took_words();
        self.database.commit(rows.into_rows(), durability)?;
        self.unclean.fetch_or(took_words, Ordering::Relaxed);
        *last_batch = batch;
        Ok(())
    }

    fn page<T: Default>(
        &self,
        conversation: ConversationId,
        read: impl FnOnce(&View) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let view = self.database.view();
        if view.has(Table::Rows, &Kind::Removing.of_conversation(conversation))? {
            return Ok(T::default());
        }
        read(&view)
    }
}

/// The key behind a message's, before the next message's.
fn behind(conversation: ConversationId, position: Position) -> Vec<u8> {
    let mut key = keys::message(conversation, position);
    key.push(0);
    key
}

/// The messages among rows; damaged ones are left out.
fn decoded(
    rows: impl Iterator<Item = <Scan as Iterator>::Item>,
) -> impl Iterator<Item = Result<MessageView, StoreError>> {
    rows.filter_map(|row| row.map(|(key, sealed)| overlay::read(&key, &sealed)).transpose())
}

/// The conversations whose messages are not shown any more.
fn removing(view: &View) -> Result<BTreeSet<ConversationId>, StoreError> {
    let mut removing = BTreeSet::new();
    for key in view.prefix(Table::Rows, &Kind::Removing.key()).keys() {
        removing.extend(keys::first_number(&key?).map(ConversationId));
    }
    Ok(removing)
}

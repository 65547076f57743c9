//! What every handler works with: rows read and written as what they are, numbers given, changes noted.
//! Knows no command.

use alloc::vec::Vec;

use minicbor::Encode;
use raftchat_schema::command::{Done, Outcome};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{ChangeNumber, ConversationId, SessionId, Stamp, UserId};
use raftchat_schema::level::Level;
use raftchat_schema::limits::AGE_STEP_MS_MAX;
use raftchat_schema::view::{Change, ChangedRow};

use super::effects::{ApplyError, Effects};
use crate::feed::{Feed, FeedChange};
use crate::keys;
use crate::queries;
use crate::read::{self, ReadError, Row};
use crate::rows::{Counters, Reference};
use crate::tables::{Rows, Tables};

/// Reasons why a handler did not come to its end.
pub(super) enum Stop<E> {
    /// The service says no.
    Refused(Refusal),
    /// The entry cannot be applied.
    Failed(ApplyError<E>),
}

impl<E> From<ErrorCode> for Stop<E> {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code.into())
    }
}

impl<E> From<ApplyError<E>> for Stop<E> {
    fn from(error: ApplyError<E>) -> Self {
        Self::Failed(error)
    }
}

impl<E> From<ReadError<E>> for Stop<E> {
    fn from(error: ReadError<E>) -> Self {
        Self::Failed(error.into())
    }
}

/// A refusal is an outcome; a failure ends the entry.
pub(super) fn settled<E>(handled: Result<Done, Stop<E>>) -> Result<Outcome, ApplyError<E>> {
    match handled {
        Ok(done) => Ok(Ok(done)),
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// The result of a handler.
pub(super) type Handled<T, V = Done> = Result<V, Stop<<T as Rows>::Error>>;

/// The commands of one entry being applied.
pub(super) struct Step<'t, T: Tables> {
    pub(super) tables: &'t mut T,
    pub(super) effects: Effects,
    counters: Counters,
}

impl<'t, T: Tables> Step<'t, T> {
    pub(super) fn begin(tables: &'t mut T, stamp: Stamp) -> Result<Self, ApplyError<T::Error>> {
        let mut counters = queries::counters(tables)?;
        // The first entry has no time before it.
        let passed = if counters.stamp == Stamp(0) { 0 } else { stamp.0.saturating_sub(counters.stamp.0) };
        counters.age = counters.age.saturating_add(passed.min(AGE_STEP_MS_MAX));
        counters.stamp = counters.stamp.max(stamp);
        Ok(Self { tables, effects: Effects::default(), counters })
    }

    /// Stores the counters; yields the last change's number and what the node has to hear of.
    pub(super) fn finish(mut self) -> Result<(ChangeNumber, Effects), ApplyError<T::Error>> {
        let counters = core::mem::take(&mut self.counters);
        self.put(keys::counters(), &counters)?;
        Ok((counters.change, self.effects))
    }

    /// The cluster's time: never backwards, whatever leaders' clocks do.
    pub(super) fn now(&self) -> Stamp {
        self.counters.stamp
    }

    /// The cluster's age in ms: what ends by time ends by this, so that a clock that jumps ends nothing.
    pub(super) fn age(&self) -> u64 {
        self.counters.age
    }

    /// The cluster's feature level.
    pub(super) fn level(&self) -> Level {
        self.counters.level
    }

    /// Raises the level; it never goes back.
    pub(super) fn raise_level(&mut self, level: Level) -> Done {
        self.counters.level = self.counters.level.max(level);
        Done::Nothing
    }

    pub(super) fn next_user(&mut self) -> UserId {
        self.counters.user = self.counters.user.next();
        self.counters.user
    }

    pub(super) fn next_session(&mut self) -> SessionId {
        self.counters.session = self.counters.session.next();
        self.counters.session
    }

    pub(super) fn next_conversation(&mut self) -> ConversationId {
        self.counters.conversation = self.counters.conversation.next();
        self.counters.conversation
    }

    pub(super) fn get<V: Row>(&self, key: &[u8]) -> Result<Option<V>, ReadError<T::Error>> {
        read::row(self.tables, key)
    }

    pub(super) fn put<V: Encode<()>>(&mut self, key: Vec<u8>, row: &V) -> Result<(), ApplyError<T::Error>> {
        let bytes = encode(&key, row)?;
        self.tables.put(key, bytes);
        Ok(())
    }

    /// Gives the row its next change number and moves its entry there from `before` (0: it had none).
    /// The caller stores the number in the row, and in its conversation, and then [`Step::show`]s it.
    pub(super) fn note(
        &mut self,
        feed: Feed,
        before: ChangeNumber,
        reference: Reference,
    ) -> Result<ChangeNumber, ApplyError<T::Error>> {
        self.forget(feed, before);
        self.counters.change = self.counters.change.next();
        let number = self.counters.change;
        self.put(keys::change(feed, number), &reference)?;
        Ok(number)
    }

    /// Takes the entry at `before` (0: there is none) out of the feed: its row is gone or is nobody's business any more.
    pub(super) fn forget(&mut self, feed: Feed, before: ChangeNumber) {
        if before != ChangeNumber(0) {
            self.tables.delete(keys::change(feed, before));
        }
    }

    /// Tells the node of a change that was noted.
    pub(super) fn show(&mut self, feed: Feed, number: ChangeNumber, row: ChangedRow) {
        self.effects.changes.push(FeedChange { feed, change: Change { number, row } });
    }
}

pub(super) fn encode<E, V: Encode<()>>(key: &[u8], row: &V) -> Result<Vec<u8>, ApplyError<E>> {
    minicbor::to_vec(row).map_err(|_impossible| ApplyError::UnencodableRow { key: key.to_vec() })
}

//! Queries of the services. They read only, and each sees one consistent state: hand it a snapshot.
//! Who is online is not known here; views say `online: false`.

mod conversations;
mod messages;
mod people;

use alloc::vec::Vec;

use raftchat_schema::id::{ChangeNumber, Stamp, StateHash};
use raftchat_schema::level::Level;
use raftchat_schema::view::{ChangedRow, MessageState};

use crate::feed::FeedChange;
use crate::hash;
use crate::keys::{self, Span, Table};
use crate::read::{self, ReadError};
use crate::rows::Counters;
use crate::tables::{Order, Rows, Writes};

pub use conversations::{
    conversation, conversation_exists, conversations_page, counts, direct, is_member, member_count, members_page,
};
pub(crate) use conversations::{conversations_of, last_membership};
pub use messages::{HistoryRange, history, is_sent, revisions};
pub use people::{
    SessionRecord, blocked_by, change_seen_by, highest_request, is_blocked_between, knows_device, member_seen_by,
    outcome, seen_by, session, session_by_token, sessions_of, stored_bytes, user, user_by_name, users_page, verifier,
};
pub(crate) use people::{blocker_count, blockers_of};

/// The rolling hash of all rows ever written; zeros before the first.
pub fn state_hash<R: Rows>(rows: &R) -> Result<StateHash, ReadError<R::Error>> {
    Ok(read::row(rows, &keys::state_hash())?.unwrap_or(hash::EMPTY))
}

/// The number of the last change.
pub fn change_number<R: Rows>(rows: &R) -> Result<ChangeNumber, ReadError<R::Error>> {
    Ok(counters(rows)?.change)
}

/// The cluster's time: the highest stamp applied. The time of now is the nodes' business.
pub fn stamp<R: Rows>(rows: &R) -> Result<Stamp, ReadError<R::Error>> {
    Ok(counters(rows)?.stamp)
}

/// The cluster's feature level.
pub fn level<R: Rows>(rows: &R) -> Result<Level, ReadError<R::Error>> {
    Ok(counters(rows)?.level)
}

pub(crate) fn counters<R: Rows>(rows: &R) -> Result<Counters, ReadError<R::Error>> {
    Ok(read::row(rows, &keys::counters())?.unwrap_or_default())
}

/// True if somebody's words were taken away, so that what they lie in under the rows is to be cleaned: what lies there is
/// known to no row any more. An edit takes nothing away, as what was said before is kept as a revision.
pub fn took_words(writes: &Writes, changes: &[FeedChange]) -> bool {
    let erased = |key: &[u8], row: &Option<Vec<u8>>| match key.first() {
        Some(table) if *table == Table::Messages as u8 || *table == Table::Revisions as u8 => row.is_none(),
        // A draft is among them; what else is there is little and changes seldom.
        Some(table) => *table == Table::Own as u8,
        None => false,
    };
    let deleted = |change: &FeedChange| matches!(&change.change.row, ChangedRow::Message(message) if message.state == MessageState::Deleted);
    writes.0.iter().any(|(key, row)| erased(key, row)) || changes.iter().any(deleted)
}

/// True if there is something to erase: see [`Command::Erase`](raftchat_schema::command::Command::Erase).
pub fn erasure_pending<R: Rows>(rows: &R) -> Result<bool, ReadError<R::Error>> {
    let erasures = Span::table(Table::Erasures);
    let first = read::first(rows, &erasures, Order::Ascending, 1, |key, _row| keys::parse_erasure(key))?;
    Ok(!first.is_empty())
}

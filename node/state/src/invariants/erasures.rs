//! What is to be erased is being erased, and what was erased is gone.

use alloc::format;
use alloc::string::ToString;

use raftchat_schema::id::{ConversationId, Position, UserId};

use super::conversations;
use super::findings::Findings;
use crate::keys::{self, Erasable, Span, Table};
use crate::queries;
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, ErasureRow, KindRow, UserRow};
use crate::tables::Rows;

/// Up to which position a group's messages are erased by now.
pub(super) fn erased_up_to<R: Rows>(rows: &R, id: ConversationId) -> Result<Position, ReadError<R::Error>> {
    match read::row(rows, &keys::erasure(Erasable::Group(id)))? {
        Some(ErasureRow::Group { after }) => Ok(after),
        _ => Ok(Position(0)),
    }
}

pub(super) fn pending<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let parse = |key: &[u8], row: &[u8]| Some((keys::parse_erasure(key)?, minicbor::decode::<ErasureRow>(row).ok()?));
    for (of, row) in read::all(rows, &Span::table(Table::Erasures), parse)? {
        let due = match (of, &row) {
            (Erasable::Account(user), ErasureRow::Account { .. }) => {
                let user: Option<UserRow> = read::row(rows, &keys::user(user))?;
                user.is_some_and(|user| user.deleted)
            }
            (Erasable::Group(id), ErasureRow::Group { .. }) => {
                let row: Option<ConversationRow> = read::row(rows, &keys::conversation(id))?;
                row.is_some_and(|row| row.member_count() == 0)
            }
            _ => false,
        };
        found.expect(due, "only deleted accounts and groups without members are erased", || format!("{of:?} {row:?}"));
    }
    for (id, row) in conversations::all(rows)? {
        let pending = rows.get(&keys::erasure(Erasable::Group(id))).map_err(ReadError::Store)?.is_some();
        found.expect(pending == (row.member_count() == 0), "a group without members is erased", || id.to_string());
    }
    Ok(())
}

pub(super) fn done<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    for ([id], row) in read::all(rows, &Span::table(Table::Users), read::numbered::<1, UserRow>)? {
        let user = UserId(id);
        let pending = rows.get(&keys::erasure(Erasable::Account(user))).map_err(ReadError::Store)?.is_some();
        if !row.deleted || pending {
            continue;
        }
        for id in queries::conversations_of(rows, user)? {
            let row: ConversationRow = read::needed(rows, &keys::conversation(id))?;
            found.expect(row.kind != KindRow::Group, "a deleted account is in no group", || format!("{user} in {id}"));
        }
        for span in [keys::own_of(user), keys::blocks_of(user)] {
            let kept = read::all(rows, &span, |key, _row| Some(key.to_vec()))?;
            found.expect(kept.is_empty(), "a deleted account has no settings or blocks", || user.to_string());
        }
    }
    Ok(())
}

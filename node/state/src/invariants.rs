//! Invariants: what must be true of the rows at any time, looked up the slow way. For tests and for who suspects a store.

mod accounts;
mod changes;
mod conversations;
mod counts;
mod erasures;
mod findings;
mod messages;

use alloc::vec::Vec;

use crate::read::ReadError;
use crate::tables::Rows;
use findings::Findings;

pub use findings::Violation;

/// Every rule that is broken, and where. Reads all rows.
pub fn check<R: Rows>(rows: &R) -> Result<Vec<Violation>, ReadError<R::Error>> {
    let mut found = Findings::default();
    accounts::users(rows, &mut found)?;
    accounts::sessions(rows, &mut found)?;
    accounts::outcomes(rows, &mut found)?;
    accounts::blocks(rows, &mut found)?;
    conversations::members(rows, &mut found)?;
    conversations::kinds(rows, &mut found)?;
    conversations::departed(rows, &mut found)?;
    conversations::own(rows, &mut found)?;
    messages::positions(rows, &mut found)?;
    messages::contents(rows, &mut found)?;
    messages::pins(rows, &mut found)?;
    messages::revisions(rows, &mut found)?;
    messages::ids(rows, &mut found)?;
    messages::stored(rows, &mut found)?;
    counts::unread_and_mentions(rows, &mut found)?;
    counts::marks(rows, &mut found)?;
    changes::entries(rows, &mut found)?;
    changes::rows_have_entries(rows, &mut found)?;
    erasures::pending(rows, &mut found)?;
    erasures::done(rows, &mut found)?;
    Ok(found.0)
}

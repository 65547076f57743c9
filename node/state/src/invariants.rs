//! Invariants: what must be true of the rows at any time, looked up the slow way. For tests and for who suspects a store.

mod accounts;
mod changes;
mod conversations;
mod counts;
mod erasures;
mod messages;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::read::ReadError;
use crate::tables::Rows;

/// A rule that the rows break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// The row in which it is broken.
    pub place: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.place)
    }
}

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

#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    /// Notes the place unless the rule holds there.
    fn expect(&mut self, holds: bool, rule: &'static str, place: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation { rule, place: place() });
        }
    }
}

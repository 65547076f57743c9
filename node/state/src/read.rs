//! Reading rows as what they are. Knows nothing of what they mean.

use alloc::vec::Vec;
use core::fmt;
use core::ops::ControlFlow;

use minicbor::Decode;

use crate::keys::{self, Span};
use crate::tables::{Order, Rows};

/// Reasons why the state could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError<E> {
    /// The store could not answer.
    #[error("the state's store failed: {0}")]
    Store(#[source] E),
    /// A row cannot be read, or one that must exist does not.
    #[error("the row {} is damaged or missing: this node's state has to be rebuilt from another's", Hex(.key))]
    DamagedRow {
        /// The key of the row, as the store has it.
        key: Vec<u8>,
    },
}

/// A key as a person can compare it.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A type that a row can be read as.
pub(crate) trait Row: for<'b> Decode<'b, ()> {}
impl<V: for<'b> Decode<'b, ()>> Row for V {}

/// The row at `key`, if there is one.
pub(crate) fn row<R: Rows, V: Row>(rows: &R, key: &[u8]) -> Result<Option<V>, ReadError<R::Error>> {
    let Some(bytes) = rows.get(key).map_err(ReadError::Store)? else { return Ok(None) };
    minicbor::decode(&bytes).map(Some).map_err(|_malformed| damaged(key))
}

/// The row at `key`, which other rows say exists.
pub(crate) fn needed<R: Rows, V: Row>(rows: &R, key: &[u8]) -> Result<V, ReadError<R::Error>> {
    row(rows, key)?.ok_or_else(|| damaged(key))
}

/// That the row at `key` cannot be what it says it is.
pub(crate) fn damaged<E>(key: &[u8]) -> ReadError<E> {
    ReadError::DamagedRow { key: key.to_vec() }
}

/// Visits what `parse` makes of the rows in `span`; a row it can make nothing of is damaged.
pub(crate) fn each<R: Rows, I>(
    rows: &R,
    span: &Span,
    order: Order,
    parse: impl Fn(&[u8], &[u8]) -> Option<I>,
    mut visit: impl FnMut(I) -> ControlFlow<()>,
) -> Result<(), ReadError<R::Error>> {
    let mut damaged = None;
    rows.scan(&span.from, &span.to, order, &mut |key, row| {
        if let Some(item) = parse(key, row) {
            return visit(item);
        }
        damaged = Some(key.to_vec());
        ControlFlow::Break(())
    })
    .map_err(ReadError::Store)?;
    damaged.map_or(Ok(()), |key| Err(ReadError::DamagedRow { key }))
}

/// The first `most` that `parse` makes of the rows in `span`.
pub(crate) fn first<R: Rows, I>(
    rows: &R,
    span: &Span,
    order: Order,
    most: usize,
    parse: impl Fn(&[u8], &[u8]) -> Option<I>,
) -> Result<Vec<I>, ReadError<R::Error>> {
    let mut items = Vec::new();
    if most == 0 {
        return Ok(items);
    }
    each(rows, span, order, parse, |item| {
        items.push(item);
        if items.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(items)
}

/// All that `parse` makes of the rows in `span`, ascending.
pub(crate) fn all<R: Rows, I>(
    rows: &R,
    span: &Span,
    parse: impl Fn(&[u8], &[u8]) -> Option<I>,
) -> Result<Vec<I>, ReadError<R::Error>> {
    first(rows, span, Order::Ascending, usize::MAX, parse)
}

/// Reads a row whose key holds `N` numbers and nothing else.
pub(crate) fn numbered<const N: usize, V: Row>(key: &[u8], row: &[u8]) -> Option<([u64; N], V)> {
    Some((keys::numbers(key)?, minicbor::decode(row).ok()?))
}

/// Reads a row whose key, `N` numbers, is all there is to know.
pub(crate) fn bare<const N: usize>(key: &[u8], _row: &[u8]) -> Option<[u64; N]> {
    keys::numbers(key)
}

//! Where rows are read and written: the traits a store implements, the overlay that collects the writes of one
//! log entry, and a store in memory. Knows nothing of what the rows hold.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::convert::Infallible;
use core::ops::ControlFlow;

/// The direction of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the lowest key up.
    Ascending,
    /// From the highest key down.
    Descending,
}

/// Read access to rows in the order of their keys. One value of it shows one state: nothing changes while it is read.
pub trait Rows {
    /// The reason why the store could not answer.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The row at `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Visits the rows with `from <= key < to` in `order` until `visit` breaks. None if `from >= to`.
    #[expect(clippy::type_complexity, reason = "a name for the visitor would hide what it is shown")]
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Self::Error>;
}

/// Rows that can be written. What was written is read back at once.
pub trait Tables: Rows {
    /// Makes or replaces the row at `key`.
    fn put(&mut self, key: Vec<u8>, row: Vec<u8>);

    /// Removes the row at `key`, if there is one.
    fn delete(&mut self, key: Vec<u8>);
}

/// The rows that a log entry leaves different, by key; none means removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes(pub BTreeMap<Vec<u8>, Option<Vec<u8>>>);

/// Collects the writes of one log entry over rows that stay as they are, and is readable through itself.
#[derive(Debug)]
pub struct Overlay<'a, R: Rows> {
    rows: &'a R,
    writes: Writes,
}

impl<'a, R: Rows> Overlay<'a, R> {
    /// Nothing written yet.
    pub fn new(rows: &'a R) -> Self {
        Self { rows, writes: Writes::default() }
    }

    /// The writes that were collected.
    pub fn into_writes(self) -> Writes {
        self.writes
    }
}

impl<R: Rows> Rows for Overlay<'_, R> {
    type Error = R::Error;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, R::Error> {
        match self.writes.0.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.rows.get(key),
        }
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), R::Error> {
        let mut written: Vec<_> = range(&self.writes.0, from, to).collect();
        if order == Order::Ascending {
            written.reverse();
        }
        let mut stopped = false;
        self.rows.scan(from, to, order, &mut |key, row| {
            let mut replaced = false;
            while let Some((next, change)) = written.pop_if(|(next, _)| !comes_before(order, key, next)) {
                replaced |= next.as_slice() == key;
                if let Some(row) = change
                    && visit(next, row).is_break()
                {
                    stopped = true;
                    return ControlFlow::Break(());
                }
            }
            if replaced {
                return ControlFlow::Continue(());
            }
            let flow = visit(key, row);
            stopped = flow.is_break();
            flow
        })?;
        if stopped {
            return Ok(());
        }
        while let Some((key, change)) = written.pop() {
            if let Some(row) = change
                && visit(key, row).is_break()
            {
                break;
            }
        }
        Ok(())
    }
}

impl<R: Rows> Tables for Overlay<'_, R> {
    fn put(&mut self, key: Vec<u8>, row: Vec<u8>) {
        self.writes.0.insert(key, Some(row));
    }

    fn delete(&mut self, key: Vec<u8>) {
        self.writes.0.insert(key, None);
    }
}

fn comes_before(order: Order, key: &[u8], other: &[u8]) -> bool {
    let wanted = match order {
        Order::Ascending => Ordering::Less,
        Order::Descending => Ordering::Greater,
    };
    key.cmp(other) == wanted
}

/// `BTreeMap::range` that takes an empty or a turned-around range for an empty one.
fn range<'m, V>(
    map: &'m BTreeMap<Vec<u8>, V>,
    from: &[u8],
    to: &[u8],
) -> impl DoubleEndedIterator<Item = (&'m Vec<u8>, &'m V)> {
    (from < to)
        .then(|| map.range::<[u8], _>((core::ops::Bound::Included(from), core::ops::Bound::Excluded(to))))
        .into_iter()
        .flatten()
}

/// A store in memory, for tests and simulations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryTables(pub BTreeMap<Vec<u8>, Vec<u8>>);

impl MemoryTables {
    /// Takes over what a log entry wrote.
    pub fn commit(&mut self, writes: Writes) {
        for (key, row) in writes.0 {
            match row {
                Some(row) => self.put(key, row),
                None => self.delete(key),
            }
        }
    }
}

impl Rows for MemoryTables {
    type Error = Infallible;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Infallible> {
        let mut rows = range(&self.0, from, to);
        let mut show = |(key, row): (&Vec<u8>, &Vec<u8>)| visit(key, row);
        // How the walk ended does not matter: the visitor knows.
        let _ended = match order {
            Order::Ascending => rows.try_for_each(&mut show),
            Order::Descending => rows.rev().try_for_each(&mut show),
        };
        Ok(())
    }
}

impl Tables for MemoryTables {
    fn put(&mut self, key: Vec<u8>, row: Vec<u8>) {
        self.0.insert(key, row);
    }

    fn delete(&mut self, key: Vec<u8>) {
        self.0.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn seen(rows: &impl Rows, order: Order, most: usize) -> Vec<(u8, u8)> {
        let mut seen = Vec::new();
        let result = rows.scan(&[1], &[9], order, &mut |key, row| {
            seen.push((key.first().copied().unwrap_or(0), row.first().copied().unwrap_or(0)));
            if seen.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(result.is_ok());
        seen
    }

    fn overlaid(base: &MemoryTables) -> Overlay<'_, MemoryTables> {
        let mut overlay = Overlay::new(base);
        overlay.put(vec![1], vec![11]);
        overlay.put(vec![4], vec![44]);
        overlay.delete(vec![5]);
        overlay.delete(vec![6]);
        overlay.put(vec![8], vec![88]);
        overlay.put(vec![9], vec![99]);
        overlay
    }

    #[test]
    fn an_overlay_reads_like_a_store_that_took_its_writes() {
        let mut base = MemoryTables([2, 4, 5, 7].into_iter().map(|n| (vec![n], vec![n])).collect());
        let copy = base.clone();
        let overlay = overlaid(&copy);
        let mut views = Vec::new();
        for order in [Order::Ascending, Order::Descending] {
            for most in 1..=6 {
                views.push(seen(&overlay, order, most));
            }
        }
        base.commit(overlay.into_writes());
        for order in [Order::Descending, Order::Ascending] {
            for most in (1..=6).rev() {
                assert_eq!(views.pop(), Some(seen(&base, order, most)), "{order:?} {most}");
            }
        }
    }

    #[test]
    fn a_range_that_is_turned_around_is_empty() {
        let base = MemoryTables([(vec![2], vec![2])].into());
        let overlay = overlaid(&base);
        let mut visits = 0;
        let scanned = overlay.scan(&[9], &[1], Order::Ascending, &mut |_, _| {
            visits += 1;
            ControlFlow::Continue(())
        });
        assert!(scanned.is_ok());
        assert_eq!(visits, 0);
    }
}

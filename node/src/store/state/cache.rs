//! Rows that were read before, in front of a view, for the one thread that also writes them. Knows nothing of what they
//! hold: a row gets in by being found, so that the sessions and conversations that are busy are, and messages are not.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;

use raftchat_state::{Order, Rows, Writes};

use super::StateView;
use crate::store::error::StoreError;

/// Beyond so many bytes the cache begins anew: some 40,000 rows as they are in a busy cluster.
const BYTES_MAX: usize = 16 << 20;
/// What a row takes beside its own bytes and those of its key.
const ROW_OVERHEAD_BYTES: usize = 96;
/// A larger row is not worth a place.
const ROW_BYTES_MAX: usize = 1024;

/// The rows themselves.
#[derive(Debug, Default)]
pub struct RowCache(RefCell<Kept>);

#[derive(Debug, Default)]
struct Kept {
    rows: HashMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl Kept {
    fn put(&mut self, key: &[u8], row: &[u8]) {
        let size = size_of(key, row);
        if self.bytes.saturating_add(size) > BYTES_MAX {
            *self = Self::default();
        }
        self.bytes = self.bytes.saturating_add(size);
        if let Some(old) = self.rows.insert(key.to_vec(), row.to_vec()) {
            self.bytes = self.bytes.saturating_sub(size_of(key, &old));
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(old) = self.rows.remove(key) {
            self.bytes = self.bytes.saturating_sub(size_of(key, &old));
        }
    }
}

fn size_of(key: &[u8], row: &[u8]) -> usize {
    key.len().saturating_add(row.len()).saturating_add(ROW_OVERHEAD_BYTES)
}

impl RowCache {
    /// The view, read through the cache. It must show what was last written.
    pub fn over<'c>(&'c self, view: &'c StateView) -> CachedView<'c> {
        CachedView { cache: self, view }
    }

    /// Takes over what was written.
    pub fn written(&mut self, writes: &Writes) {
        let kept = self.0.get_mut();
        for (key, row) in &writes.0 {
            match row {
                Some(row) if row.len() <= ROW_BYTES_MAX => {
                    if kept.rows.contains_key(key) {
                        kept.put(key, row);
                    }
                }
                _ => kept.remove(key),
            }
        }
    }

    /// Forgets everything: the rows were replaced.
    pub fn clear(&mut self) {
        *self.0.get_mut() = Kept::default();
    }
}

/// A view with the cache in front of it.
#[derive(Debug)]
pub struct CachedView<'c> {
    cache: &'c RowCache,
    view: &'c StateView,
}

impl Rows for CachedView<'_> {
    type Error = StoreError;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(row) = self.cache.0.borrow().rows.get(key) {
            return Ok(Some(row.clone()));
        }
        let found = self.view.get(key)?;
        if let Some(row) = found.as_ref().filter(|row| row.len() <= ROW_BYTES_MAX) {
            self.cache.0.borrow_mut().put(key, row);
        }
        Ok(found)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.view.scan(from, to, order, visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_takes_no_more_than_it_may_however_many_rows_are_read() {
        let mut kept = Kept::default();
        let most = (0..100_000_u32)
            .map(|row| {
                kept.put(&row.to_be_bytes(), &vec![7; 1000]);
                kept.bytes
            })
            .max();
        assert!(most.is_some_and(|most| most <= BYTES_MAX && most > BYTES_MAX / 2), "{most:?}");
        let before = kept.bytes;
        let last = 99_999_u32.to_be_bytes();
        kept.put(&last, &[1; 10]);
        assert_eq!(kept.bytes, before - 990);
        kept.remove(&last);
        kept.remove(&last);
        assert_eq!(kept.bytes, before - 1000 - 4 - ROW_OVERHEAD_BYTES);
    }
}

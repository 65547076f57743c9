//! Rows that were read before, in front of a view, for the one thread that also writes them. Knows nothing of what they
//! hold: a row gets in by being found, so that the sessions and conversations that are busy are, and messages are not.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;

use raftchat_state::{Order, Rows, Writes};

use super::StateView;
use crate::store::error::StoreError;

/// Beyond so many rows the cache begins anew.
const ROWS_MAX: usize = 64 * 1024;
/// A larger row is not worth a place.
const ROW_BYTES_MAX: usize = 1024;

/// The rows themselves.
#[derive(Debug, Default)]
pub struct RowCache(RefCell<HashMap<Vec<u8>, Vec<u8>>>);

impl RowCache {
    /// The view, read through the cache. It must show what was last written.
    pub fn over<'c>(&'c self, view: &'c StateView) -> CachedView<'c> {
        CachedView { cache: self, view }
    }

    /// Takes over what was written.
    pub fn written(&mut self, writes: &Writes) {
        let rows = self.0.get_mut();
        for (key, row) in &writes.0 {
            match row {
                Some(row) => {
                    if let Some(cached) = rows.get_mut(key) {
                        cached.clone_from(row);
                    }
                }
                None => drop(rows.remove(key)),
            }
        }
    }

    /// Forgets everything: the rows were replaced.
    pub fn clear(&mut self) {
        self.0.get_mut().clear();
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
        if let Some(row) = self.cache.0.borrow().get(key) {
            return Ok(Some(row.clone()));
        }
        let found = self.view.get(key)?;
        if let Some(row) = found.as_ref().filter(|row| row.len() <= ROW_BYTES_MAX) {
            let mut rows = self.cache.0.borrow_mut();
            if rows.len() >= ROWS_MAX {
                rows.clear();
            }
            rows.insert(key.to_vec(), row.clone());
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

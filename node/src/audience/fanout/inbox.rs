//! What is new for one subscription, until it takes it. One that is full is emptied, and its subscription reads the tables
//! instead. Never knows whom it is for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftchat_schema::id::ChangeNumber;
use raftchat_schema::view::Change;
use tokio::sync::Notify;

use crate::audience::typing_news::TypingNews;

/// The most changes in an inbox.
pub(super) const INBOX_CHANGES_MAX: usize = 1024;
/// The most bytes in an inbox.
pub(super) const INBOX_BYTES_MAX: usize = 1 << 20;
/// The most hints in an inbox; the oldest go first.
pub(super) const INBOX_HINTS_MAX: usize = 64;

/// Where a subscription finds what is new.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    contents: Mutex<Contents>,
    pub(super) filled: Notify,
}

#[derive(Debug, Default)]
struct Contents {
    changes: VecDeque<Arc<Change>>,
    hints: VecDeque<TypingNews>,
    bytes: usize,
    overflowed: bool,
}

/// What an inbox has to give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// These, in order of number, all above the cursor; nothing before them is missing.
    Changes(Vec<Arc<Change>>),
    /// It overflowed: the tables have to be read, from the cursor on.
    Overflowed,
}

impl Inbox {
    /// Puts a change in; true if it is the one by which the inbox overflows.
    pub(super) fn push(&self, change: &Arc<Change>) -> bool {
        let mut contents = self.lock();
        if contents.overflowed {
            return false;
        }
        contents.bytes = contents.bytes.saturating_add(change.row.weight());
        contents.changes.push_back(change.clone());
        let full = contents.changes.len() > INBOX_CHANGES_MAX || contents.bytes > INBOX_BYTES_MAX;
        if full {
            contents.overflow();
        }
        full
    }

    pub(super) fn push_hint(&self, news: TypingNews) {
        let mut contents = self.lock();
        if contents.hints.len() >= INBOX_HINTS_MAX {
            contents.hints.pop_front();
        }
        contents.hints.push_back(news);
    }

    /// Takes the hints.
    pub(super) fn take_hints(&self) -> VecDeque<TypingNews> {
        std::mem::take(&mut self.lock().hints)
    }

    /// Begins anew after an overflow, before the tables are read.
    pub(super) fn restart(&self) {
        *self.lock() = Contents::default();
    }

    /// Takes what is above `after`, up to so many changes and bytes; a single larger one comes alone.
    pub(super) fn take(&self, after: ChangeNumber, changes_max: usize, bytes_max: usize) -> Taken {
        let mut contents = self.lock();
        if contents.overflowed {
            return Taken::Overflowed;
        }
        let (mut taken, mut bytes) = (Vec::new(), 0_usize);
        while let Some(next) = contents.changes.front() {
            let weight = next.row.weight();
            let known = next.number <= after;
            if !known && !taken.is_empty() && (taken.len() >= changes_max || bytes.saturating_add(weight) > bytes_max) {
                break;
            }
            let next = contents.changes.pop_front();
            contents.bytes = contents.bytes.saturating_sub(weight);
            if !known {
                bytes = bytes.saturating_add(weight);
                taken.extend(next);
            }
        }
        Taken::Changes(taken)
    }

    /// Empties it, and lets nothing in until its subscription has read the tables.
    pub(super) fn overflow(&self) {
        self.lock().overflow();
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn overflow(&mut self) {
        *self = Self { overflowed: true, ..Self::default() };
    }
}

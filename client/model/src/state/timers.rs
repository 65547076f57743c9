//! What is to be done at which time. Knows no clock: it is told the time and says when to be told again.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use raftchat_schema::id::{ConversationId, Stamp, UserId};

use crate::interface::rows::{ChatId, OutboxId};

/// Something that waits for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The draft was left alone for long enough to be saved.
    SaveDraft(ChatId),
    /// Somebody's word about typing is no longer good.
    TypingOver(ConversationId, UserId),
    /// A conversation may call for attention again.
    Unmute(ConversationId),
    /// An entry of the outbox may be tried again.
    Retry(OutboxId),
    /// Messages far from where the person reads may be dropped.
    Trim,
    /// The members of the open conversation may be asked for again.
    Members,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<Timer, Stamp>,
    announced: Option<Stamp>,
}

impl Timers {
    /// Sets a timer, anew if it was set.
    pub(crate) fn set(&mut self, timer: Timer, due: Stamp) {
        self.due.insert(timer, due);
    }

    /// Sets a timer that is not set yet.
    pub(crate) fn set_if_not_set(&mut self, timer: Timer, due: Stamp) {
        self.due.entry(timer).or_insert(due);
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        self.due.remove(&timer);
    }

    /// Takes those whose time has come.
    pub(crate) fn take_due(&mut self, now: Stamp) -> Vec<Timer> {
        if self.announced.is_some_and(|announced| announced <= now) {
            self.announced = None;
        }
        let due: Vec<Timer> = self.due.iter().filter(|(_, due)| **due <= now).map(|(timer, _)| *timer).collect();
        for timer in &due {
            self.due.remove(timer);
        }
        due
    }

    /// The time to be told next, if it is another than was said.
    pub(crate) fn announce(&mut self) -> Option<Stamp> {
        let next = self.due.values().min().copied()?;
        if self.announced == Some(next) {
            return None;
        }
        self.announced = Some(next);
        Some(next)
    }
}

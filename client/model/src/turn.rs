//! What one input has led to so far. Knows nothing of why.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use raftchat_schema::id::{Position, Stamp};

use crate::interface::effect::{Durability, Effect, Write};
use crate::interface::rows::ChatId;
use crate::interface::shown::Shown;

/// One call of `handle`: what is to be written, what else is to be done, and what has to be drawn anew.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) now: Stamp,
    /// By how much the cluster's time is ahead of the device's.
    ahead_ms: i64,
    writes: Vec<Write>,
    synced: bool,
    effects: Vec<Effect>,
    touched: BTreeMap<ChatId, Touched>,
}

/// The parts of one conversation that have changed, as far as it may be drawn.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is looked at by itself")]
pub(crate) struct Touched {
    /// These messages, or what is done to them.
    pub(crate) messages: BTreeSet<Position>,
    /// Up to where others have received and read.
    pub(crate) marks: bool,
    /// Its members, or those who have left.
    pub(crate) members: bool,
    /// The draft, by somebody else than the entry field.
    pub(crate) draft: bool,
    /// So much that every item has to be looked at.
    pub(crate) everything: bool,
}

impl Turn {
    pub(crate) fn new(now: Stamp, ahead_ms: i64) -> Self {
        Self { now, ahead_ms, writes: Vec::new(), synced: false, effects: Vec::new(), touched: BTreeMap::new() }
    }

    /// The cluster's time, as far as this device was told.
    pub(crate) fn cluster_now(&self) -> Stamp {
        self.to_cluster(self.now)
    }

    /// A time of this device as the cluster has it; never and for ever are the same for both.
    pub(crate) fn to_cluster(&self, at: Stamp) -> Stamp {
        moved(at, self.ahead_ms)
    }

    /// A time of the cluster as this device has it.
    pub(crate) fn to_device(&self, at: Stamp) -> Stamp {
        moved(at, self.ahead_ms.saturating_neg())
    }

    /// Writes a row with the batch of this turn.
    pub(crate) fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Writes a row that must be on the disk before anything else is done.
    pub(crate) fn write_synced(&mut self, write: Write) {
        self.writes.push(write);
        self.synced = true;
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn show(&mut self, shown: Shown) {
        self.effects.push(Effect::Show(shown));
    }

    /// Notes that a conversation has to be looked at when all is done, and gives what is noted of it.
    pub(crate) fn touch(&mut self, chat: ChatId) -> &mut Touched {
        self.touched.entry(chat).or_default()
    }

    /// The changes noted of a conversation.
    pub(crate) fn touched(&self, chat: ChatId) -> Option<&Touched> {
        self.touched.get(&chat)
    }

    /// The conversations that have to be looked at.
    pub(crate) fn touched_chats(&self) -> Vec<ChatId> {
        self.touched.keys().copied().collect()
    }

    /// The effects, the batch first.
    pub(crate) fn into_effects(self) -> Vec<Effect> {
        if self.writes.is_empty() {
            return self.effects;
        }
        let durability = if self.synced { Durability::Synced } else { Durability::Lazy };
        let mut effects = Vec::with_capacity(self.effects.len() + 1);
        effects.push(Effect::Store(self.writes, durability));
        effects.extend(self.effects);
        effects
    }
}

fn moved(at: Stamp, by_ms: i64) -> Stamp {
    match at {
        Stamp(0 | u64::MAX) => at,
        Stamp(ms) => Stamp(ms.saturating_add_signed(by_ms)),
    }
}

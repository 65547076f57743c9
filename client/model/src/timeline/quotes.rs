//! The messages that shown ones answer and that are not shown themselves. Knows nothing of how they are drawn.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use raftchat_schema::id::Position;
use raftchat_schema::view::MessageView;

use crate::state::merge;

/// Quoted messages of the open timeline, as far as they were found.
#[derive(Debug, Default)]
pub(crate) struct Quotes {
    /// The messages that quote a position.
    by: BTreeMap<Position, BTreeSet<Position>>,
    /// The message at a position; none: there is none.
    found: BTreeMap<Position, Option<MessageView>>,
    /// Yet to be looked for.
    wanted: BTreeSet<Position>,
    /// Changed since the last drawing.
    changed: BTreeSet<Position>,
}

/// States of a quoted message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    /// It was not looked for yet.
    NotYet,
    /// There is none.
    Nothing,
    /// The message as it is.
    Message(&'a MessageView),
}

impl Quotes {
    /// Notes that the message at `from` quotes the one at `position`.
    pub(crate) fn note(&mut self, position: Position, from: Position) {
        self.by.entry(position).or_default().insert(from);
    }

    /// Notes that the message at `position` is looked at apart from where it is.
    pub(crate) fn watch(&mut self, position: Position) {
        self.by.entry(position).or_default();
    }

    /// The messages that quote one of these.
    pub(crate) fn quoting(&self, positions: &BTreeSet<Position>) -> Vec<Position> {
        positions.iter().filter_map(|position| self.by.get(position)).flatten().copied().collect()
    }

    /// A quoted message that is not held, as far as it is known; one that is not known yet is looked for.
    pub(crate) fn find(&mut self, position: Position) -> Found<'_> {
        match self.found.get(&position) {
            Some(Some(message)) => Found::Message(message),
            Some(None) => Found::Nothing,
            None => {
                self.wanted.insert(position);
                Found::NotYet
            }
        }
    }

    /// Takes in what was found at a position.
    pub(crate) fn put(&mut self, position: Position, message: Option<MessageView>) {
        match (self.found.get_mut(&position), message) {
            (Some(Some(held)), Some(message)) => {
                merge::message(held, message);
            }
            (Some(Some(_)), None) => {}
            (_, message) => {
                self.found.insert(position, message);
            }
        }
        self.changed.insert(position);
    }

    /// Takes in a message that came by itself, if it is quoted.
    pub(crate) fn take(&mut self, message: &MessageView) {
        if self.by.contains_key(&message.position) || self.found.contains_key(&message.position) {
            self.put(message.position, Some(message.clone()));
        }
    }

    /// Keeps a message that is shown no longer, if one that still is quotes it.
    pub(crate) fn keep(&mut self, message: MessageView) {
        if self.by.contains_key(&message.position) {
            self.put(message.position, Some(message));
        }
    }

    /// Forgets what is quoted by none but messages that are shown no longer.
    pub(crate) fn retain(&mut self, is_shown: impl Fn(Position) -> bool, is_wanted: impl Fn(Position) -> bool) {
        let found = &mut self.found;
        self.by.retain(|position, from| {
            from.retain(|from| is_shown(*from));
            let stays = !from.is_empty() || is_wanted(*position);
            if !stays {
                found.remove(position);
            }
            stays
        });
    }

    /// Those to be looked for, once.
    pub(crate) fn take_wanted(&mut self) -> BTreeSet<Position> {
        core::mem::take(&mut self.wanted)
    }

    /// Those that have changed, once.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<Position> {
        core::mem::take(&mut self.changed)
    }
}

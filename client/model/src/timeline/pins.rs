//! What the members have pinned in the open conversation, in a few words each. Knows nothing of who pinned it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use raftchat_schema::id::Position;

use super::Timeline;
use crate::interface::shown::{Body, Original, PinnedMessage, Quote};
use crate::state::scene::Scene;
use crate::text::safe;

/// So much of a pinned message is shown.
const WORDS_CHARS_MAX: usize = 160;

/// The pinned messages as they were last shown, and whether they may have become different since.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    positions: Vec<Position>,
    shown: Option<Vec<PinnedMessage>>,
    stale: bool,
}

impl Pins {
    /// Puts the messages that are pinned now.
    pub(crate) fn put(&mut self, positions: &[Position]) {
        if self.positions != positions {
            self.positions = positions.to_vec();
            self.stale = true;
        }
    }

    /// These messages may have become different.
    pub(crate) fn note(&mut self, messages: &BTreeSet<Position>) {
        self.stale = self.stale || self.positions.iter().any(|position| messages.contains(position));
    }

    /// Any message may have become different.
    pub(crate) fn note_everything(&mut self) {
        self.stale = true;
    }

    pub(crate) fn contains(&self, position: Position) -> bool {
        self.positions.contains(&position)
    }
}

impl Timeline {
    /// The pinned messages, if they have become different.
    pub(crate) fn new_pins(&mut self, scene: &Scene<'_>) -> Option<Vec<PinnedMessage>> {
        let stale = core::mem::take(&mut self.pins.stale);
        if !stale && self.pins.shown.is_some() {
            return None;
        }
        let pinned: Vec<PinnedMessage> =
            self.pins.positions.clone().into_iter().map(|position| self.pinned(scene, position)).collect();
        if self.pins.shown.as_ref() == Some(&pinned) {
            return None;
        }
        self.pins.shown = Some(pinned.clone());
        Some(pinned)
    }

    fn pinned(&mut self, scene: &Scene<'_>, position: Position) -> PinnedMessage {
        self.quotes.watch(position);
        let Quote { original, .. } = self.quote(scene, position, Position(u64::MAX));
        match original {
            Original::Said { sender, sender_name, body } => PinnedMessage {
                position,
                hidden_blocked: scene.hides(sender),
                original: Original::Said { sender, sender_name, body: first_words(body) },
            },
            original => PinnedMessage { position, original, hidden_blocked: false },
        }
    }
}

fn first_words(body: Body) -> Body {
    match body {
        Body::Text(text) => Body::Text(safe::one_line(&text, WORDS_CHARS_MAX)),
        other => other,
    }
}

//! What a session holds on this node beside its rows: that it is live and its user is here. Never knows what the session asks.

use std::cell::Cell;

use crate::audience::live::LiveSession;
use crate::audience::presence::Here;

/// That the session is live and its user is there: for as long as its link lives, and no longer than the session is held.
pub(super) struct Registered {
    pub(super) live: LiveSession,
    here: Cell<Option<Here>>,
}

impl Registered {
    pub(super) fn new(live: LiveSession, here: Here) -> Self {
        Self { live, here: Cell::new(Some(here)) }
    }

    /// It is so no longer. Again it changes nothing.
    pub(super) fn give_up(&self) {
        self.live.leave();
        self.here.take();
    }
}

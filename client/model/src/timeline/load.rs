//! A page of messages on its way into a timeline: which, what for, and who is asked. Knows nothing of how they are asked.

use raftchat_schema::id::Position;

use crate::interface::effect::PageRange;

/// The number of messages that are loaded at a time.
pub(super) const PAGE: u64 = 50;

/// A page on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) range: PageRange,
    pub(super) purpose: Purpose,
    pub(super) stage: Stage,
}

/// The purpose of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The end of the conversation, or what is missing before it.
    End,
    /// Messages before the span.
    Older,
    /// Messages after the span.
    Newer,
    /// Messages around that one.
    Jump(Position),
    /// A message that is quoted.
    Quote,
}

/// The source that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Store,
    Nodes,
}

impl Load {
    pub(super) fn covers(&self, position: Position) -> bool {
        self.purpose != Purpose::Quote && self.range.covers(position)
    }
}

/// True if the person sees that it is being loaded.
pub(super) fn is_seen(load: &Load) -> bool {
    load.purpose != Purpose::Quote
}

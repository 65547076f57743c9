//! The feed taken apart: one change at a time, each with the cursor after it. Knows nothing of where it comes from.

use std::collections::VecDeque;

use raftchat_schema::id::ConversationId;
use raftchat_schema::view::{Change, Counts};

use super::{Batch, Feed, FeedEvent, Hint};
use crate::cursor;
use crate::error::ClientError;
use crate::link::event::LinkEvent;
use crate::link::state::LinkState;

/// What a subscription tells.
#[derive(Debug)]
pub enum Event {
    /// A row that the user can see has changed. In order of number, none missing, none twice.
    Change {
        /// The row as it stands now.
        change: Change,
        /// Where to go on from after this change.
        cursor: Vec<u8>,
    },
    /// What the user has to read in a conversation, after changes in it.
    Counts {
        /// The conversation.
        conversation: ConversationId,
        /// The counts; of two the one as of the higher change is the newer.
        counts: Counts,
    },
    /// Told once: everything that was there when the subscription began has been told.
    CaughtUp {
        /// Where to go on from.
        cursor: Vec<u8>,
    },
    /// Something of the moment.
    Hint(Hint),
    /// The link has changed; the subscription goes on by itself.
    Link(LinkState),
    /// The same in detail: what has happened to which link and why.
    Path(LinkEvent),
    /// The subscription is over, and this is the last event.
    Ended(ClientError),
}

/// A subscription. Ends by being dropped. Events that are not taken hold up the node, which then sends no more: nothing
/// is lost.
#[derive(Debug)]
pub struct Subscription {
    feed: Feed,
    /// Taken out of the feed, not yet told.
    waiting: VecDeque<Event>,
    caught_up: bool,
}

impl Subscription {
    pub(crate) fn new(feed: Feed) -> Self {
        Self { feed, waiting: VecDeque::new(), caught_up: false }
    }

    /// The next event; none after [`Event::Ended`]. May be given up at any await without losing an event.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            match self.feed.next().await? {
                FeedEvent::Batch(batch) => self.take_apart(batch),
                FeedEvent::CaughtUp { cursor } => {
                    if !std::mem::replace(&mut self.caught_up, true) {
                        return Some(Event::CaughtUp { cursor });
                    }
                }
                FeedEvent::Hint(hint) => return Some(Event::Hint(hint)),
                FeedEvent::Link(state) => return Some(Event::Link(state)),
                FeedEvent::Path(event) => return Some(Event::Path(event)),
                FeedEvent::Ended(error) => return Some(Event::Ended(error)),
            }
        }
    }

    fn take_apart(&mut self, mut batch: Batch) {
        let mut before = std::mem::take(&mut batch.begin);
        let mut changes = std::mem::take(&mut batch.changes).into_iter().peekable();
        while let Some(change) = changes.next() {
            let cursor = match changes.peek() {
                Some(_) => cursor::after_change(change.number, &batch.cursor, &before),
                None => batch.cursor.clone(),
            };
            before.clone_from(&cursor);
            self.waiting.push_back(Event::Change { change, cursor });
        }
        let counts = std::mem::take(&mut batch.counts).into_iter();
        self.waiting.extend(counts.map(|(conversation, counts)| Event::Counts { conversation, counts }));
        batch.acknowledge();
    }
}

//! What a program sees of a subscription: events in order, one at a time. Knows nothing of where they come from.

use raftchat_schema::id::{UserId, Username};
use raftchat_schema::view::Change;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::error::ClientError;
use crate::worker::LinkState;

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Following {
    /// With everything there is.
    FromStart,
    /// With what changes from now on. "Now" has come when [`Event::CaughtUp`] is told.
    FromNow,
    /// After this cursor, which an earlier [`Event`] told.
    After(Vec<u8>),
}

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
    /// Told once: everything that was there when the subscription began has been told.
    CaughtUp {
        /// Where to go on from.
        cursor: Vec<u8>,
    },
    /// A hint about somebody; not numbered, possibly lost.
    Presence {
        /// Who.
        user: UserId,
        /// Their name.
        username: Username,
        /// Whether they have a live session.
        online: bool,
    },
    /// The link has changed; the subscription goes on by itself.
    Link(LinkState),
    /// The subscription is over, and this is the last event.
    Ended(ClientError),
}

/// A subscription. Ends by being dropped. Events that are not taken hold up the node, which then sends no more: nothing
/// is lost.
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Event>,
    /// Keeps the client's thread for as long as somebody listens.
    _client: Client,
}

impl Subscription {
    pub(crate) fn new(events: mpsc::Receiver<Event>, client: Client) -> Self {
        Self { events, _client: client }
    }

    /// The next event; none after [`Event::Ended`]. May be given up at any await without losing an event.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

//! What a program sees of the feed: batches as nodes send them, each to be acknowledged by whoever has taken it in.
//! Knows nothing of where they come from.

pub(crate) mod follower;
mod gate;
mod link_subscription;
mod receiver;
mod resume;
pub(crate) mod subscription;

use std::any::Any;
use std::sync::Arc;

use raftchat_schema::id::{ConversationId, UserId, Username};
use raftchat_schema::view::{Change, Counts};
use tokio::sync::{mpsc, oneshot};

use crate::error::ClientError;
use crate::link::event::LinkEvent;
use crate::link::state::LinkState;

/// Changes that a node sent together. Until it is acknowledged the node takes it for not received, and sends only so much
/// more. One that is dropped without that ends the subscription on its link; it goes on over another, after this batch.
#[derive(Debug)]
pub struct Batch {
    /// In order of number, none of an earlier batch.
    pub changes: Vec<Change>,
    /// What the user has to read in the conversations that the changes are in.
    pub counts: Vec<(ConversationId, Counts)>,
    /// Where to go on from when all of it is taken in.
    pub cursor: Vec<u8>,
    /// The cursor before it.
    pub(crate) begin: Vec<u8>,
    pub(crate) taken: oneshot::Sender<()>,
}

impl Batch {
    /// Tells the node that this device holds the batch.
    pub fn acknowledge(self) {
        // The link may be gone, and with it who waits for this.
        let _ = self.taken.send(());
    }
}

/// Something of the moment about somebody: not numbered, stored nowhere, and possibly lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A user has come or gone.
    Presence {
        /// The user who has.
        user: UserId,
        /// Their name.
        username: Username,
        /// Whether they have a live session.
        online: bool,
    },
    /// A member is writing, or has stopped. Good for [`TYPING_MS`](raftchat_schema::limits::TYPING_MS).
    Typing {
        /// The conversation that they write in.
        conversation: ConversationId,
        /// The member.
        user: UserId,
        /// Their name.
        username: Username,
        /// Whether they are writing.
        active: bool,
    },
}

/// What a [`Feed`] tells.
#[derive(Debug)]
pub enum FeedEvent {
    /// Rows that the user can see have changed. In order of number, none missing, none twice.
    Batch(Batch),
    /// Everything that was missed has been told; once for each link.
    CaughtUp {
        /// Where to go on from.
        cursor: Vec<u8>,
    },
    /// Something of the moment.
    Hint(Hint),
    /// The link has changed; the feed goes on by itself.
    Link(LinkState),
    /// The same in detail: what has happened to which link and why.
    Path(LinkEvent),
    /// The feed is over, and this is the last event.
    Ended(ClientError),
}

/// The feed as nodes send it. Ends by being dropped. Batches that are not acknowledged hold up the node, which then sends
/// no more: nothing is lost.
#[derive(Debug)]
pub struct Feed {
    events: mpsc::Receiver<FeedEvent>,
    /// Keeps the client's thread for as long as somebody listens. What that takes, only the client knows.
    _alive: Arc<dyn Any + Send + Sync>,
}

impl Feed {
    pub(crate) fn new(events: mpsc::Receiver<FeedEvent>, alive: Arc<dyn Any + Send + Sync>) -> Self {
        Self { events, _alive: alive }
    }

    /// The next event; none after [`FeedEvent::Ended`]. May be given up at any await without losing an event.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        self.events.recv().await
    }
}

//! Keeping a subscription going over one link after another: from the last cursor, nothing missed, nothing twice. Knows
//! nothing of who listens.

use std::rc::Rc;
use std::time::Duration;

use raftchat_schema::generated::client_capnp::subscription;
use raftchat_schema::id::{ChangeNumber, ConversationId, SessionId};
use raftchat_schema::view::{Change, Counts};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use crate::call::{Failure, Next, after};
use crate::cursor;
use crate::error::ClientError;
use crate::feed::{Batch, FeedEvent, Following};
use crate::receiver::{Push, receiver};
use crate::repeat::{ATTEMPT_MAX, backoff, bounded};
use crate::rpc;
use crate::worker::{Connected, LinkState, Worker};

/// How many events wait for who listens before the node is held up: a few windows of the node's.
pub(crate) const EVENTS_WAITING_MAX: usize = 256;

/// A link that served this long was a good one: the next is made at once.
const STEADY: Duration = Duration::from_secs(1);

/// Follows until nobody listens any more, or until it is of no use.
pub(crate) async fn follow(worker: Rc<Worker>, from: Following, events: mpsc::Sender<FeedEvent>) {
    let states = worker.states();
    let mut follower = Follower::new(Rc::clone(&worker), from, events.clone());
    let ended = tokio::select! {
        error = follower.run() => Some(error),
        () = forward(states, &events) => None,
        () = events.closed() => None,
    };
    if let Some(error) = ended {
        tracing::info!(%error, "a subscription has ended");
        // Whoever listened may be gone.
        let _ = events.send(FeedEvent::Ended(error)).await;
    }
    worker.keep_seen();
}

/// Tells of every change of the link from now on.
async fn forward(mut states: watch::Receiver<LinkState>, events: &mpsc::Sender<FeedEvent>) {
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        if events.send(FeedEvent::Link(state)).await.is_err() {
            return;
        }
    }
}

struct Follower {
    worker: Rc<Worker>,
    events: mpsc::Sender<FeedEvent>,
    /// Everything up to here was told; none while "now" is not known.
    cursor: Option<Vec<u8>>,
    /// The last change that was told.
    last: Option<ChangeNumber>,
    /// Whose subscription it is.
    session: Option<SessionId>,
}

/// A subscription on one link.
struct Established {
    pushes: mpsc::UnboundedReceiver<Push>,
    /// Ends by being dropped.
    _subscription: subscription::Client,
}

impl Follower {
    fn new(worker: Rc<Worker>, from: Following, events: mpsc::Sender<FeedEvent>) -> Self {
        let cursor = match from {
            Following::FromStart => Some(Vec::new()),
            Following::FromNow => None,
            Following::After(cursor) => Some(cursor),
        };
        let last = cursor.as_deref().and_then(cursor::number);
        Self { worker, events, cursor, last, session: None }
    }

    /// Goes from link to link; returns why there is no going on.
    async fn run(&mut self) -> ClientError {
        let mut backoff = backoff();
        loop {
            let since = Instant::now();
            let Err(failure) = self.over_one_link().await else {
                if since.elapsed() < STEADY {
                    sleep(backoff.next_wait()).await;
                } else {
                    backoff.reset();
                }
                continue;
            };
            let wait = match after(&failure) {
                Next::Stop => return failure.into_error(),
                Next::Again(wait) | Next::Elsewhere(wait) => wait.max(backoff.next_wait()),
            };
            tracing::debug!(cause = %failure.sentence(), ?wait, "a subscription is taken up again");
            sleep(wait).await;
        }
    }

    /// Follows over the current link; returns when that link was lost or left after it had served.
    async fn over_one_link(&mut self) -> Result<(), Failure> {
        let connected = self.worker.connected().await.map_err(Failure::Connect)?;
        let worker = Rc::clone(&self.worker);
        let established = bounded(&worker, &connected, ATTEMPT_MAX, self.establish(&connected)).await?;
        self.pump(&connected, established).await
    }

    async fn establish(&mut self, connected: &Connected) -> Result<Established, Failure> {
        let session = self.worker.session(connected).await?;
        let granted = &session.granted;
        if *self.session.get_or_insert(granted.session) != granted.session {
            // Somebody else is logged in on this device now.
            return Err(ClientError::NoSession.into());
        }
        let from = if let Some(cursor) = &self.cursor {
            cursor.clone()
        } else {
            let now = rpc::catch_up(&granted.client).await?.cursor;
            self.last = cursor::number(&now);
            self.cursor.insert(now).clone()
        };
        let (receiver, pushes) = receiver();
        let subscription = rpc::subscribe(&granted.client, &from, receiver).await?;
        Ok(Established { pushes, _subscription: subscription })
    }

    async fn pump(&mut self, connected: &Rc<Connected>, mut established: Established) -> Result<(), Failure> {
        loop {
            tokio::select! {
                push = established.pushes.recv() => {
                    let Some(push) = push else { return Err(self.dropped(connected)) };
                    self.take(push).await?;
                }
                failure = connected.link.closed() => {
                    self.worker.leave(connected, &failure.to_string());
                    return Ok(());
                }
                () = connected.left() => return Ok(()),
            }
        }
    }

    /// The node let go of the receiver without a word.
    fn dropped(&self, connected: &Rc<Connected>) -> Failure {
        let cause = "the node has dropped the subscription".to_owned();
        self.worker.leave(connected, &cause);
        Failure::Exception(capnp::Error::disconnected(cause))
    }

    async fn take(&mut self, push: Push) -> Result<(), Failure> {
        match push {
            Push::Changes { changes, counts, nothing_left, cursor, taken } => {
                self.tell_changes(changes, counts, cursor, taken).await;
                if nothing_left {
                    self.tell(FeedEvent::CaughtUp { cursor: self.cursor.clone().unwrap_or_default() }).await;
                }
            }
            Push::Presence { user, username, online } => {
                self.tell(FeedEvent::Presence { user, username, online }).await;
            }
            Push::Typing { conversation, user, username, active } => {
                self.tell(FeedEvent::Typing { conversation, user, username, active }).await;
            }
            // The node says that subscribing again is of no use, whatever the reason.
            Push::Ended(refusal) => return Err(ClientError::Refused(refusal).into()),
        }
        Ok(())
    }

    /// Tells what was not told before; who takes it acknowledges it.
    async fn tell_changes(
        &mut self,
        mut changes: Vec<Change>,
        counts: Vec<(ConversationId, Counts)>,
        page_end: Vec<u8>,
        taken: oneshot::Sender<()>,
    ) {
        let begin = self.cursor.clone().unwrap_or_default();
        changes.retain(|change| self.last.is_none_or(|last| change.number > last));
        self.last = changes.last().map(|change| change.number).max(self.last);
        if cursor::supersedes(&page_end, self.cursor.as_deref()) {
            self.cursor = Some(page_end);
        }
        let end = self.cursor.clone().unwrap_or_default();
        self.worker.note_seen(&end);
        if changes.is_empty() && counts.is_empty() {
            // The link may be gone, and with it who waits for this.
            let _ = taken.send(());
            return;
        }
        self.tell(FeedEvent::Batch(Batch { changes, counts, cursor: end, begin, taken })).await;
    }

    async fn tell(&self, event: FeedEvent) {
        // Fails only when nobody listens any more, which ends the whole.
        let _ = self.events.send(event).await;
    }
}

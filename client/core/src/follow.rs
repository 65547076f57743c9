//! Keeping a subscription going over one link after another: from the last cursor, nothing missed, nothing twice. Knows
//! nothing of who listens.

use std::rc::Rc;
use std::time::Duration;

use raftchat_schema::generated::client_capnp::subscription;
use raftchat_schema::id::{ChangeNumber, SessionId};
use raftchat_schema::view::Change;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::call::{Failure, Next, after};
use crate::cursor;
use crate::error::ClientError;
use crate::receiver::{Push, receiver};
use crate::repeat::{ATTEMPT_MAX, backoff, bounded};
use crate::rpc;
use crate::subscription::{Event, Following};
use crate::worker::{Connected, LinkState, Worker};

/// How many events wait for who listens before the node is held up: a few windows of the node's.
pub(crate) const EVENTS_WAITING_MAX: usize = 256;

/// A link that served this long was a good one: the next is made at once.
const STEADY: Duration = Duration::from_secs(1);

/// Follows until nobody listens any more, or until it is of no use.
pub(crate) async fn follow(worker: Rc<Worker>, from: Following, events: mpsc::Sender<Event>) {
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
        let _ = events.send(Event::Ended(error)).await;
    }
    worker.keep_seen();
}

/// Tells of every change of the link from now on.
async fn forward(mut states: watch::Receiver<LinkState>, events: &mpsc::Sender<Event>) {
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        if events.send(Event::Link(state)).await.is_err() {
            return;
        }
    }
}

struct Follower {
    worker: Rc<Worker>,
    events: mpsc::Sender<Event>,
    /// Everything up to here was told; none while "now" is not known.
    cursor: Option<Vec<u8>>,
    /// The last change that was told.
    last: Option<ChangeNumber>,
    /// What was there when the subscription began has been told, and that too.
    caught_up: bool,
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
    fn new(worker: Rc<Worker>, from: Following, events: mpsc::Sender<Event>) -> Self {
        let cursor = match from {
            Following::FromStart => Some(Vec::new()),
            Following::FromNow => None,
            Following::After(cursor) => Some(cursor),
        };
        let last = cursor.as_deref().and_then(cursor::number);
        Self { worker, events, cursor, last, caught_up: false, session: None }
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
            let now = rpc::catch_up(&granted.client).await?;
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
            Push::Changes { changes, nothing_left, cursor, taken } => {
                self.tell_changes(changes, cursor).await;
                // The link may be gone, and with it who waits for this.
                let _ = taken.send(());
                if nothing_left && !self.caught_up {
                    self.caught_up = true;
                    self.tell(Event::CaughtUp { cursor: self.cursor.clone().unwrap_or_default() }).await;
                }
            }
            Push::Presence { user, username, online } => self.tell(Event::Presence { user, username, online }).await,
            // The node says that subscribing again is of no use, whatever the reason.
            Push::Ended(refusal) => return Err(ClientError::Refused(refusal).into()),
        }
        Ok(())
    }

    /// Tells what was not told before, each with the cursor to go on from after it.
    async fn tell_changes(&mut self, changes: Vec<Change>, page_end: Vec<u8>) {
        let mut before = self.cursor.clone().unwrap_or_default();
        let mut changes = changes.into_iter().peekable();
        while let Some(change) = changes.next() {
            let number = change.number;
            if self.last.is_some_and(|last| number <= last) {
                continue;
            }
            let cursor = match changes.peek() {
                Some(_) => cursor::after_change(number, &page_end, &before),
                None => page_end.clone(),
            };
            self.tell(Event::Change { change, cursor: cursor.clone() }).await;
            self.last = Some(number);
            self.cursor = Some(cursor.clone());
            before = cursor;
        }
        if cursor::supersedes(&page_end, self.cursor.as_deref()) {
            self.cursor = Some(page_end);
        }
        self.worker.note_seen(self.cursor.as_deref().unwrap_or_default());
    }

    async fn tell(&self, event: Event) {
        // Fails only when nobody listens any more, which ends the whole.
        let _ = self.events.send(event).await;
    }
}

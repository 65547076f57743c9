//! Keeping a feed going over several links at once: one that pushes, one that is armed to take over, and those that were
//! suspected a moment ago. Whatever any of them brings goes through one place, where doubles fall. Knows nothing of who
//! listens, and decides nothing about links.

use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use raftchat_schema::id::ConversationId;
use raftchat_schema::pause::Pause;
use raftchat_schema::view::{Change, Counts};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;

use super::gate::Gate;
use super::link_subscription::{Established, LinkSubscription};
use super::receiver::{Push, SubscriptionId};
use super::resume::{News, ResumePoint};
use super::{Batch, FeedEvent};
use crate::error::ClientError;
use crate::link::engine::LinkRole;
use crate::link::event::{LinkCause, LinkEvent, LinkEventKind};
use crate::link::node_link::NodeLink;
use crate::link::worker::Worker;
use crate::options::{Following, Standby};
use crate::rpc::Begin;
use crate::rpc::failure::{Failure, Next, after};
use crate::until::until;

/// How many events wait for who listens before the node is held up: a few windows of the node's.
pub(crate) const EVENTS_WAITING_MAX: usize = 256;

/// The pauses between attempts to follow: a node that was lost is replaced in a moment, and where none can be followed for long
/// a thousand devices do not ask for more than the few nodes that are left can answer.
const PAUSE: Pause = Pause::between(Duration::from_millis(50), Duration::from_secs(4));

/// A subscription that was served for so long was a good one: the next is made at once.
const STEADY: Duration = Duration::from_secs(1);
/// How often it is looked whether an armed link is to be told where the feed stands.
const ADVANCE_EVERY: Duration = Duration::from_secs(1);

/// Follows until nobody listens any more, or until it is of no use.
pub(crate) async fn follow(worker: Rc<Worker>, from: Following, events: mpsc::Sender<FeedEvent>) {
    let links = worker.events.subscribe();
    worker.begin_following();
    let mut follower = Follower::new(Rc::clone(&worker), from, events.clone());
    let ended = tokio::select! {
        error = follower.run() => Some(error),
        () = forward(&worker, links, &events) => None,
        () = events.closed() => None,
    };
    follower.end();
    worker.end_following();
    if let Some(error) = ended {
        tracing::info!(%error, "a subscription has ended");
        // Whoever listened may be gone.
        let _ = events.send(FeedEvent::Ended(error)).await;
    }
    worker.keep_seen();
}

/// Tells which link serves, and of everything that happens to links from now on.
async fn forward(worker: &Worker, mut links: broadcast::Receiver<LinkEvent>, events: &mpsc::Sender<FeedEvent>) {
    let mut states = worker.states();
    if let Some(active) = worker.active() {
        let linked = LinkEvent::of(LinkEventKind::Linked, active.node);
        if events.send(FeedEvent::Path(linked)).await.is_err() {
            return;
        }
    }
    loop {
        let event = tokio::select! {
            biased;
            Ok(()) = states.changed() => FeedEvent::Link(states.borrow_and_update().clone()),
            event = links.recv() => match event {
                Ok(event) => FeedEvent::Path(event),
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return,
            },
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}

/// What the follower waits for besides pushes.
enum Done {
    Connected(Result<(), Failure>),
    LinkSubscription(SubscriptionId, Result<Established, Failure>),
}

struct Follower {
    worker: Rc<Worker>,
    /// Its place among those whose points are known to the worker.
    place: u64,
    events: mpsc::Sender<FeedEvent>,
    point: ResumePoint,
    subscriptions: Vec<LinkSubscription>,
    next_id: u64,
    pushed: mpsc::UnboundedReceiver<(SubscriptionId, Push)>,
    pushes: mpsc::UnboundedSender<(SubscriptionId, Push)>,
    under_way: FuturesUnordered<LocalBoxFuture<'static, Done>>,
    connecting: bool,
    /// When a link is tried for.
    connects: Gate,
    /// When a subscription is, on the link that serves.
    begins: Gate,
    /// How many nodes in a row have sent this feed elsewhere.
    elsewhere: usize,
}

impl Follower {
    fn new(worker: Rc<Worker>, from: Following, events: mpsc::Sender<FeedEvent>) -> Self {
        let place = worker.points.borrow_mut().enter();
        let (pushes, pushed) = mpsc::unbounded_channel();
        let mut follower = Self {
            worker,
            place,
            events,
            point: ResumePoint::new(from),
            subscriptions: Vec::new(),
            next_id: 0,
            pushed,
            pushes,
            under_way: FuturesUnordered::new(),
            connecting: false,
            connects: Gate::new(PAUSE),
            begins: Gate::new(PAUSE),
            elsewhere: 0,
        };
        follower.note_point();
        follower
    }

    fn end(&mut self) {
        self.worker.points.borrow_mut().leave(self.place);
    }

    fn note_point(&mut self) {
        if let Some(cursor) = self.point.cursor() {
            self.worker.points.borrow_mut().note(self.place, cursor);
        }
    }

    /// Goes on whatever happens to links; returns why there is no going on.
    async fn run(&mut self) -> ClientError {
        let mut changes = self.worker.link_changes();
        let mut advances = tokio::time::interval(ADVANCE_EVERY);
        loop {
            changes.borrow_and_update();
            self.align(Instant::now());
            let due = self.due();
            let outcome = tokio::select! {
                _ = changes.changed() => Ok(()),
                Some((id, push)) = self.pushed.recv() => self.take(id, push).await,
                Some(done) = self.under_way.next() => self.finish(done),
                () = until(due) => Ok(()),
                _ = advances.tick() => Ok(()),
            };
            if let Err(error) = outcome {
                return error;
            }
        }
    }

    /// Whether to try again, and for how long not to. Whoever `stays` the one that serves is given the time that it asks for;
    /// where others can be asked meanwhile, they are.
    fn try_again(&mut self, failure: Failure, stays: bool) -> Result<(), ClientError> {
        let wait = match after(&failure) {
            Next::Stop => return Err(failure.into_error()),
            Next::Again(wait) => wait,
            Next::Elsewhere(wait) => {
                self.elsewhere = self.elsewhere.wrapping_add(1);
                let all_were_asked = self.elsewhere.is_multiple_of(self.worker.known_nodes().max(1));
                if stays || all_were_asked { wait } else { Duration::ZERO }
            }
        };
        tracing::debug!(cause = %failure.sentence(), ?wait, "a subscription is taken up again");
        let until = Instant::now() + wait;
        self.connects.hold(until);
        self.begins.hold(until);
        Ok(())
    }

    /// When something is to be tried for that is not tried for yet.
    fn due(&self) -> Option<Instant> {
        match self.worker.active() {
            None if self.connecting => None,
            None => self.connects.opens(),
            Some(active) if self.is_on(&active) => None,
            Some(_) => self.begins.opens(),
        }
    }

    fn is_on(&self, connected: &Rc<NodeLink>) -> bool {
        self.subscriptions.iter().any(|held| Rc::ptr_eq(&held.connected, connected))
    }

    /// Has a subscription on each link that is of use, in the state that is its link's.
    fn align(&mut self, now: Instant) {
        self.subscriptions.retain(|held| !held.connected.has_role(LinkRole::Closed));
        let Some(active) = self.worker.active() else {
            if !self.connecting && self.connects.pass(now) {
                self.connect();
            }
            return;
        };
        match self.subscriptions.iter_mut().find(|held| Rc::ptr_eq(&held.connected, &active)) {
            Some(held) => held.activate(&self.worker, self.point.cursor()),
            None if self.begins.pass(now) => self.begin(active.clone(), Begin::Now),
            None => {}
        }
        if self.worker.keeps() != Standby::Armed || self.point.cursor().is_none() {
            return;
        }
        let serves =
            self.subscriptions.iter().any(|held| Rc::ptr_eq(&held.connected, &active) && held.is_established());
        match self.worker.standby().filter(|_| serves) {
            Some(standby) if !self.is_on(&standby) => {
                self.begin(standby, Begin::When(active.node));
            }
            _ => {}
        }
        if let Some(cursor) = self.point.cursor() {
            self.subscriptions.iter_mut().for_each(|held| held.advance(cursor, now));
        }
    }

    fn connect(&mut self) {
        self.connecting = true;
        let worker = Rc::clone(&self.worker);
        self.under_way.push(Box::pin(async move {
            let connected = worker.connected().await;
            Done::Connected(connected.map(drop).map_err(Failure::Connect))
        }));
    }

    fn begin(&mut self, connected: Rc<NodeLink>, begin: Begin) {
        self.next_id = self.next_id.wrapping_add(1);
        let id = SubscriptionId(self.next_id);
        let held = LinkSubscription::new(id, connected, begin);
        let establishing = held.establish(&self.worker, &self.point, self.pushes.clone());
        self.subscriptions.push(held);
        self.under_way.push(Box::pin(async move { Done::LinkSubscription(id, establishing.await) }));
    }

    fn finish(&mut self, done: Done) -> Result<(), ClientError> {
        match done {
            Done::Connected(outcome) => {
                self.connecting = false;
                outcome.or_else(|failure| self.try_again(failure, true))
            }
            Done::LinkSubscription(id, outcome) => self.finish_subscribing(id, outcome),
        }
    }

    fn finish_subscribing(
        &mut self,
        id: SubscriptionId,
        outcome: Result<Established, Failure>,
    ) -> Result<(), ClientError> {
        let Some(at) = self.subscriptions.iter().position(|held| held.id == id) else { return Ok(()) };
        let established = match outcome {
            Ok(established) => established,
            Err(failure) => {
                let held = self.subscriptions.swap_remove(at);
                // Also where it has come to serve meanwhile: whoever refuses is not asked again at once.
                let stays = self.is_active(&held.connected);
                if held.begin == Begin::Now || stays {
                    return self.try_again(failure, stays);
                }
                // The link that serves says what is wrong, if it is not this one alone.
                if held.connected.has_role(LinkRole::Standby) {
                    self.worker.drop_standby(&held.connected);
                }
                return Ok(());
            }
        };
        self.elsewhere = 0;
        self.point.belong_to(established.session);
        self.point.begin(established.from.clone());
        self.note_point();
        let Some(held) = self.subscriptions.get_mut(at) else { return Ok(()) };
        let (is_armed, is_dropped, connected) =
            (held.establish_as(established), held.is_dropped, Rc::clone(&held.connected));
        if is_dropped {
            self.lose(id, &connected);
        } else if is_armed {
            self.worker.is_armed(&connected);
        } else {
            self.worker.arrived(&connected);
        }
        Ok(())
    }

    fn is_active(&self, connected: &Rc<NodeLink>) -> bool {
        self.worker.active().is_some_and(|active| Rc::ptr_eq(&active, connected))
    }

    async fn take(&mut self, id: SubscriptionId, push: Push) -> Result<(), ClientError> {
        let Some(held) = self.subscriptions.iter_mut().find(|held| held.id == id) else { return Ok(()) };
        if matches!(push, Push::Dropped) && !held.is_established() {
            // The answer, which is on its way, says why.
            held.is_dropped = true;
            return Ok(());
        }
        let connected = Rc::clone(&held.connected);
        match push {
            Push::Changes { changes, counts, nothing_left, cursor, taken } => {
                self.worker.arrived(&connected);
                connected.knows(&cursor);
                self.tell_changes(changes, counts, cursor, taken).await;
                if nothing_left && self.is_active(&connected) {
                    let cursor = self.point.cursor().unwrap_or_default().to_vec();
                    self.tell(FeedEvent::CaughtUp { cursor }).await;
                }
            }
            Push::Hint(hint) if self.is_active(&connected) => self.tell(FeedEvent::Hint(hint)).await,
            // Of two links that tell hints one is enough.
            Push::Hint(_) => {}
            // The node says that subscribing again is of no use, whatever the reason.
            Push::Ended(refusal) => return Err(ClientError::Refused(refusal)),
            Push::Dropped => self.lose(id, &connected),
        }
        Ok(())
    }

    /// The node has let go of the receiver: with its link, or without a word.
    fn lose(&mut self, id: SubscriptionId, connected: &Rc<NodeLink>) {
        let lost = self.subscriptions.extract_if(.., |held| held.id == id).next();
        if lost.is_some_and(|held| held.has_served_for(STEADY)) {
            self.connects.reset();
            self.begins.reset();
        }
        match connected.link.failure() {
            Some(failure) => self.worker.leave(connected, &failure.to_string(), LinkCause::of(&failure)),
            None => self.worker.leave(connected, "the node has dropped the subscription", LinkCause::Lost),
        }
    }

    /// Tells what was not told before; who takes it acknowledges it.
    async fn tell_changes(
        &mut self,
        changes: Vec<Change>,
        counts: Vec<(ConversationId, Counts)>,
        page_end: Vec<u8>,
        taken: oneshot::Sender<()>,
    ) {
        let brought = !changes.is_empty();
        let News { changes, begin, end } = self.point.take(changes, page_end);
        self.note_point();
        self.worker.note_seen(&end);
        if changes.is_empty() && (brought || counts.is_empty()) {
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

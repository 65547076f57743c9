//! Which link serves, which stands by, and which still listens; and how one takes the place of another. Knows nothing of
//! how a suspicion comes about.

use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt as _;
use raftchat_schema::id::NodeId;
use raftchat_transport::{Link, LinkFailure};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::{Care, Connecting, Lost, Worker, monitor};
use crate::link::connect::{Reached, race};
use crate::link::event::{LinkCause, LinkEvent, LinkEventKind};
use crate::link::node_link::{LinkRole, Move, NodeLink, Suspicion};
use crate::link::order::{Candidate, Preferences, candidates, is_by_its_clock, judge};
use crate::options::Attention;
use crate::rpc::failure::{ConnectFailure, Failure};

/// How far apart two nodes are tried: longer than a round trip on a LAN, shorter than anybody notices.
pub(super) const STAGGER: Duration = Duration::from_millis(50);
/// How long a link that was suspected is still listened to.
const LISTENS_FOR: Duration = Duration::from_secs(2);
/// How long a node that was left, or that has refused, is asked last.
const AVOIDED_FOR: Duration = Duration::from_secs(3);
/// How often, and how far apart, a node is told to begin to push: one of these may be lost.
const ACTIVATIONS_MAX: u32 = 3;
const ACTIVATION_PAUSE: Duration = Duration::from_millis(10);

impl Worker {
    /// The link that serves; made now if there is none, once for all who ask.
    pub(crate) async fn connected(self: &Rc<Self>) -> Result<Rc<NodeLink>, ConnectFailure> {
        // Whoever takes the place of one that has ended may have ended too.
        while let Some(active) = self.active() {
            match active.link.failure() {
                None => return Ok(active),
                Some(failure) => self.leave(&active, &failure.to_string(), LinkCause::of(&failure)),
            }
        }
        let under_way = self.connecting.borrow().clone();
        under_way.unwrap_or_else(|| self.begin_connecting()).await
    }

    pub(crate) fn active(&self) -> Option<Rc<NodeLink>> {
        self.links.borrow().active().cloned()
    }

    pub(crate) fn standby(&self) -> Option<Rc<NodeLink>> {
        self.links.borrow().standby().filter(|standby| standby.link.failure().is_none()).cloned()
    }

    pub(super) fn is_active(&self, connected: &Rc<NodeLink>) -> bool {
        self.links.borrow().is_active(connected)
    }

    /// All that are not dismissed, the one that serves first.
    pub(crate) fn all_links(&self) -> Vec<Rc<NodeLink>> {
        self.links.borrow().all().cloned().collect()
    }

    /// Changes whenever a link has another role.
    pub(crate) fn link_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Connecting goes on to its end even if who asked for it gives up: the next to ask gets the link.
    fn begin_connecting(self: &Rc<Self>) -> Connecting {
        let worker = Rc::clone(self);
        let task = tokio::task::spawn_local(async move {
            let outcome = worker.connect().await;
            worker.connecting.take();
            outcome
        });
        let stopped = || ConnectFailure::Unreachable("the client is ending".to_owned());
        let connecting = task.map(move |outcome| outcome.unwrap_or_else(|_| Err(stopped()))).boxed_local().shared();
        self.connecting.replace(Some(connecting.clone()));
        connecting
    }

    async fn connect(self: &Rc<Self>) -> Result<Rc<NodeLink>, ConnectFailure> {
        let reached = self.race_to(|_| true, STAGGER).await.inspect_err(|failure| {
            let (ConnectFailure::NotAccepted(cause) | ConnectFailure::Unreachable(cause)) = failure;
            self.publish(LinkState::Lost { cause: cause.clone() });
        })?;
        if let Some(active) = self.active() {
            // Another link has taken the place meanwhile.
            return Ok(active);
        }
        let connected = Rc::new(NodeLink::new(reached.clone()));
        tokio::task::spawn_local(monitor::watch(Rc::clone(self), Rc::clone(&connected)));
        self.serve(&connected);
        // What is asked of the node goes to it meanwhile.
        tokio::task::spawn_local(be_let_in(Rc::clone(self), reached, Rc::clone(&connected)));
        Ok(connected)
    }

    /// Tries the nodes that are `meant`, in the order of preference, so far apart.
    pub(super) async fn race_to(
        &self,
        meant: impl Fn(&Candidate) -> bool,
        stagger: Duration,
    ) -> Result<Reached, ConnectFailure> {
        let tried = self.candidates().into_iter().filter(meant).collect();
        race(&self.dialer, &self.profile.config().cluster, tried, stagger).await
    }

    /// Waits until a node that was reached has let this device in, and takes in what it tells.
    pub(super) async fn greet(&self, reached: &Reached) -> Result<(), LinkFailure> {
        let told = reached.greet().await?;
        self.clock.hear(told.time, None);
        self.nodes.borrow_mut().learn(told.nodes);
        self.measure(reached.node, &reached.address, &reached.link);
        self.nodes.borrow_mut().keep();
        Ok(())
    }

    /// Notes how far a node is, as far as its link can tell by now: better the longer it lasts.
    pub(super) fn measure(&self, node: NodeId, address: &str, link: &Link) {
        self.nodes.borrow_mut().measured(node, address, link.shortest_rtt());
    }

    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let now = Instant::now();
        self.avoided.borrow_mut().retain(|(_, until)| now < *until);
        let (last_good, avoided) = (self.last_good.borrow(), self.avoided.borrow());
        let preferences = Preferences {
            first: self.options.first.as_deref(),
            last_good: last_good.as_deref(),
            avoid: avoided.iter().map(|(address, _)| address.as_str()).collect(),
        };
        // Without randomness the order is still one, only always the same.
        candidates(&self.nodes.borrow(), &preferences, || getrandom::u32().unwrap_or(0))
    }

    pub(super) fn avoid(&self, address: &str) {
        let mut avoided = self.avoided.borrow_mut();
        avoided.retain(|(held, _)| held != address);
        avoided.push((address.to_owned(), Instant::now() + AVOIDED_FOR));
    }

    /// What it means that the node of a link does not let this device in: whether others might, as it goes by its own clock.
    pub(crate) fn judge_refusal(&self, connected: &NodeLink, failure: LinkFailure) -> Failure {
        let refused = Candidate { address: connected.address.clone(), node: Some(connected.node.0) };
        if !is_by_its_clock(&failure) {
            return Failure::Connect(judge(&[(refused, failure)]));
        }
        let mut refusals = self.refusals.borrow_mut();
        refusals.insert(connected.node);
        if refusals.len() * 2 > self.known_nodes() {
            refusals.clear();
            return Failure::Connect(judge(&[(refused, failure)]));
        }
        Failure::Link(failure)
    }

    pub(super) fn is_avoided(&self, address: &str) -> bool {
        let now = Instant::now();
        self.avoided.borrow().iter().any(|(held, until)| held == address && now < *until)
    }

    /// Takes a link that was just made as the one that serves.
    pub(super) fn serve(self: &Rc<Self>, connected: &Rc<NodeLink>) {
        let (node, address, rtt) = (connected.node, connected.address.clone(), connected.link.rtt());
        tracing::info!(%node, address, ?rtt, "linked");
        let lost = self.lost.take().filter(|lost| lost.node != node);
        connected.moving.set(lost.map(|lost| Move { from: lost.node, why: lost.why }));
        let before = self.links.borrow_mut().serve(connected);
        if let Some(before) = before {
            self.retire(&before);
        }
        connected.assign(LinkRole::Active);
        // Before anything can come over it.
        self.publish(LinkState::Connected { node, address, rtt });
        self.tell(LinkEvent::of(LinkEventKind::Linked, node));
        self.changed();
    }

    /// The node of a link that serves has let this device in.
    pub(super) fn is_let_in(self: &Rc<Self>, connected: &Rc<NodeLink>) {
        if !self.is_active(connected) {
            return;
        }
        self.refusals.borrow_mut().clear();
        self.last_good.replace(Some(connected.address.clone()));
        self.avoided.borrow_mut().retain(|(avoided, _)| *avoided != connected.address);
        self.arm(Duration::ZERO);
    }

    /// A node may be gone. If it serves, another link takes over at once where there is one, and is sought where there is
    /// none; nothing is closed.
    pub(crate) fn suspect(self: &Rc<Self>, connected: &Rc<NodeLink>, why: Suspicion) {
        let is_standby = self.standby().is_some_and(|standby| Rc::ptr_eq(&standby, connected));
        if is_standby {
            self.tell(LinkEvent::because(LinkEventKind::Suspected, connected.node, why.cause));
            self.drop_standby(connected);
        }
        if !self.is_active(connected) || connected.suspicion.get().is_some() {
            return;
        }
        connected.suspicion.set(Some(why));
        self.tell(LinkEvent::because(LinkEventKind::Suspected, connected.node, why.cause));
        match self.next_in_line() {
            Some(next) => self.promote(&next, why),
            None => self.arm_now(),
        }
    }

    /// Who takes over: the one that stands by, or one that was suspected and has spoken since.
    fn next_in_line(&self) -> Option<Rc<NodeLink>> {
        let links = self.links.borrow();
        let lives = |connected: &&Rc<NodeLink>| connected.link.failure().is_none();
        let speaks = |connected: &&Rc<NodeLink>| {
            connected.suspicion.get().is_none() && !connected.heartbeats.borrow().is_silent()
        };
        let standby = links.standby().filter(lives);
        standby.or_else(|| links.listening().rev().filter(lives).find(speaks)).cloned()
    }

    /// Lets `next` serve from now on. The link that served is still listened to.
    pub(super) fn promote(self: &Rc<Self>, next: &Rc<NodeLink>, why: Suspicion) {
        let stood_by = next.has_role(LinkRole::Standby);
        let before = self.links.borrow_mut().serve(next);
        let from = before.as_ref().map(|before| before.node);
        tracing::info!(node = %next.node, from = from.map(|node| node.0), cause = why.cause.name(), "moved");
        next.suspicion.set(None);
        next.moving.set(from.map(|from| Move { from, why }));
        next.assign(LinkRole::Active);
        if stood_by {
            self.stood_by();
            tokio::task::spawn_local(activate(Rc::clone(next), self.points.borrow().lowest()));
        }
        self.last_good.replace(Some(next.address.clone()));
        if let Some(before) = before {
            self.avoid(&before.address);
            self.retire(&before);
        }
        let (node, address, rtt) = (next.node, next.address.clone(), next.link.rtt());
        self.publish(LinkState::Connected { node, address, rtt });
        self.changed();
        self.announce_again(next);
        self.arm_later();
    }

    /// Listens to a link for a while, and then lets it go.
    fn retire(self: &Rc<Self>, connected: &Rc<NodeLink>) {
        if connected.link.failure().is_some() {
            self.dismiss(connected);
            return;
        }
        connected.assign(LinkRole::Draining);
        let turn = self.links.borrow_mut().listen(connected);
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            sleep(LISTENS_FOR).await;
            let over = worker.links.borrow_mut().turn_is_over(turn);
            if let Some(connected) = over {
                worker.dismiss(&connected);
            }
        });
    }

    pub(super) fn dismiss(&self, connected: &Rc<NodeLink>) {
        self.measure(connected.node, &connected.address, &connected.link);
        self.links.borrow_mut().remove(connected);
        connected.assign(LinkRole::Closed);
        self.changed();
    }

    /// Turns away from a link that has ended, or over which nothing is done: what is asked next goes over another, to
    /// another node if one answers.
    pub(crate) fn leave(self: &Rc<Self>, connected: &Rc<NodeLink>, sentence: &str, cause: LinkCause) {
        if self.links.borrow().is_standby(connected) {
            self.drop_standby(connected);
            return;
        }
        if !self.is_active(connected) {
            if !connected.has_role(LinkRole::Closed) {
                self.dismiss(connected);
            }
            return;
        }
        tracing::info!(node = %connected.node, cause = sentence, "the link is left");
        let why = connected.suspicion.get().unwrap_or(Suspicion { cause, since: Instant::now() });
        if connected.suspicion.replace(Some(why)).is_none() {
            self.tell(LinkEvent::because(LinkEventKind::Suspected, connected.node, cause));
        }
        if let Some(next) = self.next_in_line() {
            self.promote(&next, why);
            return;
        }
        self.links.borrow_mut().remove(connected);
        self.avoid(&connected.address);
        self.lost.set(Some(Lost { node: connected.node, why }));
        self.publish(LinkState::Lost { cause: sentence.to_owned() });
        self.tell(LinkEvent::because(LinkEventKind::Lost, connected.node, cause));
        self.dismiss(connected);
    }

    /// Something has come over a link, or was answered: if it has just taken over, the move is complete.
    pub(crate) fn arrived(&self, connected: &NodeLink) {
        let Some(Move { from, why }) = connected.moving.take() else { return };
        let took = why.since.elapsed();
        self.tell(LinkEvent {
            kind: LinkEventKind::Moved,
            node: connected.node,
            from: Some(from),
            cause: Some(why.cause),
            took: Some(took),
        });
    }

    /// What others were told of the person and a node forgets with its link.
    fn announce_again(self: &Rc<Self>, over: &Rc<NodeLink>) {
        for target in self.announced.borrow_mut().still(Instant::now()) {
            let (worker, over) = (Rc::clone(self), Rc::clone(over));
            tokio::task::spawn_local(async move {
                // A hint may be lost.
                let _ = worker.announce_typing(&over, &target).await;
            });
        }
    }

    /// Somebody follows, or looks, or no longer.
    pub(crate) fn attend(self: &Rc<Self>, attention: Attention) {
        self.attention.set(attention);
        self.care_anew();
    }

    pub(crate) fn begin_following(self: &Rc<Self>) {
        self.followers.set(self.followers.get().saturating_add(1));
        self.care_anew();
    }

    pub(crate) fn end_following(self: &Rc<Self>) {
        self.followers.set(self.followers.get().saturating_sub(1));
        self.care_anew();
    }

    fn care_anew(self: &Rc<Self>) {
        let care = if self.followers.get() > 0 { Care::Follows(self.attention.get()) } else { Care::Calls };
        let before = self.care.send_replace(care);
        match (before, care) {
            (Care::Calls, Care::Follows(_)) => {
                tokio::task::spawn_local(monitor::watch_addresses(Rc::clone(self)));
                self.arm(Duration::ZERO);
            }
            (Care::Follows(_), Care::Calls) => {
                let standby = self.links.borrow().standby().cloned();
                if let Some(standby) = standby {
                    self.dismiss(&standby);
                }
            }
            _ => {}
        }
    }
}

/// Waits until the node of a link has let this device in; leaves it where it does not.
pub(super) async fn be_let_in(worker: Rc<Worker>, reached: Reached, connected: Rc<NodeLink>) {
    match worker.greet(&reached).await {
        Ok(()) => worker.is_let_in(&connected),
        Err(failure) => worker.leave(&connected, &failure.to_string(), LinkCause::of(&failure)),
    }
}

/// Tells the node of an armed link to begin to push, until something has come over it.
async fn activate(connected: Rc<NodeLink>, from: Vec<u8>) {
    for _ in 0..ACTIVATIONS_MAX {
        connected.link.send_activate(&from);
        sleep(ACTIVATION_PAUSE).await;
        if connected.moving.get().is_none() {
            return;
        }
    }
}

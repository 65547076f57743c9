//! The second link, that takes over when the one that serves is suspected: to whom it is made, and when. Knows nothing of
//! what goes over it.

use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use raftchat_schema::pause::Pause;
use raftchat_transport::{lot, lot_share};
use tokio::time::{Instant, sleep, timeout};

use super::{Care, Worker, links, monitor};
use crate::link::event::{LinkEvent, LinkEventKind};
use crate::link::node_link::{LinkRole, NodeLink};
use crate::link::order::Candidate;
use crate::options::{Attention, Standby};

/// The wait after a move before another link is made, by lot: a node that dies sends all its devices elsewhere, and they do
/// not all come at once. Where nobody looks there is more time, and so many more devices: those are served first that have
/// lost their node.
const WAIT_FOREGROUND: Range<Duration> = Duration::ZERO..Duration::from_secs(1);
const WAIT_BACKGROUND: Range<Duration> = Duration::from_secs(2)..Duration::from_secs(10);
/// The same where nobody looks, and the one that serves is suspected: a node that many ask at once seems dead to many at once,
/// and is not to be helped by all of them asking another.
const WAIT_URGENT: Range<Duration> = Duration::ZERO..Duration::from_secs(2);
/// How far apart two nodes are tried for a second link. There is time: where several are as near, the lot decides and not
/// which of them happens to be less busy, and a far one that was not known to be far still does not come before a near one.
const STANDBY_STAGGER: Duration = Duration::from_millis(250);
/// How long a node may take to give the session.
const SESSION_DEADLINE: Duration = Duration::from_secs(3);

/// The pauses between attempts while none succeeds, and after second links that were lost.
pub(super) const PAUSE: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(10));
/// A second link that stood by for so long was a good one.
const STEADY: Duration = Duration::from_secs(5);

impl Worker {
    /// Makes a second link, not before `wait` is over.
    pub(super) fn arm(self: &Rc<Self>, wait: Duration) {
        if !self.wants_another() || self.arming.replace(true) {
            return;
        }
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let made = worker.make_another(wait).await;
            worker.arming.set(false);
            if let Some(made) = made {
                worker.take_standby(&made);
            }
        });
    }

    /// The same, spread over a while.
    pub(super) fn arm_later(self: &Rc<Self>) {
        self.arm(by_lot(if self.is_looked_at() { WAIT_FOREGROUND } else { WAIT_BACKGROUND }));
    }

    /// The same at once, as the one that serves is suspected and no other is there; nearly at once where nobody looks.
    pub(super) fn arm_now(self: &Rc<Self>) {
        if self.is_looked_at() {
            self.arm_urgently();
            return;
        }
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            sleep(by_lot(WAIT_URGENT)).await;
            // It may have spoken again.
            if worker.active().is_some_and(|active| active.suspicion.get().is_some()) {
                worker.arm_urgently();
            }
        });
    }

    fn arm_urgently(self: &Rc<Self>) {
        self.urgent.notify_one();
        self.arm(Duration::ZERO);
    }

    fn is_looked_at(&self) -> bool {
        *self.care.borrow() != Care::Follows(Attention::Away)
    }

    /// Whether a second link is wanted. Where none is kept one is made when the first is suspected.
    fn wants_another(&self) -> bool {
        let links = self.links.borrow();
        let Some(active) = links.active() else { return false };
        let is_wanted = self.options.standby != Standby::None || active.suspicion.get().is_some();
        let follows = matches!(*self.care.borrow(), Care::Follows(_));
        is_wanted && follows && links.standby().is_none() && self.nodes.borrow().len() > 1
    }

    async fn make_another(self: &Rc<Self>, mut wait: Duration) -> Option<Rc<NodeLink>> {
        loop {
            tokio::select! {
                () = sleep(wait) => {}
                () = self.urgent.notified() => {}
            }
            if !self.wants_another() {
                return None;
            }
            if let Some(made) = self.reach_another().await {
                return Some(made);
            }
            wait = self.arming_pause.borrow_mut().grow(lot());
        }
    }

    /// A link to another node than the one that serves, with the session on it; without, where it is to serve at once: then
    /// the session is asked for together with what is asked of it.
    async fn reach_another(self: &Rc<Self>) -> Option<Rc<NodeLink>> {
        let active = self.active()?;
        let is_other =
            |candidate: &Candidate| candidate.address != active.address && candidate.node != Some(active.node.0);
        let has_choice = self.candidates().iter().any(|other| is_other(other) && !self.is_avoided(&other.address));
        let meant = |candidate: &Candidate| is_other(candidate) && !(has_choice && self.is_avoided(&candidate.address));
        let stagger = if active.suspicion.get().is_some() { links::STAGGER } else { STANDBY_STAGGER };
        let reached = match self.race_to(meant, stagger).await {
            Ok(reached) if reached.node != active.node => reached,
            Ok(_) => return None,
            Err(failure) => {
                tracing::debug!(?failure, "no second link");
                return None;
            }
        };
        if active.suspicion.get().is_some() {
            let connected = Rc::new(NodeLink::new(reached.clone()));
            tokio::task::spawn_local(links::be_let_in(Rc::clone(self), reached, Rc::clone(&connected)));
            return Some(connected);
        }
        if let Err(failure) = self.greet(&reached).await {
            tracing::debug!(%failure, node = %reached.node, "not let in over a second link");
            self.avoid(&reached.address);
            return None;
        }
        let connected = Rc::new(NodeLink::new(reached));
        match timeout(SESSION_DEADLINE, self.session(&connected)).await {
            Ok(Ok(_)) => Some(connected),
            Ok(Err(failure)) => {
                tracing::debug!(cause = %failure.sentence(), node = %connected.node, "no session on a second link");
                self.avoid(&connected.address);
                None
            }
            Err(_) => {
                self.avoid(&connected.address);
                None
            }
        }
    }

    /// Takes a link that was made for the second place; in the first where that has become free, or its node is silent.
    fn take_standby(self: &Rc<Self>, made: &Rc<NodeLink>) {
        let active = self.active();
        if !matches!(*self.care.borrow(), Care::Follows(_))
            || active.as_ref().is_some_and(|active| active.node == made.node)
        {
            self.arm_later();
            return;
        }
        tokio::task::spawn_local(monitor::watch(Rc::clone(self), Rc::clone(made)));
        let Some(active) = active else {
            self.serve(made);
            self.is_let_in(made);
            return;
        };
        if let Some(why) = active.suspicion.get() {
            self.promote(made, why);
            return;
        }
        if self.options.standby == Standby::None {
            // The one that serves has spoken again.
            made.assign(LinkRole::Closed);
            return;
        }
        tracing::debug!(node = %made.node, "stands by");
        made.assign(LinkRole::Standby);
        let before = self.links.borrow_mut().stand_by(made);
        if let Some(before) = before {
            self.dismiss(&before);
        }
        self.changed();
        if self.options.standby == Standby::Warm {
            self.tell(LinkEvent::of(LinkEventKind::Standby, made.node));
        }
    }

    /// The second link holds where the feed stands: it can take over by itself.
    pub(crate) fn is_armed(&self, standby: &NodeLink) {
        self.armed_since.set(Some(Instant::now()));
        self.measure(standby.node, &standby.address, &standby.link);
        self.tell(LinkEvent::of(LinkEventKind::Standby, standby.node));
    }

    /// Lets go of a second link that is of no use, and makes another later.
    pub(crate) fn drop_standby(self: &Rc<Self>, standby: &Rc<NodeLink>) {
        self.let_go(standby);
        self.stood_by();
        let wait = self.arming_pause.borrow_mut().grow(lot());
        self.arm(wait);
    }

    /// A second link stands by no more: was it a good one, another may be made soon.
    pub(super) fn stood_by(&self) {
        if self.armed_since.take().is_some_and(|since| since.elapsed() >= STEADY) {
            self.arming_pause.borrow_mut().reset();
        }
    }

    /// Lets go of a second link, whose node is asked last for a while.
    pub(super) fn let_go(&self, standby: &Rc<NodeLink>) {
        self.avoid(&standby.address);
        self.dismiss(standby);
    }
}

fn by_lot(Range { start, end }: Range<Duration>) -> Duration {
    start + end.saturating_sub(start).mul_f64(lot_share())
}

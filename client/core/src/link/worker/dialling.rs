//! Reaching nodes, being let in, and preparing a link that is to stand by. Knows nothing of which link serves.

use std::rc::Rc;
use std::time::Duration;

use raftchat_schema::level::Level;
use raftchat_transport::{LinkFailure, lot};
use tokio::time::{Instant, timeout};

use super::Worker;
use crate::link::connect::{Reached, greet, race};
use crate::link::engine::{Dial, Event, LinkId, Made};
use crate::link::event::LinkCause;
use crate::link::node_link::NodeLink;
use crate::link::order::{Candidate, Preferences, candidates};
use crate::rpc::failure::ConnectFailure;

/// How far apart two nodes are tried: longer than a round trip on a LAN, shorter than anybody notices.
const STAGGER: Duration = Duration::from_millis(50);
/// How far apart two nodes are tried for a standby. There is time: where several are as near, the lot decides and not which of
/// them happens to be less busy, and a far one that was not known to be far still does not come before a near one.
const STANDBY_STAGGER: Duration = Duration::from_millis(250);
/// How long a node may take to give the session.
const SESSION_DEADLINE: Duration = Duration::from_secs(3);

impl Worker {
    /// Races to nodes, and tells how it went.
    pub(super) fn dial(self: &Rc<Self>, dial: Dial) {
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let (tried, stagger) = worker.tried(dial);
            match worker.race_to(tried, stagger).await {
                Ok(reached) => {
                    let made = worker.hold(reached);
                    worker.handle(Event::Reached(dial, made));
                }
                Err(failure) => {
                    tracing::debug!(?failure, ?dial, "no node was reached");
                    worker.handle(Event::Unreached(dial, failure));
                }
            }
        });
    }

    fn tried(&self, dial: Dial) -> (Vec<Candidate>, Duration) {
        let all = self.candidates();
        match dial {
            Dial::Service => (all, STAGGER),
            Dial::Standby { is_urgent } => {
                let stagger = if is_urgent { STAGGER } else { STANDBY_STAGGER };
                (self.engine.borrow().for_standby(Instant::now(), all), stagger)
            }
        }
    }

    /// Tries these nodes, in their order and so far apart.
    async fn race_to(&self, tried: Vec<Candidate>, stagger: Duration) -> Result<Reached, ConnectFailure> {
        race(&self.dialer, &self.profile.config().cluster, tried, stagger).await
    }

    /// A link to a node that is `meant`, for one call: the engine has not heard of it.
    pub(super) async fn reach_one(&self, meant: impl Fn(&Candidate) -> bool) -> Option<Rc<NodeLink>> {
        let tried = self.candidates().into_iter().filter(meant).collect();
        let reached = self.race_to(tried, STAGGER).await.ok()?;
        Some(Rc::new(NodeLink::new(LinkId(self.next_number()), reached)))
    }

    fn hold(&self, reached: Reached) -> Made {
        let link = Rc::new(NodeLink::new(LinkId(self.next_number()), reached));
        let made = Made { link: link.id, node: link.node, address: link.address.clone() };
        self.links.borrow_mut().insert(link.id, link);
        made
    }

    /// The nodes in the order to try them.
    fn candidates(&self) -> Vec<Candidate> {
        let engine = self.engine.borrow();
        let preferences = Preferences {
            first: self.options.first.as_deref(),
            last_good: engine.last_good(),
            avoid: engine.avoided(Instant::now()),
        };
        candidates(&self.nodes.borrow(), &preferences, lot)
    }

    /// Waits until the node of a link has let this device in, and tells; leaves the link where it does not.
    pub(super) fn admit(self: &Rc<Self>, link: Rc<NodeLink>) {
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            match worker.greet(&link).await {
                Ok(()) => {
                    if worker.active().is_some_and(|active| active.id == link.id) {
                        worker.refusals.borrow_mut().clear();
                    }
                    worker.handle(Event::LetIn(link.id));
                }
                Err(failure) => worker.leave(&link, &failure.to_string(), LinkCause::of(&failure)),
            }
        });
    }

    /// Waits until the node of a link has let this device in and given the session, and tells.
    pub(super) fn prepare(self: &Rc<Self>, link: Rc<NodeLink>) {
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let event = if worker.is_prepared(&link).await { Event::Ready } else { Event::Unready };
            worker.handle(event(link.id));
        });
    }

    async fn is_prepared(self: &Rc<Self>, link: &Rc<NodeLink>) -> bool {
        let node = link.node;
        if let Err(failure) = self.greet(link).await {
            tracing::debug!(%failure, %node, "not let in over a second link");
            return false;
        }
        match timeout(SESSION_DEADLINE, self.session(link)).await {
            Ok(Ok(_)) => return true,
            Ok(Err(failure)) => tracing::debug!(cause = %failure.sentence(), %node, "no session on a second link"),
            Err(_) => tracing::debug!(%node, "no session on a second link in time"),
        }
        false
    }

    /// Waits until a node that was reached has let this device in, and takes in what it tells.
    async fn greet(self: &Rc<Self>, link: &NodeLink) -> Result<(), LinkFailure> {
        let told = greet(&link.link, &link.gateway).await?;
        self.clock.hear(told.time, None);
        self.hear_level(told.level);
        self.nodes.borrow_mut().learn(told.nodes);
        self.handle(Event::Known(self.known_nodes()));
        self.measure(link);
        self.nodes.borrow_mut().keep();
        Ok(())
    }

    /// Takes in at which feature level the cluster is, as far as a node has applied: it never goes back.
    pub(crate) fn hear_level(&self, told: Level) {
        self.levels.send_if_modified(|known| {
            let higher = *known < Some(told);
            if higher {
                *known = Some(told);
            }
            higher
        });
    }

    /// Notes how far a node is, as far as its link can tell by now: better the longer it lasts.
    pub(super) fn measure(&self, link: &NodeLink) {
        self.nodes.borrow_mut().measured(link.node, &link.address, link.link.shortest_rtt());
    }
}

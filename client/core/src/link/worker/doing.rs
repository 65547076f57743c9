//! What the engine says is done here: one arm a command. Knows nothing of why.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Worker;
use crate::link::engine::{Command, LinkId, LinkRole};
use crate::link::event::{LinkCause, LinkEvent, LinkEventKind};
use crate::link::node_link::NodeLink;
use crate::link::state::LinkState;

/// How often, and how far apart, a node is told to begin to push: one of these may be lost.
const ACTIVATIONS_MAX: u32 = 3;
const ACTIVATION_PAUSE: Duration = Duration::from_millis(10);

impl Worker {
    pub(super) fn obey(self: &Rc<Self>, command: Command) {
        match command {
            Command::Dial(dial) => self.dial(dial),
            Command::Prepare(link) => self.over(link, Self::prepare),
            Command::Admit(link) => self.over(link, Self::admit),
            Command::Watch(link) => self.over(link, Self::watch),
            Command::Assign(link, role) => self.assign(link, role),
            Command::Activate(link) => self.over(link, |worker, link| {
                let from = worker.points.borrow().lowest();
                tokio::task::spawn_local(activate(Rc::clone(worker), link, from));
            }),
            Command::Serving { link, from } => self.over(link, |worker, link| {
                let (node, address, rtt) = (link.node, link.address.clone(), link.link.rtt());
                match from {
                    None => tracing::info!(%node, address, ?rtt, "linked"),
                    Some((from, cause)) => tracing::info!(%node, from = from.0, cause = cause.name(), "moved"),
                }
                worker.publish(LinkState::Connected { node, address, rtt });
            }),
            Command::Lost { cause } => {
                tracing::info!(cause, "no link serves");
                self.publish(LinkState::Lost { cause });
            }
            Command::Announce(link) => self.over(link, |worker, link| worker.announce_again(&link)),
            Command::Rebind(link, cause) => self.over(link, |worker, link| worker.rebind(&link, cause)),
            Command::Tell(event) => self.tell(event),
            Command::Serve(waiter, link) => {
                let (answer, link) = (self.waiting.borrow_mut().remove(&waiter), self.link(link));
                if let (Some(answer), Some(link)) = (answer, link) {
                    // Who has given up waiting does not hear it.
                    let _ = answer.send(Ok(link));
                }
            }
            Command::Refuse(waiter, failure) => {
                if let Some(answer) = self.waiting.borrow_mut().remove(&waiter) {
                    // Who has given up waiting does not hear it.
                    let _ = answer.send(Err(failure));
                }
            }
        }
    }

    fn over(self: &Rc<Self>, link: LinkId, act: impl FnOnce(&Rc<Self>, Rc<NodeLink>)) {
        if let Some(link) = self.link(link) {
            act(self, link);
        }
    }

    fn assign(&self, link: LinkId, role: LinkRole) {
        let Some(held) = self.link(link) else { return };
        if role == LinkRole::Closed {
            self.measure(&held);
            self.links.borrow_mut().remove(&link);
        }
        held.assign(role);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn link(&self, link: LinkId) -> Option<Rc<NodeLink>> {
        self.links.borrow().get(&link).cloned()
    }

    pub(crate) fn active(&self) -> Option<Rc<NodeLink>> {
        self.link(self.engine.borrow().active()?)
    }

    /// The standby, if it has not ended.
    pub(crate) fn standby(&self) -> Option<Rc<NodeLink>> {
        self.link(self.engine.borrow().standby()?).filter(|standby| standby.link.failure().is_none())
    }

    /// All links that have a role, the active one first.
    pub(crate) fn all_links(&self) -> Vec<Rc<NodeLink>> {
        self.engine.borrow().links().filter_map(|link| self.link(link)).collect()
    }

    /// Changes whenever a link has another role.
    pub(crate) fn link_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn publish(&self, state: LinkState) {
        self.states.send_if_modified(|held| {
            let changed = *held != state;
            *held = state;
            changed
        });
    }

    /// Says that something has happened, to whoever follows.
    fn tell(&self, event: LinkEvent) {
        tracing::debug!(?event, "a link");
        // Fails where nobody follows.
        let _ = self.events.send(event);
    }

    /// Takes another way through the network.
    fn rebind(&self, link: &NodeLink, cause: LinkCause) {
        match link.link.rebind() {
            Ok(()) => self.tell(LinkEvent::because(LinkEventKind::PathChanged, link.node, cause)),
            Err(error) => tracing::debug!(%error, "the link keeps its socket"),
        }
    }

    /// Says over a link what others were told of the person, and a node forgets with its link.
    fn announce_again(self: &Rc<Self>, over: &Rc<NodeLink>) {
        for target in self.announced.borrow_mut().still(Instant::now()) {
            let (worker, over) = (Rc::clone(self), Rc::clone(over));
            tokio::task::spawn_local(async move {
                // A hint may be lost.
                let _ = worker.announce_typing(&over, &target).await;
            });
        }
    }
}

/// Tells the node of an armed link to begin to push, until something has come over it.
async fn activate(worker: Rc<Worker>, link: Rc<NodeLink>, from: Vec<u8>) {
    for _ in 0..ACTIVATIONS_MAX {
        link.link.send_activate(&from);
        sleep(ACTIVATION_PAUSE).await;
        if !worker.engine.borrow().is_moving(link.id) {
            return;
        }
    }
}

//! Links that are made for one call, because the active one is late with it. Knows nothing of what is called.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::Worker;
use crate::link::engine::{Event, Made};
use crate::link::node_link::NodeLink;
use crate::link::order::Candidate;

impl Worker {
    /// A call was answered after so long.
    pub(crate) fn answered_after(&self, took: Duration) {
        self.usual.borrow_mut().note(took);
    }

    /// From when on a call is late.
    pub(crate) fn late_after(&self) -> Duration {
        self.usual.borrow().late_after()
    }

    /// A link to a node that none of these goes to; none if there is no such node, or none is reached.
    pub(crate) fn reach_aside(
        self: &Rc<Self>,
        over: &[Rc<NodeLink>],
    ) -> impl Future<Output = Option<Rc<NodeLink>>> + 'static {
        let asked: Vec<_> = over.iter().map(|asked| (asked.address.clone(), asked.node)).collect();
        let worker = Rc::clone(self);
        async move {
            let is_other = |candidate: &Candidate| {
                asked.iter().all(|(address, node)| candidate.address != *address && candidate.node != Some(node.0))
            };
            let reached = worker.reach_one(is_other).await?;
            if asked.iter().any(|(_, node)| *node == reached.node) {
                return None;
            }
            worker.admit(Rc::clone(&reached));
            Some(reached)
        }
    }

    /// A call that was begun then and went over all of these was first answered over `answers`, which may have been made for
    /// it.
    pub(crate) fn prefer(self: &Rc<Self>, answers: &Rc<NodeLink>, over: &[Rc<NodeLink>], begun: Instant) {
        let was_late = over.len() > 1;
        if !was_late || answers.link.failure().is_some() || self.engine.borrow().holds(answers.id) {
            return;
        }
        self.links.borrow_mut().insert(answers.id, Rc::clone(answers));
        let made = Made { link: answers.id, node: answers.node, address: answers.address.clone() };
        let over = over.iter().map(|asked| asked.id).collect();
        self.handle(Event::Answered { made, over, begun });
        if !self.engine.borrow().holds(answers.id) {
            self.links.borrow_mut().remove(&answers.id);
        }
    }
}

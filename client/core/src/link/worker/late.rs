//! Links that are made for one call, because the one that serves is late with it. Knows nothing of what is called.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Care, Worker, links, monitor};
use crate::link::event::LinkCause;
use crate::link::node_link::{NodeLink, Suspicion};
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
            let reached = worker.race_to(is_other, links::STAGGER).await.ok()?;
            if asked.iter().any(|(_, node)| *node == reached.node) {
                return None;
            }
            let connected = Rc::new(NodeLink::new(reached.clone()));
            tokio::task::spawn_local(links::be_let_in(Rc::clone(&worker), reached, Rc::clone(&connected)));
            Some(connected)
        }
    }

    /// A call that went over all of these was first answered over `answers`. Where it was made for that, and nothing is
    /// followed, so that nothing else tells which node is of use, it serves from now on.
    pub(crate) fn prefer(self: &Rc<Self>, answers: &Rc<NodeLink>, over: &[Rc<NodeLink>], begun: Instant) {
        let is_aside = !self.all_links().iter().any(|known| Rc::ptr_eq(known, answers));
        let was_late = self.active().is_some_and(|active| over.iter().any(|asked| Rc::ptr_eq(asked, &active)));
        if is_aside && was_late && *self.care.borrow() == Care::Calls && answers.link.failure().is_none() {
            tokio::task::spawn_local(monitor::watch(Rc::clone(self), Rc::clone(answers)));
            self.promote(answers, Suspicion { cause: LinkCause::Hedge, since: begun });
        }
    }
}

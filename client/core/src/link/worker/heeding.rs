//! What a node says of itself and of another, and what this device does about it. Knows nothing of how that is said.

use std::rc::Rc;
use std::time::Duration;

use raftchat_schema::view::Notice;
use tokio::time::Instant;

use super::Worker;
use crate::link::event::{LinkCause, LinkEvent, LinkEventKind};
use crate::link::node_link::{NodeLink, Suspicion};

/// A node that has been behind for so long is left for one that is not. Not before: while a leader is elected all nodes are
/// behind, and the one that stands by may not have said so yet.
const BEHIND_MAX: Duration = Duration::from_secs(2);

impl Worker {
    /// The node at the other end of `from` has said something.
    pub(crate) fn heed(self: &Rc<Self>, from: &Rc<NodeLink>, notice: Notice) {
        let node = from.node;
        match notice {
            Notice::Fresh => {
                from.behind.set(false);
                self.tell(LinkEvent::of(LinkEventKind::Fresh, node));
            }
            Notice::Behind(ms) => {
                from.behind.set(true);
                let behind = Duration::from_millis(ms);
                self.tell(LinkEvent { took: Some(behind), ..LinkEvent::of(LinkEventKind::Behind, node) });
                if behind >= BEHIND_MAX && self.is_active(from) {
                    self.prefer_fresh(from);
                }
            }
            Notice::Suspect(suspect) => {
                let active = self.active().filter(|active| active.node == suspect && !Rc::ptr_eq(active, from));
                // Who has suspected in vain of late hears the node itself rather than others.
                let slack = self.patience.borrow().slack(Instant::now());
                let is_silent = |active: &Rc<NodeLink>| active.heartbeats.borrow().last_heard().elapsed() >= slack;
                if let Some(active) = active.filter(is_silent) {
                    self.suspect(&active, Suspicion { cause: LinkCause::Hint, since: Instant::now() });
                }
            }
            Notice::Drain { deadline_ms, .. } => {
                self.tell(LinkEvent {
                    took: Some(Duration::from_millis(u64::from(deadline_ms))),
                    ..LinkEvent::of(LinkEventKind::Drain, node)
                });
                self.avoid(&from.address);
                self.suspect(from, Suspicion { cause: LinkCause::Drain, since: Instant::now() });
            }
        }
    }

    /// Leaves a node that is behind for the one that stands by; where that is behind as well, has another stand by.
    fn prefer_fresh(self: &Rc<Self>, active: &Rc<NodeLink>) {
        let Some(standby) = self.standby() else { return };
        if standby.behind.get() {
            self.let_go(&standby);
            self.arm_later();
        } else {
            self.suspect(active, Suspicion { cause: LinkCause::Behind, since: Instant::now() });
        }
    }
}

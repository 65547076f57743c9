//! What a node says of itself and of another, and what follows from it. Knows nothing of how that is said.

use std::time::Duration;

use raftchat_schema::id::NodeId;
use raftchat_schema::view::Notice;

use super::{Engine, LinkId, LinkRole, Suspicion, Turn};
use crate::link::event::{LinkCause, LinkEvent, LinkEventKind};

/// A node that has been behind for so long is left for one that is not. Not before: while a leader is elected all nodes are
/// behind, and the one that stands by may not have said so yet.
const BEHIND_MAX: Duration = Duration::from_secs(2);

impl Engine {
    /// The node at the other end of `from` has said something.
    pub(super) fn heed(&mut self, turn: &mut Turn, from: LinkId, notice: Notice) {
        let Some(node) = self.get(from).map(|held| held.node) else { return };
        match notice {
            Notice::Fresh => {
                self.with(from, |held| held.is_behind = false);
                turn.tell(LinkEvent::of(LinkEventKind::Fresh, node));
            }
            Notice::Behind(ms) => {
                self.with(from, |held| held.is_behind = true);
                let behind = Duration::from_millis(ms);
                turn.tell(LinkEvent { took: Some(behind), ..LinkEvent::of(LinkEventKind::Behind, node) });
                if behind >= BEHIND_MAX && self.active() == Some(from) {
                    self.prefer_fresh(turn, from);
                }
            }
            Notice::Suspect(suspect) => self.take_hint(turn, from, suspect),
            Notice::Drain { deadline_ms, .. } => {
                let took = Some(Duration::from_millis(u64::from(deadline_ms)));
                turn.tell(LinkEvent { took, ..LinkEvent::of(LinkEventKind::Drain, node) });
                self.avoid(turn, from);
                self.suspect(turn, from, Suspicion { cause: LinkCause::Drain, since: turn.now });
            }
        }
    }

    /// Another node has not heard from the active one. Who has suspected in vain of late hears the node itself rather than
    /// others.
    fn take_hint(&mut self, turn: &mut Turn, from: LinkId, suspect: NodeId) {
        let slack = self.slack(turn.now);
        let Some(active) = self.with_role(LinkRole::Active) else { return };
        let silence = turn.now.saturating_duration_since(active.heartbeats.last_heard());
        if active.node == suspect && active.link != from && silence >= slack {
            let active = active.link;
            self.suspect(turn, active, Suspicion { cause: LinkCause::Hint, since: turn.now });
        }
    }

    /// Leaves a node that is behind for the one that stands by; where that is behind as well, has another stand by.
    fn prefer_fresh(&mut self, turn: &mut Turn, active: LinkId) {
        let Some(standby) = self.with_role(LinkRole::Standby) else { return };
        if standby.is_behind {
            let standby = standby.link;
            self.let_go(turn, standby);
            self.arm_later(turn);
        } else {
            self.suspect(turn, active, Suspicion { cause: LinkCause::Behind, since: turn.now });
        }
    }
}

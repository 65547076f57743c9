//! Where what was applied goes: to who waits for its outcome, to subscriptions, to sessions that it ends, and, when the
//! membership changes, to the links. Runs on the apply thread and never waits.

use std::sync::Arc;

use crate::fanout::Fanout;
use crate::live::LiveSessions;
use crate::members::Members;
use crate::peers::PeerLinks;
use crate::raft::{AppliedEntry, ApplySink};
use crate::waiting::Waiting;

/// All who hear of it.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) live: Arc<LiveSessions>,
    pub(crate) members: Arc<Members>,
    pub(crate) links: Arc<PeerLinks>,
}

impl ApplySink for Listeners {
    fn applied(&self, entry: AppliedEntry) {
        let AppliedEntry { outcomes, changes, ended_sessions, joined, membership, .. } = entry;
        self.waiting.settle(outcomes);
        self.fanout.deliver(&joined, changes);
        for session in ended_sessions {
            self.live.end(session);
        }
        if let Some(now) = membership {
            tracing::info!(voters = ?now.configs, "the membership has changed");
            let before = self.members.replace(now.clone());
            self.links.follow(&before, &now);
        }
    }

    fn installed(&self) {
        self.fanout.reset();
    }
}

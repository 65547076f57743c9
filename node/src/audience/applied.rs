//! Where what was applied goes: to who waits for its outcome, to subscriptions, to sessions that it ends, and, when the
//! membership changes, to whoever lets nodes in. Runs on the apply thread and never waits.

use std::sync::Arc;

use raftchat_schema::id::SessionId;
use raftchat_schema::stored::StoredMembership;
use raftchat_state::{Effects, change_number, session};

use crate::audience::fanout::Fanout;
use crate::audience::live::LiveSessions;
use crate::housekeeping::proposals::Erasures;
use crate::peers::members::Members;
use crate::proposer::reaching::Reaching;
use crate::proposer::waiting::Waiting;
use crate::raft::{AppliedEntry, ApplySink};
use crate::store::{StateStore, StateView};

/// All who hear of it.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) live: Arc<LiveSessions>,
    pub(crate) reaching: Arc<Reaching>,
    pub(crate) members: Arc<Members>,
    pub(crate) erasures: Arc<Erasures>,
    pub(crate) state: StateStore,
}

/// Whether the session is open, as far as the rows can be read.
pub(crate) fn is_open(view: &StateView, id: SessionId) -> bool {
    session(view, id).is_ok_and(|found| found.is_some())
}

impl ApplySink for Listeners {
    fn applied(&self, entry: AppliedEntry) {
        let AppliedEntry { log_id, outcomes, effects, change, membership, .. } = entry;
        let Effects { changes, ended_sessions, joined, left } = effects;
        self.waiting.settle(outcomes);
        self.reaching.applied(change);
        self.fanout.deliver(&joined, &left, changes);
        // Whoever deletes an account ends its sessions; whoever leaves a group may have been the last in it.
        if !ended_sessions.is_empty() || !left.is_empty() {
            self.erasures.may_be_pending();
        }
        for session in ended_sessions {
            self.live.end(session);
        }
        if let Some(membership) = membership {
            tracing::info!(voters = ?membership.configs, "the membership has changed");
            self.members.learn(StoredMembership { log_id: Some(log_id), membership });
        }
    }

    fn installed(&self, membership: &StoredMembership) {
        self.members.learn(membership.clone());
        self.fanout.reset();
        // What ended in the entries that the snapshot stands for was not told one by one.
        let view = self.state.view();
        self.live.end_unless(|id| is_open(&view, id));
        match change_number(&view) {
            Ok(change) => self.reaching.applied(change),
            // Whoever waits for it is told to ask another.
            Err(error) => tracing::error!(%error, "the state cannot be read"),
        }
    }
}

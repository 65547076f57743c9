//! How this node is, for whoever asks.

use std::sync::atomic::Ordering;

use raftchat_schema::level::Level;
use raftchat_schema::view::{NodeStatus, Role};
use raftchat_state::{ReadError, level, state_hash};

use super::Services;
use crate::clock::moment;
use crate::housekeeping::expiry;
use crate::raft;
use crate::store::StoreError;

impl Services {
    /// How this node is.
    pub(super) fn status(&self) -> Result<NodeStatus, ReadError<StoreError>> {
        let raft = self.raft.status();
        let view = self.view();
        // The hash and the index must be of the same rows.
        let applied = view.applied().map_err(ReadError::Store)?;
        let behind = self.freshness.behind().map(|behind| u64::try_from(behind.as_millis()).unwrap_or(u64::MAX));
        let sessions = self.presence.sessions_here().saturating_sub(self.standing_by.load(Ordering::Relaxed));
        let address = raft.membership.membership.members.iter().find(|(node, _)| *node == raft.node);
        Ok(NodeStatus {
            node: raft.node,
            role: match raft.leadership.role {
                raft::Role::Leader => Role::Leader,
                raft::Role::Follower => Role::Follower,
                raft::Role::Learner | raft::Role::Stopping => Role::Learner,
                raft::Role::Candidate => Role::Candidate,
            },
            term: raft.leadership.term,
            leader: raft.leadership.leader,
            applied: applied.log_id.map_or(0, |id| id.index),
            last_log: raft.last_log.unwrap_or(0),
            sessions: u32::try_from(sessions).unwrap_or(u32::MAX),
            lag_ms: behind.unwrap_or(0),
            state_hash: state_hash(&view)?,
            address: address.map_or_else(String::new, |(_, member)| member.client_address.clone()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock_offset_ms: self.clock.offset_ms(),
            disk_free_bytes: self.room.free_bytes(),
            sync_ms: u32::try_from(self.raft.stores().syncs.p99().as_millis()).unwrap_or(u32::MAX),
            budgets: self.meters.readings(),
            refuses_words: self.room.refuses_words(),
            unclean_since: applied.unclean.map(|unclean| unclean.since),
            certificate_days: expiry::days_left(&self.ending, moment(self.clock.time().0)),
            level: level(&view)?,
            newest_level: Level::newest(),
        })
    }
}

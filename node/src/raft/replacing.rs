//! A leader whose port is closed is replaced at once instead of after its lease: a process that is gone renews none. A hint and no
//! verdict: whoever stands asks a majority first, and each of those gives up the lease only if its own port is closed to it too or
//! it has missed the leader itself, so that one node that is deceived changes nothing. Never knows how a port was found closed.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::raft::TransferLeaderRequest;
use raftchat_schema::id::NodeId;
use raftchat_schema::pause::{NO_LOT, Pause};
use tokio::sync::watch;
use tokio::time::sleep;

use super::handle::RaftHandle;
use super::status::Role;
use super::types::convert;

/// The others see it within one beat of theirs, and until then they give no vote.
const AGAIN: Pause = Pause::between(Duration::from_millis(10), Duration::from_millis(20));
/// After so many attempts it is a matter of openraft's own times.
const ATTEMPTS_MAX: u32 = 8;
/// Who has not heard from the leader for one and a half heartbeats believes another who misses it. The system tells not everybody
/// of a closed port: it answers no more than some packets a second (Linux, `icmp_ratelimit`).
const MISSED_HALVES: u32 = 3;
/// At least so much later stands whoever has the next higher number: two at the same moment would share the votes.
const TURN_MIN: Duration = Duration::from_millis(30);

impl RaftHandle {
    /// Replaces the leader whenever it is among those whose port is closed, for as long as the node runs.
    pub async fn keep_replacing(self, mut closed: watch::Receiver<BTreeSet<NodeId>>) {
        let mut leadership = self.watch_leadership();
        loop {
            leadership.mark_unchanged();
            closed.mark_unchanged();
            if let Some(lost) = self.lost(&closed) {
                self.replace(lost, &closed).await;
            }
            tokio::select! {
                changed = leadership.changed() => if changed.is_err() { return },
                changed = closed.changed() => if changed.is_err() { return },
            }
        }
    }

    /// The leader that this node follows, if its port is closed.
    fn lost(&self, closed: &watch::Receiver<BTreeSet<NodeId>>) -> Option<NodeId> {
        self.followed().filter(|leader| closed.borrow().contains(leader))
    }

    fn followed(&self) -> Option<NodeId> {
        let now = *self.watch_leadership().borrow();
        now.leader.filter(|_| now.role == Role::Follower)
    }

    async fn replace(&self, lost: NodeId, closed: &watch::Receiver<BTreeSet<NodeId>>) {
        sleep(self.turn(lost)).await;
        let mut pause = AGAIN;
        while pause.failures() < ATTEMPTS_MAX && self.lost(closed) == Some(lost) {
            tracing::info!(leader = %lost, "its port is closed: this node stands for election");
            if self.stand_instead_of(lost).await.is_none() {
                return;
            }
            sleep(pause.grow(NO_LOT)).await;
        }
    }

    /// How long those are waited for who may stand and have a lower number: each has time for its votes.
    fn turn(&self, lost: NodeId) -> Duration {
        let (status, own) = (self.status(), self.stores.identity.node);
        let voters: BTreeSet<_> = status.membership.membership.configs.iter().flatten().copied().collect();
        let before = voters.iter().filter(|voter| **voter < own && **voter != lost).count();
        let way = voters.iter().map(|voter| self.way_to(*voter)).max().unwrap_or_default();
        let turn = TURN_MIN.max(self.elections.pace().election(0, 0.0)) + way * 2;
        turn.saturating_mul(u32::try_from(before).unwrap_or(u32::MAX))
    }

    /// Another node asks whether it would be elected: if this one has missed the leader itself, its lease is no reason to say no.
    pub(super) async fn believe_if_missed(&self) {
        let Some(leader) = self.followed() else { return };
        let silence = self.heartbeat / 2 * MISSED_HALVES + self.way_to(leader) * 2;
        if self.silent_for().is_some_and(|silent| silent > silence) {
            // If Raft has ended, whoever asked hears of that.
            let _forgotten = self.forget_lease(leader).await;
        }
    }

    /// Asks a majority whether this node would be elected. None: Raft has ended.
    async fn stand_instead_of(&self, lost: NodeId) -> Option<()> {
        self.forget_lease(lost).await?;
        if self.elections.may_stand() {
            self.raft.trigger().elect(true).await.ok()?;
        }
        Some(())
    }

    /// From now on the leader's lease keeps this node neither from standing nor from voting for another. None: Raft has ended.
    async fn forget_lease(&self, leader: NodeId) -> Option<()> {
        let vote = convert::from_vote(self.raft.with_raft_state(|state| *state.vote_ref()).await.ok()?);
        if vote.committed && vote.node == leader {
            // Handed on to nobody who could take it: only the lease goes.
            let handed_on = TransferLeaderRequest::new(convert::to_vote(vote), leader.0, None);
            let _refused = self.raft.handle_transfer_leader(handed_on).await.ok()?;
        }
        Some(())
    }
}

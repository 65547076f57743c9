//! A leader whose port is closed is replaced at once instead of after its lease: a process that is gone renews none. A hint and no
//! verdict: whoever finds it asks the others before it stands, and they say yes only if they have missed the leader themselves.
//! Where too few do, nothing has changed anywhere. Never knows how a port was found closed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use openraft::Instant as _;
use openraft::raft::TransferLeaderRequest;
use raftchat_schema::id::NodeId;
use raftchat_schema::pause::{NO_LOT, Pause};
use raftchat_schema::stored::{LogId, Vote};
use tokio::time::{sleep, timeout};

use super::handle::RaftHandle;
use super::messages::{Target, VoteRequest, VoteResponse};
use super::status::Role;
use super::types::convert;

/// The others miss the leader within a heartbeat, and until then they say no.
const AGAIN: Pause = Pause::between(Duration::from_millis(10), Duration::from_millis(20));
/// After so many attempts it is a matter of openraft's own times.
const ATTEMPTS_MAX: u32 = 8;
/// At least so much later stands whoever has the next higher number: two at the same moment would share the votes.
const TURN_MIN: Duration = Duration::from_millis(30);
/// No longer than that, whatever others say of their disks: openraft's own times are over by then.
const TURN_MAX: Duration = Duration::from_secs(1);
/// Whoever was told that it would be elected is given so long to stand.
const BELIEVED: Duration = Duration::from_secs(1);

/// What this node holds at a moment.
struct Held {
    vote: Vote,
    /// How long ago it was last heard that this vote holds.
    silent: Duration,
    last_log: Option<LogId>,
}

impl RaftHandle {
    /// From now on the ports of these nodes are closed, and of no others.
    pub fn note_closed(&self, nodes: BTreeSet<NodeId>) {
        self.closed.send_if_modified(|known| {
            let changed = *known != nodes;
            *known = nodes;
            changed
        });
    }

    /// Replaces the leader whenever its port is closed, for as long as the node runs.
    pub async fn keep_replacing(self) {
        let (mut closed, mut leadership) = (self.closed.subscribe(), self.watch_leadership());
        loop {
            leadership.mark_unchanged();
            closed.mark_unchanged();
            if let Some(lost) = self.lost() {
                self.replace(lost).await;
            }
            tokio::select! {
                changed = leadership.changed() => if changed.is_err() { return },
                changed = closed.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Whether this node follows a leader that it has not heard for longer than it should: a reason to ask for a sign of it.
    pub(crate) fn misses_leader(&self) -> bool {
        let silent = self.silent_for().filter(|silent| *silent > self.late(Duration::ZERO));
        silent.zip(self.followed()).is_some_and(|(silent, leader)| silent > self.late(self.way_to(leader)))
    }

    /// One and a half heartbeats, and as long as they may be held up on the way.
    fn late(&self, way: Duration) -> Duration {
        self.heartbeat * 3 / 2 + way * 2
    }

    /// The leader that this node follows, if its port is closed.
    fn lost(&self) -> Option<NodeId> {
        self.followed().filter(|leader| self.closed.borrow().contains(leader))
    }

    fn followed(&self) -> Option<NodeId> {
        let (now, own) = (*self.watch_leadership().borrow(), self.stores.identity.node);
        now.leader.filter(|leader| now.role == Role::Follower && *leader != own)
    }

    async fn replace(&self, lost: NodeId) {
        // Another may come to lead meanwhile.
        let mut leadership = self.watch_leadership();
        let replaced = leadership.wait_for(|now| now.leader != Some(lost));
        if timeout(self.turn(lost), replaced).await.is_ok() {
            return;
        }
        tracing::info!(leader = %lost, "its port is closed: this node asks whether it would be elected");
        let mut pause = AGAIN;
        while pause.failures() < ATTEMPTS_MAX && self.lost() == Some(lost) {
            let Some(missing) = self.would_be_elected(lost).await else { return };
            sleep(pause.grow(NO_LOT).max(missing)).await;
        }
    }

    /// How long those are waited for who may stand and have a lower number: each has time for its votes.
    fn turn(&self, lost: NodeId) -> Duration {
        let own = self.stores.identity.node;
        let others: Vec<_> = self.other_voters().into_iter().filter(|voter| voter.node != lost).collect();
        let turn = TURN_MIN.max(self.elections.pace().election(0, 0.0)) + self.longest_way(&others) * 2;
        let before = others.iter().filter(|voter| voter.node < own).count();
        turn.saturating_mul(u32::try_from(before).unwrap_or(u32::MAX)).min(TURN_MAX)
    }

    fn longest_way(&self, to: &[Target]) -> Duration {
        to.iter().filter_map(|voter| self.calls.way(voter)).max().unwrap_or_default()
    }

    fn other_voters(&self) -> Vec<Target> {
        let (membership, own) = (self.status().membership.membership, self.stores.identity.node);
        let votes = |node: &NodeId| *node != own && membership.configs.iter().any(|voters| voters.contains(node));
        let others = membership.members.iter().filter(|(node, _)| votes(node));
        others.map(|(node, member)| Target { node: *node, member: Arc::new(member.clone()) }).collect()
    }

    /// Asks the others, and stands if a majority of them and this node has missed the leader too. Gives for how long this node
    /// would yet have to miss it before it asks. None: there is nothing to be done any more, as Raft has ended or another vote
    /// was given.
    async fn would_be_elected(&self, lost: NodeId) -> Option<Duration> {
        let held = self.held().await.filter(|held| held.vote.committed && held.vote.node == lost)?;
        let missing = (self.late(self.way_to(lost)) + Duration::from_millis(1)).saturating_sub(held.silent);
        if !missing.is_zero() || !self.elections.may_stand() {
            return Some(missing);
        }
        let own = self.stores.identity.node;
        let vote = Vote { term: held.vote.term.checked_add(1)?, node: own, committed: false };
        // What says that it is by this rule, and not by openraft's times, that it is asked.
        let request = VoteRequest { vote, last_log: held.last_log, leadership_transfer: true };
        let others: Vec<_> = self.other_voters().into_iter().filter(|voter| voter.node != lost).collect();
        let limit = TURN_MIN + self.longest_way(&others) * 2;
        let asked = others.into_iter().map(|voter| {
            let answer = self.calls.pre_vote(&voter, request.clone(), limit);
            async move { matches!(timeout(limit, answer).await, Ok(Ok(answer)) if answer.granted).then_some(voter.node) }
        });
        let mut granted: BTreeSet<_> = join_all(asked).await.into_iter().flatten().collect();
        granted.insert(own);
        let configs = self.status().membership.membership.configs;
        let most =
            |voters: &Vec<NodeId>| voters.iter().filter(|voter| granted.contains(voter)).count() > voters.len() / 2;
        if !configs.is_empty() && configs.iter().all(most) && self.elections.may_stand() {
            // As if the leader had asked this node to.
            let (vote, last_log) = (convert::to_vote(held.vote), held.last_log.map(convert::to_log_id));
            let stands =
                self.raft.handle_transfer_leader(TransferLeaderRequest::new(vote, own.0, last_log)).await.ok()?;
            if let Err(refused) = stands {
                tracing::debug!(%refused, "this node does not stand");
            }
        }
        Some(Duration::ZERO)
    }

    /// The answer to a node that asks whether it would be elected, as it has found the leader's port closed. None: openraft
    /// decides, by its lease.
    pub(super) async fn believe(&self, from: NodeId, request: &VoteRequest) -> Option<VoteResponse> {
        let leader = self.followed().filter(|leader| *leader != from && request.leadership_transfer)?;
        let held = self.held().await.filter(|held| held.vote.committed && held.vote.node == leader)?;
        let missed = held.silent > self.late(self.way_to(leader));
        let granted = missed && request.vote.term > held.vote.term && request.last_log >= held.last_log;
        if granted {
            self.believed.send_replace(Some((from, request.vote.term, Instant::now())));
        }
        Some(VoteResponse { vote: held.vote, granted, last_log: held.last_log })
    }

    /// Whether that node was told just now that it would be elected for that term: the leader's lease is no reason to refuse it.
    pub(super) fn has_believed(&self, from: NodeId, term: u64) -> bool {
        let lately = |at: Instant| at.elapsed() < BELIEVED;
        self.believed.borrow().is_some_and(|(node, of, at)| (node, of) == (from, term) && lately(at))
    }

    /// After all that has arrived before.
    async fn held(&self) -> Option<Held> {
        let held = self.raft.with_raft_state(|state| {
            let silent = state.vote_last_modified().map_or(Duration::MAX, |heard| heard.elapsed());
            (*state.vote_ref(), silent)
        });
        let (vote, silent) = held.await.ok()?;
        Some(Held { vote: convert::from_vote(vote), silent, last_log: self.stores.log.bounds().last })
    }
}

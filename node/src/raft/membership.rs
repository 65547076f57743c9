//! Who belongs to the cluster and who leads it: the changes an operator asks for. Knows nothing of certificates.

pub(crate) mod motions;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::{ChangeMembers, Instant as _, RaftMetrics, ServerState};
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::{MembersReply, MembershipRefusal, MembershipReply};
use raftchat_schema::stored::Member;
use raftchat_schema::told::Told;

use self::rules::{Verdict, View, Wish};
use super::handle::RaftHandle;
use super::status::Role;
use super::types::TypeConfig;
use super::types::convert;

/// How long whoever asks for a change is kept waiting for it.
const CHANGE_LIMIT: Duration = Duration::from_secs(10);
/// How long another node may take to take over from a leader that is to be removed.
const HAND_ON_LIMIT: Duration = Duration::from_secs(3);

/// Why the membership was not changed, or leadership not handed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipFailure {
    /// Another node leads, or nobody.
    #[error("this node does not lead: ask node {}", .leader.map_or_else(|| "(unknown)".to_owned(), |node| node.to_string()))]
    NotLeader {
        /// Who does.
        leader: Option<NodeId>,
    },
    /// Nothing was changed, for this reason.
    #[error("the membership is not changed: {0}")]
    Refused(MembershipRefusal),
    /// Nobody took over in time.
    #[error("nobody took over leadership in time")]
    NobodyTookOver,
    /// The node is stopping, leadership was lost meanwhile, or no majority has answered yet.
    #[error("the change was interrupted; look at the membership before trying again: {0}")]
    Interrupted(String),
}

impl MembershipFailure {
    /// The outcome as other nodes are told it.
    pub(crate) fn reply(outcome: &Result<(), Self>) -> MembershipReply {
        match outcome {
            Ok(()) => MembershipReply::Done,
            Err(Self::NotLeader { leader }) => MembershipReply::NotLeader { leader: *leader },
            Err(Self::Refused(refusal)) => MembershipReply::Refused(*refusal),
            Err(Self::NobodyTookOver) => MembershipReply::Refused(MembershipRefusal::NobodyTookOver),
            Err(Self::Interrupted(_)) => MembershipReply::Failed,
        }
    }
}

type RaftFailure = RaftError<TypeConfig, ClientWriteError<TypeConfig>>;

impl RaftHandle {
    /// The newest membership that this node knows to be committed, and whom it takes for the leader.
    pub fn members(&self) -> MembersReply {
        let metrics = self.raft.metrics().borrow_watched().clone();
        MembersReply {
            membership: convert::from_stored_membership(&metrics.committed_membership_config),
            leader: metrics.current_leader.map(NodeId),
        }
    }

    /// Adds a node that receives the log and does not vote; returns when that is committed, however far the node is. To add
    /// the same member again is no error. A number is never to be given twice.
    pub async fn add_learner(&self, node: NodeId, member: Member) -> Result<(), MembershipFailure> {
        self.change(Wish::Add(node.0, member)).await
    }

    /// Gives a learner its vote; refuses one that is not near the end of the log.
    pub async fn promote(&self, node: NodeId) -> Result<(), MembershipFailure> {
        self.change(Wish::Promote(node.0)).await
    }

    /// Takes a node out of the cluster. A leader that is to go itself hands leadership on and says to whom.
    pub async fn remove_member(&self, node: NodeId) -> Result<(), MembershipFailure> {
        self.change(Wish::Remove(node.0)).await
    }

    /// Adds a learner for a node that asks for it.
    pub(crate) async fn add_for(&self, from: NodeId, node: NodeId, member: Member) -> Result<(), MembershipFailure> {
        self.must_vote(from)?;
        self.add_learner(node, member).await
    }

    /// Gives a learner its vote for a node that asks for it.
    pub(crate) async fn promote_for(&self, from: NodeId, node: NodeId) -> Result<(), MembershipFailure> {
        self.must_vote(from)?;
        self.promote(node).await
    }

    /// Takes a node out for a node that asks for it. Of one that is there this takes its own word, or that of two others.
    pub(crate) async fn remove_for(&self, from: NodeId, node: NodeId) -> Result<(), MembershipFailure> {
        if from != node {
            self.must_vote(from)?;
        }
        let view = self.view()?;
        view.judge(Wish::Remove(node.0)).map_err(MembershipFailure::Refused)?;
        let is_there = node.0 == view.own || view.reached.contains(&node.0);
        if is_there && !self.motions().second(node, from, Instant::now()) {
            tracing::warn!(%from, %node, "a node asks that another be removed which is there: it waits for a second");
            return Err(MembershipFailure::Refused(MembershipRefusal::NeedsSecond));
        }
        self.remove_member(node).await
    }

    /// Who has no vote decides nothing.
    fn must_vote(&self, from: NodeId) -> Result<(), MembershipFailure> {
        let votes = self.view()?.voters.contains(&from.0);
        if votes { Ok(()) } else { Err(MembershipFailure::Refused(MembershipRefusal::NotAllowed)) }
    }

    /// Goes on to its end whoever still waits for it: half of a change needs the majorities of both memberships.
    async fn change(&self, wish: Wish) -> Result<(), MembershipFailure> {
        tracing::info!(wish = %Told(&wish), "another membership is asked for");
        let handle = self.clone();
        let work = tokio::spawn(async move { handle.carry_out(wish).await });
        let outcome = match tokio::time::timeout(CHANGE_LIMIT, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(MembershipFailure::Interrupted(error.to_string())),
            Err(_elapsed) => Err(MembershipFailure::Interrupted("no majority has answered yet".to_owned())),
        };
        outcome.inspect_err(|failure| tracing::info!(%failure, "the membership was not changed, as far as is known"))
    }

    async fn carry_out(self, wish: Wish) -> Result<(), MembershipFailure> {
        let Ok(_turn) = self.changing.try_lock() else {
            return Err(MembershipFailure::Refused(MembershipRefusal::UnderWay));
        };
        self.finish_interrupted().await?;
        let verdict = self.view()?.judge(wish).map_err(MembershipFailure::Refused)?;
        let changes = match verdict {
            Verdict::AlreadySo => return Ok(()),
            Verdict::AddLearner(node, member) => ChangeMembers::AddNodes([(node, member)].into()),
            Verdict::AddVoter(node) => ChangeMembers::AddVoterIds([node].into()),
            Verdict::RemoveLearner(node) => ChangeMembers::RemoveNodes([node].into()),
            Verdict::RemoveVoter(node) => ChangeMembers::RemoveVoters([node].into()),
            Verdict::HandOn => {
                self.hand_on_leadership(HAND_ON_LIMIT).await?;
                return Err(MembershipFailure::NotLeader { leader: self.watch_leadership().borrow().leader });
            }
        };
        self.propose_members(changes).await
    }

    /// A leader that died between the two halves of a change has left the first.
    async fn finish_interrupted(&self) -> Result<(), MembershipFailure> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        if metrics.membership_config.membership().get_joint_config().len() < 2 {
            return Ok(());
        }
        self.propose_members(ChangeMembers::AddVoterIds(BTreeSet::new())).await
    }

    /// Who is no longer a voter leaves the cluster.
    async fn propose_members(&self, changes: ChangeMembers<u64, Member>) -> Result<(), MembershipFailure> {
        self.raft.change_membership(changes, false).await.map(drop).map_err(|error| self.failure_of(error))
    }

    fn failure_of(&self, error: RaftFailure) -> MembershipFailure {
        let change = match error {
            RaftError::APIError(ClientWriteError::ForwardToLeader(elsewhere)) => {
                let leader = elsewhere.leader_id.map(NodeId).filter(|leader| *leader != self.stores.identity.node);
                return MembershipFailure::NotLeader { leader };
            }
            RaftError::APIError(ClientWriteError::ChangeMembershipError(change)) => change,
            other => return MembershipFailure::Interrupted(other.to_string()),
        };
        MembershipFailure::Refused(match change {
            ChangeMembershipError::InProgress(_) | ChangeMembershipError::UncommittedLeaderLog(_) => {
                MembershipRefusal::UnderWay
            }
            ChangeMembershipError::EmptyMembership(_) => MembershipRefusal::LastVoter,
            ChangeMembershipError::LearnerNotFound(_) => MembershipRefusal::NoSuchNode,
            ChangeMembershipError::NodeMetadataChanged(_) => MembershipRefusal::Taken,
            ChangeMembershipError::UnsupportedMembershipTransition(_) => {
                return MembershipFailure::Interrupted(change.to_string());
            }
        })
    }

    /// The cluster as this node sees it, if it leads.
    fn view(&self) -> Result<View, MembershipFailure> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        if metrics.state != ServerState::Leader {
            let leader = metrics.current_leader.filter(|leader| *leader != metrics.id).map(NodeId);
            return Err(MembershipFailure::NotLeader { leader });
        }
        let membership = metrics.membership_config.membership();
        Ok(View {
            own: metrics.id,
            voters: membership.voter_ids().collect(),
            members: membership.nodes().map(|(node, member)| (*node, member.clone())).collect(),
            reached: self.reached(&metrics),
            matched: matched(&metrics),
            last_log: metrics.last_log_index.unwrap_or_default(),
        })
    }

    /// From whom a leader has heard within the time for which a leader's word is good.
    fn reached(&self, metrics: &RaftMetrics<TypeConfig>) -> BTreeSet<u64> {
        let heard = metrics.heartbeat.iter().flatten();
        let lately = heard.filter(|(_, at)| at.is_some_and(|at| at.elapsed() <= self.contact_limit));
        lately.map(|(node, _)| *node).collect()
    }

    /// Hands leadership to the voter that is furthest, if this node leads, and waits until it has taken over. For a
    /// graceful stop.
    pub async fn hand_on_leadership(&self, limit: Duration) -> Result<(), MembershipFailure> {
        let Some(to) = self.successor() else {
            return Ok(());
        };
        let mut leadership = self.watch_leadership();
        self.note_handing_to(NodeId(to));
        let started = self.raft.trigger().transfer_leader(to).await;
        started.map_err(|error| MembershipFailure::Interrupted(error.to_string()))?;
        let own = self.stores.identity.node;
        let taken = leadership.wait_for(|now| now.leader.is_some_and(|leader| leader != own));
        match tokio::time::timeout(limit, taken).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(MembershipFailure::Interrupted(error.to_string())),
            Err(_elapsed) => Err(MembershipFailure::NobodyTookOver),
        }
    }

    /// Hands leadership on, and does not stand for election again.
    pub async fn retire(&self, limit: Duration) -> Result<(), MembershipFailure> {
        self.hold_back("retires");
        self.hand_on_leadership(limit).await
    }

    /// The other voter whose log is furthest, of those that are there; none unless this node leads others.
    fn successor(&self) -> Option<u64> {
        if self.watch_leadership().borrow().role != Role::Leader {
            return None;
        }
        let metrics = self.raft.metrics().borrow_watched().clone();
        let voters: BTreeSet<u64> = metrics.membership_config.voter_ids().collect();
        let (reached, matched) = (self.reached(&metrics), matched(&metrics));
        let others = voters.into_iter().filter(|node| *node != metrics.id);
        others.max_by_key(|node| (reached.contains(node), matched.get(node).copied()))
    }
}

/// Up to where each node's log is known to be the leader's; of a node without an entry nothing is known.
fn matched(metrics: &RaftMetrics<TypeConfig>) -> BTreeMap<u64, u64> {
    let known = metrics.replication.iter().flatten();
    known.filter_map(|(node, matched)| Some((*node, matched.as_ref()?.index))).collect()
}

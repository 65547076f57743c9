//! Asks the nodes of a cluster who belongs to it, their leader to change that, and one of them to end, in the name of a node
//! that has a directory here. Knows nothing of why somebody wants to know or to change it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use raftchat_certs::LeafFiles;
use raftchat_node::config::NodeConfig;
use raftchat_schema::generated::peer_capnp::{membership_change, peer};
use raftchat_schema::id::NodeId;
use raftchat_schema::level::Level;
use raftchat_schema::pause::{NO_LOT, Pause};
use raftchat_schema::peer::{MembersReply, MembershipRefusal, MembershipReply, ReadIndexReply};
use raftchat_schema::stored::{Member, Membership};
use raftchat_schema::wire;
use raftchat_transport::{
    AuthRefusal, Credentials, Dialer, DialerConfig, DoubtfulClock, Expect, Link, LinkFailure, LinkLimits, LinkTiming,
    Role, TrustAnchors,
};
use tokio::time::{Instant, sleep, timeout};

use super::directory::ClusterDir;
use crate::failure::Failure;

/// The time that a node may take to let us in, say whom it follows and, if it leads, be sure of it.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
/// The time that a leader may take for a change: a little longer than it allows itself.
const CHANGE_LIMIT: Duration = Duration::from_secs(12);
/// A leader that was just elected takes so long at most to hear from all who are there.
const SETTLING: Duration = Duration::from_secs(2);
/// The pauses between attempts.
const PAUSE: Pause = Pause::between(Duration::from_millis(200), Duration::from_secs(2));

/// A change of the membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// One learner more.
    Add(NodeId, Member),
    /// A learner's vote.
    Promote(NodeId),
    /// One node less.
    Remove(NodeId),
    /// Another feature level.
    RaiseLevel(Level),
}

/// Somebody who is let in as a node. Lives on a `LocalSet`.
pub(super) struct AdminClient {
    cluster: String,
    /// One for each node whose certificate is here.
    dialers: Vec<(u64, Dialer)>,
    /// Where nodes are, as far as is known; more is learned from their answers.
    addresses: RefCell<BTreeMap<u64, String>>,
}

/// A node that has let us in.
struct Visit {
    link: Link,
    peer: peer::Client,
}

/// What was found out by asking all nodes.
enum Found {
    /// The leader, confirmed by a majority, and what it says.
    Leader(Visit, MembersReply),
    /// No leader; the newest word of a node that answered.
    Word(MembersReply),
    /// No node has answered: the most telling reason.
    Nobody(LinkFailure),
}

/// What an attempt at a change has come to.
enum Attempt {
    /// The leader has answered.
    Answered(MembershipReply),
    /// The leader was asked and its answer is lost.
    Lost,
    /// There is nobody to ask, for this reason.
    Nobody(String),
    /// No certificate is let in.
    ShutOut(String),
}

impl AdminClient {
    /// In the name of any node that has its certificate in the cluster's directory.
    pub(super) fn of_cluster(dir: &ClusterDir, configs: &[NodeConfig]) -> Result<Self, Failure> {
        let mut dialers = Vec::new();
        let mut trouble = None;
        for config in configs {
            match dialer(config) {
                Ok(dialer) => dialers.push((config.node, dialer)),
                Err(failure) => trouble = trouble.or(Some(failure)),
            }
        }
        match trouble {
            Some(failure) if dialers.is_empty() => return Err(failure),
            Some(failure) => tracing::debug!(%failure, "a node's certificate is of no use here"),
            None => {}
        }
        let cluster = configs.first().map(|config| config.cluster.clone()).unwrap_or_default();
        let addresses = dir.members(configs).into_iter().map(|member| (member.node, member.peer_address)).collect();
        Ok(Self { cluster, dialers, addresses: RefCell::new(addresses) })
    }

    /// Who belongs to the cluster: by the leader if one is found in time; otherwise by who knows most, who then names no leader.
    pub(super) async fn members(&self, patience: Duration) -> Result<MembersReply, Failure> {
        let (deadline, mut pause) = (Instant::now() + patience, PAUSE);
        loop {
            let found = self.look().await;
            let wait = pause.grow(NO_LOT);
            let late = Instant::now() + wait > deadline;
            match found {
                Found::Leader(visit, members) => {
                    visit.link.finish().await;
                    return Ok(members);
                }
                Found::Word(members) if late => return Ok(MembersReply { leader: None, ..members }),
                Found::Nobody(failure) if late || is_shut_out(&failure) => return Err(unreachable(&failure)),
                Found::Word(_) | Found::Nobody(_) => sleep(wait).await,
            }
        }
    }

    /// Who belongs to the cluster, by its leader.
    pub(super) async fn members_by_leader(&self, patience: Duration) -> Result<MembersReply, Failure> {
        let members = self.members(patience).await?;
        if members.leader.is_some() { Ok(members) } else { Err(Failure::Unreachable(NO_LEADER.to_owned())) }
    }

    /// Has the leader change the membership, and waits for what it says must come first.
    pub(super) async fn change(&mut self, change: &Change, patience: Duration) -> Result<(), Failure> {
        if let Change::Remove(NodeId(going)) = change {
            // The certificate of a node that is removed is let in no more, in the middle of the answer.
            self.dialers.sort_by_key(|(node, _)| node == going);
        }
        let (started, mut lost, mut words, mut pause) = (Instant::now(), false, 1, PAUSE);
        loop {
            let attempt = self.attempt(change).await;
            let wait = pause.after(pause.failures());
            let waited = started.elapsed() + wait;
            if matches!(attempt, Attempt::Answered(MembershipReply::Refused(MembershipRefusal::NeedsSecond)))
                && words < self.dialers.len()
            {
                // One word is not enough: the next certificate that is here says the same.
                self.dialers.rotate_left(1);
                words += 1;
                continue;
            }
            let failure = match attempt {
                Attempt::Answered(MembershipReply::Done) => return Ok(()),
                Attempt::Answered(MembershipReply::Refused(MembershipRefusal::NoSuchNode))
                    if lost && removes(change) =>
                {
                    return Ok(());
                }
                Attempt::Answered(MembershipReply::Refused(refusal)) if waited > worth_waiting(refusal, patience) => {
                    return Err(refusal.into());
                }
                Attempt::Answered(MembershipReply::Refused(refusal)) => refusal.into(),
                Attempt::Answered(MembershipReply::NotLeader { .. }) => Failure::Unreachable(NO_LEADER.to_owned()),
                Attempt::Answered(MembershipReply::Failed) | Attempt::Lost => {
                    lost = true;
                    Failure::Unreachable(NO_LEADER.to_owned())
                }
                Attempt::ShutOut(_) if lost && self.is_nobody_after(change) => return Ok(()),
                Attempt::ShutOut(reason) => return Err(Failure::Unreachable(reason)),
                Attempt::Nobody(reason) => Failure::Unreachable(reason),
            };
            if waited > patience {
                return Err(if lost { Failure::OutcomeUnknown(UNKNOWN.to_owned()) } else { failure });
            }
            sleep(pause.grow(NO_LOT)).await;
        }
    }

    /// Has a node send its devices elsewhere and end, within so long. Returns when it has begun.
    pub(super) async fn drain(&mut self, node: NodeId, within: Duration) -> Result<(), Failure> {
        // No node ends another.
        self.dialers.retain(|(own, _)| *own == node.0);
        if self.dialers.is_empty() {
            return Err(Failure::Usage(format!(
                "node {node} is drained where its own directory is; or stop it there by SIGTERM, which does the same"
            )));
        }
        let address = self.addresses.borrow().get(&node.0).cloned();
        let address = address.ok_or(Failure::Membership(MembershipRefusal::NoSuchNode))?;
        let asked = async {
            let visit = self.visit(node.0, &address).await?;
            let mut call = visit.peer.drain_request();
            call.get().set_deadline_ms(u32::try_from(within.as_millis()).unwrap_or(u32::MAX));
            match call.send().promise.await {
                Ok(_begun) => {
                    visit.link.finish().await;
                    Ok(())
                }
                Err(error) => Err(lost(&visit, error).await),
            }
        };
        let asked = timeout(LOOK_LIMIT, asked).await.unwrap_or(Err(LinkFailure::Timeout(LOOK_LIMIT)));
        asked.map_err(|failure| unreachable(&failure))
    }

    /// True if all certificates that are here are of the node that is removed.
    fn is_nobody_after(&self, change: &Change) -> bool {
        matches!(change, Change::Remove(NodeId(going)) if self.dialers.iter().all(|(node, _)| node == going))
    }

    async fn attempt(&self, change: &Change) -> Attempt {
        let visit = match self.look().await {
            Found::Leader(visit, _) => visit,
            Found::Word(_) => return Attempt::Nobody(NO_LEADER.to_owned()),
            Found::Nobody(failure) if is_shut_out(&failure) => return Attempt::ShutOut(sentence(&failure)),
            Found::Nobody(failure) => return Attempt::Nobody(sentence(&failure)),
        };
        match timeout(CHANGE_LIMIT, ask_to(&visit.peer, change)).await {
            Ok(Ok(reply)) => {
                visit.link.finish().await;
                Attempt::Answered(reply)
            }
            Ok(Err(error)) => {
                let failure = visit.link.explain(error).await;
                tracing::debug!(%failure, "the leader's answer is lost");
                Attempt::Lost
            }
            Err(_elapsed) => Attempt::Lost,
        }
    }

    /// Asks all nodes at once; does not wait for the rest when the leader has answered.
    async fn look(&self) -> Found {
        let known = self.addresses.borrow().clone();
        let mut answers: FuturesUnordered<_> = known.iter().map(|(node, address)| self.ask(*node, address)).collect();
        let mut word: Option<MembersReply> = None;
        let mut trouble = LinkFailure::Unreachable { cause: "no node is known".to_owned() };
        while let Some((node, answer)) = answers.next().await {
            match answer {
                Ok((visit, reply, leads)) => {
                    self.learn(&reply.membership.membership);
                    if leads {
                        return Found::Leader(visit, reply);
                    }
                    if word.as_ref().is_none_or(|word| word.membership.log_id < reply.membership.log_id) {
                        word = Some(reply);
                    }
                }
                Err(failure) => {
                    tracing::debug!(node, %failure, "the node says nothing");
                    if !is_shut_out(&trouble) {
                        trouble = failure;
                    }
                }
            }
        }
        word.map_or(Found::Nobody(trouble), Found::Word)
    }

    /// What one node says, and whether it leads.
    async fn ask(&self, node: u64, address: &str) -> (u64, Result<(Visit, MembersReply, bool), LinkFailure>) {
        let asked = async {
            let visit = self.visit(node, address).await?;
            let reply = match members(&visit.peer).await {
                Ok(reply) => reply,
                Err(error) => return Err(lost(&visit, error).await),
            };
            // One that was paused, or is cut off, may only believe that it leads.
            let leads = reply.leader == Some(NodeId(node)) && is_sure(&visit.peer).await;
            Ok((visit, reply, leads))
        };
        (node, timeout(LOOK_LIMIT, asked).await.unwrap_or(Err(LinkFailure::Timeout(LOOK_LIMIT))))
    }

    /// Goes to a node with one certificate after the other, until one is let in.
    async fn visit(&self, node: u64, address: &str) -> Result<Visit, LinkFailure> {
        let unresolved = |cause: String| LinkFailure::Unreachable { cause: format!("{address}: {cause}") };
        let mut places = tokio::net::lookup_host(address).await.map_err(|error| unresolved(error.to_string()))?;
        let place = places.next().ok_or_else(|| unresolved("it has no address".to_owned()))?;
        let expect = Expect { cluster: self.cluster.clone(), node: Some(node) };
        let mut refused = LinkFailure::Refused { reason: AuthRefusal::NoCertificate };
        for (_, dialer) in &self.dialers {
            let knock = async {
                let link = dialer.connect(place, &expect).await?;
                let peer: peer::Client = link.bootstrap().await?;
                link.admitted(&peer).await?;
                Ok(Visit { link, peer })
            };
            match knock.await {
                Err(failure @ LinkFailure::Refused { .. }) => refused = failure,
                other => return other,
            }
        }
        Err(refused)
    }

    fn learn(&self, membership: &Membership) {
        let members = membership.members.iter().map(|(node, member)| (node.0, member.peer_address.clone()));
        self.addresses.borrow_mut().extend(members);
    }
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClient").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

const NO_LEADER: &str = "no node leads a majority: start the others, or wait for the election, and try again";
const CERTS_HINT: &str =
    "nodes tell who they are, and change it, to a node alone: run this where the whole directory of one is";
const UNKNOWN: &str = "it is not known whether the membership was changed: the answer was lost, or no majority has confirmed it. \
                       `raftchatctl cluster members` shows what is; asking the same again is harmless";

fn dialer(config: &NodeConfig) -> Result<Dialer, Failure> {
    if !config.certs.is_dir() {
        return Err(Failure::Missing { path: config.certs.clone(), hint: CERTS_HINT });
    }
    // The nodes say what time it is: whoever mends a clock needs this program.
    let files = LeafFiles::load_whenever(&config.certs)?;
    let dialer = DialerConfig {
        role: Role::Node,
        credentials: Credentials { chain: files.leaf.chain_der(), key: files.leaf.key_der() },
        nodes: TrustAnchors(vec![files.anchors.nodes.to_vec()]),
        timing: LinkTiming::peer(),
        limits: LinkLimits::peer(),
    };
    let clock = Arc::new(DoubtfulClock(files.valid_from()));
    let dialer = Dialer::new(&dialer).map_err(raftchat_client::StartError::from)?;
    Ok(dialer.judging_by(clock))
}

const fn is_shut_out(failure: &LinkFailure) -> bool {
    matches!(failure, LinkFailure::Refused { .. })
}

fn sentence(failure: &LinkFailure) -> String {
    if is_shut_out(failure) {
        return format!("no certificate of a node in this directory is let in: {failure}");
    }
    format!("no node could be asked: {failure}")
}

fn unreachable(failure: &LinkFailure) -> Failure {
    Failure::Unreachable(sentence(failure))
}

const fn removes(change: &Change) -> bool {
    matches!(change, Change::Remove(_))
}

/// For how long a refusal may still pass by itself.
fn worth_waiting(refusal: MembershipRefusal, patience: Duration) -> Duration {
    match refusal {
        MembershipRefusal::NotCaughtUp { .. } | MembershipRefusal::UnderWay => patience,
        MembershipRefusal::NoMajority
        | MembershipRefusal::NobodyTookOver
        | MembershipRefusal::NotUpgraded { newest: None, .. } => patience.min(SETTLING),
        MembershipRefusal::Malformed
        | MembershipRefusal::Taken
        | MembershipRefusal::NoSuchNode
        | MembershipRefusal::NotAllowed
        | MembershipRefusal::NeedsSecond
        | MembershipRefusal::NotUpgraded { newest: Some(_), .. }
        | MembershipRefusal::LastVoter => Duration::ZERO,
    }
}

async fn lost(visit: &Visit, error: capnp::Error) -> LinkFailure {
    match visit.link.explain(error).await {
        raftchat_transport::CallFailure::Link(failure) => failure,
        raftchat_transport::CallFailure::Remote(error) => LinkFailure::NodeGone { cause: error.extra },
    }
}

async fn members(peer: &peer::Client) -> Result<MembersReply, capnp::Error> {
    let response = peer.members_request().send().promise.await?;
    wire::read_members_reply(response.get()?).map_err(malformed)
}

/// True if a majority follows it at this moment.
async fn is_sure(peer: &peer::Client) -> bool {
    let confirmed = async {
        let response = peer.read_index_request().send().promise.await?;
        Ok::<_, capnp::Error>(matches!(wire::read_read_index_reply(response.get()?), ReadIndexReply::Index(_)))
    };
    confirmed.await.unwrap_or(false)
}

async fn ask_to(peer: &peer::Client, change: &Change) -> Result<MembershipReply, capnp::Error> {
    match change {
        Change::Add(node, member) => {
            let mut call = peer.add_member_request();
            wire::write_member(call.get().init_member(), *node, member);
            reply(call.send().promise.await?.get()?.get_change()?)
        }
        Change::Promote(node) => {
            let mut call = peer.promote_request();
            call.get().set_node(node.0);
            reply(call.send().promise.await?.get()?.get_change()?)
        }
        Change::Remove(node) => {
            let mut call = peer.remove_member_request();
            call.get().set_node(node.0);
            reply(call.send().promise.await?.get()?.get_change()?)
        }
        Change::RaiseLevel(level) => {
            let mut call = peer.finalize_request();
            call.get().set_level(level.0);
            reply(call.send().promise.await?.get()?.get_change()?)
        }
    }
}

fn reply(change: membership_change::Reader<'_>) -> Result<MembershipReply, capnp::Error> {
    wire::read_membership_reply(change).map_err(malformed)
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn malformed(error: wire::WireError) -> capnp::Error {
    capnp::Error::failed(error.to_string())
}

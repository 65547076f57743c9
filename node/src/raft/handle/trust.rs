//! Whom this node believes how much: what it holds against what others say, and whether it may stand and vote itself. Never
//! knows how calls travel.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openraft::async_runtime::watch::WatchReceiver as _;
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::{Mark, VoteRequest};
use raftchat_schema::stored::{LogId, Vote};
use tokio::sync::watch;

use super::RaftHandle;
use crate::raft::membership::motions::Motions;
use crate::raft::trust::claims::Known;
use crate::raft::trust::doubts::{Doubts, Holds, News};
use crate::raft::types::convert;
use crate::store::Promised;

/// For how long a leader's word is good that another is to stand.
const HANDING_ON: Duration = Duration::from_secs(3);
/// So much later than the one who stands may the leader's word arrive.
const HANDING_LATE: Duration = Duration::from_millis(50);

/// A reason not to stand: it is not known whether this node's data is what it was.
const IN_DOUBT: &str = "in doubt";
/// Another: its clock is wrong.
const WRONG_CLOCK: &str = "wrong clock";

/// What is known of others and of this node. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    /// To whom the leader last handed on, and when.
    handing: watch::Sender<Option<(NodeId, Instant)>>,
    motions: Arc<Mutex<Motions>>,
    doubts: Arc<Mutex<Doubts>>,
    /// Names this run of the program.
    start: u64,
    /// The newest term that each of the others has told.
    told_terms: Arc<Mutex<BTreeMap<NodeId, u64>>>,
}

impl Trust {
    pub(super) fn new() -> Self {
        Self {
            handing: watch::Sender::new(None),
            motions: Arc::default(),
            doubts: Arc::default(),
            start: random(),
            told_terms: Arc::default(),
        }
    }
}

impl RaftHandle {
    /// From now on this node does not stand for election, for that reason and maybe others.
    pub(crate) fn hold_back(&self, reason: &'static str) {
        self.elections.hold_back(reason);
    }

    /// That is no reason any more.
    pub(crate) fn let_stand(&self, reason: &'static str) {
        self.elections.let_stand(reason);
    }

    /// Votes for nobody until another node has said that this one's data is what it was: see [`RaftHandle::hear_of_itself`].
    pub(crate) fn doubt(&self) {
        let (start, found) = (self.trust.start, self.holds());
        match self.stores.owed.promised() {
            Some(Promised { vote, last }) => lock(&self.trust.doubts).begin_owing(start, found, vote, last),
            None => lock(&self.trust.doubts).begin(start, found),
        }
        self.hold_back(IN_DOUBT);
    }

    /// What another node knows of what this one has said before; each mark is one that it has made itself.
    pub(crate) fn hear_of_itself(&self, from: NodeId, known: &[Mark]) {
        let news = lock(&self.trust.doubts).hear(from, known, &self.holds());
        self.tell(news, Some(from));
    }

    /// Looks whether what was missing has come.
    pub(crate) fn look_for_the_missing(&self) {
        let news = lock(&self.trust.doubts).look(&self.holds());
        self.tell(news, None);
    }

    fn tell(&self, news: Option<News>, from: Option<NodeId>) {
        match news {
            None => return,
            Some(News::Sure) => tracing::debug!(?from, "this node's data is what it was"),
            Some(News::CaughtUp) => {
                tracing::warn!("what was missing is here again: this node gives its vote as before");
                self.settle_what_was_owed();
            }
            Some(News::Older { was, is, replaced }) => {
                let (was, is) = (was.map(|id| id.index), is.map(|id| id.index));
                let from = from.map(|node| node.0);
                let what = if replaced { "another directory than the node had" } else { "an older copy" };
                tracing::error!(
                    told_by = from,
                    was_at = was,
                    ends_at = is,
                    what,
                    "the data of this node goes back behind what it has acknowledged. It gives no vote until the others have \
                     sent it what is missing. Never start a node from a copy of its data"
                );
                return self.hold_back(IN_DOUBT);
            }
        }
        self.let_stand(IN_DOUBT);
    }

    /// What is here is durable once the state is: then nothing is owed any more.
    fn settle_what_was_owed(&self) {
        if self.stores.owed.promised().is_none() {
            return;
        }
        let stores = self.stores.clone();
        // It ends by itself; where it fails it is done at the next start.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = stores.state.sync().and_then(|()| stores.owed.settle()) {
                tracing::warn!(%error, "the log that was set aside stays until the next start");
            }
        });
    }

    /// Whether this node waits to hear from others before it votes.
    pub(crate) fn is_unasked(&self) -> bool {
        lock(&self.trust.doubts).is_unasked()
    }

    /// Whether this node may stand for election.
    pub(in crate::raft) fn is_sure(&self) -> bool {
        lock(&self.trust.doubts).is_sure()
    }

    /// Up to where this node must come before it votes; none if nothing is missing.
    pub(crate) fn behind(&self) -> Option<LogId> {
        lock(&self.trust.doubts).behind()
    }

    /// Whether that candidate may have this node's vote, for all that is known of this node's data.
    pub(in crate::raft) fn may_vote(&self, request: &VoteRequest) -> bool {
        let own = self.stores.identity.node;
        let others = || {
            self.raft
                .metrics()
                .borrow_watched()
                .membership_config
                .voter_ids()
                .map(NodeId)
                .filter(|node| *node != own)
                .collect()
        };
        let doubts = lock(&self.trust.doubts);
        doubts.is_sure() || doubts.may_vote(request, &others())
    }

    /// A later vote than that, which this node has given before its data was set back.
    pub(in crate::raft) fn promised_later(&self, vote: &Vote) -> Option<Vote> {
        lock(&self.trust.doubts).promised_later(vote)
    }

    /// What this node holds on disk.
    fn holds(&self) -> Holds {
        let (log, identity) = (&self.stores.log, &self.stores.identity);
        // A snapshot that was installed may be ahead of the log that it replaces.
        let applied = self.raft.metrics().borrow_watched().last_applied.map(convert::from_log_id);
        Holds { data: identity.data.clone(), vote: log.vote(), last: log.bounds().last.max(applied) }
    }

    /// How far this node is; without a seal.
    pub(crate) fn mark(&self) -> Mark {
        let applied = self.raft.metrics().borrow_watched().last_applied.map(convert::from_log_id);
        let Holds { data, vote, .. } = self.holds();
        Mark { data, vote, applied, start: self.trust.start, seal: [0; 32] }
    }

    /// Another node says which term it is in.
    pub(crate) fn note_term(&self, from: NodeId, term: u64) {
        let mut terms = lock(&self.trust.told_terms);
        let told = terms.entry(from).or_default();
        *told = (*told).max(term);
    }

    /// What this node knows for itself, to hold against it what that node says.
    pub(in crate::raft) fn known(&self, from: NodeId) -> Known {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let told = lock(&self.trust.told_terms).iter().filter(|(node, _)| **node != from).map(|(_, term)| *term).max();
        Known {
            term: metrics.current_term.max(told.unwrap_or(0)),
            vote: Some(convert::from_vote(metrics.vote)),
            committed: metrics.local_committed.map(convert::from_log_id),
        }
    }

    /// Whose word it is that a node be removed.
    pub(in crate::raft) fn motions(&self) -> MutexGuard<'_, Motions> {
        lock(&self.trust.motions)
    }

    /// The leader hands on to that node, which may stand in spite of its lease.
    pub(in crate::raft) fn note_handing_to(&self, node: NodeId) {
        self.trust.handing.send_replace(Some((node, Instant::now())));
    }

    /// Whether the leader, this node or another, has just handed on to that node. Its word may come a little later than that
    /// of who stands.
    pub(in crate::raft) async fn is_handed_to(&self, node: NodeId, asked: bool) -> bool {
        let handed =
            |now: &Option<(NodeId, Instant)>| now.is_some_and(|(to, at)| to == node && at.elapsed() < HANDING_ON);
        let mut handing = self.trust.handing.subscribe();
        asked && matches!(tokio::time::timeout(HANDING_LATE, handing.wait_for(handed)).await, Ok(Ok(_)))
    }

    /// Says whether this node stands for election, should there be no leader, for all that its clock says.
    pub(crate) fn may_stand(&self, stands: bool) {
        if stands { self.let_stand(WRONG_CLOCK) } else { self.hold_back(WRONG_CLOCK) }
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without chance two runs have the same name, and less is noticed.
    let _drawn = getrandom::fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

/// What is locked here is whole after every step, whoever panicked meanwhile.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

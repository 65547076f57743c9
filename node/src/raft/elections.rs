//! When this node stands for election. openraft draws its times once, when it starts, and would begin the next election before
//! the first could be written down where a disk is slow: so whoever writes a vote, or hears of a leader, gives that the time
//! which it needs (`pace.rs`), and others are told that an election is under way. Never knows how votes travel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::budgets::MEMBERS_MAX;
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::Vote;
use raftchat_transport::lot_share;

use super::machine::OurRaft;
use super::pace::{Pace, SYNC_MAX};
use crate::store::Syncs;

/// Whether this node stands for election at present.
#[derive(Default)]
pub(crate) struct Elections {
    own: NodeId,
    syncs: Syncs,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None before it runs and after it has ended.
    raft: Option<OurRaft>,
    turn: Turn,
    /// Why else this node does not stand.
    held_back: BTreeSet<&'static str>,
    /// How long a sync takes on the others.
    told: BTreeMap<NodeId, Duration>,
}

/// How far an election is, as far as this node knows. Pure: it is told the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Turn {
    /// So many votes are being written.
    writing: u32,
    /// Until then whoever was voted for has time.
    until: Option<Instant>,
    /// How often this node has stood since it last heard of a leader.
    failed: u32,
}

impl Turn {
    fn is_under_way(&self, now: Instant) -> bool {
        self.writing > 0 || self.until.is_some_and(|until| now < until)
    }

    fn begin(&mut self) {
        self.writing = self.writing.saturating_add(1);
    }

    /// A vote is written: this node's own, or the word of somebody who leads.
    fn written(&mut self, vote: Option<(Vote, NodeId)>, pace: Pace, lot: f64, now: Instant) {
        self.writing = self.writing.saturating_sub(1);
        match vote {
            Some((vote, _)) if vote.committed => self.failed = 0,
            Some((vote, own)) if vote.node == own => self.failed = self.failed.saturating_add(1),
            _ => {}
        }
        let until = now + pace.election(self.failed, lot);
        self.until = Some(self.until.map_or(until, |known| known.max(until)));
    }
}

impl std::fmt::Debug for Elections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elections").field("turn", &self.lock().turn).finish_non_exhaustive()
    }
}

impl Elections {
    pub(crate) fn new(own: NodeId, syncs: Syncs) -> Self {
        Self { own, syncs, state: Mutex::default() }
    }

    /// From now on openraft is told when to stand.
    pub(super) fn begin(&self, raft: OurRaft) {
        let mut state = self.lock();
        state.raft = Some(raft);
        state.apply();
    }

    /// Nobody is to be told anything any more.
    pub(super) fn end(&self) {
        self.lock().raft = None;
    }

    /// From now on this node does not stand, for that reason and maybe others.
    pub(super) fn hold_back(&self, reason: &'static str) {
        let mut state = self.lock();
        state.held_back.insert(reason);
        state.apply();
    }

    /// That is no reason any more.
    pub(super) fn let_stand(&self, reason: &'static str) {
        let mut state = self.lock();
        state.held_back.remove(reason);
        state.apply();
    }

    /// Another node says how long a sync takes there.
    pub(super) fn hear_of_disk(&self, node: NodeId, sync: Duration) {
        let told = &mut self.lock().told;
        if told.len() < MEMBERS_MAX || told.contains_key(&node) {
            told.insert(node, sync.min(SYNC_MAX));
        }
    }

    /// What was measured, here and, as they say, on the other nodes.
    pub(super) fn pace(&self) -> Pace {
        let told = self.lock().told.values().max().copied().unwrap_or_default();
        Pace { sync: self.syncs.p99().max(told) }
    }

    /// Whether somebody has just been voted for, or has come to lead, and is given the time for it.
    pub(super) fn is_under_way(&self) -> bool {
        self.lock().turn.is_under_way(Instant::now())
    }

    /// Whether this node may stand for election now.
    pub(super) fn may_stand(&self) -> bool {
        self.lock().may_stand()
    }

    /// How long whoever was voted for has yet.
    pub(super) fn left(&self) -> Duration {
        let until = self.lock().turn.until;
        until.map(|until| until.saturating_duration_since(Instant::now())).unwrap_or_default()
    }

    /// Writes something for which openraft waits, so that it hears of nothing meanwhile: a vote, if it is one. This node does not
    /// stand before it is written, nor for a while after.
    pub(super) async fn while_written<T>(self: &Arc<Self>, vote: Option<Vote>, write: impl Future<Output = T>) -> T {
        let _writing = Writing::begin(self, vote);
        write.await
    }

    /// Looks again when the time of whoever was voted for is over.
    fn look_at(self: &Arc<Self>, until: Instant) {
        let elections = self.clone();
        // Outside of a runtime nobody stands.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep_until(until.into()).await;
                elections.lock().apply();
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every step, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_stand(&self) -> bool {
        self.held_back.is_empty() && !self.turn.is_under_way(Instant::now())
    }

    fn apply(&self) {
        if let Some(raft) = &self.raft {
            raft.runtime_config().elect(self.may_stand());
        }
    }
}

/// Something is being written; dropped when it is, or nobody waits for it any more.
struct Writing<'e> {
    elections: &'e Arc<Elections>,
    vote: Option<Vote>,
}

impl<'e> Writing<'e> {
    fn begin(elections: &'e Arc<Elections>, vote: Option<Vote>) -> Self {
        let mut state = elections.lock();
        state.turn.begin();
        state.apply();
        drop(state);
        Self { elections, vote }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let pace = self.elections.pace();
        let mut state = self.elections.lock();
        state.turn.written(self.vote.map(|vote| (vote, self.elections.own)), pace, lot_share(), Instant::now());
        state.apply();
        let until = state.turn.until;
        drop(state);
        if let Some(until) = until {
            self.elections.look_at(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: NodeId = NodeId(1);
    const SLOW: Pace = Pace { sync: Duration::from_millis(400) };

    fn vote(node: u64, committed: bool) -> Vote {
        Vote { term: 7, node: NodeId(node), committed }
    }

    #[test]
    fn who_was_voted_for_is_given_time_from_when_that_is_written() {
        let (start, mut turn) = (Instant::now(), Turn::default());
        assert!(!turn.is_under_way(start));
        turn.begin();
        assert!(turn.is_under_way(start + Duration::from_mins(1)), "however long it takes");
        turn.written(Some((vote(2, false), OWN)), SLOW, 0.0, start);
        assert!(turn.is_under_way(start + Duration::from_millis(1199)));
        assert!(!turn.is_under_way(start + Duration::from_millis(1200)));
        assert_eq!(turn.failed, 0, "it was another who stood");
    }

    #[test]
    fn who_stands_again_and_again_waits_longer_until_somebody_leads() {
        let (start, mut turn) = (Instant::now(), Turn::default());
        let mut waits = Vec::new();
        for round in 0..5 {
            let now = start + Duration::from_mins(round);
            turn.begin();
            turn.written(Some((vote(1, false), OWN)), Pace::default(), 0.0, now);
            waits.push(turn.until.map(|until| until.saturating_duration_since(now).as_millis()));
        }
        assert_eq!(waits, [0, 100, 200, 400, 800].map(Some));
        turn.begin();
        turn.written(Some((vote(2, true), OWN)), Pace::default(), 0.0, start);
        assert_eq!(turn.failed, 0);
    }

    #[tokio::test]
    async fn disks_of_others_count_and_so_does_what_is_given_up() {
        let elections = Arc::new(Elections::new(OWN, Syncs::default()));
        elections.hear_of_disk(NodeId(2), Duration::from_millis(300));
        elections.hear_of_disk(NodeId(3), Duration::from_hours(1));
        assert_eq!(elections.pace(), Pace { sync: SYNC_MAX });
        elections.hear_of_disk(NodeId(3), Duration::from_millis(1));
        assert_eq!(elections.pace().sync, Duration::from_millis(300));
        let writing = elections.while_written(Some(vote(2, false)), std::future::pending::<()>());
        assert!(tokio::time::timeout(Duration::from_millis(1), writing).await.is_err());
        assert!(elections.is_under_way(), "900 ms at least");
        assert_eq!(elections.lock().turn.writing, 0);
    }
}

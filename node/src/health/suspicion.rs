//! Watches the other nodes closely, for the devices that have an armed subscription here: whom this node has not heard from for
//! longer than it should have; and for Raft: whose port is closed. A hint and no verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use raftchat_schema::id::NodeId;
use raftchat_transport::PeerHealth;
use tokio::time::MissedTickBehavior;

use crate::health::node_health::NodeHealth;
use crate::peers::links::PeerLinks;
use crate::peers::members::Members;
use crate::raft::RaftHandle;

/// How often the others are shown that this node is here, which they acknowledge.
const BEAT: Duration = Duration::from_millis(50);
/// How often it is looked who was heard.
const LOOK: Duration = Duration::from_millis(25);
/// A node that was not heard from for so long is suspected.
const SILENCE_MAX: Duration = Duration::from_millis(250);
/// How often a node whose port the system calls closed is shown something: one that is there acknowledges the second thing at once.
const ASK: Duration = Duration::from_millis(7);
/// After so many that were not acknowledged it is taken to be gone.
const ASKED: u32 = 2;
/// What is heard so soon had arrived before the system spoke, and was read after it.
const QUEUED: Duration = Duration::from_millis(5);
/// Whoever looks so late has been asleep, and has to hear from the others anew before it concludes anything.
const LATE: Duration = Duration::from_millis(100);

/// What is known of one node.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    suspected: bool,
    /// Was heard at some time; before that nothing is concluded.
    was_up: bool,
    unreachable: u64,
    /// When it became suspected, or was last told to be out of reach.
    since: Option<Instant>,
    closed: u64,
    /// The system says that nobody listens there, and it was not heard since.
    told: Option<Told>,
    rtt: Duration,
}

/// What followed when the system had said that nobody listens.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: Instant,
    /// How often the node was shown something since, up to [`ASKED`], and when that often.
    asked: u32,
    asked_at: Instant,
    /// So often in vain that it is gone.
    gone: bool,
}

/// Judges by what is seen of the links. Pure: it is told the time.
#[derive(Debug, Default)]
struct Judge {
    known: BTreeMap<NodeId, Known>,
    looked: Option<Instant>,
    awake_since: Option<Instant>,
}

impl Judge {
    /// Whom to suspect now.
    fn suspects(&mut self, seen: &[(NodeId, PeerHealth)], now: Instant) -> BTreeSet<NodeId> {
        let late = self.looked.replace(now).is_none_or(|before| now.saturating_duration_since(before) > LATE);
        if late {
            self.awake_since = Some(now);
        }
        let awake = self.awake_since.is_some_and(|since| now.saturating_duration_since(since) > SILENCE_MAX);
        let silent =
            |health: &PeerHealth| health.heard.is_none_or(|heard| now.saturating_duration_since(heard) > SILENCE_MAX);
        // Whoever hears nobody at all is most likely cut off itself.
        let cut_off = seen.len() > 1 && seen.iter().all(|(_, health)| silent(health));
        self.known.retain(|node, _| seen.iter().any(|(member, _)| member == node));
        for (node, health) in seen {
            let known = self.known.entry(*node).or_default();
            let out_of_reach = health.unreachable > known.unreachable;
            known.unreachable = health.unreachable;
            known.was_up |= health.up;
            known.rtt = health.rtt.unwrap_or(known.rtt);
            let lost = !health.up || awake && silent(health) && !cut_off;
            known.look_at_port(health, now);
            if known.was_up && (out_of_reach || lost) {
                known.suspected = true;
                known.since = Some(now);
            } else if health.heard.is_some_and(|heard| known.since.is_none_or(|since| heard > since)) {
                known.suspected = false;
            }
        }
        self.known.iter().filter(|(_, known)| known.suspected).map(|(node, _)| *node).collect()
    }

    /// The nodes are shown nothing for the time being, and so need not be heard.
    fn rest(&mut self) {
        self.looked = None;
    }

    /// The nodes were shown something.
    fn note_asked(&mut self, now: Instant) {
        let told = self.known.values_mut().filter_map(|known| known.told.as_mut());
        for told in told.filter(|told| told.asked < ASKED) {
            told.asked = told.asked.saturating_add(1);
            told.asked_at = now;
        }
    }

    /// Whose port is closed.
    fn closed(&self) -> BTreeSet<NodeId> {
        let gone = |known: &Known| known.told.is_some_and(|told| told.gone);
        self.known.iter().filter(|(_, known)| gone(known)).map(|(node, _)| *node).collect()
    }

    /// How soon nodes are to be shown something again: at once where a port may be closed, and whenever one is.
    fn asks_within(&self) -> Option<Duration> {
        let told = self.known.values().filter_map(|known| known.told);
        told.map(|told| if told.gone { BEAT } else { ASK.saturating_mul(told.asked.min(1)) }).min()
    }
}

impl Known {
    fn look_at_port(&mut self, health: &PeerHealth, now: Instant) {
        if self.told.is_some_and(|told| health.heard.is_some_and(|heard| heard > told.at + QUEUED)) {
            self.told = None;
        }
        if self.was_up && health.closed > self.closed {
            self.told.get_or_insert(Told { at: now, asked: 0, asked_at: now, gone: false });
        }
        self.closed = health.closed;
        if let Some(told) = &mut self.told {
            told.gone |= told.asked >= ASKED && now.saturating_duration_since(told.asked_at) >= ASK + self.rtt;
        }
    }
}

/// Where it is seen and noted.
pub(crate) struct Watching {
    pub(crate) own: NodeId,
    pub(crate) members: Arc<Members>,
    pub(crate) links: Arc<PeerLinks>,
    pub(crate) raft: RaftHandle,
    /// How many want to know whom this node suspects.
    pub(crate) standing_by: Arc<AtomicUsize>,
    pub(crate) board: Arc<NodeHealth>,
}

/// Watches them for as long as the node runs, and notes whom to suspect and whose port is closed. Where nobody wants to know, it
/// shows itself only when the leader is late or a port may be closed, and suspects only those whose link is lost.
pub(crate) async fn watch_peers(watching: Watching) {
    let Watching { own, members, links, raft, standing_by, board } = watching;
    let mut judge = Judge::default();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beat_due = Instant::now();
    let (mut watched, mut before) = (false, BTreeSet::new());
    loop {
        tokio::select! {
            _ = ticks.tick(), if watched => {}
            () = links.alarmed() => {}
            () = tokio::time::sleep_until(beat_due.into()) => {}
        }
        let now = Instant::now();
        let was_watched = std::mem::replace(&mut watched, standing_by.load(Ordering::Relaxed) > 0);
        if !(was_watched && watched) {
            judge.rest();
        }
        if now >= beat_due {
            beat_due = now + BEAT;
            if watched || judge.asks_within().is_some() || raft.misses_leader() {
                links.send_beats();
                judge.note_asked(now);
            }
        }
        let membership = members.now();
        let others = membership.membership.members.iter().map(|(node, _)| *node).filter(|node| *node != own);
        let seen: Vec<_> = others.filter_map(|node| Some((node, links.health(node)?))).collect();
        let suspects = judge.suspects(&seen, now);
        if let Some(within) = judge.asks_within() {
            beat_due = beat_due.min(now + within);
        }
        raft.note_closed(judge.closed());
        if suspects != before {
            tracing::info!(?suspects, "suspected nodes");
            board.suspect(suspects.clone());
            before = suspects;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: NodeId = NodeId(2);
    const THIRD: NodeId = NodeId(3);

    struct Story {
        start: Instant,
        judge: Judge,
    }

    impl Story {
        /// Looks every 25 ms; each node was heard so many ms after the start, or its link is lost.
        fn look(&mut self, at: u64, second: Option<u64>, third: Option<u64>, unreachable: u64) -> BTreeSet<NodeId> {
            let health = |heard: Option<u64>, unreachable| PeerHealth {
                up: heard.is_some(),
                rtt: None,
                heard: heard.map(|ms| self.start + Duration::from_millis(ms)),
                unreachable,
                closed: unreachable,
                last_failure: None,
            };
            let seen = [(SECOND, health(second, unreachable)), (THIRD, health(third, 0))];
            let now = self.start + Duration::from_millis(at);
            self.judge.suspects(&seen, now)
        }

        /// One that has looked for a second at nodes that were both there.
        fn begun() -> Self {
            let mut story = Self { start: Instant::now(), judge: Judge::default() };
            for at in (0..=1000).step_by(25) {
                assert!(story.look(at, Some(at), Some(at), 0).is_empty(), "at {at} ms");
            }
            story
        }
    }

    #[test]
    fn silence_for_a_quarter_of_a_second_is_suspicious_until_the_node_is_heard_again() {
        let mut story = Story::begun();
        let first = (1025..2000).step_by(25).find(|at| !story.look(*at, Some(1000), Some(*at), 0).is_empty());
        assert_eq!(first, Some(1275));
        assert_eq!(story.look(1300, Some(1000), Some(1300), 0), [SECOND].into());
        assert!(story.look(1325, Some(1320), Some(1320), 0).is_empty());
    }

    #[test]
    fn a_lost_link_and_a_word_of_the_system_are_suspicious_at_once() {
        let mut story = Story::begun();
        assert_eq!(story.look(1010, None, Some(1000), 0), [SECOND].into());
        let mut story = Story::begun();
        assert_eq!(story.look(1010, Some(1005), Some(1000), 1), [SECOND].into());
        assert_eq!(story.look(1020, Some(1005), Some(1000), 1), [SECOND].into());
        assert!(story.look(1030, Some(1025), Some(1000), 1).is_empty(), "it was forged, or is over");
    }

    #[test]
    fn a_closed_port_is_believed_when_nothing_is_heard_of_whoever_was_asked() {
        let mut story = Story::begun();
        let at = |story: &Story, ms| story.start + Duration::from_millis(ms);
        story.look(1010, Some(1005), Some(1000), 1);
        assert_eq!((story.judge.closed(), story.judge.asks_within()), ([].into(), Some(Duration::ZERO)));
        story.judge.note_asked(at(&story, 1010));
        story.look(1060, Some(1014), Some(1020), 1);
        assert_eq!((story.judge.closed(), story.judge.asks_within()), ([].into(), Some(ASK)), "it was asked once");
        story.judge.note_asked(at(&story, 1060));
        story.look(1066, Some(1014), Some(1020), 3);
        assert_eq!(story.judge.closed(), [].into(), "an answer may be on the way");
        story.judge.note_asked(at(&story, 1067));
        story.look(1067, Some(1014), Some(1020), 3);
        assert_eq!(story.judge.closed(), [SECOND].into(), "what was heard had come before");
        story.look(1070, None, Some(1065), 3);
        assert_eq!(story.judge.closed(), [SECOND].into(), "its link is over by now");
        story.look(1090, Some(1085), Some(1085), 3);
        assert_eq!((story.judge.closed(), story.judge.asks_within()), ([].into(), None), "it was started again");

        let mut story = Story::begun();
        story.look(1010, Some(1005), Some(1000), 1);
        story.judge.note_asked(at(&story, 1010));
        story.judge.note_asked(at(&story, 1017));
        story.look(1030, Some(1018), Some(1020), 1);
        assert_eq!((story.judge.closed(), story.judge.asks_within()), ([].into(), None), "it was forged");
    }

    #[test]
    fn who_hears_nobody_or_was_asleep_suspects_nobody() {
        let mut story = Story::begun();
        let cut_off = (1025..3000).step_by(25).all(|at| story.look(at, Some(1000), Some(1000), 0).is_empty());
        assert!(cut_off);
        let mut story = Story::begun();
        assert!(story.look(9000, Some(1000), Some(9000), 0).is_empty());
        let first = (9025..9900).step_by(25).find(|at| !story.look(*at, Some(1000), Some(*at), 0).is_empty());
        assert_eq!(first, Some(9275));
        let mut story = Story::begun();
        let resting = (1025..3000).step_by(25).all(|at| {
            story.judge.rest();
            story.look(at, Some(1000), Some(1000), 0).is_empty()
        });
        assert!(resting);
        let first = (3000..3900).step_by(25).find(|at| !story.look(*at, Some(1000), Some(*at), 0).is_empty());
        assert_eq!(first, Some(3250), "it looks again");
    }

    #[test]
    fn a_node_that_was_never_there_is_not_missed() {
        let mut story = Story { start: Instant::now(), judge: Judge::default() };
        assert!((0..5000).step_by(25).all(|at| story.look(at, None, Some(at), 0).is_empty()));
    }
}

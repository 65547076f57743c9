//! Watches the other nodes closely, for the devices that have an armed subscription here: whom this node has not heard from for
//! longer than it should have; and for Raft: whose port is closed. A hint and no verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use raftchat_schema::id::NodeId;
use raftchat_transport::PeerHealth;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::health::node_health::NodeHealth;
use crate::peers::links::PeerLinks;
use crate::peers::members::Members;

/// How often the others are shown that this node is here, which they acknowledge.
const BEAT: Duration = Duration::from_millis(50);
/// How often it is looked who was heard.
const LOOK: Duration = Duration::from_millis(25);
/// A node that was not heard from for so long is suspected.
const SILENCE_MAX: Duration = Duration::from_millis(250);
/// A node whose port the system calls closed, and that is not heard for so long after, is taken to be gone: one that is there
/// acknowledges the second thing that it is shown at once.
const CLOSED_AFTER: Duration = Duration::from_millis(20);
/// How often it is shown something meanwhile.
const ASK: Duration = Duration::from_millis(7);
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
    /// When, since it was last heard, the system first said that nobody listens there.
    told: Option<Instant>,
    rtt: Duration,
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
            if known.told.is_some_and(|told| health.heard.is_some_and(|heard| heard > told + QUEUED)) {
                known.told = None;
            }
            if known.was_up && out_of_reach {
                known.told.get_or_insert(now);
            }
            if known.was_up && (out_of_reach || lost) {
                known.suspected = true;
                known.since = Some(now);
            } else if health.heard.is_some_and(|heard| known.since.is_none_or(|since| heard > since)) {
                known.suspected = false;
            }
        }
        self.known.iter().filter(|(_, known)| known.suspected).map(|(node, _)| *node).collect()
    }

    /// Whose port is closed.
    fn closed(&self, now: Instant) -> BTreeSet<NodeId> {
        self.known.iter().filter(|(_, known)| known.is_gone(now) == Some(true)).map(|(node, _)| *node).collect()
    }

    /// Whether there is a node whose port may be closed.
    fn is_in_question(&self, now: Instant) -> bool {
        self.known.values().any(|known| known.is_gone(now) == Some(false))
    }
}

impl Known {
    /// None if the system has said nothing; false while it may yet be heard.
    fn is_gone(&self, now: Instant) -> Option<bool> {
        self.told.map(|told| now.saturating_duration_since(told) >= CLOSED_AFTER + self.rtt)
    }
}

/// Watches them for as long as the node runs, and notes whom to suspect and whose port is closed.
pub(crate) async fn watch_peers(
    own: NodeId,
    members: Arc<Members>,
    links: Arc<PeerLinks>,
    board: Arc<NodeHealth>,
    closed: watch::Sender<BTreeSet<NodeId>>,
) {
    let mut judge = Judge::default();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beat_due = Instant::now();
    let mut before = BTreeSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = links.alarmed() => {}
            () = tokio::time::sleep_until(beat_due.into()) => {}
        }
        let now = Instant::now();
        if now >= beat_due {
            beat_due = now + BEAT;
            links.send_beats();
        }
        let membership = members.now();
        let others = membership.membership.members.iter().map(|(node, _)| *node).filter(|node| *node != own);
        let seen: Vec<_> = others.filter_map(|node| Some((node, links.health(node)?))).collect();
        let suspects = judge.suspects(&seen, now);
        if judge.is_in_question(now) {
            beat_due = beat_due.min(now + ASK);
        }
        let gone = judge.closed(now);
        closed.send_if_modified(|known| {
            let changed = *known != gone;
            *known = gone;
            changed
        });
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
    fn a_closed_port_is_believed_when_nothing_is_heard_after_it() {
        let mut story = Story::begun();
        let at = |story: &Story, ms| story.start + Duration::from_millis(ms);
        story.look(1010, Some(1005), Some(1000), 1);
        assert_eq!(story.judge.closed(at(&story, 1029)), BTreeSet::new());
        assert!(story.judge.is_in_question(at(&story, 1029)));
        story.look(1030, Some(1014), Some(1020), 3);
        assert_eq!(story.judge.closed(at(&story, 1030)), [SECOND].into(), "what was heard had come before");
        story.look(1050, None, Some(1045), 3);
        assert_eq!(story.judge.closed(at(&story, 1050)), [SECOND].into(), "its link is over by now");
        story.look(1090, Some(1085), Some(1085), 3);
        assert_eq!(story.judge.closed(at(&story, 1090)), BTreeSet::new(), "it was started again");

        let mut story = Story::begun();
        story.look(1010, Some(1005), Some(1000), 1);
        story.look(1028, Some(1025), Some(1025), 1);
        assert_eq!(story.judge.closed(at(&story, 1100)), BTreeSet::new(), "it was forged");
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
    }

    #[test]
    fn a_node_that_was_never_there_is_not_missed() {
        let mut story = Story { start: Instant::now(), judge: Judge::default() };
        assert!((0..5000).step_by(25).all(|at| story.look(at, None, Some(at), 0).is_empty()));
    }
}

//! When silence on a link becomes suspicion. Pure: is told when something was heard, asks no clock and no network, and knows
//! nothing of what is done about it.
//!
//! A node promises something at least each *beat*. How much later than that things come is the path's *jitter*, smoothed as
//! in RFC 3550. Both together say how long a silence may be: for the path, which is renewed for nothing, a little; for the
//! node, of which another takes the place, more.

use std::time::Duration;

use tokio::time::Instant;

/// No path is suspected before so much silence.
const PATH_SILENCE_MIN: Duration = Duration::from_millis(50);
/// No node is suspected before so much silence.
const NODE_SILENCE_MIN: Duration = Duration::from_millis(120);
/// What a node is given for an answer where it has promised nothing yet.
const ANSWER_MIN: Duration = Duration::from_millis(250);
/// Beats of silence after which the path is suspected.
const PATH_BEATS: u32 = 2;
/// Beats of silence after which the node is suspected.
const NODE_BEATS: u32 = 5;
/// How many times the jitter is added to either.
const JITTERS: u32 = 4;
/// How much of each new lateness goes into the jitter: one part in so many.
const JITTER_PARTS: u32 = 16;

/// What a silence gives cause for, once in each silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// The path may be broken.
    Path,
    /// The node may be gone.
    Node,
}

/// What a look at the silence has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// What there is to do now.
    pub(crate) alarm: Option<Alarm>,
    /// When to look again; none: not before something is heard.
    pub(crate) next: Option<Instant>,
}

/// How long a call may be unanswered before it is made over another link as well.
pub(crate) fn hedge_after(rtt: Duration) -> Duration {
    rtt.saturating_mul(4).max(ANSWER_MIN)
}

/// What was heard on one link, and when.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    heard: Instant,
    beat: Option<Duration>,
    /// What the first silence is measured by, as long as no beat is promised; none: by nothing.
    answer: Option<Duration>,
    jitter: Duration,
    raised: Option<Alarm>,
}

impl Pulse {
    /// A link that was just made, over which nothing is promised.
    pub(crate) fn new(now: Instant) -> Self {
        Self { heard: now, beat: None, answer: None, jitter: Duration::ZERO, raised: None }
    }

    /// The node was asked to beat: from `now` on it owes at least an answer.
    pub(crate) fn ask(&mut self, now: Instant, rtt: Duration) {
        self.heard = now;
        self.raised = None;
        self.answer = Some(hedge_after(rtt));
    }

    /// The node has promised something at least each `beat`; none: nothing.
    pub(crate) fn promise(&mut self, beat: Option<Duration>) {
        self.beat = beat;
        self.answer = None;
    }

    /// Something was heard. True if the node was suspected.
    pub(crate) fn hear(&mut self, now: Instant) -> bool {
        if let Some(beat) = self.beat {
            let longest = beat.saturating_mul(NODE_BEATS);
            // What was suspected is no measure of what is usual.
            let late = now.saturating_duration_since(self.heard).saturating_sub(beat).min(longest);
            self.jitter = self.jitter.saturating_sub(self.jitter / JITTER_PARTS) + late / JITTER_PARTS;
        }
        self.heard = self.heard.max(now);
        self.raised.take() == Some(Alarm::Node)
    }

    /// When something was last heard.
    pub(crate) fn last_heard(&self) -> Instant {
        self.heard
    }

    /// Whether the node is suspected for its silence.
    pub(crate) fn is_silent(&self) -> bool {
        self.raised == Some(Alarm::Node)
    }

    /// The silence as of `now`.
    pub(crate) fn look(&mut self, now: Instant) -> Look {
        let Some((path, node)) = self.limits() else { return Look { alarm: None, next: None } };
        let silence = now.saturating_duration_since(self.heard);
        let due = |limit: Duration| Some(self.heard + limit);
        match self.raised {
            Some(Alarm::Node) => Look { alarm: None, next: None },
            _ if silence >= node => {
                self.raised = Some(Alarm::Node);
                Look { alarm: Some(Alarm::Node), next: None }
            }
            Some(Alarm::Path) => Look { alarm: None, next: due(node) },
            None if silence >= path => {
                self.raised = Some(Alarm::Path);
                Look { alarm: Some(Alarm::Path), next: due(node) }
            }
            None => Look { alarm: None, next: due(path) },
        }
    }

    /// How long a silence may be before the path, and before the node is suspected.
    fn limits(&self) -> Option<(Duration, Duration)> {
        if let Some(answer) = self.answer {
            return Some((answer / 2, answer));
        }
        let slack = self.jitter.saturating_mul(JITTERS);
        self.beat.map(|beat| {
            let limit = |beats, min: Duration| (beat.saturating_mul(beats).saturating_add(slack)).max(min);
            (limit(PATH_BEATS, PATH_SILENCE_MIN), limit(NODE_BEATS, NODE_SILENCE_MIN))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEAT: Duration = Duration::from_millis(25);

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn beating(start: Instant) -> Pulse {
        let mut pulse = Pulse::new(start);
        pulse.promise(Some(BEAT));
        pulse
    }

    /// Everything that is raised while the clock goes from one packet to the next, and `tail` beyond the last; in
    /// milliseconds after the start.
    fn alarms(gaps: &[u64], tail: u64) -> Vec<(u64, Alarm)> {
        let start = Instant::now();
        let mut pulse = beating(start);
        let (mut now, mut raised) = (0, Vec::new());
        let mut watch = |pulse: &mut Pulse, from: u64, to: u64| {
            for at in from..to {
                raised.extend(pulse.look(start + ms(at)).alarm.map(|alarm| (at, alarm)));
            }
        };
        for gap in gaps {
            watch(&mut pulse, now, now + gap);
            now += gap;
            pulse.hear(start + ms(now));
        }
        watch(&mut pulse, now, now + tail);
        raised
    }

    #[test]
    fn a_steady_node_is_not_suspected_and_one_that_falls_silent_is_in_time() {
        let steady = vec![25; 100];
        assert_eq!(alarms(&steady, 300), [(2_550, Alarm::Path), (2_625, Alarm::Node)]);
        assert!(alarms(&steady, 40).is_empty());
    }

    #[test]
    fn each_silence_is_told_once_and_the_next_anew() {
        assert_eq!(alarms(&[25, 70, 25, 25], 0).len(), 1, "the path, once");
        let twice = alarms(&[25, 300, 25, 25, 400, 25], 0);
        let what: Vec<_> = twice.iter().map(|(_, alarm)| *alarm).collect();
        assert_eq!(what, [Alarm::Path, Alarm::Node, Alarm::Path, Alarm::Node]);
    }

    #[test]
    fn a_path_that_jitters_is_given_more_time() {
        // Recorded at 200 ms ± 10 ms round trip with one packet in twenty lost, over and over.
        let recorded = [21, 29, 25, 24, 27, 22, 51, 25, 26, 20, 30, 25, 24, 25, 49, 26, 25, 23, 28, 25, 84, 25];
        let rough: Vec<u64> = std::iter::repeat_n(recorded, 40).flatten().collect();
        let raised = alarms(&rough, 0);
        assert!(raised.iter().all(|(_, alarm)| *alarm == Alarm::Path), "{raised:?}");
        let start = rough.iter().sum::<u64>();
        let told = alarms(&rough, 400).into_iter().find(|(_, alarm)| *alarm == Alarm::Node);
        let after = told.map(|(at, _)| at - start);
        assert!(after.is_some_and(|after| (126..180).contains(&after)), "{after:?}");
    }

    #[test]
    fn one_long_silence_does_not_make_the_next_one_longer_for_ever() {
        let mut gaps = vec![25; 10];
        gaps.push(60_000);
        gaps.extend([25; 40]);
        let start = gaps.iter().sum::<u64>();
        let told = alarms(&gaps, 400).into_iter().rfind(|(_, alarm)| *alarm == Alarm::Node);
        assert!(told.is_some_and(|(at, _)| at - start < 135), "{told:?}");
    }

    #[test]
    fn who_was_asked_and_does_not_answer_is_suspected_by_the_round_trip() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        assert_eq!(pulse.look(start + ms(5_000)), Look { alarm: None, next: None }, "nothing was promised");
        pulse.ask(start + ms(5_000), ms(200));
        assert_eq!(pulse.look(start + ms(5_799)).alarm, Some(Alarm::Path));
        assert_eq!(pulse.look(start + ms(5_800)).alarm, Some(Alarm::Node));
        assert!(pulse.hear(start + ms(5_900)), "it was suspected and speaks again");
        assert!(!pulse.hear(start + ms(5_901)));
    }

    proptest! {
        #[test]
        fn gaps_of_up_to_four_beats_never_make_a_node_suspect(gaps in prop::collection::vec(0_u64..=100, 1..400)) {
            prop_assert!(alarms(&gaps, 100).iter().all(|(_, alarm)| *alarm == Alarm::Path));
        }

        #[test]
        fn silence_is_always_noticed_and_the_next_look_is_when_it_is_due(
            gaps in prop::collection::vec(0_u64..=2_000, 0..60),
        ) {
            let start = Instant::now();
            let mut pulse = beating(start);
            let mut now = start;
            for gap in gaps {
                now += ms(gap);
                pulse.hear(now);
            }
            let path = pulse.look(now).next;
            prop_assert!(path.is_some());
            let look = pulse.look(path.unwrap_or(now));
            prop_assert_eq!(look.alarm, Some(Alarm::Path));
            let node = look.next;
            prop_assert_eq!(pulse.look(node.unwrap_or(now)).alarm, Some(Alarm::Node));
            // Five beats, and at most five more of jitter in each of four parts.
            prop_assert!(node.unwrap_or(now) - now <= BEAT * 5 * 5);
        }
    }
}

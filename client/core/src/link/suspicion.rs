//! When silence on a link becomes suspicion. Pure: is told when something was heard, asks no clock and no network, and knows
//! nothing of what is done about it. [`HeartbeatMonitor`] asks whether the node is heard, [`AckMonitor`] whether it hears.
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
/// How many times the jitter is added for the path: a path that loses much is not made anew for each two that are lost.
const PATH_JITTERS: u32 = 8;
/// And for the node.
const NODE_JITTERS: u32 = 4;
/// How much of each new lateness goes into the jitter: one part in so many.
const JITTER_PARTS: u32 = 16;
/// A device that has not spoken for so many of its own beats has paused.
const PAUSE_BEATS: u32 = 2;

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
pub(crate) struct HeartbeatMonitor {
    heard: Instant,
    beat: Option<Duration>,
    /// What the first silence is measured by, as long as no beat is promised; none: by nothing.
    answer: Option<Duration>,
    jitter: Duration,
    /// So much more is put up with.
    slack: Duration,
    raised: Option<Alarm>,
}

impl HeartbeatMonitor {
    /// A link that was just made, over which nothing is promised.
    pub(crate) fn new(now: Instant) -> Self {
        Self { heard: now, beat: None, answer: None, jitter: Duration::ZERO, slack: Duration::ZERO, raised: None }
    }

    /// The node was asked for a `beat`: from `now` on it owes at least an answer. Who does not need to hear it often can wait
    /// as long for that: many who ask at once are not to take their number for its death.
    pub(crate) fn ask(&mut self, now: Instant, rtt: Duration, beat: Duration) {
        self.heard = now;
        self.raised = None;
        self.answer = Some(hedge_after(rtt).max(beat));
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

    /// A silence may be so much longer from now on.
    pub(crate) fn put_up_with(&mut self, slack: Duration) {
        self.slack = slack;
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
            return Some((answer / 2 + self.slack, answer + self.slack));
        }
        self.beat.map(|beat| {
            let limit = |beats, jitters| beat.saturating_mul(beats).saturating_add(self.jitter.saturating_mul(jitters));
            let node = limit(NODE_BEATS, NODE_JITTERS).max(NODE_SILENCE_MIN);
            let path = limit(PATH_BEATS, PATH_JITTERS).max(PATH_SILENCE_MIN).min(node.saturating_sub(beat));
            (path.saturating_add(self.slack), node.saturating_add(self.slack))
        })
    }
}

/// What a node has acknowledged on one link, and when. As this device speaks in beats, and each is acknowledged by itself,
/// that comes in the same beats, a round trip later, as long as the node hears.
#[derive(Clone, Debug)]
pub(crate) struct AckMonitor {
    pulse: HeartbeatMonitor,
    acknowledged: Instant,
    spoke: Option<Instant>,
}

impl AckMonitor {
    /// A link over which this device has not spoken.
    pub(crate) fn new(now: Instant) -> Self {
        Self { pulse: HeartbeatMonitor::new(now), acknowledged: now, spoke: None }
    }

    /// This device has spoken, as it does each `beat`.
    pub(crate) fn speak(&mut self, now: Instant, beat: Duration, rtt: Duration) {
        self.pulse.promise(Some(beat));
        if self.has_paused(now) {
            // There was nothing to acknowledge meanwhile, and this takes its time.
            self.pulse.heard = self.pulse.heard.max(now + rtt);
        }
        self.spoke = Some(now);
    }

    /// It may take so much longer from now on.
    pub(crate) fn put_up_with(&mut self, slack: Duration) {
        self.pulse.put_up_with(slack);
    }

    /// This device speaks no more, so that nothing is owed.
    pub(crate) fn rest(&mut self) {
        self.spoke = None;
        self.pulse.promise(None);
        self.pulse.raised = None;
    }

    /// Something was last acknowledged then.
    pub(crate) fn hear(&mut self, acknowledged: Instant) {
        if acknowledged > self.acknowledged {
            self.acknowledged = acknowledged;
            self.pulse.hear(acknowledged);
        }
    }

    /// When something was last acknowledged, or the first time that it could have been.
    pub(crate) fn last_heard(&self) -> Instant {
        self.pulse.heard
    }

    /// What is not acknowledged, as of `now`. Who has been asleep, and has not spoken since, misses nothing.
    pub(crate) fn look(&mut self, now: Instant) -> Look {
        if self.has_paused(now) { Look { alarm: None, next: None } } else { self.pulse.look(now) }
    }

    fn has_paused(&self, now: Instant) -> bool {
        let pause = self.pulse.beat.unwrap_or_default().saturating_mul(PAUSE_BEATS);
        self.spoke.is_none_or(|before| now.saturating_duration_since(before) > pause)
    }

    /// Whether a node that was heard at that time is one that speaks and does not hear.
    pub(crate) fn is_one_sided(&self, heard: Instant) -> bool {
        heard > self.pulse.heard + PATH_SILENCE_MIN
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    const BEAT: Duration = Duration::from_millis(25);

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn beating(start: Instant) -> HeartbeatMonitor {
        let mut pulse = HeartbeatMonitor::new(start);
        pulse.promise(Some(BEAT));
        pulse
    }

    /// Everything that is raised while the clock goes from one packet to the next, and `tail` beyond the last; in
    /// milliseconds after the start.
    fn alarms(gaps: &[u64], tail: u64) -> Vec<(u64, Alarm)> {
        let start = Instant::now();
        let mut pulse = beating(start);
        let (mut now, mut raised) = (0, Vec::new());
        let mut watch = |pulse: &mut HeartbeatMonitor, from: u64, to: u64| {
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
        let mut pulse = HeartbeatMonitor::new(start);
        assert_eq!(pulse.look(start + ms(5_000)), Look { alarm: None, next: None }, "nothing was promised");
        pulse.ask(start + ms(5_000), ms(200), BEAT);
        assert_eq!(pulse.look(start + ms(5_799)).alarm, Some(Alarm::Path));
        assert_eq!(pulse.look(start + ms(5_800)).alarm, Some(Alarm::Node));
        assert!(pulse.hear(start + ms(5_900)), "it was suspected and speaks again");
        assert!(!pulse.hear(start + ms(5_901)));
    }

    #[test]
    fn who_hears_a_node_seldom_gives_it_as_long_for_its_first_answer() {
        let start = Instant::now();
        let mut pulse = HeartbeatMonitor::new(start);
        pulse.ask(start, ms(1), ms(2_000));
        assert_eq!(pulse.look(start + ms(999)).alarm, None);
        assert_eq!(pulse.look(start + ms(1_999)).alarm, Some(Alarm::Path));
        assert_eq!(pulse.look(start + ms(2_000)).alarm, Some(Alarm::Node));
    }

    const OURS: Duration = Duration::from_millis(20);

    /// A device that speaks each 20 ms from `begin` to `end`, in milliseconds, but for the pauses; each of what it says comes
    /// back so long after, or never. What is raised, in milliseconds after the start.
    fn echoes(
        end: u64,
        rtt: u64,
        pauses: impl Fn(u64) -> bool,
        mut comes_back: impl FnMut(u64) -> Option<u64>,
    ) -> Vec<(u64, Alarm)> {
        let start = Instant::now();
        let mut echo = AckMonitor::new(start);
        let (mut under_way, mut raised) = (Vec::new(), Vec::new());
        for now in 0..end {
            if pauses(now) {
                continue;
            }
            if under_way.iter().any(|due| *due <= now) {
                under_way.retain(|due| *due > now);
                echo.hear(start + ms(now));
            }
            raised.extend(echo.look(start + ms(now)).alarm.map(|alarm| (now, alarm)));
            if now % 20 == 0 {
                echo.speak(start + ms(now), OURS, ms(rtt));
                under_way.extend(comes_back(now).map(|after| now + after));
            }
        }
        raised
    }

    fn never(_: u64) -> bool {
        false
    }

    #[test]
    fn a_node_that_hears_is_not_suspected_near_or_far() {
        for rtt in [1, 15, 35, 200, 900] {
            assert_eq!(echoes(5_000, rtt, never, |_| Some(rtt)), [], "at {rtt} ms");
        }
    }

    #[test]
    fn a_node_that_hears_no_more_is_suspected_in_time() {
        for rtt in [1, 15, 200] {
            let raised = echoes(3_000, rtt, never, |now| (now < 2_000).then_some(rtt));
            let [(path, Alarm::Path), (node, Alarm::Node)] = raised[..] else { panic!("{raised:?}") };
            // Of 2000, when nothing comes back any more, the last echo is of 20 earlier, and takes its round trip.
            assert!((2_030..2_040).contains(&(path - rtt)), "{path} at {rtt} ms");
            assert!((2_100..2_110).contains(&(node - rtt)), "{node} at {rtt} ms");
        }
    }

    #[test]
    fn echoes_that_jitter_and_get_lost_are_waited_for() {
        // One in ten lost, up to four in a row, and up to 15 ms of delay at the other end.
        let lost = |beat: u64| matches!(beat % 40, 7 | 20..=23);
        let raised = echoes(60_000, 200, never, |now| (!lost(now / 20)).then_some(200 + now % 13));
        assert!(raised.iter().all(|(_, alarm)| *alarm == Alarm::Path), "{raised:?}");
    }

    #[test]
    fn a_device_that_slept_gives_the_node_a_round_trip() {
        // It neither speaks nor looks; what was under way is lost with the sleep.
        let asleep = |now: u64| (1_000..61_000).contains(&now);
        let lost = |now: u64| (900..1_000).contains(&now);
        let raised = echoes(63_000, 200, asleep, |now| (!lost(now)).then_some(200));
        assert_eq!(raised, []);
        let deaf = echoes(63_000, 200, asleep, |now| (now < 1_000).then_some(200));
        // What came late because of the sleep makes it wait a little longer.
        let in_time = |(at, alarm): &(u64, Alarm)| *alarm == Alarm::Node && (61_320..61_330).contains(at);
        assert!(deaf.last().is_some_and(in_time), "{deaf:?}");
    }

    #[test]
    fn who_does_not_speak_is_owed_no_echo() {
        let start = Instant::now();
        let mut echo = AckMonitor::new(start);
        assert_eq!(echo.look(start + ms(5_000)), Look { alarm: None, next: None });
        let speak = |echo: &mut AckMonitor, from: u64, to: u64| {
            (from..=to).step_by(20).for_each(|at| echo.speak(start + ms(at), OURS, ms(10)));
        };
        speak(&mut echo, 5_000, 5_120);
        assert_eq!(echo.look(start + ms(5_130)).alarm, Some(Alarm::Node));
        assert!(echo.is_one_sided(start + ms(5_061)) && !echo.is_one_sided(start + ms(5_060)));
        echo.rest();
        assert_eq!(echo.look(start + ms(9_000)), Look { alarm: None, next: None });
        speak(&mut echo, 9_000, 9_040);
        assert_eq!(echo.look(start + ms(9_059)).alarm, None, "it is asked anew");
        assert_eq!(echo.look(start + ms(9_060)).alarm, Some(Alarm::Path));
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

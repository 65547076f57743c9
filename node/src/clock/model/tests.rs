//! Machines whose clocks do anything, and what their nodes make of it.
#![expect(clippy::indexing_slicing, clippy::cast_possible_wrap, reason = "a test fails by panicking")]

use super::*;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const NOON: i64 = 1_800_000_000_000;

/// A machine whose clock is wrong by so much, and what its node makes of the time.
struct Machine {
    wrong_by: i64,
    /// When it was started, by a clock that nobody sees.
    started: i64,
    model: ClockModel,
    is_up: bool,
}

/// Nodes that ask each other each second.
struct Cluster {
    now: i64,
    machines: Vec<Machine>,
}

impl Machine {
    fn moment(&self, now: i64) -> Moment {
        Moment { wall: now + self.wrong_by, count: now - self.started }
    }

    fn time(&self, now: i64) -> i64 {
        self.model.time(self.moment(now).count)
    }
}

impl Cluster {
    /// One node for each machine, started together; their last stamp is an hour old.
    fn start(wrong_by: &[i64]) -> Self {
        let mut cluster = Self { now: NOON, machines: Vec::new() };
        for wrong_by in wrong_by {
            let moment = Moment { wall: NOON + wrong_by, count: 0 };
            let model = ClockModel::start(moment, NOON - HOUR, NOON - 500 * DAY);
            cluster.machines.push(Machine { wrong_by: *wrong_by, started: NOON, model, is_up: true });
        }
        cluster
    }

    fn restart(&mut self, at: usize, last_stamp: i64) {
        let now = self.now;
        let machine = &mut self.machines[at];
        machine.started = now;
        machine.model = ClockModel::start(machine.moment(now), last_stamp, NOON - 500 * DAY);
        machine.is_up = true;
    }

    fn voters(&self, at: usize) -> Voters {
        let all = 0..self.machines.len();
        let others = all.filter(|other| *other != at).map(|other| NodeId(other as u64)).collect();
        Voters { own: true, others }
    }

    /// A second passes, in which all ask all.
    fn second(&mut self) {
        self.now += SECOND;
        let now = self.now;
        for at in 0..self.machines.len() {
            if !self.machines[at].is_up {
                continue;
            }
            let heard: Vec<_> = (0..self.machines.len())
                .filter(|other| *other != at && self.machines[*other].is_up)
                .map(|other| {
                    (NodeId(other as u64), self.machines[other].model.reading(self.machines[other].moment(now)))
                })
                .collect();
            let voters = self.voters(at);
            let machine = &mut self.machines[at];
            let moment = machine.moment(now);
            for (node, reading) in &heard {
                machine.model.hear(*node, reading, 0, moment.count);
            }
            machine.model.look(moment, &voters);
        }
    }

    fn pass(&mut self, ms: i64) {
        (0..ms / SECOND).for_each(|_| self.second());
    }

    /// By how much the times of those that are up are wrong, the worst of them.
    fn worst(&self) -> i64 {
        let up = self.machines.iter().filter(|machine| machine.is_up);
        up.map(|machine| (machine.time(self.now) - self.now).abs()).max().unwrap_or(0)
    }

    fn off(&self) -> Vec<usize> {
        (0..self.machines.len()).filter(|at| self.machines[*at].model.is_off()).collect()
    }
}

#[test]
fn a_clock_that_jumps_on_one_machine_changes_nothing_but_that_it_is_told() {
    for by in [HOUR, -HOUR, 40 * DAY, -40 * DAY, 400 * DAY, -400 * DAY] {
        for at in 0..3 {
            let mut cluster = Cluster::start(&[0, 0, 0]);
            cluster.pass(MINUTE);
            cluster.machines[at].wrong_by = by;
            for _ in 0..1200 {
                cluster.second();
                assert!(cluster.worst() <= 100, "{by} on {at}");
            }
            assert_eq!((cluster.off(), cluster.machines[at].model.offset()), (vec![at], by));
            cluster.machines[at].wrong_by = 0;
            cluster.pass(10 * SECOND);
            assert_eq!((cluster.off(), cluster.worst()), (vec![], 0));
        }
    }
}

#[test]
fn clocks_that_jump_together_for_less_than_ten_minutes_change_nothing() {
    for by in [HOUR, -HOUR, 400 * DAY, -400 * DAY] {
        let mut cluster = Cluster::start(&[0, 20, -20]);
        cluster.pass(MINUTE);
        cluster.machines.iter_mut().for_each(|machine| machine.wrong_by = by);
        for _ in 0..590 {
            cluster.second();
            assert!(cluster.worst() <= 100 && cluster.off().is_empty(), "{by}");
        }
        assert_eq!(cluster.machines[0].model.jumped_by().map(|apart| (apart - by).abs() < 100), Some(true));
        cluster.machines.iter_mut().for_each(|machine| machine.wrong_by = 0);
        cluster.pass(10 * SECOND);
        assert!(cluster.worst() <= 100 && cluster.machines[0].model.jumped_by().is_none());
    }
}

#[test]
fn what_a_majority_says_for_ten_minutes_is_so_and_nobody_is_pulled_back() {
    let mut cluster = Cluster::start(&[0, 0, 0]);
    cluster.pass(MINUTE);
    // All machines were asleep: their clocks were put right, and the counting ones were not.
    cluster.machines.iter_mut().for_each(|machine| machine.wrong_by = HOUR);
    cluster.pass(HOLD_MS + 5 * SECOND);
    let ahead = |machine: &Machine| machine.time(cluster.now) - cluster.now;
    assert!(cluster.machines.iter().all(|machine| (ahead(machine) - HOUR).abs() < SECOND));
    let before: Vec<_> = cluster.machines.iter().map(|machine| machine.time(cluster.now)).collect();
    cluster.pass(MINUTE);
    assert!(
        cluster.machines.iter().zip(&before).all(|(machine, before)| machine.time(cluster.now) >= before + 59 * SECOND)
    );
}

#[test]
fn time_that_is_ahead_of_what_was_stamped_goes_on_at_half_its_pace_and_never_back() {
    let mut cluster = Cluster::start(&[HOUR, HOUR, HOUR]);
    cluster.pass(MINUTE);
    let stamped = cluster.machines[0].time(cluster.now);
    cluster.machines.iter_mut().for_each(|machine| {
        machine.model.stamped(stamped);
        machine.wrong_by = 0;
    });
    cluster.pass(HOLD_MS);
    let (mut last, mut took) = (0, 0);
    while cluster.worst() > SECOND {
        cluster.second();
        took += SECOND;
        let time = cluster.machines[1].time(cluster.now);
        assert!(time > last, "it never stands still");
        last = time;
        cluster.machines.iter_mut().for_each(|machine| machine.model.stamped(time));
        assert!(took < 3 * HOUR, "{}", cluster.worst());
    }
    assert!(took > HOUR, "{took}");
}

#[test]
fn a_node_that_starts_with_a_wrong_clock_takes_the_time_of_the_others_at_once() {
    for by in [-400 * DAY, -HOUR, HOUR, 400 * DAY] {
        let mut cluster = Cluster::start(&[0, 0, 0]);
        cluster.pass(MINUTE);
        cluster.machines[2].wrong_by = by;
        cluster.restart(2, NOON - HOUR);
        cluster.second();
        assert!(cluster.worst() <= 100, "{by}");
        cluster.pass(5 * SECOND);
        assert_eq!(cluster.off(), [2]);
        // One of the others dies: nobody of the two is called wrong, and the time stays.
        cluster.machines[0].is_up = false;
        cluster.pass(20 * SECOND);
        assert!(cluster.off().is_empty() && cluster.worst() <= 100);
    }
}

#[test]
fn nodes_that_start_together_agree_whatever_their_clocks_say() {
    let clocks = [[0, 0, 400 * DAY], [0, 0, -400 * DAY], [HOUR, 0, 0], [0, -HOUR, 0], [0, 40 * DAY, 0]];
    for wrong_by in clocks {
        let mut cluster = Cluster::start(&wrong_by);
        cluster.pass(5 * SECOND);
        assert!(cluster.worst() <= 100, "{wrong_by:?}: {}", cluster.worst());
        assert!(cluster.machines.iter().all(|machine| machine.model.trust() == ClockTrust::Confirmed));
    }
    // All three differ: they agree all the same, and nobody is kept from leading.
    let mut cluster = Cluster::start(&[-HOUR, 3 * HOUR, 90 * DAY]);
    cluster.pass(5 * SECOND);
    let times: Vec<_> = cluster.machines.iter().map(|machine| machine.time(cluster.now)).collect();
    assert!(times.iter().all(|time| (time - times[0]).abs() < SECOND), "{times:?}");
    assert!(cluster.off().is_empty());
    // Their clocks are put right: nothing had ever confirmed that time.
    cluster.machines.iter_mut().for_each(|machine| machine.wrong_by = 4 * HOUR);
    cluster.pass(5 * SECOND);
    let ahead = |machine: &Machine| machine.time(cluster.now) - cluster.now;
    assert!(cluster.machines.iter().all(|machine| (ahead(machine) - 4 * HOUR).abs() < SECOND));
}

#[test]
fn two_of_three_agree_with_the_lower_until_the_third_is_heard() {
    let mut cluster = Cluster::start(&[-30 * MINUTE, 0, 0]);
    cluster.machines[2].is_up = false;
    cluster.pass(5 * SECOND);
    let apart = cluster.machines[0].time(cluster.now) - cluster.machines[1].time(cluster.now);
    assert!(apart.abs() < SECOND, "{apart}");
    cluster.restart(2, NOON - HOUR);
    cluster.pass(5 * SECOND);
    assert!(cluster.worst() <= 100, "two say so: {}", cluster.worst());
}

#[test]
fn a_clock_without_a_battery_has_no_say() {
    // Two of three begin in 1970; the third is right, and what is logged says so.
    let mut cluster = Cluster::start(&[-NOON, 0, -NOON]);
    cluster.pass(5 * SECOND);
    assert!(cluster.worst() <= 100, "{}", cluster.worst());
}

#[test]
fn a_single_node_goes_by_its_own_clock() {
    let mut cluster = Cluster::start(&[-5 * MINUTE]);
    cluster.second();
    assert_eq!(cluster.machines[0].model.trust(), ClockTrust::Confirmed);
    assert_eq!(cluster.worst(), 5 * MINUTE);
    cluster.machines[0].wrong_by = 0;
    cluster.pass(HOLD_MS - 5 * SECOND);
    assert_eq!(cluster.worst(), 5 * MINUTE, "it was believed before");
    cluster.pass(10 * SECOND);
    assert_eq!(cluster.worst(), 0);
}

#[test]
fn a_small_difference_is_made_up_slowly() {
    let mut cluster = Cluster::start(&[0, 0, 0]);
    cluster.pass(MINUTE);
    cluster.machines.iter_mut().for_each(|machine| machine.wrong_by = 3 * SECOND);
    let mut last = cluster.machines[0].time(cluster.now);
    for _ in 0..600 {
        cluster.second();
        let time = cluster.machines[0].time(cluster.now);
        assert!((990..=1010).contains(&(time - last)), "{}", time - last);
        last = time;
    }
    assert!((last - cluster.now - 3 * SECOND).abs() <= NOISE_MS);
}

#[test]
fn whoever_is_heard_late_is_off_by_no_more_than_half_of_the_way() {
    let mut model = ClockModel::start(Moment { wall: NOON, count: 0 }, 0, 0);
    let reading =
        ClockReading { time_ms: NOON as u64, wall_ms: NOON as u64, trust: ClockTrust::Confirmed, has_doubts: false };
    model.hear(NodeId(1), &reading, 800, 800);
    model.look(Moment { wall: NOON + 800, count: 800 }, &Voters { own: true, others: vec![NodeId(1)] });
    assert_eq!(model.time(800), NOON + 400);
}

/// Clocks of few machines, by lot, jump anyhow; the others' are right. Whatever they do, the time is right.
#[test]
fn a_minority_of_clocks_can_do_anything() {
    let mut drawn = 0x2545_f491_4f6c_dd1d_u64;
    let mut lot = |below: u64| {
        // Marsaglia's xorshift.
        drawn ^= drawn << 13;
        drawn ^= drawn >> 7;
        drawn ^= drawn << 17;
        drawn % below
    };
    for round in 0..30 {
        let many = if round % 2 == 0 { 3 } else { 5 };
        let mut cluster = Cluster::start(&vec![0; many]);
        cluster.pass(10 * SECOND);
        for _ in 0..40 {
            for at in 0..many / 2 {
                match lot(4) {
                    0 => cluster.machines[at].wrong_by = lot(800 * 86_400_000) as i64 - 400 * DAY,
                    1 => cluster.machines[at].is_up = !cluster.machines[at].is_up,
                    2 => cluster.restart(at, NOON),
                    _ => {}
                }
            }
            cluster.pass(30 * SECOND);
            assert!(cluster.worst() <= SECOND, "round {round}: {}", cluster.worst());
            let wrong = cluster.off().into_iter().all(|at| at < many / 2);
            assert!(wrong, "nobody whose clock is right is called wrong");
        }
    }
}

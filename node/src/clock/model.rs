//! What time it is in the cluster, by what this machine's clocks say and what the other nodes say of theirs. Pure: it is told
//! both, and knows no clock and no network.
//!
//! The cluster's time goes on with the clock that only counts; a machine's wall clock is a witness and no more. So one that
//! jumps changes nothing by itself. What the wall clocks of a majority say together is followed: slowly where it differs by
//! little; where it differs by much, once they have said so for [`HOLD_MS`], or at once as long as no majority has ever agreed
//! with the time as it is. What was stamped is never stamped earlier: where the time is ahead it goes at half its pace.

use std::collections::BTreeMap;

use raftchat_schema::id::NodeId;
use raftchat_schema::peer::{ClockReading, ClockTrust};

/// Clocks that differ by no more than this agree. A machine's that differs by more from a majority's is wrong.
pub(crate) const APART_MS_MAX: i64 = 5_000;
/// An entry that is stamped so far ahead of a node's time is not acknowledged by it.
pub(crate) const AHEAD_MS_MAX: i64 = 30_000;
/// For how long a majority must say so before a jump of their clocks is followed: longer than anybody plays with a clock, and no
/// longer than stamps may be wrong after all machines were asleep.
pub(crate) const HOLD_MS: i64 = 10 * 60 * 1000;

/// What was heard of a node's clock is good for so long: a few questions may be lost.
const HEARD_MS_MAX: i64 = 5_000;
/// How long nodes that all know nothing wait for each other, once they are a majority.
const SETTLE_MS: i64 = 2_000;
/// Differences up to this are noise.
const NOISE_MS: i64 = 100;
/// Larger differences between the nodes' times are taken at once, smaller ones at a hundredth of the pace of time.
const STEP_MS: i64 = 1_000;
/// A machine's clock is wrong, or right again, when it was found so this often in a row: a process may stop between two looks.
const TIMES_IN_A_ROW: u8 = 3;
/// A jump that was followed is remembered for so long: until the others have followed it too.
const FOLLOWED_MS: i64 = 60_000;

/// What the clocks of a machine say at one moment, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since 1970, by the clock that people and programs set.
    pub(crate) wall: i64,
    /// By the clock that only counts.
    pub(crate) count: i64,
}

/// Whose clocks count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Voters {
    /// This node is one of them.
    pub(crate) own: bool,
    /// The others.
    pub(crate) others: Vec<NodeId>,
}

impl Voters {
    fn majority(&self) -> usize {
        let voters = self.others.len() + usize::from(self.own);
        voters / 2 + 1
    }

    fn are_all(&self, many: usize) -> bool {
        many == self.others.len() + usize::from(self.own)
    }
}

/// What was heard of a node. Times are as this node's counting clock would have to be set to show them.
#[derive(Clone, Copy, Debug)]
struct Heard {
    time: i64,
    wall: i64,
    trust: ClockTrust,
    has_doubts: bool,
    at: i64,
}

/// A majority's clocks say together that it is another time.
#[derive(Clone, Copy, Debug)]
struct Jump {
    to: i64,
    since: i64,
}

/// A node's idea of the time.
#[derive(Clone, Debug)]
pub(crate) struct ClockModel {
    /// The cluster's time, less the counting clock.
    base: i64,
    /// The last stamp: no stamp is lower.
    floor: i64,
    /// It is no earlier than this, whatever anybody says.
    earliest: i64,
    trust: ClockTrust,
    heard: BTreeMap<NodeId, Heard>,
    /// A majority was heard since.
    settling: Option<i64>,
    jump: Option<Jump>,
    looked: i64,
    /// By how much this machine's clock is ahead of a majority's.
    offset: i64,
    is_off: bool,
    /// How often in a row it was found otherwise.
    otherwise: u8,
}

impl ClockModel {
    /// A node that starts: it is not earlier than the last stamp in its rows, and not than `earliest`.
    pub(crate) fn start(now: Moment, floor: i64, earliest: i64) -> Self {
        Self {
            base: now.wall.max(floor).max(earliest).saturating_sub(now.count),
            floor,
            earliest,
            trust: ClockTrust::Alone,
            heard: BTreeMap::new(),
            settling: None,
            jump: None,
            looked: now.count,
            offset: 0,
            is_off: false,
            otherwise: 0,
        }
    }

    /// The cluster's time, in ms since 1970.
    pub(crate) fn time(&self, count: i64) -> i64 {
        self.base.saturating_add(count).max(self.floor)
    }

    /// Something was stamped so.
    pub(crate) fn stamped(&mut self, stamp: i64) {
        self.floor = self.floor.max(stamp);
    }

    pub(crate) fn trust(&self) -> ClockTrust {
        self.trust
    }

    /// It is no earlier than this.
    pub(crate) fn at_least(&self) -> i64 {
        self.floor.max(self.earliest)
    }

    /// By how much this machine's clock is ahead of a majority's; of the cluster's time where there is no majority.
    pub(crate) fn offset(&self) -> i64 {
        self.offset
    }

    /// Whether this machine's clock is wrong, as a majority of the others has it.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off
    }

    /// By how much the clocks of a majority are ahead of the cluster's time, together and by so much that it does not follow yet.
    pub(crate) fn jumped_by(&self) -> Option<i64> {
        self.jump.map(|jump| jump.to.saturating_sub(self.base)).filter(|by| by.saturating_abs() > APART_MS_MAX)
    }

    /// What this node says of the time to others.
    pub(crate) fn reading(&self, now: Moment) -> ClockReading {
        let positive = |ms: i64| u64::try_from(ms).unwrap_or(0);
        ClockReading {
            time_ms: positive(self.time(now.count)),
            wall_ms: positive(now.wall),
            trust: self.trust,
            has_doubts: self.has_doubts(now),
        }
    }

    fn has_doubts(&self, now: Moment) -> bool {
        now.wall.saturating_add(APART_MS_MAX) < self.at_least()
    }

    /// A node has answered; the answer took `round_trip` in all.
    pub(crate) fn hear(&mut self, node: NodeId, reading: &ClockReading, round_trip: i64, count: i64) {
        let as_base = |ms: u64| {
            let then = i64::try_from(ms).unwrap_or(i64::MAX);
            then.saturating_add(round_trip / 2).saturating_sub(count)
        };
        let ClockReading { time_ms, wall_ms, trust, has_doubts } = *reading;
        let (time, wall) = (as_base(time_ms), as_base(wall_ms));
        self.heard.insert(node, Heard { time, wall, trust, has_doubts, at: count });
    }

    /// Thinks over what was heard. To be called about once a second.
    pub(crate) fn look(&mut self, now: Moment, voters: &Voters) {
        let elapsed = now.count.saturating_sub(self.looked).max(0);
        self.looked = now.count;
        let fresh = |heard: &Heard| now.count.saturating_sub(heard.at) <= HEARD_MS_MAX;
        self.heard.retain(|node, heard| voters.others.contains(node) && fresh(heard));
        let own_wall = now.wall.saturating_sub(now.count);
        let walls = self.heard.values().map(|heard| heard.wall).chain(voters.own.then_some(own_wall));
        // One that is from before there was a cluster has no say, however many show it.
        let first = self.earliest.saturating_sub(APART_MS_MAX).saturating_sub(now.count);
        let majority = agreement(walls.filter(|wall| *wall >= first).collect(), voters.majority());
        self.agree(now, voters, elapsed);
        if let Some(wall) = majority {
            self.follow(wall, now.count, elapsed);
        }
        self.judge_own(own_wall, majority);
    }

    /// Takes the time that the others have, if they know better or are more.
    fn agree(&mut self, now: Moment, voters: &Voters, elapsed: i64) {
        let known = self.heard.values().map(|heard| heard.trust).max();
        let better = known.filter(|known| *known > self.trust);
        let times = |trust| self.heard.values().filter(move |heard| heard.trust == trust).map(|heard| heard.time);
        if let Some(trust) = better {
            self.base = lower_median(times(trust).collect()).unwrap_or(self.base);
        } else if self.trust == ClockTrust::Alone {
            self.settle(now, voters);
        } else {
            let all: Vec<_> = times(self.trust).chain(voters.own.then_some(self.base)).collect();
            let many = all.len();
            match agreement(all.clone(), voters.majority()) {
                Some(time) => {
                    self.settling = None;
                    self.approach(time, elapsed);
                }
                None if many >= voters.majority() => {
                    if self.has_settled(now.count) {
                        self.base = lower_median(all).unwrap_or(self.base);
                    }
                }
                None => self.settling = None,
            }
        }
        let near = |time: i64| time.saturating_sub(self.base).saturating_abs() <= APART_MS_MAX;
        let alike = self.heard.values().filter(|heard| near(heard.time)).count() + usize::from(voters.own);
        if alike >= voters.majority() {
            self.trust = self.trust.max(ClockTrust::Agreed);
        }
    }

    /// Nobody knows anything: the time is what a majority says; where there is none, the lower of those in the middle, as a time
    /// that is too early can still be put right. Who is wrong for certain has no say, unless all are.
    fn settle(&mut self, now: Moment, voters: &Voters) {
        let own = voters.own.then(|| (self.base, self.has_doubts(now)));
        let said: Vec<_> = self.heard.values().map(|heard| (heard.time, heard.has_doubts)).chain(own).collect();
        if said.len() < voters.majority() {
            self.settling = None;
            return;
        }
        if !voters.are_all(said.len()) && !self.has_settled(now.count) {
            return;
        }
        let credible: Vec<_> = said.iter().filter(|(_, has_doubts)| !has_doubts).map(|(time, _)| *time).collect();
        let times = if credible.is_empty() { said.iter().map(|(time, _)| *time).collect() } else { credible };
        let time = agreement(times.clone(), voters.majority()).or_else(|| lower_median(times));
        self.base = time.unwrap_or(self.base);
    }

    fn has_settled(&mut self, count: i64) -> bool {
        let since = *self.settling.get_or_insert(count);
        count.saturating_sub(since) >= SETTLE_MS
    }

    /// Goes towards another node's time, or all of the way where it is far.
    fn approach(&mut self, time: i64, elapsed: i64) {
        let apart = time.saturating_sub(self.base);
        if apart.saturating_abs() > STEP_MS {
            self.base = time;
        } else if apart.saturating_abs() > NOISE_MS {
            let most = elapsed / 100;
            self.base = self.base.saturating_add(apart.clamp(-most, most));
        }
    }

    /// Follows the clocks of a majority of the machines.
    fn follow(&mut self, wall: i64, count: i64, elapsed: i64) {
        let apart = wall.saturating_sub(self.base);
        let is_same = |jump: &Jump| wall.saturating_sub(jump.to).saturating_abs() <= APART_MS_MAX;
        if apart.saturating_abs() <= APART_MS_MAX {
            let still = HOLD_MS.saturating_add(FOLLOWED_MS);
            self.jump = self.jump.filter(|jump| is_same(jump) && count.saturating_sub(jump.since) < still);
            if self.trust >= ClockTrust::Agreed {
                self.trust = ClockTrust::Confirmed;
                if apart.saturating_abs() > NOISE_MS {
                    let most = elapsed / 100;
                    self.base = self.base.saturating_add(apart.clamp(-most, most));
                }
            }
            return;
        }
        let since = self.jump.filter(is_same).map_or(count, |jump| jump.since);
        self.jump = Some(Jump { to: wall, since });
        let waits = self.trust == ClockTrust::Confirmed && count.saturating_sub(since) < HOLD_MS;
        if self.trust == ClockTrust::Alone || waits {
            return;
        }
        let lowest = self.at_least().saturating_sub(count);
        self.base = if wall >= self.base.min(lowest) {
            wall
        } else {
            // Behind what was stamped: time goes on, and slowly enough for the clocks to catch up.
            self.base.saturating_sub(elapsed / 2).max(wall)
        };
    }

    fn judge_own(&mut self, own_wall: i64, majority: Option<i64>) {
        self.offset = own_wall.saturating_sub(majority.unwrap_or(self.base));
        let found_off = majority.is_some() && self.offset.saturating_abs() > APART_MS_MAX;
        self.otherwise = if found_off == self.is_off { 0 } else { self.otherwise.saturating_add(1) };
        if self.otherwise >= TIMES_IN_A_ROW {
            self.is_off = found_off;
            self.otherwise = 0;
        }
    }
}

/// What `many` of these say, if so many are no further apart than [`APART_MS_MAX`].
fn agreement(mut said: Vec<i64>, many: usize) -> Option<i64> {
    said.sort_unstable();
    let spread = |group: &&[i64]| group.last().zip(group.first()).map(|(last, first)| last.saturating_sub(*first));
    let closest = said.windows(many.max(1)).min_by_key(|group| spread(group))?;
    let agree = spread(&closest).is_some_and(|spread| spread <= APART_MS_MAX);
    agree.then(|| lower_median(closest.to_vec())).flatten()
}

fn lower_median(mut said: Vec<i64>) -> Option<i64> {
    said.sort_unstable();
    said.get(said.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests;

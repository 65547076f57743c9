//! The standby, that takes over when the active link is suspected: to whom it is made, and when. Knows nothing of what goes
//! over it.

use std::ops::Range;
use std::time::Duration;

use raftchat_schema::pause::Pause;
use tokio::time::Instant;

use super::fault::Fault;
use super::held::Held;
use super::{Care, Command, Dial, Engine, LinkId, LinkRole, Made, Turn};
use crate::link::event::{LinkEvent, LinkEventKind};
use crate::options::{Attention, Standby};

/// The wait after a move before another link is made, by lot: a node that dies sends all its devices elsewhere, and they do
/// not all come at once. Where nobody looks there is more time, and so many more devices: those are served first that have
/// lost their node.
const WAIT_FOREGROUND: Range<Duration> = Duration::ZERO..Duration::from_secs(1);
const WAIT_BACKGROUND: Range<Duration> = Duration::from_secs(2)..Duration::from_secs(10);
/// The same where nobody looks, and the active link is suspected: a node that many ask at once seems dead to many at once,
/// and is not to be helped by all of them asking another.
const WAIT_URGENT: Range<Duration> = Duration::ZERO..Duration::from_secs(2);
/// A standby that was armed for so long was a good one.
const STEADY: Duration = Duration::from_secs(5);

/// The pauses between attempts while none succeeds, and after standbys that were lost.
pub(super) const PAUSE: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(10));

/// How far the next standby is made.
#[derive(Debug)]
pub(super) enum Arming {
    /// None is being made.
    Idle,
    /// One is made then, if one is still wanted.
    Waiting { until: Instant },
    /// A race to other nodes is under way.
    Dialling {
        /// One was wanted at once meanwhile: if this comes to nothing, the next attempt does not wait.
        is_urgent: bool,
    },
    /// The session on it is asked for.
    Preparing { held: Box<Held>, is_urgent: bool },
}

impl Arming {
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Waiting { until } => Some(*until),
            Self::Idle | Self::Dialling { .. } | Self::Preparing { .. } => None,
        }
    }
}

impl Engine {
    /// Makes a standby, not before `wait` is over, if one is wanted and none is being made.
    pub(super) fn arm(&mut self, turn: &mut Turn, wait: Duration) {
        if !self.wants_another() || !matches!(self.arming, Arming::Idle) {
            return;
        }
        if wait.is_zero() {
            self.make_another(turn);
        } else {
            self.arming = Arming::Waiting { until: turn.now + wait };
        }
    }

    /// The same, spread over a while.
    pub(super) fn arm_later(&mut self, turn: &mut Turn) {
        let range = if self.is_looked_at() { WAIT_FOREGROUND } else { WAIT_BACKGROUND };
        self.arm(turn, by_lot(&range, turn.lot));
    }

    /// The same at once, as the active link is suspected and no other is there; nearly at once where nobody looks.
    pub(super) fn arm_now(&mut self, turn: &mut Turn) {
        if self.is_looked_at() {
            self.arm_urgently(turn);
        } else {
            let at = turn.now + by_lot(&WAIT_URGENT, turn.lot);
            self.nudge = Some(self.nudge.map_or(at, |sooner| sooner.min(at)));
        }
    }

    /// The time has come to look whether the active link is still suspected. It may have spoken again.
    pub(super) fn nudged(&mut self, turn: &mut Turn) {
        if self.with_role(LinkRole::Active).is_some_and(|active| active.suspicion.is_some()) {
            self.arm_urgently(turn);
        }
    }

    fn arm_urgently(&mut self, turn: &mut Turn) {
        match &mut self.arming {
            Arming::Idle => self.arm(turn, Duration::ZERO),
            Arming::Waiting { .. } => self.make_another(turn),
            Arming::Dialling { is_urgent } | Arming::Preparing { is_urgent, .. } => *is_urgent = true,
        }
    }

    fn is_looked_at(&self) -> bool {
        self.care != Care::Follows(Attention::Away)
    }

    /// Whether a standby is wanted. Where none is kept one is made when the active link is suspected.
    fn wants_another(&self) -> bool {
        let Some(active) = self.with_role(LinkRole::Active) else { return false };
        let is_wanted = self.keeps != Standby::None || active.suspicion.is_some();
        is_wanted && self.follows() && self.with_role(LinkRole::Standby).is_none() && self.known_nodes > 1
    }

    /// Begins an attempt, if a standby is still wanted.
    pub(super) fn make_another(&mut self, turn: &mut Turn) {
        if !self.wants_another() {
            self.arming = Arming::Idle;
            return;
        }
        let is_urgent = self.with_role(LinkRole::Active).is_some_and(|active| active.suspicion.is_some());
        self.arming = Arming::Dialling { is_urgent: false };
        turn.push(Command::Dial(Dial::Standby { is_urgent }));
    }

    /// An attempt has come to nothing: the next follows after a pause, or at once if one was wanted at once meanwhile.
    pub(super) fn fail_to_arm(&mut self, turn: &mut Turn) {
        let is_urgent = match std::mem::replace(&mut self.arming, Arming::Idle) {
            Arming::Dialling { is_urgent } | Arming::Preparing { is_urgent, .. } => is_urgent,
            Arming::Idle | Arming::Waiting { .. } => false,
        };
        let wait = self.arming_pause.grow(turn.lot);
        if is_urgent || self.faults.has(Fault::NoPause) {
            self.make_another(turn);
        } else {
            self.arming = Arming::Waiting { until: turn.now + wait };
        }
    }

    /// A link to another node is there. Where it is to take over at once, the session is asked for together with what is asked
    /// of it; otherwise it is prepared first.
    pub(super) fn reached_for_standby(&mut self, turn: &mut Turn, made: Made) {
        let link = made.link;
        let Arming::Dialling { is_urgent } = self.arming else { return self.close(turn, link) };
        let active = self.with_role(LinkRole::Active);
        if active.is_some_and(|active| active.node == made.node) && !self.faults.has(Fault::SameNodeTwice) {
            self.close(turn, link);
            return self.fail_to_arm(turn);
        }
        let takes_over = active.is_none_or(|active| active.suspicion.is_some());
        let held = Held::new(made, turn.now);
        if takes_over {
            self.arming = Arming::Idle;
            turn.push(Command::Admit(link));
            self.take_standby(turn, held);
        } else {
            self.arming = Arming::Preparing { held: Box::new(held), is_urgent };
            turn.push(Command::Prepare(link));
        }
    }

    /// The session is there on the link that was prepared.
    pub(super) fn ready(&mut self, turn: &mut Turn, link: LinkId) {
        match std::mem::replace(&mut self.arming, Arming::Idle) {
            Arming::Preparing { held, .. } if held.link == link => self.take_standby(turn, *held),
            other => {
                self.arming = other;
                self.close(turn, link);
            }
        }
    }

    /// It is not: that node is asked last for a while.
    pub(super) fn unready(&mut self, turn: &mut Turn, link: LinkId) {
        if let Arming::Preparing { held, .. } = &self.arming
            && held.link == link
        {
            self.avoided.add(&held.address, turn.now);
            self.fail_to_arm(turn);
        }
        self.close(turn, link);
    }

    /// Takes a link that was made for the second place; in the first where that has become free, or its node is suspected.
    fn take_standby(&mut self, turn: &mut Turn, mut held: Held) {
        let link = held.link;
        let active = self.with_role(LinkRole::Active);
        let is_twice = active.is_some_and(|active| active.node == held.node) && !self.faults.has(Fault::SameNodeTwice);
        if !self.follows() || is_twice {
            self.close(turn, link);
            return self.arm_later(turn);
        }
        let suspicion = active.map(|active| active.suspicion);
        match suspicion {
            None => {
                turn.push(Command::Watch(link));
                self.serve(turn, held);
                self.let_in(turn, link);
            }
            Some(Some(why)) => {
                turn.push(Command::Watch(link));
                held.role = LinkRole::Draining;
                self.held.push(held);
                self.promote(turn, link, why);
            }
            // The one that serves has spoken again.
            Some(None) if self.keeps == Standby::None => self.close(turn, link),
            Some(None) => {
                turn.push(Command::Watch(link));
                let node = held.node;
                held.role = LinkRole::Standby;
                self.held.push(held);
                turn.push(Command::Assign(link, LinkRole::Standby));
                if self.keeps == Standby::Warm {
                    turn.tell(LinkEvent::of(LinkEventKind::Standby, node));
                }
            }
        }
    }

    /// The standby holds where the feed stands.
    pub(super) fn armed(&mut self, turn: &mut Turn, link: LinkId) {
        let Some(node) = self.get(link).map(|held| held.node) else { return };
        self.armed_since = Some(turn.now);
        turn.tell(LinkEvent::of(LinkEventKind::Standby, node));
    }

    /// Lets go of a standby that is of no use, and makes another later.
    pub(super) fn drop_standby(&mut self, turn: &mut Turn, link: LinkId) {
        if self.standby() != Some(link) {
            return;
        }
        self.let_go(turn, link);
        self.stood_by(turn.now);
        let wait = self.arming_pause.grow(turn.lot);
        self.arm(turn, wait);
    }

    /// No link stands by any more: was it a good one, another may be made soon.
    pub(super) fn stood_by(&mut self, now: Instant) {
        if self.armed_since.take().is_some_and(|since| now.saturating_duration_since(since) >= STEADY) {
            self.arming_pause.reset();
        }
    }

    /// Lets go of a standby, whose node is asked last for a while.
    pub(super) fn let_go(&mut self, turn: &mut Turn, standby: LinkId) {
        self.avoid(turn, standby);
        self.close(turn, standby);
    }
}

fn by_lot(Range { start, end }: &Range<Duration>, lot: u32) -> Duration {
    *start + end.saturating_sub(*start).mul_f64(f64::from(lot) / f64::from(u32::MAX))
}

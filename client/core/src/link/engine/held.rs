//! One link as the engine knows it: its role, and whether its node is heard. Knows nothing of other links.

use std::time::Duration;

use raftchat_schema::id::NodeId;
use tokio::time::Instant;

use super::{LinkId, LinkRole, Made, Suspicion};
use crate::link::event::LinkCause;
use crate::link::suspicion::{AckMonitor, Alarm, HeartbeatMonitor};

/// How long after a path was made anew a silence does not make it anew again, and the same in round trips.
const RENEW_PAUSE: Duration = Duration::from_secs(1);
const RENEW_RTTS: u32 = 4;

/// A move to a link that has not brought anything yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) from: NodeId,
    pub(super) why: Suspicion,
}

/// A link with a role.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) link: LinkId,
    pub(super) node: NodeId,
    pub(super) address: String,
    pub(super) role: LinkRole,
    /// The node is suspected, and was not heard since.
    pub(super) suspicion: Option<Suspicion>,
    pub(super) moving: Option<Move>,
    /// The node has said that it has no contact with a majority.
    pub(super) is_behind: bool,
    /// It has ended.
    pub(super) is_over: bool,
    /// Whether the node is heard.
    pub(super) heartbeats: HeartbeatMonitor,
    /// Whether it hears.
    pub(super) acks: AckMonitor,
    /// The path was last made anew then.
    pub(super) renewed: Option<Instant>,
    /// It is listened to until then; none but for one that drains.
    pub(super) drains_until: Option<Instant>,
    /// When to look at it again.
    pub(super) next_look: Option<Instant>,
}

impl Held {
    pub(super) fn new(made: Made, now: Instant) -> Self {
        let Made { link, node, address } = made;
        Self {
            link,
            node,
            address,
            role: LinkRole::Standby,
            suspicion: None,
            moving: None,
            is_behind: false,
            is_over: false,
            heartbeats: HeartbeatMonitor::new(now),
            acks: AckMonitor::new(now),
            renewed: None,
            drains_until: None,
            next_look: None,
        }
    }

    /// Takes in what has come, and lets go of a suspicion that it disproves. True if that was a guess.
    pub(super) fn listen(&mut self, last: Instant, acknowledged: Instant) -> bool {
        self.acks.hear(acknowledged);
        if last > self.heartbeats.last_heard() {
            self.heartbeats.hear(last);
        }
        let Some(why) = self.suspicion else { return false };
        let spoke = match why.cause {
            // Who is about to stop may speak for as long as it likes.
            LinkCause::Drain => false,
            // Who has no majority speaks as well as ever.
            LinkCause::Behind => !self.is_behind,
            // Who does not hear is heard all the same.
            LinkCause::Unheard => acknowledged > why.since,
            _ => last > why.since,
        };
        if spoke {
            self.suspicion = None;
        }
        spoke && why.cause.is_a_guess()
    }

    /// Looks at the silence of the node, and at that of its acknowledgements.
    pub(super) fn look(&mut self, now: Instant, slack: Duration) -> [Option<(Alarm, Suspicion)>; 2] {
        self.heartbeats.put_up_with(slack);
        self.acks.put_up_with(slack);
        let (heard, hears) = (self.heartbeats.look(now), self.acks.look(now));
        self.next_look = [heard.next, hears.next].into_iter().flatten().min();
        let silence = heard.alarm.map(|alarm| (alarm, self.silence()));
        [silence, hears.alarm.map(|alarm| (alarm, self.not_being_heard()))]
    }

    fn silence(&self) -> Suspicion {
        Suspicion { cause: LinkCause::Silence, since: self.heartbeats.last_heard() }
    }

    /// Where the node is not heard either, that says more.
    fn not_being_heard(&self) -> Suspicion {
        if self.acks.is_one_sided(self.heartbeats.last_heard()) {
            return Suspicion { cause: LinkCause::Unheard, since: self.acks.last_heard() };
        }
        self.silence()
    }

    /// Whether its path may be made anew because of a silence: of two sockets before the present one the older is heard no
    /// more, and what is on its way to that one would be missed, which is a silence too.
    pub(super) fn may_renew(&self, now: Instant, rtt: Duration, slack: Duration) -> bool {
        let pause = RENEW_PAUSE.max(rtt.saturating_mul(RENEW_RTTS)).saturating_add(slack * 4);
        self.renewed.is_none_or(|before| now.saturating_duration_since(before) > pause)
    }

    /// Whether it may serve again that was suspected before.
    pub(super) fn speaks(&self) -> bool {
        !self.is_over && self.suspicion.is_none() && !self.heartbeats.is_silent()
    }
}

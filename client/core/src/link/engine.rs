//! Which link serves, which stands by, which drains, whom to avoid, and when to make another: decided here and nowhere else.
//! **Pure**: is told what has happened and what time it is, answers with what is to be done, and knows no socket, no timer, no
//! task and no chance: the lot is handed in.
//!
//! The rules, which `engine/tests.rs` tries with random histories:
//!
//! - At most one link is active. Everything goes over it.
//! - A suspicion promotes and closes nothing that serves: the link that was active drains, and may speak again.
//! - Whoever waits for a link is served, or told why there is none.
//! - The active link and the standby go to different nodes, and at most one attempt at a standby is under way.
//! - Attempts that come to nothing are further and further apart.

mod arming;
mod avoided;
mod fault;
mod held;
mod moving;
mod notices;
#[cfg(test)]
mod tests;

use std::time::Duration;

use raftchat_schema::id::NodeId;
use raftchat_schema::pause::Pause;
use raftchat_schema::view::Notice;
use tokio::time::Instant;

use super::event::{LinkCause, LinkEvent};
use super::order::Candidate;
use super::patience::Patience;
use crate::options::{Attention, Standby};
use crate::rpc::failure::ConnectFailure;

use arming::Arming;
use avoided::Avoided;
use fault::Faults;
use held::Held;

/// The number of a link, given by whoever made it and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkId(pub(crate) u64);

/// The number of somebody who waits for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Waiter(pub(crate) u64);

/// The purpose of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkRole {
    /// Everything goes over it.
    Active,
    /// It takes over when the active one is suspected.
    Standby,
    /// It was suspected: what still comes over it is taken.
    Draining,
    /// It is of no use any more. What is under way may be finished.
    Closed,
}

/// How much a client cares for its links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Nothing is subscribed: a link is there for calls alone.
    Calls,
    /// Something is subscribed.
    Follows(Attention),
}

/// The cause of a suspicion, and since when the node has not been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suspicion {
    pub(crate) cause: LinkCause,
    pub(crate) since: Instant,
}

/// A race to the nodes, of each kind at most one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dial {
    /// To any node, for whoever waits for a link.
    Service,
    /// To another node than the active one's.
    Standby {
        /// It is to take over as soon as it is made.
        is_urgent: bool,
    },
}

/// A link that was just made, and not greeted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) link: LinkId,
    pub(crate) node: NodeId,
    pub(crate) address: String,
}

/// Something that has happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Somebody waits for the active link.
    Wanted(Waiter),
    /// So many nodes are known.
    Known(usize),
    /// Somebody follows or looks, or no longer.
    Cares(Care),
    /// A race was won by this link.
    Reached(Dial, Made),
    /// A race was lost by all.
    Unreached(Dial, ConnectFailure),
    /// The session is there on a link that was prepared.
    Ready(LinkId),
    /// It is not, or not in time.
    Unready(LinkId),
    /// The node of a link has let this device in.
    LetIn(LinkId),
    /// The standby holds where the feed stands: it can take over by itself.
    Armed(LinkId),
    /// Nothing can be armed on the standby.
    Useless(LinkId),
    /// A link has ended, or nothing is done over it.
    Left {
        link: LinkId,
        /// Why, for the person.
        sentence: String,
        cause: LinkCause,
        /// It has ended.
        is_over: bool,
    },
    /// The system says that nobody listens at the other end.
    Unreachable(LinkId),
    /// A look at what has come over a link: when something last came, and when something was last acknowledged.
    Looked { link: LinkId, last: Instant, acknowledged: Instant, rtt: Duration },
    /// This device has sent its heartbeat, as it does each `beat`.
    Spoke { link: LinkId, beat: Duration, rtt: Duration },
    /// This device sends no heartbeats for now.
    Rested(LinkId),
    /// The node was asked for a heartbeat at least each `beat`; none: it may be silent.
    Asked { link: LinkId, beat: Option<Duration>, rtt: Duration },
    /// The node has promised a heartbeat at least each `beat`; none: nothing.
    Promised { link: LinkId, beat: Option<Duration> },
    /// The node has said something of itself or of another.
    Noticed(LinkId, Notice),
    /// Something was brought or answered over a link.
    Arrived(LinkId),
    /// A call that was begun then and went `over` these links was first answered over one that was made for it.
    Answered { made: Made, over: Vec<LinkId>, begun: Instant },
    /// The system's addresses or routes have changed.
    Readdressed,
    /// Time has passed.
    Tick,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Race to nodes, and tell who has won or that nobody has.
    Dial(Dial),
    /// Wait until the node has let this device in, open the session, and tell; close nothing.
    Prepare(LinkId),
    /// Wait until the node has let this device in, and tell; it may have the link leave.
    Admit(LinkId),
    /// Watch over the link from now on, until it is closed.
    Watch(LinkId),
    /// The link has this role from now on. What is closed is forgotten.
    Assign(LinkId, LinkRole),
    /// Have the node of a link that stood by begin to push.
    Activate(LinkId),
    /// Tell the person that this link serves; where it took over, from which node and why.
    Serving { link: LinkId, from: Option<(NodeId, LinkCause)> },
    /// Tell the person that no link serves.
    Lost { cause: String },
    /// Tell over this link what others were told of the person.
    Announce(LinkId),
    /// Take another way through the network.
    Rebind(LinkId, LinkCause),
    /// Tell whoever listens.
    Tell(LinkEvent),
    /// The link is there for who waits for it.
    Serve(Waiter, LinkId),
    /// There is none for who waits for it.
    Refuse(Waiter, ConnectFailure),
}

/// The node that was active, while no other is.
#[derive(Clone, Copy, Debug)]
struct LastActive {
    node: NodeId,
    why: Suspicion,
}

/// All that decides about links.
#[derive(Debug)]
pub(crate) struct Engine {
    keeps: Standby,
    known_nodes: usize,
    care: Care,
    /// The links that have a role. At most one is active, at most one stands by.
    held: Vec<Held>,
    waiting: Vec<Waiter>,
    /// A race for who waits is under way.
    is_dialling: bool,
    arming: Arming,
    /// Grows with attempts at a standby that came to nothing, and with standbys that were lost.
    arming_pause: Pause,
    /// When to look whether an active link that was suspected still is; then another is made at once.
    nudge: Option<Instant>,
    /// The standby is armed since then.
    armed_since: Option<Instant>,
    lost: Option<LastActive>,
    last_good: Option<String>,
    avoided: Avoided,
    patience: Patience,
    faults: Faults,
}

/// What one event leads to.
struct Turn {
    now: Instant,
    lot: u32,
    commands: Vec<Command>,
}

impl Turn {
    fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    fn tell(&mut self, event: LinkEvent) {
        self.push(Command::Tell(event));
    }
}

impl Engine {
    /// No link, and nobody who waits for one.
    pub(crate) fn new(keeps: Standby, known_nodes: usize) -> Self {
        Self {
            keeps,
            known_nodes,
            care: Care::Calls,
            held: Vec::new(),
            waiting: Vec::new(),
            is_dialling: false,
            arming: Arming::Idle,
            arming_pause: arming::PAUSE,
            nudge: None,
            armed_since: None,
            lost: None,
            last_good: None,
            avoided: Avoided::default(),
            patience: Patience::default(),
            faults: Faults::default(),
        }
    }

    /// Takes in what has happened, and says what to do, in this order. `lot` is between 0 and `u32::MAX`, by chance.
    pub(crate) fn handle(&mut self, now: Instant, lot: u32, event: Event) -> Vec<Command> {
        let mut turn = Turn { now, lot, commands: Vec::new() };
        self.pass_time(&mut turn);
        self.take(&mut turn, event);
        turn.commands
    }

    fn take(&mut self, turn: &mut Turn, event: Event) {
        match event {
            Event::Tick => {}
            Event::Wanted(waiter) => self.want(turn, waiter),
            Event::Known(nodes) => self.known_nodes = nodes,
            Event::Cares(care) => self.take_care(turn, care),
            Event::Reached(Dial::Service, made) => self.reached_for_service(turn, made),
            Event::Reached(Dial::Standby { .. }, made) => self.reached_for_standby(turn, made),
            Event::Unreached(Dial::Service, failure) => self.unreached_for_service(turn, &failure),
            Event::Unreached(Dial::Standby { .. }, _) => self.fail_to_arm(turn),
            Event::Ready(link) => self.ready(turn, link),
            Event::Unready(link) => self.unready(turn, link),
            Event::LetIn(link) => self.let_in(turn, link),
            Event::Armed(link) => self.armed(turn, link),
            Event::Useless(link) => self.drop_standby(turn, link),
            Event::Left { link, sentence, cause, is_over } => self.leave(turn, link, sentence, cause, is_over),
            Event::Unreachable(link) => {
                let why = Suspicion { cause: LinkCause::Icmp, since: turn.now };
                self.suspect(turn, link, why);
            }
            Event::Looked { link, last, acknowledged, rtt } => self.look(turn, link, last, acknowledged, rtt),
            Event::Spoke { link, beat, rtt } => self.with(link, |held| held.acks.speak(turn.now, beat, rtt)),
            Event::Rested(link) => self.with(link, |held| held.acks.rest()),
            Event::Asked { link, beat, rtt } => self.with(link, |held| match beat {
                Some(beat) => held.heartbeats.ask(turn.now, rtt, beat),
                None => held.heartbeats.promise(None),
            }),
            Event::Promised { link, beat } => self.with(link, |held| held.heartbeats.promise(beat)),
            Event::Noticed(from, notice) => self.heed(turn, from, notice),
            Event::Arrived(link) => self.arrived(turn, link),
            Event::Answered { made, over, begun } => self.answered(turn, made, &over, begun),
            Event::Readdressed => self.readdressed(turn),
        }
    }

    /// Does what was to be done by now.
    fn pass_time(&mut self, turn: &mut Turn) {
        self.end_drains(turn);
        if self.nudge.take_if(|nudge| *nudge <= turn.now).is_some() {
            self.nudged(turn);
        }
        if matches!(self.arming, Arming::Waiting { until } if until <= turn.now) {
            self.make_another(turn);
        }
    }

    /// When time alone is to be told next; none: not before something else has happened.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        let drained = self.held.iter().filter_map(|held| held.drains_until);
        drained.chain(self.nudge).chain(self.arming.due()).min()
    }

    /// When to look next at what has come over a link; none: not before something is heard or sent.
    pub(crate) fn next_look(&self, link: LinkId) -> Option<Instant> {
        self.get(link)?.next_look
    }

    /// Whether a link has taken over and has not brought anything yet.
    pub(crate) fn is_moving(&self, link: LinkId) -> bool {
        self.get(link).is_some_and(|held| held.moving.is_some())
    }

    /// Whether a link has a role.
    pub(crate) fn holds(&self, link: LinkId) -> bool {
        self.get(link).is_some()
    }

    /// The link over which everything goes.
    pub(crate) fn active(&self) -> Option<LinkId> {
        Some(self.with_role(LinkRole::Active)?.link)
    }

    /// The link that takes over when the active one is suspected.
    pub(crate) fn standby(&self) -> Option<LinkId> {
        Some(self.with_role(LinkRole::Standby)?.link)
    }

    /// All links that have a role: the active one, the standby, and those that drain.
    pub(crate) fn links(&self) -> impl Iterator<Item = LinkId> {
        let first = [self.active(), self.standby()].into_iter().flatten();
        first.chain(self.held.iter().filter(|held| held.role == LinkRole::Draining).map(|held| held.link))
    }

    /// The address that served last.
    pub(crate) fn last_good(&self) -> Option<&str> {
        self.last_good.as_deref()
    }

    /// The addresses that are asked last as of `now`, the latest last.
    pub(crate) fn avoided(&self, now: Instant) -> Vec<&str> {
        self.avoided.as_of(now).collect()
    }

    /// Those of `all` at which a standby may be: at another node than the active one's, and at one that is not avoided where
    /// there is such a one.
    pub(crate) fn for_standby(&self, now: Instant, all: Vec<Candidate>) -> Vec<Candidate> {
        let active = self.with_role(LinkRole::Active);
        let is_other = |candidate: &Candidate| {
            active.is_none_or(|active| candidate.address != active.address && candidate.node != Some(active.node.0))
        };
        let (avoided, ordinary): (Vec<_>, Vec<_>) =
            all.into_iter().filter(is_other).partition(|other| self.avoided.holds(&other.address, now));
        if ordinary.is_empty() { avoided } else { ordinary }
    }

    /// How much longer than otherwise a silence may be.
    pub(crate) fn slack(&self, now: Instant) -> Duration {
        self.patience.slack(now)
    }

    fn take_care(&mut self, turn: &mut Turn, care: Care) {
        let before = std::mem::replace(&mut self.care, care);
        match (before, care) {
            (Care::Calls, Care::Follows(_)) => self.arm(turn, Duration::ZERO),
            // A standby costs something, and is of no use to who only calls.
            (Care::Follows(_), Care::Calls) => {
                if let Some(standby) = self.standby() {
                    self.close(turn, standby);
                }
            }
            _ => {}
        }
    }

    /// Takes another way through the network with all links, which costs nothing.
    fn readdressed(&mut self, turn: &mut Turn) {
        for held in &mut self.held {
            held.renewed = Some(turn.now);
            turn.push(Command::Rebind(held.link, LinkCause::Addresses));
        }
    }

    fn follows(&self) -> bool {
        matches!(self.care, Care::Follows(_))
    }

    fn with_role(&self, role: LinkRole) -> Option<&Held> {
        self.held.iter().find(|held| held.role == role)
    }

    fn get(&self, link: LinkId) -> Option<&Held> {
        self.held.iter().find(|held| held.link == link)
    }

    fn get_mut(&mut self, link: LinkId) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.link == link)
    }

    /// Does something with a link; nothing, where it has no role any more.
    fn with(&mut self, link: LinkId, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.get_mut(link) {
            change(held);
        }
    }

    /// Has a link forgotten, whatever its role.
    fn close(&mut self, turn: &mut Turn, link: LinkId) {
        self.held.retain(|held| held.link != link);
        turn.push(Command::Assign(link, LinkRole::Closed));
    }
}

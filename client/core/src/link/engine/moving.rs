//! How one link takes the place of another. Knows nothing of how a suspicion comes about.

use std::time::Duration;

use tokio::time::Instant;

use super::fault::Fault;
use super::held::{Held, Move};
use super::{Care, Command, Dial, Engine, LastActive, LinkId, LinkRole, Made, Suspicion, Turn, Waiter};
use crate::link::event::{LinkCause, LinkEvent, LinkEventKind};
use crate::link::suspicion::Alarm;
use crate::rpc::failure::ConnectFailure;

/// How long a link that was suspected is still listened to.
const DRAINS_FOR: Duration = Duration::from_secs(2);

impl Engine {
    /// Somebody waits for the active link: it is made if there is none, once for all who wait.
    pub(super) fn want(&mut self, turn: &mut Turn, waiter: Waiter) {
        if let Some(active) = self.active() {
            turn.push(Command::Serve(waiter, active));
            return;
        }
        self.waiting.push(waiter);
        if !std::mem::replace(&mut self.is_dialling, true) {
            turn.push(Command::Dial(Dial::Service));
        }
    }

    pub(super) fn reached_for_service(&mut self, turn: &mut Turn, made: Made) {
        self.is_dialling = false;
        let link = made.link;
        if self.active().is_some() {
            // Another link has taken the place meanwhile.
            self.close(turn, link);
            return;
        }
        turn.push(Command::Watch(link));
        self.serve(turn, Held::new(made, turn.now));
        // What is asked of the node goes to it meanwhile.
        turn.push(Command::Admit(link));
    }

    pub(super) fn unreached_for_service(&mut self, turn: &mut Turn, failure: &ConnectFailure) {
        self.is_dialling = false;
        if self.active().is_some() {
            // Another link has taken the place meanwhile, and nobody waits.
            return;
        }
        let (ConnectFailure::NotAccepted(cause) | ConnectFailure::Unreachable(cause)) = failure;
        turn.push(Command::Lost { cause: cause.clone() });
        let told = if self.faults.has(Fault::WaitersForgotten) { 1 } else { self.waiting.len() };
        let refused = self.waiting.drain(..).take(told).map(|waiter| Command::Refuse(waiter, failure.clone()));
        turn.commands.extend(refused);
    }

    /// Takes a link that was just made as the active one, where there is none.
    pub(super) fn serve(&mut self, turn: &mut Turn, mut held: Held) {
        let (link, node) = (held.link, held.node);
        let lost = self.lost.take().filter(|lost| lost.node != node);
        held.moving = lost.map(|lost| Move { from: lost.node, why: lost.why });
        held.role = LinkRole::Active;
        self.held.push(held);
        turn.push(Command::Assign(link, LinkRole::Active));
        // Before anything can come over it.
        turn.push(Command::Serving { link, from: None });
        turn.tell(LinkEvent::of(LinkEventKind::Linked, node));
        self.serve_waiting(turn, link);
    }

    fn serve_waiting(&mut self, turn: &mut Turn, link: LinkId) {
        turn.commands.extend(self.waiting.drain(..).map(|waiter| Command::Serve(waiter, link)));
    }

    /// The node of the active link has let this device in.
    pub(super) fn let_in(&mut self, turn: &mut Turn, link: LinkId) {
        let active = self.with_role(LinkRole::Active).filter(|active| active.link == link);
        let Some(address) = active.map(|active| active.address.clone()) else { return };
        self.avoided.remove(&address);
        self.last_good = Some(address);
        self.arm(turn, Duration::ZERO);
    }

    /// Something was looked at: what has come over a link, and what has not.
    pub(super) fn look(&mut self, turn: &mut Turn, link: LinkId, last: Instant, acknowledged: Instant, rtt: Duration) {
        let Some(held) = self.get_mut(link) else { return };
        if held.listen(last, acknowledged) {
            self.patience.was_in_vain(turn.now);
        }
        let slack = self.patience.slack(turn.now);
        let Some(held) = self.get_mut(link) else { return };
        for (alarm, why) in held.look(turn.now, slack).into_iter().flatten() {
            self.raise(turn, link, alarm, why, rtt);
        }
    }

    /// A silence is too long. Of links that are not active nothing depends on it.
    fn raise(&mut self, turn: &mut Turn, link: LinkId, alarm: Alarm, why: Suspicion, rtt: Duration) {
        if self.active() != Some(link) {
            return;
        }
        match alarm {
            // Another way through the network costs nothing.
            Alarm::Path => {
                let slack = self.slack(turn.now);
                if let Some(held) = self.get_mut(link)
                    && held.may_renew(turn.now, rtt, slack)
                {
                    held.renewed = Some(turn.now);
                    turn.push(Command::Rebind(link, why.cause));
                }
            }
            Alarm::Node => self.suspect(turn, link, why),
        }
    }

    /// A node may be gone. If its link is active, another takes over at once where there is one, and is sought where there is
    /// none; nothing is closed. A standby of which so much is said is of no use, and another is made.
    pub(super) fn suspect(&mut self, turn: &mut Turn, link: LinkId, why: Suspicion) {
        let Some(held) = self.get_mut(link) else { return };
        let suspected = LinkEvent::because(LinkEventKind::Suspected, held.node, why.cause);
        match held.role {
            LinkRole::Standby => {
                turn.tell(suspected);
                self.drop_standby(turn, link);
            }
            LinkRole::Active if held.suspicion.is_none() => {
                held.suspicion = Some(why);
                turn.tell(suspected);
                match self.next_in_line() {
                    Some(next) => self.promote(turn, next, why),
                    None => self.arm_now(turn),
                }
            }
            // It is suspected already, or nothing depends on it.
            LinkRole::Active | LinkRole::Draining | LinkRole::Closed => {}
        }
    }

    /// The link that takes over: the standby, or the latest of those that were suspected and have spoken since.
    fn next_in_line(&self) -> Option<LinkId> {
        let drains = self.held.iter().filter(|held| held.role == LinkRole::Draining && held.speaks());
        let latest = drains.max_by_key(|held| held.drains_until).map(|held| held.link);
        self.standby().or(latest)
    }

    /// Makes `next` the active link. The one that was is still listened to.
    pub(super) fn promote(&mut self, turn: &mut Turn, next: LinkId, why: Suspicion) {
        let before = self.with_role(LinkRole::Active).map(|before| (before.link, before.node));
        let from = before.map(|(_, node)| node);
        let keeps_its_time = self.faults.has(Fault::DrainForgotten);
        let Some(held) = self.get_mut(next) else { return };
        let stood_by = held.role == LinkRole::Standby;
        held.suspicion = None;
        held.moving = from.map(|from| Move { from, why });
        held.role = LinkRole::Active;
        if !keeps_its_time {
            held.drains_until = None;
        }
        let address = held.address.clone();
        turn.push(Command::Assign(next, LinkRole::Active));
        if stood_by {
            self.stood_by(turn.now);
            turn.push(Command::Activate(next));
        }
        self.last_good = Some(address);
        if let Some((before, _)) = before {
            self.avoid(turn, before);
            self.retire(turn, before);
        }
        turn.push(Command::Serving { link: next, from: from.map(|from| (from, why.cause)) });
        turn.push(Command::Announce(next));
        self.arm_later(turn);
    }

    /// Listens to a link for a while, and then lets it go; at once where it has ended.
    fn retire(&mut self, turn: &mut Turn, link: LinkId) {
        if self.faults.has(Fault::TwoActive) {
            return;
        }
        let closes = self.faults.has(Fault::SuspicionCloses);
        let Some(held) = self.get_mut(link) else { return };
        if held.is_over || closes {
            return self.close(turn, link);
        }
        held.role = LinkRole::Draining;
        held.drains_until = Some(turn.now + DRAINS_FOR);
        turn.push(Command::Assign(link, LinkRole::Draining));
    }

    /// Lets go of the links that were listened to for long enough.
    pub(super) fn end_drains(&mut self, turn: &mut Turn) {
        let is_over = |held: &&Held| held.drains_until.is_some_and(|until| until <= turn.now);
        let over: Vec<_> = self.held.iter().filter(is_over).map(|held| held.link).collect();
        for link in over {
            self.close(turn, link);
        }
    }

    /// Turns away from a link that has ended, or over which nothing is done: what is asked next goes over another, to another
    /// node if one answers.
    pub(super) fn leave(&mut self, turn: &mut Turn, link: LinkId, sentence: String, cause: LinkCause, is_over: bool) {
        let Some(held) = self.get_mut(link) else { return };
        held.is_over |= is_over;
        match held.role {
            LinkRole::Standby => return self.drop_standby(turn, link),
            LinkRole::Draining | LinkRole::Closed => return self.close(turn, link),
            LinkRole::Active => {}
        }
        let (node, suspicion) = (held.node, held.suspicion);
        let why = suspicion.unwrap_or(Suspicion { cause, since: turn.now });
        held.suspicion = Some(why);
        if suspicion.is_none() {
            turn.tell(LinkEvent::because(LinkEventKind::Suspected, node, cause));
        }
        if let Some(next) = self.next_in_line() {
            return self.promote(turn, next, why);
        }
        self.avoid(turn, link);
        self.lost = Some(LastActive { node, why });
        turn.push(Command::Lost { cause: sentence });
        turn.tell(LinkEvent::because(LinkEventKind::Lost, node, cause));
        self.close(turn, link);
    }

    /// Something has come over a link, or was answered: if it has just taken over, the move is complete.
    pub(super) fn arrived(&mut self, turn: &mut Turn, link: LinkId) {
        let Some(held) = self.get_mut(link) else { return };
        let Some(Move { from, why }) = held.moving.take() else { return };
        turn.tell(LinkEvent {
            kind: LinkEventKind::Moved,
            node: held.node,
            from: Some(from),
            cause: Some(why.cause),
            took: Some(turn.now.saturating_duration_since(why.since)),
        });
    }

    /// A call was first answered over a link that was made for it, because the active one was late. Where nothing is followed,
    /// so that nothing else tells which node is of use, that link serves from now on.
    pub(super) fn answered(&mut self, turn: &mut Turn, made: Made, over: &[LinkId], begun: Instant) {
        let link = made.link;
        let was_late = self.active().is_some_and(|active| over.contains(&active));
        if self.get(link).is_some() || !was_late || self.care != Care::Calls {
            return;
        }
        turn.push(Command::Watch(link));
        let mut held = Held::new(made, turn.now);
        held.role = LinkRole::Draining;
        self.held.push(held);
        self.promote(turn, link, Suspicion { cause: LinkCause::Hedge, since: begun });
    }

    /// Has the node of a link asked last for a while.
    pub(super) fn avoid(&mut self, turn: &Turn, link: LinkId) {
        if let Some(address) = self.get(link).map(|held| held.address.clone()) {
            self.avoided.add(&address, turn.now);
        }
    }
}

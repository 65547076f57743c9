//! What happens to links is told to the engine here, by whoever has seen it. Knows nothing of what follows from it.

use std::rc::Rc;

use raftchat_schema::view::Notice;
use raftchat_transport::{LinkFailure, lot};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Worker;
use crate::link::engine::{Care, Event, LinkId, Waiter};
use crate::link::event::LinkCause;
use crate::link::node_link::NodeLink;
use crate::link::order::{Candidate, is_by_its_clock, judge};
use crate::options::Attention;
use crate::rpc::failure::{ConnectFailure, Failure};
use crate::until::until;

impl Worker {
    /// Tells the engine what has happened, and does what it says.
    pub(super) fn handle(self: &Rc<Self>, event: Event) {
        self.tell_ends(None);
        self.hand_on(event);
    }

    /// Tells of links that have ended, before anything is built on them: who watches over them may not have had its turn yet.
    fn tell_ends(self: &Rc<Self>, but: Option<LinkId>) {
        for link in self.all_links() {
            let failure = link.link.failure().filter(|_| but != Some(link.id));
            if let Some(failure) = failure {
                self.hand_on(left(&link, failure.to_string(), LinkCause::of(&failure)));
            }
        }
    }

    fn hand_on(self: &Rc<Self>, event: Event) {
        if self.is_ending.get() {
            return;
        }
        let (before, commands, after) = {
            let mut engine = self.engine.borrow_mut();
            let before = engine.next_tick();
            let commands = engine.handle(Instant::now(), lot(), event);
            (before, commands, engine.next_tick())
        };
        for command in commands {
            self.obey(command);
        }
        if before != after {
            self.retimed.notify_one();
        }
    }

    /// Tells the engine the time whenever it wants to be told, until the client ends.
    pub(crate) async fn keep_time(self: Rc<Self>) {
        while !self.is_ending.get() {
            let due = self.engine.borrow().next_tick();
            tokio::select! {
                () = until(due) => self.handle(Event::Tick),
                () = self.retimed.notified() => {}
            }
        }
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.set(self.numbers.get().wrapping_add(1));
        self.numbers.get()
    }

    /// The link that serves; made now if there is none, once for all who ask. Making it goes on to its end even if who asked
    /// for it gives up: the next to ask gets the link.
    pub(crate) async fn connected(self: &Rc<Self>) -> Result<Rc<NodeLink>, ConnectFailure> {
        self.tell_ends(None);
        if let Some(active) = self.active() {
            return Ok(active);
        }
        let (answer, outcome) = oneshot::channel();
        let waiter = Waiter(self.next_number());
        self.waiting.borrow_mut().insert(waiter, answer);
        self.handle(Event::Wanted(waiter));
        let stopped = |_| Err(ConnectFailure::Unreachable("the client is ending".to_owned()));
        outcome.await.unwrap_or_else(stopped)
    }

    /// Something has come over a link, or was answered: if it has just taken over, the move is complete.
    pub(crate) fn arrived(self: &Rc<Self>, link: &NodeLink) {
        if self.engine.borrow().is_moving(link.id) {
            self.handle(Event::Arrived(link.id));
        }
    }

    /// Turns away from a link that has ended, or over which nothing is done.
    pub(crate) fn leave(self: &Rc<Self>, link: &NodeLink, sentence: &str, cause: LinkCause) {
        // What is told of this one says more.
        self.tell_ends(Some(link.id));
        self.hand_on(left(link, sentence.to_owned(), cause));
    }

    /// The node at the other end of a link has said something.
    pub(crate) fn heed(self: &Rc<Self>, from: &NodeLink, notice: Notice) {
        self.handle(Event::Noticed(from.id, notice));
    }

    /// The standby holds where the feed stands: it can take over by itself.
    pub(crate) fn is_armed(self: &Rc<Self>, standby: &NodeLink) {
        self.measure(standby);
        self.handle(Event::Armed(standby.id));
    }

    /// Nothing can be armed on the standby.
    pub(crate) fn drop_standby(self: &Rc<Self>, standby: &NodeLink) {
        self.handle(Event::Useless(standby.id));
    }

    /// The meaning of it that the node of a link does not let this device in: whether others might, as it goes by its own clock.
    pub(crate) fn judge_refusal(&self, link: &NodeLink, failure: LinkFailure) -> Failure {
        let refused = Candidate { address: link.address.clone(), node: Some(link.node.0) };
        if !is_by_its_clock(&failure) {
            return Failure::Connect(judge(&[(refused, failure)]));
        }
        let mut refusals = self.refusals.borrow_mut();
        refusals.insert(link.node);
        if refusals.len() * 2 > self.known_nodes() {
            refusals.clear();
            return Failure::Connect(judge(&[(refused, failure)]));
        }
        Failure::Link(failure)
    }

    /// Somebody follows, or looks, or no longer.
    pub(crate) fn attend(self: &Rc<Self>, attention: Attention) {
        self.attention.set(attention);
        self.care_anew();
    }

    pub(crate) fn begin_following(self: &Rc<Self>) {
        self.followers.set(self.followers.get().saturating_add(1));
        self.care_anew();
    }

    pub(crate) fn end_following(self: &Rc<Self>) {
        self.followers.set(self.followers.get().saturating_sub(1));
        self.care_anew();
    }

    fn care_anew(self: &Rc<Self>) {
        let care = if self.followers.get() > 0 { Care::Follows(self.attention.get()) } else { Care::Calls };
        if self.care.send_replace(care) == Care::Calls && care != Care::Calls {
            self.watch_addresses();
        }
        self.handle(Event::Cares(care));
    }
}

fn left(link: &NodeLink, sentence: String, cause: LinkCause) -> Event {
    Event::Left { link: link.id, sentence, cause, is_over: link.link.failure().is_some() }
}

//! The messenger's thread: whatever happens is told to the model, and what the model answers is done before the next thing
//! is looked at. Knows nothing of what it means.

use std::collections::BTreeSet;
use std::time::Duration;

use raftchat_model::{Effect, Input, Intent, Link, Model, Numbers, Stored};
use raftchat_schema::command::Switch;
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::Stamp;
use raftchat_schema::level::Level;
use raftchat_schema::pause::Pause;
use raftchat_transport::lot;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::cleaning::Cleaning;
use super::contact::Contact;
use super::tasks::{self, Fetch, Report, Reports, Trouble};
use super::{CleanAfter, Order, Update};
use crate::client::Client;
use crate::error::ClientError;
use crate::feed::{Batch, Feed, FeedEvent, Hint};
use crate::link::event::{LinkEvent, LinkEventKind};
use crate::link::state::LinkState;
use crate::options::{Attention, Following};
use crate::profile::clock::{Told, wall};
use crate::store::{Store, StoreError, Sweep};
use crate::until::until;

/// The pauses between attempts to find a node while nothing else tries.
const KNOCK_PAUSE: Pause = Pause::between(Duration::from_secs(1), Duration::from_secs(8));
/// The pauses before a feed is taken up again that was refused.
const FEED_PAUSE: Pause = Pause::between(Duration::from_secs(1), Duration::from_secs(30));
/// A feed that was followed for so long was a good one.
const FEED_STEADY: Duration = Duration::from_secs(30);

pub(super) struct Driver {
    model: Model,
    pub(super) store: Store,
    pub(super) client: Client,
    pub(super) updates: mpsc::UnboundedSender<Vec<Update>>,
    pub(super) reports: Reports,
    pub(super) reported: mpsc::UnboundedReceiver<Report>,
    /// As far as the store holds the feed; none before everything was fetched.
    pub(super) cursor: Option<Vec<u8>>,
    pub(super) fetching: BTreeSet<Fetch>,
    /// When the model wants to be told the time.
    pub(super) wake: Option<Instant>,
    feed: Option<Feed>,
    feed_since: Instant,
    /// Not before then is the feed taken up again.
    feed_paused: Option<Instant>,
    feed_pause: Pause,
    links: watch::Receiver<LinkState>,
    told: watch::Receiver<Option<Told>>,
    /// When the driver was made, and what the device's clock said then: its time goes on from there, whatever that clock does.
    start: Instant,
    wall_then: Stamp,
    contact: Contact,
    /// When to ask for a majority, or for any node.
    ask: Option<Instant>,
    /// Something that was removed may still take room in the store.
    pub(super) sweeping: bool,
    session_over: bool,
    /// The store knows that this program cannot read all that nodes tell.
    outgrown: bool,
    cleaning: Cleaning,
    knock_pause: Pause,
}

impl Driver {
    /// A driver for what is stored, and what the model wants done first.
    pub(super) fn new(
        store: Store,
        mut stored: Stored,
        client: Client,
        updates: mpsc::UnboundedSender<Vec<Update>>,
        CleanAfter(clean_after): CleanAfter,
    ) -> (Self, Vec<Effect>) {
        let (reports, reported) = Reports::channel();
        let (links, told) = (client.link(), client.told());
        let (start, wall_then) = (Instant::now(), wall());
        // Without randomness two programs of a session may now and then be taken for one.
        stored.last_number = Numbers::with_lot(stored.last_number, getrandom::u32().unwrap_or(0));
        let cursor = stored.cursor.as_ref().filter(|_| stored.bootstrapped).map(|row| row.bytes.clone());
        let cleaning = Cleaning::plan(clean_after, store.is_unclean(), start);
        let (model, effects) = Model::open(super::codec(), wall_then, stored);
        let driver = Self {
            model,
            store,
            client,
            updates,
            reports,
            reported,
            cursor,
            fetching: BTreeSet::new(),
            wake: None,
            feed: None,
            feed_since: Instant::now(),
            feed_paused: None,
            feed_pause: FEED_PAUSE,
            links,
            told,
            start,
            wall_then,
            contact: Contact::new(),
            ask: Some(Instant::now()),
            sweeping: true,
            session_over: false,
            outgrown: false,
            cleaning,
            knock_pause: KNOCK_PAUSE,
        };
        (driver, effects)
    }

    /// Runs until nobody holds the messenger any more.
    pub(super) async fn run(
        &mut self,
        first: Vec<Effect>,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) -> Result<(), StoreError> {
        self.carry_out(first)?;
        self.tell(Input::Link(self.contact.link()))?;
        loop {
            self.follow();
            self.look_at_level()?;
            if self.store.is_unclean() {
                self.cleaning.is_needed(Instant::now());
            }
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order)?,
                    None => return Ok(()),
                },
                Some(report) = self.reported.recv() => self.take(report)?,
                event = next(&mut self.feed) => self.hear(event)?,
                state = changed(&mut self.links) => self.notice(&state)?,
                () = told_anew(&mut self.told) => self.hear_the_time()?,
                () = until(self.wake) => {
                    self.wake = None;
                    self.tell(Input::Tick)?;
                }
                () = until(self.feed_paused) => self.feed_paused = None,
                () = until(self.ask) => self.ask(),
                () = until(self.cleaning.due()), if !self.sweeping => self.clean(),
                () = std::future::ready(()), if self.sweeping => self.sweeping = self.store.sweep()? == Sweep::More,
            }
        }
    }

    /// Writes the store anew; if that fails it is as it was.
    fn clean(&mut self) {
        let renewed = self.store.renew();
        if let Err(error) = &renewed {
            tracing::warn!(%error, "what was deleted is still in the files of this device");
        }
        self.cleaning.was_done(renewed.is_ok(), Instant::now());
    }

    /// Lets go of the store with everything on the disk, and nothing there that was deleted.
    pub(super) fn close(mut self) -> Result<(), StoreError> {
        if self.store.is_unclean() {
            self.clean();
        }
        self.store.close()
    }

    /// Tells the model and does what it answers.
    pub(super) fn tell(&mut self, input: Input) -> Result<(), StoreError> {
        let effects = self.model.handle(self.now(), input);
        self.carry_out(effects)
    }

    /// What the model is told of the time.
    pub(super) fn now(&self) -> Stamp {
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Stamp(self.wall_then.0.saturating_add(passed))
    }

    /// Tells the model what time it is in the cluster, if a node has told that anew.
    fn hear_the_time(&mut self) -> Result<(), StoreError> {
        if !self.told.has_changed().unwrap_or(false) {
            return Ok(());
        }
        let Some(told) = *self.told.borrow_and_update() else { return Ok(()) };
        let signed = |stamp: Stamp| i64::try_from(stamp.0).unwrap_or(i64::MAX);
        let ahead_ms = signed(told.time()).saturating_sub(signed(self.now()));
        self.tell(Input::Told { ahead_ms, highest: told.highest })
    }

    /// Notes in the store if the cluster is at a level that this program does not know: what it cannot read of it is not kept, and
    /// its successor has to fetch anew.
    fn look_at_level(&mut self) -> Result<(), StoreError> {
        if self.outgrown || self.client.level() <= Some(Level::newest()) {
            return Ok(());
        }
        self.outgrown = true;
        self.store.outgrow(Level::newest())
    }

    /// Takes the feed up where the store ends, if it is not followed and could be.
    fn follow(&mut self) {
        if self.feed.is_some() || self.feed_paused.is_some() || self.session_over {
            return;
        }
        if let Some(cursor) = &self.cursor {
            self.feed = Some(self.client.feed(Following::After(cursor.clone())));
            self.feed_since = Instant::now();
        }
    }

    fn obey(&mut self, order: Order) -> Result<(), StoreError> {
        // Whoever asked may have given up.
        match order {
            Order::Act(intent) => {
                if let Intent::Attend(looks) = intent {
                    self.attend(if looks.is_on() { Attention::Focused } else { Attention::Away });
                }
                return self.tell(Input::Do(intent));
            }
            Order::Search { query, limit, answer } => {
                let _ = answer.send(self.store.search(&query, limit, None));
            }
            Order::Waiting { answer } => {
                let _ = answer.send(self.model.waiting());
            }
            Order::Head { chat, answer } => {
                let _ = answer.send(self.head(chat)?);
            }
            Order::Read { conversation, after, answer } => {
                let _ = answer.send(self.store.messages_after(conversation, after, super::READ_MESSAGES)?);
            }
        }
        Ok(())
    }

    fn take(&mut self, report: Report) -> Result<(), StoreError> {
        // What was told with an answer comes before what the answer leads to.
        self.hear_the_time()?;
        match report {
            Report::Input(input) => {
                let fetched_upto = match &*input {
                    Input::Bootstrapped { cursor } => Some(cursor.clone()),
                    _ => None,
                };
                self.tell(*input)?;
                self.cursor = fetched_upto.or(self.cursor.take());
            }
            Report::Asked(has_majority) => {
                self.ask_later();
                if let Some(has_majority) = has_majority {
                    let link = self.contact.note_majority(has_majority);
                    self.tell_link(link)?;
                }
            }
            Report::SessionOver(refusal) => self.end_session(refusal)?,
            Report::Ended(fetch) => {
                self.fetching.remove(&fetch);
            }
        }
        Ok(())
    }

    fn hear(&mut self, event: Option<FeedEvent>) -> Result<(), StoreError> {
        // What a link has brought comes after the link, whichever of the two is looked at first.
        self.look_at_link()?;
        match event {
            Some(FeedEvent::Batch(batch)) => self.take_in(batch),
            Some(FeedEvent::CaughtUp { cursor }) => self.tell(Input::CaughtUp { cursor }),
            Some(FeedEvent::Hint(Hint::Presence { user, online, .. })) => {
                self.tell(Input::Presence { user, switch: Switch::from_bool(online) })
            }
            Some(FeedEvent::Hint(Hint::Typing { conversation, user, active, .. })) => {
                self.tell(Input::Typing { conversation, user, switch: Switch::from_bool(active) })
            }
            // Told by the client itself, also while nothing is followed.
            Some(FeedEvent::Link(_)) => Ok(()),
            Some(FeedEvent::Path(event)) => self.take_note(&event),
            Some(FeedEvent::Ended(error)) => self.lose_feed(error),
            None => {
                self.feed = None;
                self.pause_feed(Duration::ZERO);
                Ok(())
            }
        }
    }

    /// The node hears that this device holds the batch once it does.
    fn take_in(&mut self, mut batch: Batch) -> Result<(), StoreError> {
        let (changes, counts) = (std::mem::take(&mut batch.changes), std::mem::take(&mut batch.counts));
        self.tell(Input::Changes { changes, counts, cursor: batch.cursor.clone() })?;
        batch.acknowledge();
        Ok(())
    }

    /// Of what happens to links a move is all that a person is told.
    fn take_note(&mut self, event: &LinkEvent) -> Result<(), StoreError> {
        match (event.kind, event.from, event.took) {
            (LinkEventKind::Moved, Some(from), Some(took)) => {
                let ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
                self.tell(Input::Moved { from, to: event.node, ms })
            }
            _ => Ok(()),
        }
    }

    fn lose_feed(&mut self, error: ClientError) -> Result<(), StoreError> {
        self.feed = None;
        match Trouble::of(error) {
            Trouble::SessionOver(refusal) => self.end_session(refusal),
            Trouble::Refused(refusal) if refusal.code == ErrorCode::ForeignCursor => {
                // The cluster was restored: what is stored is of another history. The model has all fetched anew.
                self.cursor = None;
                self.pause_feed(Duration::ZERO);
                self.tell(Input::SessionEnded(refusal))
            }
            Trouble::Refused(refusal) => {
                tracing::warn!(%refusal, "the feed is refused");
                self.pause_feed(Duration::ZERO);
                Ok(())
            }
            Trouble::Passing(wait) => {
                self.pause_feed(wait);
                Ok(())
            }
        }
    }

    /// The feed is taken up again after a pause, of `wait` at least.
    fn pause_feed(&mut self, wait: Duration) {
        if self.feed_since.elapsed() >= FEED_STEADY {
            self.feed_pause.reset();
        }
        self.feed_paused = Some(Instant::now() + self.feed_pause.grow_to(wait, lot()));
    }

    fn end_session(&mut self, refusal: Refusal) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.session_over, true) {
            return Ok(());
        }
        (self.feed, self.ask) = (None, None);
        self.tell(Input::SessionEnded(refusal))?;
        let link = self.contact.end();
        self.tell_link(link)
    }

    /// Takes in how the link is, if that is news.
    fn look_at_link(&mut self) -> Result<(), StoreError> {
        if !self.links.has_changed().unwrap_or(false) {
            return Ok(());
        }
        let state = self.links.borrow_and_update().clone();
        self.notice(&state)
    }

    fn notice(&mut self, state: &LinkState) -> Result<(), StoreError> {
        if self.session_over {
            return Ok(());
        }
        let link = self.contact.notice(state);
        if matches!(state, LinkState::Connected { .. }) {
            self.ask = Some(Instant::now());
        }
        self.tell_link(link)
    }

    fn tell_link(&mut self, link: Option<Link>) -> Result<(), StoreError> {
        link.map_or(Ok(()), |link| self.tell(Input::Link(link)))
    }

    /// Asks for a majority; without a link that finds a node first.
    fn ask(&mut self) {
        self.ask = None;
        tokio::task::spawn_local(tasks::ask_for_majority(self.client.clone(), self.reports.clone()));
    }

    /// Who turns to the window is not told what held ten seconds ago.
    fn attend(&mut self, attention: Attention) {
        self.client.attend(attention);
        self.contact.attend(attention);
        if attention == Attention::Focused && self.ask.is_some() {
            self.ask = Some(Instant::now());
        }
    }

    fn ask_later(&mut self) {
        let after = match self.contact.ask_again_after() {
            Some(after) => {
                self.knock_pause.reset();
                Some(after)
            }
            None => self.feed.is_none().then(|| self.knock_pause.grow(lot())),
        };
        self.ask = after.filter(|_| !self.session_over).map(|after| Instant::now() + after);
    }
}

/// The feed's next event; never, while there is no feed.
async fn next(feed: &mut Option<Feed>) -> Option<FeedEvent> {
    match feed {
        Some(feed) => feed.next().await,
        None => std::future::pending().await,
    }
}

/// How the link is when it has changed.
async fn changed(links: &mut watch::Receiver<LinkState>) -> LinkState {
    match links.changed().await {
        Ok(()) => links.borrow_and_update().clone(),
        // The client's thread is gone: nothing changes any more.
        Err(_) => std::future::pending().await,
    }
}

/// Waits until a node has told the time anew.
async fn told_anew(told: &mut watch::Receiver<Option<Told>>) {
    if told.changed().await.is_err() {
        // The client's thread is gone.
        return std::future::pending().await;
    }
    // Still to be looked at.
    told.mark_changed();
}

#[cfg(test)]
mod tests;

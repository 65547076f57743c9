//! What lives on the client's thread: the links, the sessions on them, and how far this device has seen. Knows nothing of
//! what is asked over a link.

mod arming;
mod heeding;
mod late;
mod lineup;
mod links;
mod monitor;
mod sessions;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{LocalBoxFuture, Shared};
use raftchat_schema::id::NodeId;
use raftchat_schema::pause::Pause;
use raftchat_transport::Dialer;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{Instant, timeout};

use crate::cursor;
use crate::link::announced::Announced;
use crate::link::event::LinkEvent;
use crate::link::node_link::{NodeLink, Suspicion};
use crate::link::nodes::Nodes;
use crate::link::patience::Patience;
use crate::link::points::ResumePoints;
use crate::link::state::LinkState;
use crate::link::usual::Usual;
use crate::options::{Attention, ClientOptions, Standby};
use crate::profile::clock::DeviceClock;
use crate::profile::{NodeEntry, Profile};
use crate::rpc::failure::ConnectFailure;

use lineup::LineUp;

/// How long the end of the client waits for the node to hear of it: a word to the wire, not its answer.
const GOODBYE: Duration = Duration::from_millis(20);
/// How many events of links wait for who listens; who is slower misses some.
const EVENTS_WAITING_MAX: usize = 256;

/// How much a client cares for its links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Nothing is subscribed: a link is there for calls alone.
    Calls,
    /// Something is subscribed.
    Follows(Attention),
}

/// A link that is being made, for all who wait for one.
type Connecting = Shared<LocalBoxFuture<'static, Result<Rc<NodeLink>, ConnectFailure>>>;

/// The node that served before there was none.
#[derive(Clone, Copy, Debug)]
struct Lost {
    node: NodeId,
    why: Suspicion,
}

/// The client's thread's own state.
pub(crate) struct Worker {
    profile: Profile,
    options: ClientOptions,
    dialer: Dialer,
    pub(crate) clock: Arc<DeviceClock>,
    states: watch::Sender<LinkState>,
    pub(crate) events: broadcast::Sender<LinkEvent>,
    nodes: RefCell<Nodes>,
    last_good: RefCell<Option<String>>,
    /// Addresses that were left, or that have refused, until when; the latest last.
    avoided: RefCell<Vec<(String, Instant)>>,
    /// Nodes by whose clock this device's certificate is out of its time, since one has let it in.
    refusals: RefCell<BTreeSet<NodeId>>,
    links: RefCell<LineUp<NodeLink>>,
    /// Counts every change of which link has which role.
    changes: watch::Sender<u64>,
    connecting: RefCell<Option<Connecting>>,
    /// The node that served, since it was lost without another to take its place.
    lost: Cell<Option<Lost>>,
    followers: Cell<usize>,
    attention: Cell<Attention>,
    care: watch::Sender<Care>,
    pub(crate) points: RefCell<ResumePoints>,
    pub(crate) announced: RefCell<Announced>,
    /// Changes of addresses are heard of.
    watching: Cell<bool>,
    arming: Cell<bool>,
    arming_pause: RefCell<Pause>,
    /// The second link has stood by since then.
    armed_since: Cell<Option<Instant>>,
    /// How much longer than otherwise nodes may be silent.
    patience: RefCell<Patience>,
    /// How long calls take.
    usual: RefCell<Usual>,
    /// A second link is needed at once.
    urgent: Notify,
    seen: RefCell<Option<Vec<u8>>>,
}

impl Worker {
    pub(crate) fn new(
        profile: Profile,
        options: ClientOptions,
        dialer: Dialer,
        states: watch::Sender<LinkState>,
        clock: Arc<DeviceClock>,
    ) -> Self {
        let nodes = RefCell::new(Nodes::load(&profile.config().nodes, profile.nodes_path()));
        let seen = RefCell::new(profile.session().and_then(|session| session.seen));
        Self {
            profile,
            options,
            dialer,
            clock,
            states,
            events: broadcast::Sender::new(EVENTS_WAITING_MAX),
            nodes,
            last_good: RefCell::default(),
            avoided: RefCell::default(),
            refusals: RefCell::default(),
            links: RefCell::default(),
            changes: watch::Sender::new(0),
            connecting: RefCell::default(),
            lost: Cell::default(),
            followers: Cell::default(),
            attention: Cell::new(Attention::Focused),
            care: watch::Sender::new(Care::Calls),
            points: RefCell::default(),
            announced: RefCell::default(),
            watching: Cell::default(),
            arming: Cell::default(),
            arming_pause: RefCell::new(arming::PAUSE),
            armed_since: Cell::default(),
            patience: RefCell::default(),
            usual: RefCell::default(),
            urgent: Notify::new(),
            seen,
        }
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.options.timeout
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// What is kept ready while something is followed.
    pub(crate) fn keeps(&self) -> Standby {
        self.options.standby
    }

    pub(crate) fn states(&self) -> watch::Receiver<LinkState> {
        self.states.subscribe()
    }

    /// The nodes of the profile and those that nodes told of, in order of number.
    pub(crate) fn known(&self) -> Vec<NodeEntry> {
        let mut known: Vec<_> = self.nodes.borrow().entries().cloned().collect();
        known.sort_by_key(|entry| entry.node);
        known
    }

    pub(crate) fn known_nodes(&self) -> usize {
        self.nodes.borrow().len()
    }

    fn publish(&self, state: LinkState) {
        self.states.send_if_modified(|held| {
            let changed = *held != state;
            *held = state;
            changed
        });
    }

    /// Says that something has happened, to whoever follows.
    pub(crate) fn tell(&self, event: LinkEvent) {
        tracing::debug!(?event, "a link");
        // Fails where nobody follows.
        let _ = self.events.send(event);
    }

    /// Notes a cursor that was shown.
    pub(crate) fn note_seen(&self, seen: &[u8]) {
        let mut held = self.seen.borrow_mut();
        if cursor::supersedes(seen, held.as_deref()) {
            *held = Some(seen.to_vec());
        }
    }

    /// Keeps in the profile how far this device has seen.
    pub(crate) fn keep_seen(&self) {
        if let Some(seen) = self.seen.borrow().as_deref() {
            keep_seen(&self.profile, seen);
        }
    }

    /// The same while links go on: a disk may take longer than they should be silent.
    fn keep_seen_meanwhile(&self) {
        if let Some(seen) = self.seen.borrow().clone() {
            let profile = self.profile.clone();
            tokio::task::spawn_blocking(move || keep_seen(&profile, &seen));
        }
    }

    /// Keeps what is to be kept and tells the nodes that this device goes.
    pub(crate) async fn end(&self) {
        self.keep_seen();
        self.nodes.borrow_mut().keep();
        let all = self.all_links();
        self.links.take();
        // A node finds out by silence if it does not hear.
        let goodbyes = all.into_iter().map(|connected| timeout(GOODBYE, connected.link.clone().finish()));
        futures::future::join_all(goodbyes).await;
    }
}

fn keep_seen(profile: &Profile, seen: &[u8]) {
    if let Some(session) = profile.session()
        && let Err(error) = profile.keep_seen(&session.token, seen)
    {
        tracing::warn!(%error, "how far this device has seen is not kept");
    }
}

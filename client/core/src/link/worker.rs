//! What lives on the client's thread: the links, the sessions on them, and how far this device has seen. The shell around
//! the engine: sockets, timers and tasks, and no decision about links. Knows nothing of what is asked over a link.

mod dialling;
mod doing;
mod late;
mod monitor;
mod sessions;
mod telling;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::id::NodeId;
use raftchat_schema::level::Level;
use raftchat_transport::Dialer;
use tokio::sync::{Notify, broadcast, oneshot, watch};
use tokio::time::timeout;

use super::announced::Announced;
use super::engine::{Care, Engine, LinkId, Waiter};
use super::event::LinkEvent;
use super::node_link::NodeLink;
use super::nodes::Nodes;
use super::points::ResumePoints;
use super::state::LinkState;
use super::usual::Usual;
use crate::cursor;
use crate::options::{Attention, ClientOptions, Standby};
use crate::profile::clock::DeviceClock;
use crate::profile::{NodeEntry, Profile};
use crate::rpc::failure::ConnectFailure;

/// How long the end of the client waits for the node to hear of it: a word to the wire, not its answer.
const GOODBYE: Duration = Duration::from_millis(20);
/// How many events of links wait for who listens; who is slower misses some.
const EVENTS_WAITING_MAX: usize = 256;

/// The way back to who waits for a link.
type Answer = oneshot::Sender<Result<Rc<NodeLink>, ConnectFailure>>;

/// The client's thread's own state.
pub(crate) struct Worker {
    profile: Profile,
    options: ClientOptions,
    dialer: Dialer,
    pub(crate) clock: Arc<DeviceClock>,
    states: watch::Sender<LinkState>,
    /// The cluster's feature level, as far as nodes have told it.
    levels: watch::Sender<Option<Level>>,
    pub(crate) events: broadcast::Sender<LinkEvent>,
    nodes: RefCell<Nodes>,
    /// Nodes by whose clock this device's certificate is out of its time, since one has let it in.
    refusals: RefCell<BTreeSet<NodeId>>,
    /// All that is decided about links.
    engine: RefCell<Engine>,
    /// The links that it decides about, by their numbers, those included that it has yet to hear of.
    links: RefCell<BTreeMap<LinkId, Rc<NodeLink>>>,
    /// Those who wait for one to serve.
    waiting: RefCell<BTreeMap<Waiter, Answer>>,
    /// The numbers given so far, to links and to who waits.
    numbers: Cell<u64>,
    /// Counts every change of which link has which role.
    changes: watch::Sender<u64>,
    /// The engine wants to be told the time at another moment than before.
    retimed: Notify,
    /// The client ends: nothing is decided any more.
    is_ending: Cell<bool>,
    followers: Cell<usize>,
    attention: Cell<Attention>,
    care: watch::Sender<Care>,
    pub(crate) points: RefCell<ResumePoints>,
    pub(crate) announced: RefCell<Announced>,
    /// Changes of addresses are heard of.
    watching: Cell<bool>,
    /// How long calls take.
    usual: RefCell<Usual>,
    seen: RefCell<Option<Vec<u8>>>,
}

/// What the client's thread lets everybody see, now and at every change.
pub(crate) struct Published {
    /// How the link is.
    pub(crate) states: watch::Sender<LinkState>,
    /// The cluster's feature level, as far as nodes have told it.
    pub(crate) levels: watch::Sender<Option<Level>>,
}

impl Worker {
    pub(crate) fn new(
        profile: Profile,
        options: ClientOptions,
        dialer: Dialer,
        told: Published,
        clock: Arc<DeviceClock>,
    ) -> Self {
        let nodes = RefCell::new(Nodes::load(&profile.config().nodes, profile.nodes_path()));
        let seen = RefCell::new(profile.session().and_then(|session| session.seen));
        let engine = RefCell::new(Engine::new(options.standby, nodes.borrow().len()));
        Self {
            profile,
            options,
            dialer,
            clock,
            states: told.states,
            levels: told.levels,
            events: broadcast::Sender::new(EVENTS_WAITING_MAX),
            nodes,
            refusals: RefCell::default(),
            engine,
            links: RefCell::default(),
            waiting: RefCell::default(),
            numbers: Cell::default(),
            changes: watch::Sender::new(0),
            retimed: Notify::new(),
            is_ending: Cell::default(),
            followers: Cell::default(),
            attention: Cell::new(Attention::Focused),
            care: watch::Sender::new(Care::Calls),
            points: RefCell::default(),
            announced: RefCell::default(),
            watching: Cell::default(),
            usual: RefCell::default(),
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
        self.is_ending.set(true);
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

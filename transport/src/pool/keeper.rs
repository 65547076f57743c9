//! Keeps one connection to one node: dials, publishes it to its lanes, waits
//! for its end, dials again.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capnp::capability::FromClientHook;
use raftchat_schema::pause::Pause;
use raftchat_schema::told::Told;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::{Job, Lane, LinkCounters, PeerHealth};
use crate::failure::LinkFailure;
use crate::link::datagram::Datagram;
use crate::link::dialer::Dialer;
use crate::link::{Link, StreamPriority};
use crate::lot::lot;
use crate::socket::Signs;
use crate::tls::identity::Expect;

/// Never sent: the stop signal is the end of its channel.
pub(super) type Stop = Infallible;

/// The pauses between attempts to reach a node: one that was started again is soon there.
const REDIAL: Pause = Pause::between(Duration::from_millis(50), Duration::from_secs(2));
/// A link that lived this long was a good one: dialling starts over fast.
const STEADY: Duration = Duration::from_secs(2);
/// The time that a node may take to let this side in.
const FIRST_ANSWER: Duration = Duration::from_secs(5);

/// A node that refuses this side so often in a row has not just not heard of it yet: it is knocked at ever more rarely. Most
/// likely this side was removed.
const REFUSALS_AT_ONCE: u32 = 6;
/// The pauses after that.
const SHUT_OUT: Pause = Pause::between(Duration::from_secs(2), Duration::from_secs(30));

/// The state of a connection, readable from any thread.
#[derive(Debug, Default)]
pub(super) struct Health {
    state: Mutex<State>,
    alarm: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<(quinn::Connection, Arc<Signs>)>,
    unreachable: u64,
    closed: u64,
    last_failure: Option<LinkFailure>,
}

impl Health {
    /// Raises `alarm` when the link is lost or the node cannot be reached.
    pub(super) fn new(alarm: Arc<Notify>) -> Self {
        Self { alarm, ..Self::default() }
    }

    pub(super) fn read(&self) -> PeerHealth {
        let state = self.lock();
        let live = state.connection.as_ref().filter(|(connection, _)| connection.close_reason().is_none());
        PeerHealth {
            up: live.is_some(),
            rtt: live.map(|(connection, _)| connection.rtt()),
            heard: live.map(|(_, signs)| signs.heard()),
            unreachable: state.unreachable,
            closed: state.closed,
            last_failure: state.last_failure.clone(),
        }
    }

    pub(super) fn send_beat(&self) {
        if let Some((connection, _)) = &self.lock().connection {
            // On a link that is over it is lost.
            let _ = connection.send_datagram(Datagram::Beat.write());
        }
    }

    fn up(&self, link: &Link) {
        self.lock().connection = Some((link.quic().clone(), link.signs().clone()));
    }

    /// `closed`: as nobody listens there.
    fn cannot_be_reached(&self, closed: bool) {
        let mut state = self.lock();
        state.unreachable = state.unreachable.saturating_add(1);
        state.closed = state.closed.saturating_add(closed.into());
        drop(state);
        self.alarm.notify_one();
    }

    /// True when the failure differs from the one before.
    fn down(&self, failure: &LinkFailure) -> bool {
        let mut state = self.lock();
        let was_up = state.connection.take().is_some();
        let before = state.last_failure.replace(failure.clone());
        drop(state);
        self.alarm.notify_one();
        was_up || before.as_ref() != Some(failure)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The link and capability that a lane calls at present, or the reason why it cannot.
type Slot<T> = Rc<RefCell<Result<(Link, T), LinkFailure>>>;

pub(super) struct Keeper {
    pub(super) dialer: Arc<Dialer>,
    pub(super) expect: Expect,
    pub(super) address: String,
    pub(super) health: Arc<Health>,
    pub(super) counters: Arc<LinkCounters>,
}

impl Keeper {
    /// Runs until `stopped` ends.
    pub(super) async fn keep<T: FromClientHook + Clone + 'static>(
        self,
        lanes: Vec<(Lane, mpsc::UnboundedReceiver<Job<T>>)>,
        stopped: oneshot::Receiver<Stop>,
    ) {
        let mut tasks = JoinSet::new();
        let mut slots = Vec::new();
        for (lane, jobs) in lanes {
            let cause = "the first link to it is being made".to_owned();
            let slot = Rc::new(RefCell::new(Err(LinkFailure::Unreachable { cause })));
            tasks.spawn_local(run_lane(jobs, Rc::clone(&slot)));
            slots.push((lane, slot));
        }
        tokio::select! {
            () = self.redial(&slots) => {}
            _ = stopped => {}
        }
        for (_, slot) in &slots {
            *slot.borrow_mut() = Err(LinkFailure::ClosedHere);
        }
    }

    async fn redial<T: FromClientHook + Clone + 'static>(&self, slots: &[(Lane, Slot<T>)]) {
        let lanes: Vec<Lane> = slots.iter().map(|(lane, _)| *lane).collect();
        let mut redial = REDIAL;
        let mut in_order = false;
        let (mut refusals, mut shut_out) = (0_u32, SHUT_OUT);
        loop {
            let failure = match self.dial(slots).await {
                Ok(link) => {
                    self.health.up(&link);
                    self.counters.made.add(1);
                    in_order = false;
                    tracing::info!(peer = %self.expect, ?lanes, address = %self.address, "link is up");
                    let since = Instant::now();
                    let failure = self.until_closed(&link).await;
                    if since.elapsed() >= STEADY {
                        redial.reset();
                    }
                    self.counters.lost.add(1);
                    failure
                }
                Err(failure) => {
                    self.counters.failed.add(1);
                    failure
                }
            };
            for (_, slot) in slots {
                // A call that finds no link was not handed to anybody.
                *slot.borrow_mut() = Err(failure.clone().before_link());
            }
            // Who has said that it stops is not there afterwards.
            in_order |= matches!(failure, LinkFailure::Draining { .. });
            if self.health.down(&failure) {
                self.tell_of_end(&lanes, &failure, in_order);
            }
            if matches!(failure, LinkFailure::Refused { .. }) {
                refusals = refusals.saturating_add(1);
            } else {
                refusals = 0;
                shut_out.reset();
            }
            let pause = if refusals > REFUSALS_AT_ONCE { &mut shut_out } else { &mut redial };
            sleep(pause.grow(lot())).await;
        }
    }

    /// A node that has said that it stops is no reason to look.
    fn tell_of_end(&self, lanes: &[Lane], failure: &LinkFailure, in_order: bool) {
        if in_order {
            tracing::info!(peer = %self.expect, ?lanes, address = %self.address, failure = %Told(failure), "link is down");
        } else {
            tracing::warn!(peer = %self.expect, ?lanes, address = %self.address, failure = %Told(failure), "link is down");
        }
    }

    /// Waits for the link's end, and passes on what the system says meanwhile.
    async fn until_closed(&self, link: &Link) -> LinkFailure {
        let mut unreachable = link.unreachable();
        let listen = async {
            let mut closed = 0;
            while unreachable.changed().await.is_ok() {
                let before = std::mem::replace(&mut closed, link.signs().closed());
                self.health.cannot_be_reached(closed > before);
            }
        };
        tokio::select! {
            failure = link.closed() => failure,
            () = listen => link.closed().await,
        }
    }

    /// Connects and opens a stream per lane. A node that refuses this side
    /// does so after the handshake: only what answers is a link.
    async fn dial<T: FromClientHook + Clone + 'static>(&self, slots: &[(Lane, Slot<T>)]) -> Result<Link, LinkFailure> {
        let unreachable = |cause: String| LinkFailure::Unreachable { cause };
        let mut addresses = tokio::net::lookup_host(&self.address)
            .await
            .map_err(|error| unreachable(format!("{} cannot be resolved: {error}", self.address)))?;
        let address = addresses.next().ok_or_else(|| unreachable(format!("{} has no address", self.address)))?;
        let link = self.dialer.connect(address, &self.expect).await?;
        let mut clients = Vec::new();
        for (lane, _) in slots {
            let client: T = link.open_rpc(priority(*lane)).await?;
            admitted(&link, &client).await?;
            clients.push(client);
        }
        for ((_, slot), client) in slots.iter().zip(clients) {
            *slot.borrow_mut() = Ok((link.clone(), client));
        }
        Ok(link)
    }
}

fn priority(lane: Lane) -> StreamPriority {
    match lane {
        Lane::Control => StreamPriority::Control,
        Lane::Log => StreamPriority::Normal,
        Lane::Snapshot => StreamPriority::Bulk,
    }
}

async fn admitted<T: FromClientHook>(link: &Link, client: &T) -> Result<(), LinkFailure> {
    match timeout(FIRST_ANSWER, link.admitted(client)).await {
        Ok(outcome) => outcome.map_err(LinkFailure::before_link),
        Err(_) => Err(LinkFailure::Timeout(FIRST_ANSWER)),
    }
}

/// Starts the calls of one lane in their order.
async fn run_lane<T: Clone + 'static>(mut jobs: mpsc::UnboundedReceiver<Job<T>>, slot: Slot<T>) {
    while let Some(job) = jobs.recv().await {
        let lane = slot.borrow().clone();
        let mut call = job(lane);
        // The first poll sends the call: done here, in order, before the next
        // one is looked at. Answers are awaited side by side.
        if futures::poll!(&mut call).is_pending() {
            tokio::task::spawn_local(call);
        }
    }
}

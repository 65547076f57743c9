//! A device's connection beside its calls: the beats it asked for, its datagrams, whether anything goes on on it, and what is
//! to end with it. Never knows who the device's user is.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::budgets::{CALLS_BEHIND_A_LINK_MAX, SUBSCRIPTIONS_A_LINK_MAX};
use raftchat_transport::{CloseCode, ConnectionHandle, Datagram, Held, Meter};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::answer::Denied;
use super::knocking::{Knocking, Verdict};
use super::registered::Registered;
use super::subscription::{Arming, LinkWindow};
use crate::health::node_health::Health;

/// The most often that a device gets a beat.
const BEAT_MIN_MS: u32 = 20;
/// How often, of a node that drains, it is looked whether anything goes on.
const DRAIN_LOOK: Duration = Duration::from_millis(50);
/// A link on which nothing has gone on for so long, and for a few round trips, has delivered its last answer.
const IDLE: Duration = Duration::from_millis(300);

/// One connection. Lives on its thread, for as long as the connection.
pub(super) struct DeviceLink {
    connection: ConnectionHandle,
    /// None: no beats.
    beat: watch::Sender<Option<Duration>>,
    armed: RefCell<Vec<Weak<Arming>>>,
    registered: RefCell<Vec<Weak<Registered>>>,
    /// Subscriptions that this link has.
    subscriptions: Arc<Meter>,
    /// What all of them have not acknowledged.
    pub(super) window: LinkWindow,
    occupied: Cell<usize>,
    last_occupied: Cell<Instant>,
    /// Calls that wait for this node to catch up.
    behind: Cell<usize>,
    knocking: RefCell<Knocking>,
    ended: watch::Sender<bool>,
}

/// Something goes on on the link: a call or a subscription.
pub(super) struct Occupied(Rc<DeviceLink>);

/// A call of the link that waits for this node to catch up.
pub(super) struct Behind<'l>(&'l DeviceLink);

impl DeviceLink {
    /// Begins to listen and to beat.
    pub(super) fn new(connection: &ConnectionHandle, health: watch::Receiver<Health>) -> Rc<Self> {
        let (beat, beats) = watch::channel(None);
        let link = Rc::new(Self {
            connection: connection.clone(),
            beat,
            armed: RefCell::default(),
            registered: RefCell::default(),
            subscriptions: Arc::default(),
            window: LinkWindow::default(),
            occupied: Cell::new(0),
            last_occupied: Cell::new(Instant::now()),
            behind: Cell::new(0),
            knocking: RefCell::default(),
            ended: watch::Sender::new(false),
        });
        tokio::task::spawn_local(tend(link.clone(), beats, health));
        link
    }

    pub(super) fn connection(&self) -> &ConnectionHandle {
        &self.connection
    }

    /// Beats in each slot of that many milliseconds in which nothing else was sent; 0: not at all. Says what it will do.
    pub(super) fn attend(&self, beat_ms: u32) -> u32 {
        let beat_ms = if beat_ms == 0 { 0 } else { beat_ms.max(BEAT_MIN_MS) };
        let slot = Some(Duration::from_millis(beat_ms.into())).filter(|slot| !slot.is_zero());
        self.beat.send_if_modified(|beat| std::mem::replace(beat, slot) != slot);
        beat_ms
    }

    /// What a call over the link is told that is refused until later; or the link's end, where it is made again and again
    /// without waiting for that.
    pub(super) fn refuse(&self, denied: Denied) -> Denied {
        let Some((code, wait)) = denied.until_later() else { return denied };
        match self.knocking.borrow_mut().refuse(wait, Instant::now().into_std()) {
            Verdict::Later(wait) => Denied::until(code, wait),
            Verdict::End => {
                self.connection.close(CloseCode::ProtocolViolation, "refused again and again, and never waited");
                denied
            }
        }
    }

    /// For as long as what this gives lives, something goes on.
    pub(super) fn occupy(self: &Rc<Self>) -> Occupied {
        self.occupied.set(self.occupied.get().saturating_add(1));
        Occupied(self.clone())
    }

    /// One more call that waits for this node to catch up; none if there are enough.
    pub(super) fn wait_behind(&self) -> Option<Behind<'_>> {
        let behind = self.behind.get();
        (behind < CALLS_BEHIND_A_LINK_MAX).then(|| {
            self.behind.set(behind.saturating_add(1));
            Behind(self)
        })
    }

    /// What the session holds on this node is given up with the link, at once, also where a call or a capability of it is
    /// neither ended nor dropped.
    pub(super) fn register(&self, registered: &Rc<Registered>) {
        let mut all = self.registered.borrow_mut();
        all.retain(|known| known.strong_count() > 0);
        all.push(Rc::downgrade(registered));
        if *self.ended.borrow() {
            registered.give_up();
        }
    }

    /// Waits until the link has ended.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + 'static {
        let mut ended = self.ended.subscribe();
        // Without a link there is nobody to say so.
        async move { drop(ended.wait_for(|ended| *ended).await) }
    }

    fn end(&self) {
        self.ended.send_replace(true);
        for registered in self.registered.take().iter().filter_map(Weak::upgrade) {
            registered.give_up();
        }
    }

    /// Datagrams activate this subscription too.
    pub(super) fn arm(&self, arming: &Rc<Arming>) {
        let mut armed = self.armed.borrow_mut();
        armed.retain(|known| known.strong_count() > 0);
        armed.push(Rc::downgrade(arming));
    }

    /// A place for one more subscription; none if there are as many as one link may have.
    pub(super) fn subscribe(&self) -> Option<Held> {
        self.subscriptions.try_hold(1, SUBSCRIPTIONS_A_LINK_MAX)
    }

    fn take(&self, datagram: &Datagram) {
        match datagram {
            // That it came, and was acknowledged, is all there is to it.
            Datagram::Beat => {}
            Datagram::Activate(cursor) => {
                for arming in self.armed.borrow().iter().filter_map(Weak::upgrade) {
                    arming.activate(cursor);
                }
            }
        }
    }

    fn is_idle(&self) -> bool {
        let rtts = self.connection.rtt().saturating_mul(3);
        self.occupied.get() == 0 && self.last_occupied.get().elapsed() > IDLE.max(rtts)
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.occupied.set(self.0.occupied.get().saturating_sub(1));
        self.0.last_occupied.set(Instant::now());
    }
}

impl Drop for Behind<'_> {
    fn drop(&mut self) {
        self.0.behind.set(self.0.behind.get().saturating_sub(1));
    }
}

/// Ticks at the ends of slots; never while there are none.
struct Slots(Option<Interval>);

impl Slots {
    fn new(length: Option<Duration>) -> Self {
        Self(length.map(|length| {
            let mut slots = interval_at(Instant::now() + length, length);
            // A node that is late beats less often, not several times at once.
            slots.set_missed_tick_behavior(MissedTickBehavior::Delay);
            slots
        }))
    }

    async fn end(&mut self) {
        match &mut self.0 {
            Some(slots) => drop(slots.tick().await),
            None => std::future::pending().await,
        }
    }
}

async fn tend(link: Rc<DeviceLink>, mut beats: watch::Receiver<Option<Duration>>, mut health: watch::Receiver<Health>) {
    let mut beat_slots = Slots::new(None);
    let mut drain_slots = Slots::new(health.borrow_and_update().draining.map(|_| DRAIN_LOOK));
    let mut sent = 0;
    loop {
        tokio::select! {
            datagram = link.connection.read_datagram() => match datagram {
                Ok(datagram) => link.take(&datagram),
                Err(_ended) => return link.end(),
            },
            () = beat_slots.end() => {
                if link.connection.packets_sent() == sent {
                    link.connection.send_beat();
                }
                sent = link.connection.packets_sent();
            }
            () = drain_slots.end() => {
                if link.is_idle() {
                    link.connection.close(CloseCode::Draining, "the node is going to stop");
                }
            }
            Ok(()) = beats.changed() => beat_slots = Slots::new(*beats.borrow_and_update()),
            Ok(()) = health.changed(), if drain_slots.0.is_none() => {
                drain_slots = Slots::new(health.borrow_and_update().draining.map(|_| DRAIN_LOOK));
            }
        }
    }
}

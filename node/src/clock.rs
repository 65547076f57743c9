//! The time of this node: what it stamps with, what it takes certificates to be good or over by, and whether this machine's clock
//! can be believed. Never knows what is stamped. How it is decided is in `model`, how it is found out in `comparing`.

mod comparing;
mod machine;
mod model;
mod starting;
pub(crate) mod wall;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use raftchat_schema::id::{NodeId, Stamp};
use raftchat_schema::peer::{ClockReading, ClockTrust};
use raftchat_transport::Clock;

pub(crate) use comparing::{Comparing, keep_comparing};
use machine::{Clocks, Machine};
use model::{AHEAD_MS_MAX, ClockModel, Moment, Voters};
pub(crate) use starting::start;

/// What a look at the clocks has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    trust: ClockTrust,
    offset: i64,
    is_off: bool,
    jumped_by: Option<i64>,
    has_doubts: bool,
}

/// The node's clock. Whoever has it asks for the time and is never kept waiting.
pub(crate) struct NodeClock {
    clocks: Box<dyn Clocks>,
    model: Mutex<ClockModel>,
}

impl NodeClock {
    /// A clock that goes by `clocks`. It is later than `last_stamp`, the last in the node's rows, and than `earliest`, the
    /// beginning of the node's own certificate.
    fn start(clocks: Box<dyn Clocks>, last_stamp: Stamp, earliest: SystemTime) -> Arc<Self> {
        let model = ClockModel::start(clocks.read(), signed(last_stamp.0), since_1970(earliest));
        Arc::new(Self { clocks, model: Mutex::new(model) })
    }

    /// The cluster's time, as far as it is known.
    pub(crate) fn time(&self) -> Stamp {
        let now = self.clocks.read();
        stamp_of(self.lock().time(now.count))
    }

    /// A stamp for an entry; none before this node knows what time the others have.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let now = self.clocks.read();
        let mut model = self.lock();
        let time = model.time(now.count);
        (model.trust() > ClockTrust::Alone).then(|| {
            model.stamped(time);
            stamp_of(time)
        })
    }

    /// Whether a stamp is so far ahead that this node does not acknowledge it.
    pub(crate) fn is_too_far_ahead(&self, stamp: Stamp) -> bool {
        signed(stamp.0) > signed(self.time().0).saturating_add(AHEAD_MS_MAX)
    }

    /// Whether this node knows what time the others have.
    pub(crate) fn is_agreed(&self) -> bool {
        self.lock().trust() > ClockTrust::Alone
    }

    /// By how much this machine's clock is ahead of a majority's, in ms.
    pub(crate) fn offset_ms(&self) -> i64 {
        self.lock().offset()
    }

    /// What this node says of the time to others.
    pub(crate) fn reading(&self) -> ClockReading {
        let now = self.clocks.read();
        self.lock().reading(now)
    }

    fn hear(&self, node: NodeId, reading: &ClockReading, round_trip: Duration) {
        let now = self.clocks.read();
        let round_trip = i64::try_from(round_trip.as_millis()).unwrap_or(i64::MAX);
        self.lock().hear(node, reading, round_trip, now.count);
    }

    fn look(&self, voters: &Voters, last_stamp: Stamp) -> Found {
        self.clocks.look();
        let now = self.clocks.read();
        let mut model = self.lock();
        model.stamped(signed(last_stamp.0));
        model.look(now, voters);
        Found {
            trust: model.trust(),
            offset: model.offset(),
            is_off: model.is_off(),
            jumped_by: model.jumped_by(),
            has_doubts: model.reading(now).has_doubts,
        }
    }

    fn lock(&self) -> MutexGuard<'_, ClockModel> {
        // The model is whole after every step, whoever panicked meanwhile.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for NodeClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeClock").field("model", &*self.lock()).finish_non_exhaustive()
    }
}

impl Clock for NodeClock {
    fn now(&self) -> SystemTime {
        moment(self.time().0)
    }

    fn at_least(&self) -> Option<SystemTime> {
        let model = self.lock();
        let at_least = u64::try_from(model.at_least()).unwrap_or(0);
        (model.trust() == ClockTrust::Alone).then(|| moment(at_least))
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

fn stamp_of(ms: i64) -> Stamp {
    Stamp(u64::try_from(ms).unwrap_or(0))
}

/// That many ms after the beginning of 1970.
pub(crate) fn moment(ms: u64) -> SystemTime {
    // Beyond all that a system's clock can say is as good as its end.
    UNIX_EPOCH.checked_add(Duration::from_millis(ms)).unwrap_or(UNIX_EPOCH)
}

fn since_1970(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

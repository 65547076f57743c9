//! Slows down whoever guesses passwords, and nobody else. The devices on which an account is logged in are counted each for
//! itself. Of all others each may try a few times whatever the rest have tried, so that no stranger's guesses keep an owner's
//! new device out; beyond that they share what is left to strangers, and how long a device waits that tries again and again
//! grows with its own tries. So the guesses at one account are bounded by the number of devices that there are. A function of
//! what it is told and of the time it is given; never knows a password, nor whether there is an account of that name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::id::{DeviceId, Username};

/// How wrong passwords of one kind are paid for.
#[derive(Clone, Copy, Debug)]
struct Price {
    /// So many cost nothing.
    free: u32,
    /// The wait after them; each further one doubles it.
    first_wait: Duration,
    wait_max: Duration,
    /// What nobody has repeated for so long is forgotten.
    remembered: Duration,
}

/// The owner mistypes, and must get in.
const OWN_DEVICE: Price = Price {
    free: 5,
    first_wait: Duration::from_secs(1),
    wait_max: Duration::from_secs(30),
    remembered: Duration::from_hours(1),
};

/// Of all strangers at one account together, and of one device at all accounts that do not know it.
const STRANGERS: Price = Price { wait_max: Duration::from_mins(15), ..OWN_DEVICE };

/// What a device may try at an account that does not know it, whatever others have tried: three, the next in an hour, then in
/// two … and at last one a week, some sixty in a year.
const NEW_DEVICE: Price = Price {
    free: 3,
    first_wait: Duration::from_hours(1),
    wait_max: Duration::from_hours(24 * 7),
    remembered: Duration::from_hours(24 * 14),
};

/// The most that is remembered at all, some 10 MB; beyond it what is oldest goes.
const ENTRIES_MAX: usize = 100_000;

/// Which device an attempt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// One on which the account is logged in.
    OwnDevice(DeviceId),
    /// Any other.
    Stranger(DeviceId),
}

/// Attempts are counted by these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The account from one of its own devices.
    OwnDevice(Username, DeviceId),
    /// The account from one other device.
    NewDevice(Username, DeviceId),
    /// The account from all others together.
    Strangers(Username),
    /// A device over all accounts that do not know it.
    Device(DeviceId),
}

impl Key {
    fn price(&self) -> Price {
        match self {
            Self::OwnDevice(..) => OWN_DEVICE,
            Self::NewDevice(..) => NEW_DEVICE,
            Self::Strangers(_) | Self::Device(_) => STRANGERS,
        }
    }

    /// Whether the right password takes back what was counted: what others tried it does not.
    fn is_of_one_device(&self) -> bool {
        matches!(self, Self::OwnDevice(..) | Self::NewDevice(..))
    }
}

/// What is remembered of the attempts by one key.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    times: u32,
    last: Instant,
}

impl Wrong {
    fn wait_after(self, price: Price) -> Duration {
        let Some(doublings) = self.times.checked_sub(price.free) else { return Duration::ZERO };
        price.first_wait.saturating_mul(2_u32.saturating_pow(doublings)).min(price.wait_max)
    }
}

/// The wrong passwords that are remembered. In two halves: when the newer one is full the older one goes.
#[derive(Debug, Default)]
struct Counts {
    newer: HashMap<Key, Wrong>,
    older: HashMap<Key, Wrong>,
}

/// Who has guessed how often. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoginThrottle {
    counts: Arc<Mutex<Counts>>,
}

/// An attempt that is under way. It counts as wrong until it is known to be none, so that nobody gains by trying many at
/// once or by hanging up. Dropping it says that the password was not looked at.
#[derive(Debug)]
#[must_use]
pub(crate) struct Guess {
    throttle: LoginThrottle,
    keys: Vec<Key>,
}

impl LoginThrottle {
    /// Lets an attempt begin, or says how long it has to wait.
    pub(crate) fn begin(&self, username: &Username, source: Source, now: Instant) -> Result<Guess, Duration> {
        let mut counts = self.lock();
        let wait = counts.wait(username, source, now);
        if !wait.is_zero() {
            return Err(wait);
        }
        let keys = match source {
            Source::OwnDevice(device) => vec![Key::OwnDevice(username.clone(), device)],
            Source::Stranger(device) => {
                vec![Key::NewDevice(username.clone(), device), Key::Strangers(username.clone()), Key::Device(device)]
            }
        };
        for key in &keys {
            let times = counts.remembered(key, now).map_or(0, |wrong| wrong.times);
            counts.remember(key.clone(), Wrong { times: times.saturating_add(1), last: now });
        }
        Ok(Guess { throttle: self.clone(), keys })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // What is remembered is whole after every step, whoever panicked meanwhile.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guess {
    /// The password was right: that device begins anew. What strangers tried stays, as it need not be this one.
    pub(crate) fn right(self) {
        let mut counts = self.throttle.lock();
        for key in self.keys.iter().filter(|key| key.is_of_one_device()) {
            counts.newer.remove(key);
            counts.older.remove(key);
        }
    }

    /// It was wrong.
    pub(crate) fn wrong(mut self) {
        self.keys.clear();
    }
}

impl Drop for Guess {
    fn drop(&mut self) {
        let mut counts = self.throttle.lock();
        for key in &self.keys {
            if let Some(wrong) = counts.get_mut(key) {
                wrong.times = wrong.times.saturating_sub(1);
            }
        }
    }
}

impl Counts {
    fn wait(&self, username: &Username, source: Source, now: Instant) -> Duration {
        match source {
            Source::OwnDevice(device) => self.wait_by(&Key::OwnDevice(username.clone(), device), now),
            Source::Stranger(device) => {
                let own = self.wait_by(&Key::NewDevice(username.clone(), device), now);
                let shared = self.wait_by(&Key::Strangers(username.clone()), now);
                // Whichever it is let in by, it has not tried too many accounts.
                own.min(shared).max(self.wait_by(&Key::Device(device), now))
            }
        }
    }

    fn wait_by(&self, key: &Key, now: Instant) -> Duration {
        let Some(wrong) = self.remembered(key, now) else { return Duration::ZERO };
        (wrong.last + wrong.wait_after(key.price())).saturating_duration_since(now)
    }

    fn remembered(&self, key: &Key, now: Instant) -> Option<Wrong> {
        let wrong = self.newer.get(key).or_else(|| self.older.get(key)).copied()?;
        (now.saturating_duration_since(wrong.last) < key.price().remembered).then_some(wrong)
    }

    fn get_mut(&mut self, key: &Key) -> Option<&mut Wrong> {
        if self.newer.contains_key(key) { self.newer.get_mut(key) } else { self.older.get_mut(key) }
    }

    fn remember(&mut self, key: Key, wrong: Wrong) {
        self.older.remove(&key);
        if self.newer.len() >= ENTRIES_MAX / 2 && !self.newer.contains_key(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key, wrong);
    }
}

#[cfg(test)]
mod tests;

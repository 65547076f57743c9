//! Slows down whoever guesses passwords, and nobody else: the devices that an account knows are counted each for itself, so
//! that what strangers try never delays them. A function of what it is told and of the time it is given; never knows a
//! password, nor whether there is an account of that name.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use raftchat_schema::id::{DeviceId, Username};

/// So many wrong ones cost nothing.
const FREE: u32 = 5;
/// The wait after them; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait of strangers.
const STRANGERS_WAIT_MAX: Duration = Duration::from_mins(15);
/// The longest wait of a device that the account knows: its owner mistypes, and must get in.
const OWN_DEVICE_WAIT_MAX: Duration = Duration::from_secs(30);
/// What nobody has repeated for so long is forgotten.
const REMEMBERED: Duration = Duration::from_hours(1);
/// The most that is remembered at all; beyond it what is oldest goes.
const ENTRIES_MAX: usize = 100_000;

/// Which device an attempt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// One on which the account was logged in before.
    OwnDevice(DeviceId),
    /// Any other.
    Stranger(DeviceId),
}

/// Attempts are counted by these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The account from one of its own devices.
    OwnDevice(Username, DeviceId),
    /// The account from all others together.
    Strangers(Username),
    /// A device over all accounts that do not know it.
    Device(DeviceId),
}

impl Key {
    fn wait_max(&self) -> Duration {
        match self {
            Self::OwnDevice(..) => OWN_DEVICE_WAIT_MAX,
            Self::Strangers(_) | Self::Device(_) => STRANGERS_WAIT_MAX,
        }
    }
}

/// An attempt that is under way. It counts as wrong until it is known to be none, so that nobody gains by trying many at
/// once or by hanging up.
#[derive(Debug)]
#[must_use]
pub(crate) struct Guess {
    keys: Vec<Key>,
}

/// What is remembered of the attempts by one key.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    times: u32,
    last: Instant,
}

impl Wrong {
    fn wait_after(self, wait_max: Duration) -> Duration {
        let Some(doublings) = self.times.checked_sub(FREE) else { return Duration::ZERO };
        FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doublings)).min(wait_max)
    }
}

/// The wrong passwords of the last hour. In two halves: when the newer one is full the older one goes.
#[derive(Debug, Default)]
pub(crate) struct Guessing {
    newer: HashMap<Key, Wrong>,
    older: HashMap<Key, Wrong>,
}

impl Guessing {
    /// Lets an attempt begin, or says how long it has to wait.
    pub(crate) fn begin(&mut self, username: &Username, source: Source, now: Instant) -> Result<Guess, Duration> {
        let keys = match source {
            Source::OwnDevice(device) => vec![Key::OwnDevice(username.clone(), device)],
            Source::Stranger(device) => vec![Key::Strangers(username.clone()), Key::Device(device)],
        };
        let wait = keys.iter().map(|key| self.wait(key, now)).max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for key in &keys {
            let times = self.remembered(key, now).map_or(0, |wrong| wrong.times);
            self.remember(key.clone(), Wrong { times: times.saturating_add(1), last: now });
        }
        Ok(Guess { keys })
    }

    /// The password was right: an account's own device begins anew. What strangers tried stays, as it need not be this one.
    pub(crate) fn right(&mut self, guess: Guess) {
        for key in guess.keys.iter().filter(|key| matches!(key, Key::OwnDevice(..))) {
            self.newer.remove(key);
            self.older.remove(key);
        }
        self.withdraw(guess);
    }

    /// The attempt was not wrong.
    pub(crate) fn withdraw(&mut self, guess: Guess) {
        for key in guess.keys {
            let wrong = if let Some(wrong) = self.newer.get_mut(&key) { Some(wrong) } else { self.older.get_mut(&key) };
            if let Some(wrong) = wrong {
                wrong.times = wrong.times.saturating_sub(1);
            }
        }
    }

    fn wait(&self, key: &Key, now: Instant) -> Duration {
        let Some(wrong) = self.remembered(key, now) else { return Duration::ZERO };
        (wrong.last + wrong.wait_after(key.wait_max())).saturating_duration_since(now)
    }

    fn remembered(&self, key: &Key, now: Instant) -> Option<Wrong> {
        let wrong = self.newer.get(key).or_else(|| self.older.get(key)).copied()?;
        (now.saturating_duration_since(wrong.last) < REMEMBERED).then_some(wrong)
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
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const HERS: Source = Source::OwnDevice(DeviceId([1; 32]));
    const MALLORY: Source = Source::Stranger(DeviceId([6; 32]));
    const TRUDY: Source = Source::Stranger(DeviceId([7; 32]));

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    /// The waits in whole seconds that come between so many wrong ones, each tried as soon as it may be.
    fn waits(
        guessing: &mut Guessing,
        who: &str,
        source: Source,
        start: Instant,
        attempts: usize,
    ) -> (Vec<u64>, Instant) {
        let (mut now, mut waits) = (start, Vec::new());
        for _ in 0..attempts {
            let wait = guessing.begin(&name(who), source, now).err().unwrap_or_default();
            now += wait;
            if !wait.is_zero() {
                let _wrong = guessing.begin(&name(who), source, now).unwrap();
            }
            waits.push(wait.as_secs());
        }
        (waits, now)
    }

    #[test]
    fn strangers_wait_longer_and_longer_and_the_owners_devices_never_for_them() {
        let (mut guessing, start) = (Guessing::default(), Instant::now());
        let (waited, now) = waits(&mut guessing, "alice", MALLORY, start, 17);
        assert_eq!(waited, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert!(guessing.begin(&name("alice"), TRUDY, now).is_err(), "another stranger is no better off");
        let (waited, _) = waits(&mut guessing, "alice", HERS, now, 12);
        assert_eq!(waited, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn one_device_that_tries_many_accounts_waits_as_well_and_a_name_need_not_exist() {
        let (mut guessing, now) = (Guessing::default(), Instant::now());
        for who in ["alice", "bob", "carol", "nobody", "no.one"] {
            let _wrong = guessing.begin(&name(who), MALLORY, now).unwrap();
        }
        assert_eq!(guessing.begin(&name("dave"), MALLORY, now).unwrap_err().as_secs(), 1);
        assert!(guessing.begin(&name("dave"), TRUDY, now).is_ok());
    }

    #[test]
    fn the_right_password_begins_anew_and_a_busy_node_counts_nothing() {
        let (mut guessing, now) = (Guessing::default(), Instant::now());
        for _ in 0..4 {
            let _wrong = guessing.begin(&name("alice"), HERS, now).unwrap();
        }
        let guess = guessing.begin(&name("alice"), HERS, now).unwrap();
        guessing.withdraw(guess);
        let guess = guessing.begin(&name("alice"), HERS, now).unwrap();
        guessing.right(guess);
        let (waited, _) = waits(&mut guessing, "alice", HERS, now, 6);
        assert_eq!(waited, [0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn after_an_hour_it_is_forgotten_and_there_is_a_most() {
        let (mut guessing, start) = (Guessing::default(), Instant::now());
        let (_, now) = waits(&mut guessing, "alice", MALLORY, start, 8);
        let later = now + REMEMBERED;
        assert_eq!(waits(&mut guessing, "alice", MALLORY, later, 2).0, [0, 0]);
        for number in 0..=ENTRIES_MAX {
            let _wrong = guessing.begin(&name(&format!("u{number}")), HERS, later).unwrap();
        }
        assert!(guessing.newer.len() + guessing.older.len() <= ENTRIES_MAX);
    }
}

//! How much a device and an account may ask of this node: token buckets in memory, each no more than the moment at which it
//! is full again. Never knows what is asked for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::budgets::{
    GATEWAY_CALLS_A_SECOND, GATEWAY_CALLS_AT_ONCE, HASHING_CALLS_A_MINUTE, HASHING_CALLS_AT_ONCE,
};
use raftchat_schema::id::{DeviceId, UserId};
use raftchat_transport::Meter;

use crate::config::LimitsConfig;

/// How much more may be read than done: a read costs no entry of the log.
const READS_AN_ACT: u32 = 10;
/// Below so many buckets it is not looked which of them are full.
const SWEEP_MIN: usize = 1024;

/// How long to wait until it is worth asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFast {
    pub(crate) wait: Duration,
}

/// The buckets of all devices and accounts.
#[derive(Debug)]
pub(crate) struct Rates {
    state: Mutex<State>,
    meter: Arc<Meter>,
}

#[derive(Debug)]
struct State {
    acts: Shares,
    reads: Shares,
    registrations: Buckets<DeviceId>,
    /// What costs a hash.
    hashing: Buckets<DeviceId>,
    /// What needs no account.
    gateway: Buckets<DeviceId>,
}

/// What is limited for the device and for the account.
#[derive(Debug)]
struct Shares {
    devices: Buckets<DeviceId>,
    accounts: Buckets<UserId>,
}

impl Rates {
    /// Whoever is refused is counted by `meter`. Where a device may do as much as it likes, that holds for all that it does.
    pub(crate) fn new(limits: &LimitsConfig, meter: Arc<Meter>) -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        let shares = |times: u32| Shares {
            devices: Buckets::new(Rate::new(limits.device_per_second, second, limits.device_burst, times)),
            accounts: Buckets::new(Rate::new(limits.account_per_second, second, limits.account_burst, times)),
        };
        let where_limited = |rate: Option<Rate>| rate.filter(|_| limits.device_per_second > 0);
        let hashing = Rate::new(HASHING_CALLS_A_MINUTE, minute, HASHING_CALLS_AT_ONCE, 1);
        let gateway = Rate::new(GATEWAY_CALLS_A_SECOND, second, GATEWAY_CALLS_AT_ONCE, 1);
        let registrations = Rate::new(limits.registrations_per_minute, minute, limits.registrations_burst, 1);
        let state = State {
            acts: shares(1),
            reads: shares(READS_AN_ACT),
            registrations: Buckets::new(registrations),
            hashing: Buckets::new(where_limited(hashing)),
            gateway: Buckets::new(where_limited(gateway)),
        };
        Self { state: Mutex::new(state), meter }
    }

    /// One more thing to store for that account.
    pub(crate) fn act(&self, device: DeviceId, user: UserId, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| state.acts.take(device, user, now))
    }

    /// One more thing to look up for that account.
    pub(crate) fn read(&self, device: DeviceId, user: UserId, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| state.reads.take(device, user, now))
    }

    /// One more password from that device to be hashed. Costs the account nothing: it need not be its owner who tries.
    pub(crate) fn hash(&self, device: DeviceId, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| state.hashing.take(device, now))
    }

    /// One more account from that device, whose password is to be hashed.
    pub(crate) fn registration(&self, device: DeviceId, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| {
            must_not_wait(state.hashing.wait(&device, now))?;
            state.registrations.take(device, now)?;
            state.hashing.spend(device, now);
            Ok(())
        })
    }

    /// One more call from that device that needs no account.
    pub(crate) fn knock(&self, device: DeviceId, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| state.gateway.take(device, now))
    }

    fn counted(&self, take: impl FnOnce(&mut State) -> Result<(), TooFast>) -> Result<(), TooFast> {
        take(&mut self.lock()).inspect_err(|_| self.meter.refuse())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The buckets are whole after every step, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shares {
    /// A token of each, or of none.
    fn take(&mut self, device: DeviceId, user: UserId, now: Instant) -> Result<(), TooFast> {
        let wait = self.devices.wait(&device, now).max(self.accounts.wait(&user, now));
        must_not_wait(wait)?;
        self.devices.spend(device, now);
        self.accounts.spend(user, now);
        Ok(())
    }
}

fn must_not_wait(wait: Duration) -> Result<(), TooFast> {
    if wait.is_zero() { Ok(()) } else { Err(TooFast { wait }) }
}

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    /// From one token to the next.
    interval: Duration,
    /// From empty to full.
    filling: Duration,
}

impl Rate {
    /// `tokens` in each `period` and `burst` at most, both `times` as much; none if that is no limit.
    fn new(tokens: u32, period: Duration, burst: u32, times: u32) -> Option<Self> {
        let interval = period.checked_div(tokens.saturating_mul(times))?;
        Some(Self { interval, filling: interval.saturating_mul(burst.saturating_mul(times).max(1)) })
    }
}

/// One bucket for each key; a full one takes no memory.
#[derive(Debug)]
struct Buckets<K> {
    rate: Option<Rate>,
    full_at: HashMap<K, Instant>,
    /// When there are so many, the full ones are forgotten.
    sweep_at: usize,
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    fn new(rate: Option<Rate>) -> Self {
        Self { rate, full_at: HashMap::new(), sweep_at: SWEEP_MIN }
    }

    fn take(&mut self, key: K, now: Instant) -> Result<(), TooFast> {
        must_not_wait(self.wait(&key, now))?;
        self.spend(key, now);
        Ok(())
    }

    /// How long until a token is there.
    fn wait(&self, key: &K, now: Instant) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let missing = self.full_at.get(key).map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now));
        missing.saturating_add(rate.interval).saturating_sub(rate.filling)
    }

    fn spend(&mut self, key: K, now: Instant) {
        let Some(rate) = self.rate else { return };
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.sweep_at = self.full_at.len().saturating_mul(2).max(SWEEP_MIN);
        }
        let full_at = self.full_at.entry(key).or_insert(now);
        *full_at = (*full_at).max(now) + rate.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: UserId = UserId(1001);
    const BOB: UserId = UserId(2001);
    const PHONE: DeviceId = DeviceId([1; 32]);
    const DESK: DeviceId = DeviceId([2; 32]);

    fn rates() -> Rates {
        let limits =
            LimitsConfig { device_per_second: 10, device_burst: 3, account_per_second: 10, ..LimitsConfig::NONE };
        Rates::new(&LimitsConfig { account_burst: 4, ..limits }, Arc::default())
    }

    fn wait_ms(outcome: Result<(), TooFast>) -> u128 {
        outcome.err().map_or(0, |too_fast| too_fast.wait.as_millis())
    }

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let (rates, start) = (rates(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!([0, 1, 2].map(|ms| wait_ms(rates.act(PHONE, ALICE, at(ms)))), [0, 0, 0]);
        assert_eq!(wait_ms(rates.act(PHONE, ALICE, at(50))), 50);
        assert_eq!(wait_ms(rates.act(PHONE, ALICE, at(100))), 0, "when it was told to come back");
        assert_eq!(wait_ms(rates.act(PHONE, ALICE, at(100))), 100);
        assert_eq!(wait_ms(rates.read(PHONE, ALICE, at(100))), 0, "reads have buckets of their own");
    }

    #[test]
    fn an_account_shares_what_its_devices_may_do_and_nobody_elses() {
        let (rates, now) = (rates(), Instant::now());
        assert_eq!([PHONE, PHONE, DESK, DESK].map(|device| wait_ms(rates.act(device, ALICE, now))), [0; 4]);
        assert_eq!(wait_ms(rates.act(DESK, ALICE, now)), 100, "the account has no more");
        assert_eq!(wait_ms(rates.act(DESK, BOB, now)), 0, "and the refused one cost the device nothing");
        assert_eq!(rates.meter.reading().refused, 1);
    }

    #[test]
    fn what_costs_a_hash_is_counted_before_it_is_hashed() {
        let (rates, now) = (Rates::new(&LimitsConfig::default(), Arc::default()), Instant::now());
        let at_once = usize::try_from(HASHING_CALLS_AT_ONCE).unwrap_or_default();
        let hostile = |number: usize| match number % 2 {
            0 => rates.hash(PHONE, now),
            _ => rates.registration(PHONE, now),
        };
        assert_eq!((0..1000).filter(|number| hostile(*number).is_ok()).count(), at_once);
        assert_eq!(wait_ms(rates.hash(PHONE, now)), 2000);
        assert_eq!(
            (wait_ms(rates.hash(DESK, now)), wait_ms(rates.act(PHONE, ALICE, now))),
            (0, 0),
            "nobody else waits"
        );
    }

    #[test]
    fn who_knocks_without_end_is_told_to_wait() {
        let (rates, start) = (Rates::new(&LimitsConfig::default(), Arc::default()), Instant::now());
        let let_in = |at: Instant| (0..5000).filter(|_| rates.knock(PHONE, at).is_ok()).count();
        assert_eq!((let_in(start), let_in(start + Duration::from_secs(1))), (100, 20));
        assert_eq!((wait_ms(rates.knock(DESK, start)), wait_ms(rates.read(PHONE, ALICE, start))), (0, 0));
    }

    #[test]
    fn a_rate_of_zero_is_no_limit_and_full_buckets_are_forgotten() {
        let (rates, now) = (rates(), Instant::now());
        let none = Rates::new(&LimitsConfig::NONE, Arc::default());
        assert!((0..10_000).all(|_| none.registration(PHONE, now).and(none.knock(PHONE, now)).is_ok()));
        for user in 0..10_000 {
            let now = now + Duration::from_secs(user);
            assert_eq!(wait_ms(rates.act(PHONE, UserId(user), now)), 0);
        }
        assert!(rates.lock().acts.accounts.full_at.len() <= SWEEP_MIN);
    }
}

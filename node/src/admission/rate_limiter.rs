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
/// In what bytes are counted.
const UNIT_BYTES: usize = 64;
const UNITS_A_MIB: u32 = 1024 * 1024 / 64;
/// Below so many buckets it is not looked which of them are full.
const SWEEP_MIN: usize = 1024;

/// How long to wait until it is worth asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFast {
    pub(crate) wait: Duration,
}

/// The buckets of all devices and accounts.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    state: Mutex<State>,
    meter: Arc<Meter>,
}

#[derive(Debug)]
struct State {
    acts: Shares,
    reads: Shares,
    registrations: Registrations,
    bytes: Buckets<UserId>,
    /// What costs a hash.
    hashing: Buckets<DeviceId>,
    /// What needs no account.
    gateway: Buckets<DeviceId>,
}

/// New accounts: those from one device at once and in a day, and those from all.
#[derive(Debug)]
struct Registrations {
    minutes: Buckets<DeviceId>,
    days: Buckets<DeviceId>,
    all: Buckets<()>,
}

/// What is limited for the device and for the account.
#[derive(Debug)]
struct Shares {
    devices: Buckets<DeviceId>,
    accounts: Buckets<UserId>,
}

impl RateLimiter {
    /// Whoever is refused is counted by `meter`. Where a device may do as much as it likes, that holds for all that it does.
    pub(crate) fn new(limits: &LimitsConfig, meter: Arc<Meter>) -> Self {
        let second = Duration::from_secs(1);
        let shares = |times: u32| Shares {
            devices: Buckets::new(Rate::new(limits.device_per_second, second, limits.device_burst, times)),
            accounts: Buckets::new(Rate::new(limits.account_per_second, second, limits.account_burst, times)),
        };
        let where_limited = |rate: Option<Rate>| rate.filter(|_| limits.device_per_second > 0);
        let (minute, hour, day) = (Duration::from_mins(1), Duration::from_hours(1), Duration::from_hours(24));
        let hashing = Rate::new(HASHING_CALLS_A_MINUTE, minute, HASHING_CALLS_AT_ONCE, 1);
        let gateway = Rate::new(GATEWAY_CALLS_A_SECOND, second, GATEWAY_CALLS_AT_ONCE, 1);
        let within = |most: u32, period| Rate::new(most, period, most, 1);
        let registrations = Registrations {
            minutes: Buckets::new(Rate::new(limits.registrations_per_minute, minute, limits.registrations_burst, 1)),
            days: Buckets::new(within(limits.registrations_per_day, day)),
            all: Buckets::new(within(limits.all_registrations_per_hour, hour)),
        };
        let units = limits.account_mib_per_hour.saturating_mul(UNITS_A_MIB);
        let state = State {
            acts: shares(1),
            reads: shares(READS_AN_ACT),
            registrations,
            bytes: Buckets::new(within(units, hour)),
            hashing: Buckets::new(where_limited(hashing)),
            gateway: Buckets::new(where_limited(gateway)),
        };
        Self { state: Mutex::new(state), meter }
    }

    /// One more thing to do for that account, worth so many tokens.
    pub(crate) fn act(&self, device: DeviceId, user: UserId, tokens: u32, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| state.acts.take(device, user, tokens, now))
    }

    /// One more thing to look up for that account.
    pub(crate) fn read(&self, device: DeviceId, user: UserId, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| state.reads.take(device, user, 1, now))
    }

    /// What was looked up was worth so many tokens more. It is given already: so it is owed, and what is asked for next waits.
    pub(crate) fn owe_read(&self, device: DeviceId, user: UserId, tokens: u32, now: Instant) {
        let mut state = self.lock();
        state.reads.devices.spend(device, tokens, now);
        state.reads.accounts.spend(user, tokens, now);
    }

    /// One more password from that device to be hashed. Costs the account nothing: it need not be its owner who tries.
    pub(crate) fn hash(&self, device: DeviceId, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| state.hashing.take(device, 1, now))
    }

    /// One more account from that device, whose password is to be hashed.
    pub(crate) fn registration(&self, device: DeviceId, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| {
            let Registrations { minutes, days, all } = &mut state.registrations;
            let wait = minutes.wait(&device, 1, now).max(days.wait(&device, 1, now)).max(all.wait(&(), 1, now));
            must_not_wait(wait.max(state.hashing.wait(&device, 1, now)))?;
            minutes.spend(device, 1, now);
            days.spend(device, 1, now);
            all.spend((), 1, now);
            state.hashing.spend(device, 1, now);
            Ok(())
        })
    }

    /// So many bytes more to store for that account.
    pub(crate) fn store(&self, user: UserId, bytes: usize, now: Instant) -> Result<(), TooFast> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        self.counted(|state| state.bytes.take(user, units, now))
    }

    /// One more call from that device that needs no account.
    pub(crate) fn knock(&self, device: DeviceId, now: Instant) -> Result<(), TooFast> {
        self.counted(|state| state.gateway.take(device, 1, now))
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
    /// So many tokens of each, or of none.
    fn take(&mut self, device: DeviceId, user: UserId, tokens: u32, now: Instant) -> Result<(), TooFast> {
        let wait = self.devices.wait(&device, tokens, now).max(self.accounts.wait(&user, tokens, now));
        must_not_wait(wait)?;
        self.devices.spend(device, tokens, now);
        self.accounts.spend(user, tokens, now);
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

    fn take(&mut self, key: K, tokens: u32, now: Instant) -> Result<(), TooFast> {
        must_not_wait(self.wait(&key, tokens, now))?;
        self.spend(key, tokens, now);
        Ok(())
    }

    /// How long until so many tokens are there. Of what a bucket never holds a full one is enough, and then owes the rest.
    fn wait(&self, key: &K, tokens: u32, now: Instant) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let missing = self.full_at.get(key).map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now));
        let wanted = rate.interval.saturating_mul(tokens).min(rate.filling);
        missing.saturating_add(wanted).saturating_sub(rate.filling)
    }

    fn spend(&mut self, key: K, tokens: u32, now: Instant) {
        let Some(rate) = self.rate else { return };
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.sweep_at = self.full_at.len().saturating_mul(2).max(SWEEP_MIN);
        }
        let full_at = self.full_at.entry(key).or_insert(now);
        *full_at = (*full_at).max(now) + rate.interval.saturating_mul(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: UserId = UserId(1001);
    const BOB: UserId = UserId(2001);
    const PHONE: DeviceId = DeviceId([1; 32]);
    const DESK: DeviceId = DeviceId([2; 32]);

    fn rates() -> RateLimiter {
        let limits =
            LimitsConfig { device_per_second: 10, device_burst: 3, account_per_second: 10, ..LimitsConfig::NONE };
        RateLimiter::new(&LimitsConfig { account_burst: 4, ..limits }, Arc::default())
    }

    fn wait_ms(outcome: Result<(), TooFast>) -> u128 {
        outcome.err().map_or(0, |too_fast| too_fast.wait.as_millis())
    }

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let (rates, start) = (rates(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!([0, 1, 2].map(|ms| wait_ms(rates.act(PHONE, ALICE, 1, at(ms)))), [0, 0, 0]);
        assert_eq!(wait_ms(rates.act(PHONE, ALICE, 1, at(50))), 50);
        assert_eq!(wait_ms(rates.act(PHONE, ALICE, 1, at(100))), 0, "when it was told to come back");
        assert_eq!(wait_ms(rates.act(PHONE, ALICE, 1, at(100))), 100);
        assert_eq!(wait_ms(rates.read(PHONE, ALICE, at(100))), 0, "reads have buckets of their own");
    }

    #[test]
    fn what_costs_more_takes_more_and_what_costs_more_than_there_can_be_takes_its_time() {
        let (rates, start) = (rates(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(wait_ms(rates.act(PHONE, ALICE, 3, at(0))), 0);
        assert_eq!(wait_ms(rates.act(PHONE, ALICE, 2, at(0))), 200);
        assert_eq!(wait_ms(rates.act(DESK, ALICE, 50, at(0))), 300, "not before the account's bucket is full");
        assert_eq!(wait_ms(rates.act(DESK, ALICE, 50, at(300))), 0);
        assert_eq!(wait_ms(rates.act(DESK, ALICE, 1, at(300))), 4_800, "and then it owes");
    }

    #[test]
    fn an_account_shares_what_its_devices_may_do_and_nobody_elses() {
        let (rates, now) = (rates(), Instant::now());
        assert_eq!([PHONE, PHONE, DESK, DESK].map(|device| wait_ms(rates.act(device, ALICE, 1, now))), [0; 4]);
        assert_eq!(wait_ms(rates.act(DESK, ALICE, 1, now)), 100, "the account has no more");
        assert_eq!(wait_ms(rates.act(DESK, BOB, 1, now)), 0, "and the refused one cost the device nothing");
        assert_eq!(rates.meter.reading().refused, 1);
    }

    #[test]
    fn what_costs_a_hash_is_counted_before_it_is_hashed() {
        let (rates, now) = (RateLimiter::new(&LimitsConfig::default(), Arc::default()), Instant::now());
        let at_once = usize::try_from(HASHING_CALLS_AT_ONCE).unwrap_or_default();
        let hostile = |number: usize| match number % 2 {
            0 => rates.hash(PHONE, now),
            _ => rates.registration(PHONE, now),
        };
        assert_eq!((0..1000).filter(|number| hostile(*number).is_ok()).count(), at_once);
        assert_eq!(wait_ms(rates.hash(PHONE, now)), 2000);
        assert_eq!(
            (wait_ms(rates.hash(DESK, now)), wait_ms(rates.act(PHONE, ALICE, 1, now))),
            (0, 0),
            "nobody else waits"
        );
    }

    #[test]
    fn who_knocks_without_end_is_told_to_wait() {
        let (rates, start) = (RateLimiter::new(&LimitsConfig::default(), Arc::default()), Instant::now());
        let let_in = |at: Instant| (0..5000).filter(|_| rates.knock(PHONE, at).is_ok()).count();
        assert_eq!((let_in(start), let_in(start + Duration::from_secs(1))), (100, 20));
        assert_eq!((wait_ms(rates.knock(DESK, start)), wait_ms(rates.read(PHONE, ALICE, start))), (0, 0));
    }

    #[test]
    fn what_an_answer_was_worth_more_is_owed() {
        let (rates, now) = (rates(), Instant::now());
        assert_eq!(wait_ms(rates.read(PHONE, ALICE, now)), 0);
        rates.owe_read(PHONE, ALICE, 1000, now);
        assert!(wait_ms(rates.read(PHONE, ALICE, now)) > 9_000);
        assert_eq!(wait_ms(rates.act(PHONE, ALICE, 1, now)), 0, "what is done has buckets of its own");
    }

    #[test]
    fn new_accounts_are_bounded_by_device_and_minute_by_day_and_in_all() {
        let limits = LimitsConfig {
            registrations_per_minute: 1,
            registrations_burst: 2,
            registrations_per_day: 3,
            all_registrations_per_hour: 4,
            ..LimitsConfig::NONE
        };
        let (rates, start) = (RateLimiter::new(&limits, Arc::default()), Instant::now());
        let at = |hours: u64| start + Duration::from_hours(hours);
        let try_at = |device, hours| rates.registration(device, at(hours)).is_ok();
        assert_eq!([0; 3].map(|hours| try_at(PHONE, hours)), [true, true, false], "at once");
        assert_eq!([1; 2].map(|hours| try_at(PHONE, hours)), [true, false], "a day");
        assert_eq!([1; 3].map(|hours| try_at(DESK, hours)), [true, true, false]);
        let others = (3..9).filter(|number| try_at(DeviceId([*number; 32]), 1)).count();
        assert!(others < 3, "all together");
        assert!(try_at(PHONE, 30));
    }

    #[test]
    fn an_account_stores_so_many_bytes_an_hour() {
        let rates = RateLimiter::new(&LimitsConfig { account_mib_per_hour: 1, ..LimitsConfig::NONE }, Arc::default());
        let now = Instant::now();
        let stored = (0..100).filter(|_| rates.store(ALICE, 64 * 1024, now).is_ok()).count();
        assert_eq!(stored, 16);
        assert!(rates.store(BOB, 64 * 1024, now).is_ok());
        let wait = wait_ms(rates.store(ALICE, 64 * 1024, now));
        assert!((220_000..=225_000).contains(&wait), "{wait} ms, a sixteenth of an hour");
    }

    #[test]
    fn a_rate_of_zero_is_no_limit_and_full_buckets_are_forgotten() {
        let (rates, now) = (rates(), Instant::now());
        let none = RateLimiter::new(&LimitsConfig::NONE, Arc::default());
        assert!((0..10_000).all(|_| none.registration(PHONE, now).and(none.knock(PHONE, now)).is_ok()));
        for user in 0..10_000 {
            let now = now + Duration::from_secs(user);
            assert_eq!(wait_ms(rates.act(PHONE, UserId(user), 1, now)), 0);
        }
        assert!(rates.lock().acts.accounts.full_at.len() <= SWEEP_MIN);
    }
}

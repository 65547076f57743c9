//! Calls that wait until this node has applied a change that their caller has seen elsewhere. What is applied wakes those that
//! it concerns and looks at no other. Never knows what is asked.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::budgets::{CALLS_BEHIND_A_DEVICE_MAX, CHANGES_AHEAD_MAX};
use raftchat_schema::id::{ChangeNumber, DeviceId};
use raftchat_transport::Meter;
use tokio::sync::oneshot;

/// Why a call does not wait any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotReached {
    /// It is too far ahead, or was not reached in time.
    #[error("this node has not applied what the caller has seen")]
    Behind,
    /// The device has too many calls that wait.
    #[error("too many calls of this device wait for this node to catch up")]
    TooMany,
}

/// How far this node has applied, and who waits for it to go on.
#[derive(Debug)]
pub(crate) struct Reaching {
    state: Mutex<State>,
    meter: Arc<Meter>,
}

#[derive(Debug)]
struct State {
    applied: ChangeNumber,
    next: u64,
    waiting: BTreeMap<(ChangeNumber, u64), Waiter>,
    /// When each is given up, the first first; also what is no longer there.
    deadlines: VecDeque<(Instant, (ChangeNumber, u64))>,
    devices: HashMap<DeviceId, usize>,
}

#[derive(Debug)]
struct Waiter {
    device: DeviceId,
    reached: oneshot::Sender<()>,
}

/// A place among those that wait; dropping it gives it up.
struct Place<'r> {
    reaching: &'r Reaching,
    key: (ChangeNumber, u64),
}

impl Reaching {
    /// A node that has applied up to there.
    pub(crate) fn new(applied: ChangeNumber, meter: Arc<Meter>) -> Self {
        let state =
            State { applied, next: 0, waiting: BTreeMap::new(), deadlines: VecDeque::new(), devices: HashMap::new() };
        Self { state: Mutex::new(state), meter }
    }

    /// This node has applied up to there. Never waits.
    pub(crate) fn applied(&self, change: ChangeNumber) {
        let mut state = self.lock();
        let applied = state.applied.max(change);
        state.applied = applied;
        while let Some(entry) = state.waiting.first_entry().filter(|entry| entry.key().0 <= applied) {
            let waiter = entry.remove();
            // Its caller may be gone.
            let _heard = waiter.reached.send(());
            state.leave(waiter.device);
        }
        self.note(&state);
    }

    /// Waits until this node has applied up to there; for `limit` at most.
    pub(crate) async fn reach(
        &self,
        device: DeviceId,
        change: ChangeNumber,
        limit: Duration,
    ) -> Result<(), NotReached> {
        let Some((_place, reached)) = self.join(device, change, limit)? else { return Ok(()) };
        match tokio::time::timeout(limit, reached).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(NotReached::Behind),
        }
    }

    /// A place to wait at; none where there is nothing to wait for.
    fn join(
        &self,
        device: DeviceId,
        change: ChangeNumber,
        limit: Duration,
    ) -> Result<Option<(Place<'_>, oneshot::Receiver<()>)>, NotReached> {
        let now = Instant::now();
        let mut state = self.lock();
        if change <= state.applied {
            return Ok(None);
        }
        if change.0.saturating_sub(state.applied.0) > CHANGES_AHEAD_MAX {
            self.meter.refuse();
            return Err(NotReached::Behind);
        }
        state.give_up_old_ones(now);
        let places = state.devices.entry(device).or_default();
        if *places >= CALLS_BEHIND_A_DEVICE_MAX {
            self.meter.refuse();
            return Err(NotReached::TooMany);
        }
        *places = places.saturating_add(1);
        state.next = state.next.wrapping_add(1);
        let key = (change, state.next);
        let (reached, waits) = oneshot::channel();
        state.waiting.insert(key, Waiter { device, reached });
        state.deadlines.push_back((now + limit, key));
        self.note(&state);
        Ok(Some((Place { reaching: self, key }, waits)))
    }

    fn note(&self, state: &State) {
        self.meter.set(u64::try_from(state.waiting.len()).unwrap_or(u64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every step, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A call whose link has ended may neither go on nor end: its place does not depend on that.
    fn give_up_old_ones(&mut self, now: Instant) {
        while let Some((_, key)) = self.deadlines.pop_front_if(|(deadline, _)| *deadline <= now) {
            self.give_up(key);
        }
    }

    fn give_up(&mut self, key: (ChangeNumber, u64)) {
        if let Some(waiter) = self.waiting.remove(&key) {
            self.leave(waiter.device);
        }
    }

    fn leave(&mut self, device: DeviceId) {
        if let Some(places) = self.devices.get_mut(&device) {
            *places = places.saturating_sub(1);
            if *places == 0 {
                self.devices.remove(&device);
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.reaching.lock();
        state.give_up(self.key);
        state.give_up_old_ones(Instant::now());
        self.reaching.note(&state);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const ALICE: DeviceId = DeviceId([1; 32]);
    const BOB: DeviceId = DeviceId([2; 32]);
    const LONG: Duration = Duration::from_mins(10);

    fn reaching() -> Reaching {
        Reaching::new(ChangeNumber(100), Arc::default())
    }

    #[tokio::test]
    async fn those_are_woken_whose_change_was_applied_and_nobody_else() {
        let reaching = reaching();
        assert_eq!(reaching.reach(ALICE, ChangeNumber(100), LONG).now_or_never(), Some(Ok(())));
        let mut first = Box::pin(reaching.reach(ALICE, ChangeNumber(101), LONG));
        let mut second = Box::pin(reaching.reach(BOB, ChangeNumber(103), LONG));
        assert!(futures::poll!(first.as_mut()).is_pending() && futures::poll!(second.as_mut()).is_pending());
        reaching.applied(ChangeNumber(102));
        assert_eq!(first.await, Ok(()));
        assert!(futures::poll!(second.as_mut()).is_pending());
        assert_eq!(reaching.meter.reading().held, 1);
        reaching.applied(ChangeNumber(200));
        assert_eq!(second.await, Ok(()));
        reaching.applied(ChangeNumber(150));
        assert_eq!(reaching.reach(ALICE, ChangeNumber(200), LONG).now_or_never(), Some(Ok(())), "never back");
        assert!(reaching.lock().devices.is_empty());
    }

    #[tokio::test]
    async fn who_has_seen_what_nobody_has_made_is_refused_at_once() {
        let reaching = reaching();
        let refused = reaching.reach(ALICE, ChangeNumber(100 + CHANGES_AHEAD_MAX + 1), LONG).now_or_never();
        assert_eq!(refused, Some(Err(NotReached::Behind)));
        let refused = reaching.reach(ALICE, ChangeNumber(u64::MAX), LONG).now_or_never();
        assert_eq!(refused, Some(Err(NotReached::Behind)));
        let waits = reaching.reach(ALICE, ChangeNumber(100 + CHANGES_AHEAD_MAX), LONG).now_or_never();
        assert_eq!(waits, None);
        assert_eq!(reaching.reach(ALICE, ChangeNumber(101), Duration::ZERO).await, Err(NotReached::Behind));
        assert_eq!(reaching.meter.reading().held, 0);
    }

    #[tokio::test]
    async fn a_device_has_so_many_places_to_wait() {
        let reaching = reaching();
        let places: Vec<_> =
            (0..CALLS_BEHIND_A_DEVICE_MAX).map(|_| reaching.join(ALICE, ChangeNumber(101), LONG).unwrap()).collect();
        assert_eq!(reaching.join(ALICE, ChangeNumber(101), LONG).err(), Some(NotReached::TooMany));
        assert!(reaching.join(BOB, ChangeNumber(101), LONG).is_ok());
        drop(places);
        assert!(reaching.join(ALICE, ChangeNumber(101), LONG).is_ok());
        assert_eq!((reaching.meter.reading().held, reaching.meter.reading().refused), (0, 1));
    }

    #[tokio::test]
    async fn a_call_that_is_forgotten_with_its_link_holds_no_place() {
        let reaching = reaching();
        for _ in 0..CALLS_BEHIND_A_DEVICE_MAX {
            std::mem::forget(reaching.join(ALICE, ChangeNumber(101), Duration::ZERO).unwrap());
        }
        assert!(reaching.join(ALICE, ChangeNumber(101), LONG).is_ok());
        assert_eq!(reaching.lock().devices.len(), 0);
        assert!(reaching.lock().deadlines.len() <= 1);
    }
}

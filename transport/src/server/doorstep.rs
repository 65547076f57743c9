//! Who may begin a handshake now, who proves its address first, and who waits: a few of each address at a time, so that one
//! address does not take all places. Pure: knows no packets and no clock.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use raftchat_schema::budgets::{ADDRESS_HANDSHAKES_MAX, ADDRESS_HANDSHAKES_WAITING_MAX};

use crate::limits::{IGNORE_ABOVE, PROVED_HANDSHAKE_DEADLINE, RETRY_ABOVE};

/// The longest wait: after that a caller has most likely given up.
const WAIT_MAX: Duration = PROVED_HANDSHAKE_DEADLINE;

/// The source of handshakes: an address, or the network that one customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin(IpAddr);

impl Origin {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

/// The answer to an arrival.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<T> {
    /// Its handshake begins.
    Begin(T),
    /// It proves its address first, and comes again.
    Prove(T),
    /// It gets no answer, and asks again by itself.
    Ignore(T),
    /// It waits until another of its address is done.
    Wait,
}

/// All handshakes under way, and who waits.
#[derive(Debug)]
pub(crate) struct Doorstep<T> {
    origins: HashMap<Origin, Place<T>>,
    under_way: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Place<T> {
    under_way: usize,
    waiting: VecDeque<(Instant, T)>,
}

impl<T> Doorstep<T> {
    pub(crate) fn new() -> Self {
        Self { origins: HashMap::new(), under_way: 0, waiting: 0 }
    }

    /// Somebody wants to begin.
    pub(crate) fn arrive(&mut self, origin: Origin, proved: bool, now: Instant, who: T) -> Step<T> {
        if self.under_way > IGNORE_ABOVE {
            return Step::Ignore(who);
        }
        let busy = self.origins.get(&origin).is_some_and(|place| place.under_way >= ADDRESS_HANDSHAKES_MAX);
        if !proved && (busy || self.under_way > RETRY_ABOVE) {
            return Step::Prove(who);
        }
        let place = self.origins.entry(origin).or_insert_with(|| Place { under_way: 0, waiting: VecDeque::new() });
        if !busy {
            place.under_way = place.under_way.saturating_add(1);
            self.under_way = self.under_way.saturating_add(1);
            return Step::Begin(who);
        }
        if place.waiting.len() >= ADDRESS_HANDSHAKES_WAITING_MAX || self.waiting >= IGNORE_ABOVE {
            return Step::Ignore(who);
        }
        place.waiting.push_back((now, who));
        self.waiting = self.waiting.saturating_add(1);
        Step::Wait
    }

    /// A handshake from there came to a refusal: it takes no place of all any more, and keeps one of its address until that is
    /// [forgiven](Self::forgive), so that who comes again and again is served as often as that and no more.
    pub(crate) fn keep_place(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// The place of one that was refused is free again: who begins in it, if anybody does.
    pub(crate) fn forgive(&mut self, origin: Origin, now: Instant) -> Option<T> {
        self.under_way = self.under_way.saturating_add(1);
        self.leave(origin, now)
    }

    /// A handshake from there is over: who begins in its place, if anybody does.
    pub(crate) fn leave(&mut self, origin: Origin, now: Instant) -> Option<T> {
        let place = self.origins.get_mut(&origin)?;
        while let Some((since, who)) = place.waiting.pop_front() {
            self.waiting = self.waiting.saturating_sub(1);
            if now.saturating_duration_since(since) < WAIT_MAX {
                return Some(who);
            }
        }
        place.under_way = place.under_way.saturating_sub(1);
        self.under_way = self.under_way.saturating_sub(1);
        if place.under_way == 0 {
            self.origins.remove(&origin);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::of(address.parse().unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
    }

    #[test]
    fn one_address_takes_its_places_and_leaves_the_others_theirs() {
        let (mut doorstep, now) = (Doorstep::new(), Instant::now());
        let (mallory, alice) = (origin("10.0.0.1"), origin("10.0.0.2"));
        for _ in 0..ADDRESS_HANDSHAKES_MAX {
            assert_eq!(doorstep.arrive(mallory, false, now, "mallory"), Step::Begin("mallory"));
        }
        assert_eq!(doorstep.arrive(mallory, false, now, "mallory"), Step::Prove("mallory"));
        for _ in 0..ADDRESS_HANDSHAKES_WAITING_MAX {
            assert_eq!(doorstep.arrive(mallory, true, now, "mallory"), Step::Wait);
        }
        assert_eq!(doorstep.arrive(mallory, true, now, "mallory"), Step::Ignore("mallory"));
        assert_eq!(doorstep.arrive(alice, false, now, "alice"), Step::Begin("alice"));
        assert_eq!(doorstep.under_way, ADDRESS_HANDSHAKES_MAX + 1);
    }

    #[test]
    fn who_is_refused_keeps_a_place_of_its_address_and_none_of_all() {
        let (mut doorstep, now) = (Doorstep::new(), Instant::now());
        let home = origin("10.0.0.1");
        for number in 0..=ADDRESS_HANDSHAKES_MAX {
            doorstep.arrive(home, true, now, number);
            doorstep.keep_place();
        }
        assert_eq!((doorstep.under_way, doorstep.waiting), (0, 1));
        assert_eq!(doorstep.forgive(home, now), Some(ADDRESS_HANDSHAKES_MAX));
        for _ in 0..ADDRESS_HANDSHAKES_MAX {
            doorstep.keep_place();
            doorstep.forgive(home, now);
        }
        assert_eq!(doorstep.arrive(home, true, now, 0), Step::Begin(0));
    }

    #[test]
    fn who_waits_begins_in_turn_unless_it_was_for_too_long() {
        let (mut doorstep, now) = (Doorstep::new(), Instant::now());
        let home = origin("10.0.0.1");
        for number in 0..ADDRESS_HANDSHAKES_MAX + 3 {
            doorstep.arrive(home, true, now, number);
        }
        assert_eq!(doorstep.leave(home, now), Some(ADDRESS_HANDSHAKES_MAX));
        assert_eq!(doorstep.leave(home, now + WAIT_MAX), None);
        assert_eq!((doorstep.under_way, doorstep.waiting), (ADDRESS_HANDSHAKES_MAX - 1, 0));
        for _ in 1..ADDRESS_HANDSHAKES_MAX {
            assert_eq!(doorstep.leave(home, now), None);
        }
        assert!(doorstep.origins.is_empty() && doorstep.under_way == 0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_ipv4_is_itself_however_it_is_written() {
        assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::9"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
        assert_eq!(origin("::ffff:10.0.0.1"), origin("10.0.0.1"));
        assert_ne!(origin("10.0.0.1"), origin("10.0.0.2"));
    }
}

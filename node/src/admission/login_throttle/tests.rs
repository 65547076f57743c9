//! Alice owns the account, Mallory and Trudy guess.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const HERS: Source = Source::OwnDevice(DeviceId([1; 32]));
const HER_NEW_ONE: Source = Source::Stranger(DeviceId([2; 32]));
const MALLORY: Source = Source::Stranger(DeviceId([6; 32]));
const TRUDY: Source = Source::Stranger(DeviceId([7; 32]));
const HOUR: Duration = Duration::from_hours(1);

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

/// A wrong password, tried as soon as it may be; how long that took.
fn wrong(throttle: &LoginThrottle, who: &str, source: Source, now: &mut Instant) -> Duration {
    let wait = throttle.begin(&name(who), source, *now).map(Guess::wrong).err().unwrap_or_default();
    *now += wait;
    if !wait.is_zero() {
        throttle.begin(&name(who), source, *now).unwrap().wrong();
    }
    wait
}

/// The waits in whole seconds between so many wrong ones.
fn waits(throttle: &LoginThrottle, who: &str, source: Source, now: &mut Instant, attempts: usize) -> Vec<u64> {
    (0..attempts).map(|_| wrong(throttle, who, source, now).as_secs()).collect()
}

#[test]
fn strangers_wait_longer_and_longer_and_the_owners_devices_never_for_them() {
    let (throttle, mut now) = (LoginThrottle::default(), Instant::now());
    let waited = waits(&throttle, "alice", MALLORY, &mut now, 17);
    assert_eq!(waited, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    let waited = waits(&throttle, "alice", HERS, &mut now, 12);
    assert_eq!(waited, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30]);
}

#[test]
fn strangers_guesses_do_not_keep_the_owners_new_device_out() {
    let (throttle, mut now) = (LoginThrottle::default(), Instant::now());
    for hostile in 100..=200_u8 {
        waits(&throttle, "alice", Source::Stranger(DeviceId([hostile; 32])), &mut now, 4);
    }
    // As it stands after a hundred devices: three tries for her all the same, of which one is right.
    assert_eq!(waits(&throttle, "alice", HER_NEW_ONE, &mut now, 2), [0, 0]);
    throttle.begin(&name("alice"), HER_NEW_ONE, now).unwrap().right();
    assert_eq!(waits(&throttle, "alice", HER_NEW_ONE, &mut now, 3), [0, 0, 0], "and it begins anew");
}

#[test]
fn guesses_at_one_account_are_bounded_by_the_devices_that_there_are() {
    let (throttle, start) = (LoginThrottle::default(), Instant::now());
    // Trudy takes up all that strangers share, for as long as it takes.
    let (mut now, mut tried) = (start, 0_u32);
    while now < start + 24 * HOUR {
        if throttle.begin(&name("alice"), TRUDY, now).map(Guess::wrong).is_err() {
            let mallorys = throttle.begin(&name("alice"), MALLORY, now).map(Guess::wrong);
            tried += u32::from(mallorys.is_ok());
        }
        now += Duration::from_secs(1);
    }
    assert!((3..=8).contains(&tried), "{tried} in a day beyond what strangers share");
    let wait = throttle.begin(&name("alice"), MALLORY, now).map(Guess::wrong).err();
    assert!(wait.is_none_or(|wait| wait <= STRANGERS.wait_max), "{wait:?}");
}

#[test]
fn one_device_that_tries_many_accounts_waits_as_well_and_a_name_need_not_exist() {
    let (throttle, now) = (LoginThrottle::default(), Instant::now());
    for who in ["alice", "bob", "carol", "nobody", "no.one"] {
        throttle.begin(&name(who), MALLORY, now).unwrap().wrong();
    }
    assert_eq!(throttle.begin(&name("dave"), MALLORY, now).unwrap_err().as_secs(), 1);
    assert!(throttle.begin(&name("dave"), TRUDY, now).is_ok());
}

#[test]
fn the_right_password_begins_anew_and_what_was_not_looked_at_counts_nothing() {
    let (throttle, mut now) = (LoginThrottle::default(), Instant::now());
    assert_eq!(waits(&throttle, "alice", HERS, &mut now, 4), [0; 4]);
    for _ in 0..10 {
        drop(throttle.begin(&name("alice"), HERS, now).unwrap());
    }
    throttle.begin(&name("alice"), HERS, now).unwrap().right();
    assert_eq!(waits(&throttle, "alice", HERS, &mut now, 6), [0, 0, 0, 0, 0, 1]);
}

#[test]
fn many_at_once_count_while_they_are_under_way() {
    let (throttle, now) = (LoginThrottle::default(), Instant::now());
    let under_way: Vec<_> = (0..5).map(|_| throttle.begin(&name("alice"), MALLORY, now).unwrap()).collect();
    assert!(throttle.begin(&name("alice"), MALLORY, now).is_err());
    drop(under_way);
    assert!(throttle.begin(&name("alice"), MALLORY, now).is_ok());
}

#[test]
fn after_a_while_it_is_forgotten_and_there_is_a_most() {
    let (throttle, mut now) = (LoginThrottle::default(), Instant::now());
    waits(&throttle, "alice", MALLORY, &mut now, 8);
    now += NEW_DEVICE.remembered;
    assert_eq!(waits(&throttle, "alice", MALLORY, &mut now, 2), [0, 0]);
    for number in 0..=ENTRIES_MAX {
        throttle.begin(&name(&format!("u{number}")), HERS, now).unwrap().wrong();
    }
    let counts = throttle.lock();
    assert!(counts.newer.len() + counts.older.len() <= ENTRIES_MAX);
}

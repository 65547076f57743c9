//! Hashes, and who may make how many of them at once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use raftchat_schema::id::DeviceId;
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_mins(1);
const ALICE: Asker = Asker { device: DeviceId([1; 32]), account: None };

fn passwords(meters: &Meters) -> Passwords {
    let nowhere = ([127, 0, 0, 1], 1).into();
    let mut config = NodeConfig::new("test", 1, nowhere, nowhere, Vec::new());
    (config.password_memory_kib, config.password_passes) = (19_456, 2);
    Passwords::new(&config, meters).unwrap()
}

fn threads() -> u64 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u64::try_from((cores / 2).max(1)).unwrap()
}

fn device(number: u8) -> Asker {
    Asker { device: DeviceId([number; 32]), account: None }
}

async fn until(so: impl Fn() -> bool) {
    let looking = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap();
}

#[test]
fn the_right_password_passes_and_no_other() {
    let passwords = passwords(&Meters::default());
    let hasher = &passwords.hasher;
    let verifier = hasher.hash("correct horse").unwrap();
    let Verifier::Argon2id(phc) = &verifier;
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
    assert_ne!(hasher.hash("correct horse").unwrap(), verifier, "salted");
    assert!(hasher.check("correct horse", Some(&verifier)).unwrap());
    assert!(!hasher.check("battery staple", Some(&verifier)).unwrap());
    assert!(!hasher.check("nobody", None).unwrap());
    let damaged = hasher.check("x", Some(&Verifier::Argon2id("$argon2id$".into())));
    assert!(matches!(damaged, Err(PasswordError::Failed(_))), "{damaged:?}");
}

/// Hostile callers hang up a moment after they have asked, again and again: hashes that were begun run to their end, and no
/// more than there are threads for; what had not begun is never begun.
#[tokio::test(flavor = "multi_thread")]
async fn however_many_callers_hang_up_no_more_hashes_run_than_half_the_cores() {
    let meters = Meters::default();
    let passwords = passwords(&meters);
    let (begun, now, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let counters = Arc::new((begun, now, most));
    for round in 0..40_u8 {
        let counters = counters.clone();
        let asked = passwords.ask(device(round), move |_| {
            let (begun, now, most) = &*counters;
            begun.fetch_add(1, Ordering::SeqCst);
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        });
        assert!(timeout(Duration::from_millis(4), asked).await.is_err(), "the caller hangs up");
    }
    timeout(PATIENCE, passwords.ask(ALICE, |_| Ok(()))).await.unwrap().unwrap();
    until(|| meters.hashes_running.reading().held == 0).await;
    let (begun, _, most) = &*counters;
    assert!(most.load(Ordering::SeqCst) as u64 <= threads(), "{most:?} at once");
    assert!(begun.load(Ordering::SeqCst) < 20, "{begun:?} were begun, most of which nobody waited for");
    assert_eq!((meters.hashes_waiting.reading().held, meters.hashes_running.reading().most), (0, threads()));
}

/// A call that is neither polled nor dropped any more, as one whose link ended may be, holds up nobody.
#[tokio::test]
async fn a_call_that_is_forgotten_with_its_link_holds_no_place() {
    let meters = Meters::default();
    let passwords = passwords(&meters);
    let mut leaked = Vec::new();
    for number in 0..100 {
        let mut asked = Box::pin(passwords.ask(device(number), |hasher| hasher.hash("x")));
        assert!(futures::poll!(asked.as_mut()).is_pending() || number >= 32);
        leaked.push(asked);
    }
    until(|| meters.hashes_waiting.reading().held == 0).await;
    until(|| meters.hashes_running.reading().held == 0).await;
    let asked = passwords.ask(ALICE, |hasher| hasher.hash("a good password"));
    timeout(PATIENCE, asked).await.unwrap().unwrap();
    std::mem::forget(leaked);
}

#[tokio::test]
async fn a_device_that_floods_is_told_when_to_come_back_and_others_pass_it() {
    let meters = Meters::default();
    let passwords = passwords(&meters);
    let slow = |_: &Hasher| {
        std::thread::sleep(Duration::from_millis(100));
        Ok(std::time::Instant::now())
    };
    // All threads have something to do, and two more of Mallory's wait.
    let (mallory, mut flood) = (device(6), Vec::new());
    for number in 0..threads() {
        flood.push(Box::pin(passwords.ask(device(100 + u8::try_from(number).unwrap()), slow)));
        assert!(futures::poll!(flood.last_mut().unwrap().as_mut()).is_pending());
    }
    until(|| meters.hashes_running.reading().held == threads()).await;
    for _ in 0..2 {
        flood.push(Box::pin(passwords.ask(mallory, slow)));
        assert!(futures::poll!(flood.last_mut().unwrap().as_mut()).is_pending());
    }
    let refused = passwords.ask(mallory, slow).await.unwrap_err();
    let PasswordError::Busy { wait } = refused else { unreachable!("{refused:?}") };
    assert!(wait >= Duration::from_millis(100) && wait < Duration::from_secs(10), "{wait:?}");
    let alice = passwords.ask(ALICE, slow);
    let (alice, floods) = tokio::join!(alice, futures::future::join_all(flood));
    let last = floods.into_iter().map(Result::unwrap).max().unwrap();
    assert!(alice.unwrap() < last, "her turn came before his second");
}

#[tokio::test]
async fn what_panics_takes_no_thread_with_it() {
    let passwords = passwords(&Meters::default());
    for _ in 0..3 * threads() {
        let panics = passwords.ask::<()>(ALICE, |_| std::panic::resume_unwind(Box::new("damaged")));
        assert!(matches!(timeout(PATIENCE, panics).await.unwrap(), Err(PasswordError::Failed(_))));
    }
    timeout(PATIENCE, passwords.ask(ALICE, |_| Ok(()))).await.unwrap().unwrap();
}

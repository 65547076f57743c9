//! The engine's properties over random histories of a whole client, without a socket; and that each of the faults that can be
//! planted in it is caught by them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod world;

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use raftchat_schema::view::Notice;

use super::fault::{Fault, Faults};
use super::*;
use world::World;

/// Histories of which each must keep all properties.
const HISTORIES: u32 = 100_000;
/// Histories in which a planted fault must show.
const HISTORIES_TO_CATCH: u32 = 20_000;

/// One thing after the other happens to a client, as the numbers say; then it is quiet, and all must come to a good end.
fn history(keeps: Standby, steps: &[u32], fault: Option<Fault>) -> Result<(), String> {
    let mut world = World::new(keeps, fault.map(Faults::plant).unwrap_or_default());
    for (at, step) in steps.iter().enumerate() {
        world.step(*step).map_err(|broken| format!("{broken}, at step {at} of {:?}", world.told))?;
    }
    world.settle().map_err(|broken| format!("{broken}, in the end, after {:?}", world.told))
}

fn histories() -> impl Strategy<Value = (Standby, Vec<u32>)> {
    let keeps = prop_oneof![4 => Just(Standby::Armed), 1 => Just(Standby::Warm), 1 => Just(Standby::None)];
    (keeps, vec(any::<u32>(), 0..48))
}

fn runner(cases: u32, max_shrink_iters: u32) -> TestRunner {
    TestRunner::new(Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() })
}

#[test]
fn whatever_happens_one_link_serves_nobody_waits_in_vain_and_suspicions_close_nothing() {
    let outcome = runner(HISTORIES, 20_000)
        .run(&histories(), |(keeps, steps)| history(keeps, &steps, None).map_err(TestCaseError::fail));
    assert!(outcome.is_ok(), "{outcome:#?}");
}

/// Properties of what never happens say nothing.
#[test]
fn histories_reach_every_kind_of_thing_that_an_engine_can_do() {
    let mut seen = std::collections::BTreeSet::new();
    let mut lot = 1_u32;
    let mut draw = move || {
        lot = lot.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        lot ^ lot >> 16
    };
    for _ in 0..3_000 {
        let mut world = World::new(Standby::Armed, Faults::default());
        world.notes_kinds = true;
        (0..40).for_each(|_| world.step(draw()).unwrap());
        world.settle().unwrap();
        seen.append(&mut world.done);
    }
    let commands = ["Dial", "Prepare", "Admit", "Watch", "Assign", "Activate", "Serving", "Lost", "Announce", "Rebind"];
    let events = ["Linked", "Suspected", "Moved", "Standby", "Behind", "Fresh", "Drain", "Lost"];
    let causes = ["Silence", "Unheard", "Icmp", "Hint", "Drain", "Behind", "Lost", "Hedge"];
    for command in commands.into_iter().chain(["Tell", "Serve", "Refuse"]) {
        assert!(seen.contains(command), "never {command}: {seen:?}");
    }
    for event in events {
        assert!(seen.contains(&format!("told {event}")), "never told {event}: {seen:?}");
    }
    for cause in causes {
        assert!(seen.contains(&format!("moved for {cause}")), "never moved for {cause}: {seen:?}");
    }
    for other in ["served again", "took over at once"] {
        assert!(seen.contains(other), "never {other}: {seen:?}");
    }
}

#[test]
fn each_planted_fault_is_caught() {
    let faults = [
        (Fault::TwoActive, "two links are active"),
        (Fault::SuspicionCloses, "closed"),
        (Fault::WaitersForgotten, "waits in vain"),
        (Fault::SameNodeTwice, "at the same node"),
        (Fault::NoPause, "without a pause"),
        (Fault::DrainForgotten, "the active link was closed"),
    ];
    for (fault, seen_as) in faults {
        let outcome = runner(HISTORIES_TO_CATCH, 0)
            .run(&histories(), |(keeps, steps)| history(keeps, &steps, Some(fault)).map_err(TestCaseError::fail));
        let Err(TestError::Fail(reason, _)) = outcome else { panic!("{fault:?} is not caught") };
        assert!(reason.message().contains(seen_as), "{fault:?} is caught as another: {reason}");
    }
}

/// Alice's device with a link to node 1, let in, and one to node 2 that stands by.
fn following() -> World {
    let mut world = World::new(Standby::Armed, Faults::default());
    world.follow(Attention::Focused);
    let first = world.serve(1);
    world.tell(Event::LetIn(first)).unwrap();
    world.stand_by(2);
    world
}

/// As under load: two nodes are suspected by turns, and what was to be done at one moment is done at another.
#[test]
fn a_link_that_serves_again_is_not_let_go_for_having_drained() {
    let mut world = following();
    let (first, second) = (world.link_to(1), world.link_to(2));
    world.tell(Event::Unreachable(first)).unwrap();
    assert_eq!(world.engine.active(), Some(second));
    // It is heard again, and the other is not.
    world.pass(Duration::from_millis(500)).unwrap();
    world.hear(first);
    world.tell(Event::Unreachable(second)).unwrap();
    assert_eq!(world.engine.active(), Some(first));
    world.pass(Duration::from_secs(3)).unwrap();
    assert_eq!(world.engine.active(), Some(first), "the time of its first turn is over");
    assert!(!world.engine.holds(second), "and so is that of the other");
}

#[test]
fn a_standby_takes_over_and_is_told_to_push_before_anything_else_is_said() {
    let mut world = following();
    let (first, second) = (world.link_to(1), world.link_to(2));
    let commands = world.tell(Event::Noticed(first, Notice::Drain { deadline_ms: 5_000, to: None })).unwrap();
    let from = Some((NodeId(1), LinkCause::Drain));
    let expected = [
        Command::Assign(second, LinkRole::Active),
        Command::Activate(second),
        Command::Assign(first, LinkRole::Draining),
        Command::Serving { link: second, from },
        Command::Announce(second),
    ];
    let is_of_move = |command: &Command| !matches!(command, Command::Tell(_) | Command::Dial(_));
    let moved: Vec<_> = commands.into_iter().filter(is_of_move).collect();
    assert_eq!(moved, expected);
    assert_eq!(world.engine.avoided(world.now), ["n1:7400"]);
}

#[test]
fn attempts_that_come_to_nothing_are_further_and_further_apart() {
    let mut world = World::new(Standby::Armed, Faults::default());
    world.follow(Attention::Focused);
    let first = world.serve(1);
    world.tell(Event::LetIn(first)).unwrap();
    let mut apart = Vec::new();
    for _ in 0..9 {
        let failed = world.now;
        world.tell(Event::Unreached(Dial::Standby { is_urgent: false }, world::nobody())).unwrap();
        while !world.is_dialling_standby() {
            let next = world.engine.next_tick().unwrap();
            world.pass(next.saturating_duration_since(world.now)).unwrap();
        }
        apart.push(world.now.saturating_duration_since(failed).as_millis());
    }
    for (apart, whole) in apart.iter().zip([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]) {
        assert!((whole / 2..=whole).contains(apart), "{apart} ms of {whole}");
    }
}

#[test]
fn all_who_wait_are_told_why_there_is_no_link() {
    let mut world = World::new(Standby::Armed, Faults::default());
    let commands: Vec<_> = (1..=3).flat_map(|who| world.tell(Event::Wanted(Waiter(who))).unwrap()).collect();
    assert_eq!(commands, [Command::Dial(Dial::Service)], "once for all");
    let commands = world.tell(Event::Unreached(Dial::Service, world::nobody())).unwrap();
    let refused = commands.iter().filter(|command| matches!(command, Command::Refuse(..))).count();
    assert_eq!(refused, 3);
}

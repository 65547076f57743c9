//! A nemesis: while people talk, edit, delete, react and change groups, and others of their devices follow, five nodes meet whatever
//! machines, disks, clocks and networks can do to them, one thing after the other by lot.
//!
//! All the while and at the end: what was acknowledged is where it was said to be, once and unchanged; whoever follows is told
//! each change once and in order; nodes that have applied the same have the same state; no process takes more memory than it
//! may, no disk fills, no log is flooded, no node ends that has no reason to; and when a fault is over, everybody goes on.
//!
//! For how long is said by `RAFTCHAT_NEMESIS_SECONDS` (60 if it is not set), and `RAFTCHAT_SEED`, which is printed, repeats what
//! is drawn. `RAFTCHAT_NEMESIS_FAULTS=power,rot` draws no other kinds. An hour of it, alone on the machine:
//! `RAFTCHAT_NEMESIS_SECONDS=3600 cargo test -p raftchat-tests --test trials nemesis -- --nocapture`. What the nodes said is
//! kept in the directory that `RAFTCHAT_NEMESIS_LOGS` names.

mod disk_faults;
mod faults;
mod judge;
mod ledger;
mod lots;
mod operator;
mod stage;
mod tails;
mod talkers;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use raftchat_tests::draw::Draw;
use raftchat_tests::network::Network;

use crate::number;
use stage::Stage;

/// How many nodes there are.
const NODES: u64 = 5;
/// How long after a fault everybody must be acknowledged something again, on two loaded cores.
const RECOVERY: Duration = Duration::from_mins(1);
/// A fault lasts for so long at least, and at most, in milliseconds.
const LASTS_MS: (u64, u64) = (1_500, 9_000);
/// People talk undisturbed for so long between two faults at most, in milliseconds.
const PEACE_MS_MAX: u64 = 2_500;
/// In so many of ten rounds a second thing happens to another node meanwhile.
const WORSE_OF_TEN: u64 = 3;

#[test]
fn a_nemesis_does_its_worst_while_people_talk() {
    let seconds = number("RAFTCHAT_NEMESIS_SECONDS", 60);
    let by_lot = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("RAFTCHAT_SEED", by_lot);
    println!("RAFTCHAT_SEED={seed} RAFTCHAT_NEMESIS_SECONDS={seconds}");
    let network = match Network::make(NODES) {
        Ok(network) => network,
        Err(reason) => return println!("the nemesis is skipped: {reason}"),
    };
    let hub = Arc::clone(network.hub());
    hub.run(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(trial(network, Duration::from_secs(seconds), seed));
    });
}

async fn trial(network: Network, budget: Duration, seed: u64) {
    let mut draw = Draw(seed);
    let mut stage = Stage::set(network, seed).await;
    let begun = Instant::now();
    let mut round = 0;
    while begun.elapsed() < budget {
        round += 1;
        stage.lives_for(Duration::from_millis(draw.below(PEACE_MS_MAX))).await;
        let leader = stage.leader().await;
        let mut faults = vec![lots::fault(&mut draw, &stage, leader)];
        if faults.iter().all(faults::Fault::leaves_room_for_more) && draw.below(10) < WORSE_OF_TEN {
            faults.extend(lots::more(&mut draw, &stage, leader, &faults));
        }
        let lasts = Duration::from_millis(LASTS_MS.0 + draw.below(LASTS_MS.1 - LASTS_MS.0));
        println!("round {round} at {:?}, leader {leader}: {faults:?} for {lasts:?}", begun.elapsed());
        for fault in &mut faults {
            fault.strikes(&mut stage, &mut draw).await;
        }
        stage.lives_for(lasts).await;
        for fault in faults.iter_mut().rev() {
            fault.passes(&mut stage).await;
        }
        let took = stage.recovers().await;
        println!("    all is well after {took:?}");
    }
    println!("{round} rounds in {:?}", begun.elapsed());
    judge::at_the_end(stage).await;
}

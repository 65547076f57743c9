//! Which fault is next, by lot. Knows nothing of what it does.

use std::collections::BTreeSet;

use raftchat_tests::clocks::Wrong;
use raftchat_tests::draw::Draw;
use raftchat_tests::network::Place;

use super::disk_faults::{DiskFault, Part};
use super::faults::{Fault, Ways};
use super::stage::Stage;

/// The kinds, each as often as it stands here.
const KINDS: [&str; 22] = [
    "kill",
    "kill",
    "pause",
    "pause",
    "stop",
    "part",
    "part",
    "part",
    "part",
    "power",
    "power",
    "power",
    "slow",
    "slow",
    "full",
    "dies",
    "read-only",
    "rot",
    "rot",
    "snapshot",
    "clocks",
    "clocks",
];
/// Those that come more rarely: one in so many draws.
const RARELY: (u64, [&str; 2]) = (6, ["replace", "tail"]);

fn one<T: Copy>(draw: &mut Draw, of: &[T]) -> T {
    *of.get(usize::try_from(draw.below(of.len() as u64)).unwrap()).unwrap()
}

/// The same in another order.
fn shuffled(draw: &mut Draw, mut all: Vec<u64>) -> Vec<u64> {
    for at in (1..all.len()).rev() {
        all.swap(at, usize::try_from(draw.below(at as u64 + 1)).unwrap());
    }
    all
}

/// So many nodes, half the time the leader among them.
fn some(draw: &mut Draw, nodes: &[u64], leader: u64, many: usize) -> Vec<u64> {
    let mut order = shuffled(draw, nodes.to_vec());
    if draw.below(2) == 0 {
        order.retain(|node| *node != leader);
        order.insert(0, leader);
    }
    order.truncate(many);
    order
}

/// Next.
pub(super) fn fault(draw: &mut Draw, stage: &Stage, leader: u64) -> Fault {
    let only = std::env::var("RAFTCHAT_NEMESIS_FAULTS").ok();
    let allowed = |kind: &str| only.as_ref().is_none_or(|only| only.split(',').any(|one| one == kind));
    loop {
        let kind = if draw.below(RARELY.0) == 0 { one(draw, &RARELY.1) } else { one(draw, &KINDS) };
        if allowed(kind)
            && let Some(fault) = of_kind(draw, stage, leader, kind)
        {
            return fault;
        }
    }
}

/// What happens to another node meanwhile, if there is one left that it can happen to.
pub(super) fn more(draw: &mut Draw, stage: &Stage, leader: u64, already: &[Fault]) -> Option<Fault> {
    let nodes = stage.nodes();
    // While some are cut off, a few others more and nothing can be stored: which is allowed, and everybody goes on afterwards.
    let kind = one(draw, &["kill", "pause", "power"]);
    debug_assert!(already.iter().all(Fault::leaves_room_for_more));
    match kind {
        "kill" => Some(Fault::Kill(some(draw, &nodes, leader, 1))),
        "pause" => Some(Fault::Pause(some(draw, &nodes, leader, 1))),
        _ if stage.disks.is_empty() => None,
        _ => Some(Fault::Disk(DiskFault::Power(some(draw, &nodes, leader, 1)))),
    }
}

fn of_kind(draw: &mut Draw, stage: &Stage, leader: u64, kind: &str) -> Option<Fault> {
    let nodes = stage.nodes();
    let many = one(draw, &[1, 1, 2, 2, 3, nodes.len()]);
    let those = some(draw, &nodes, leader, many);
    let first = *those.first()?;
    let disk = match kind {
        "kill" => return Some(Fault::Kill(those)),
        "pause" => return Some(Fault::Pause(those)),
        "stop" => return Some(Fault::Stop(first)),
        "part" => return Some(part(draw, stage, leader)),
        "snapshot" => return Some(Fault::KilledInSnapshot(first, draw.below(300))),
        "tail" => return Some(Fault::KillTail(usize::try_from(draw.below(stage.tails.len() as u64)).unwrap())),
        "replace" => return Some(Fault::Replace(first)),
        "clocks" => {
            let by = [Wrong(3), Wrong(-40), Wrong::hours(1), Wrong::hours(-1), Wrong::days(40), Wrong::days(400)];
            // Of a majority that is wrong nobody can know that it is.
            let few = those.into_iter().take(2);
            return stage.clocks.as_ref().map(|_| Fault::Clocks(few.map(|node| (node, one(draw, &by))).collect()));
        }
        "power" => DiskFault::Power(those),
        "dies" => DiskFault::Dies(first),
        "read-only" => DiskFault::ReadOnly(first),
        "full" => DiskFault::Full(those.into_iter().take(3).collect(), one(draw, &[0, 100 << 10, 2 << 20, 12 << 20])),
        "slow" => DiskFault::Slow(those, one(draw, &[120, 50, 25, 12])),
        _ => {
            let small = one(draw, &["secret", "watermark", "node.toml", "CURRENT", "peers"]);
            DiskFault::Rots(
                first,
                one(draw, &[Part::Tables, Part::Tables, Part::Snapshot, Part::Log, Part::Small(small)]),
            )
        }
    };
    (!stage.disks.is_empty()).then_some(Fault::Disk(disk))
}

/// Both ways between everybody of one side and everybody of the other.
fn between(one: &[Place], other: &[Place]) -> Ways {
    let pairs = one.iter().flat_map(|here| other.iter().map(move |there| (*here, *there)));
    pairs.flat_map(|(here, there)| [(here, there), (there, here)]).collect()
}

/// A network that is parted, in one of the shapes there are.
fn part(draw: &mut Draw, stage: &Stage, leader: u64) -> Fault {
    let mut order = some(draw, &stage.nodes(), leader, usize::MAX);
    if draw.below(2) == 0 {
        order.reverse();
    }
    let at = |node: &u64| Place::Node(*stage.places.get(node).unwrap());
    let places: Vec<_> = order.iter().map(at).collect();
    let leader = at(&leader);
    let but = |who: Place| places.iter().copied().filter(|place| *place != who).collect::<Vec<_>>();
    let [first, second, third, fourth, fifth] = *places.as_slice() else { panic!("five nodes") };
    let one_way = |from: &[Place], to: &[Place]| -> Ways {
        from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))).collect()
    };
    let (shape, ways) = match draw.below(10) {
        0 => ("one alone", between(&[first], &[second, third, fourth, fifth])),
        1 => ("two and three", between(&[first, second], &[third, fourth, fifth])),
        2 => ("a bridge", between(&[first, second], &[third, fourth])),
        3 => (
            "a ring",
            [(first, third), (first, fourth), (second, fourth), (second, fifth), (third, fifth)]
                .into_iter()
                .flat_map(|(one, other)| between(&[one], &[other]))
                .collect(),
        ),
        4 => ("one hears nothing", one_way(&[second, third, fourth, fifth], &[first])),
        5 => ("one is not heard", one_way(&[first], &[second, third, fourth, fifth])),
        6 => {
            let others = but(leader);
            let with_device: Vec<_> = [leader, Place::Device].to_vec();
            ("the leader and the device alone", between(&with_device, &others))
        }
        7 => ("the device hears of two nodes only", between(&[Place::Device], &[first, second, third])),
        8 => ("the device is heard by two nodes only", one_way(&[Place::Device], &[first, second, third])),
        _ => {
            let all = [first, second, third, fourth, fifth, Place::Device];
            let ways = all.iter().flat_map(|from| all.iter().map(move |to| (*from, *to)));
            let lost: BTreeSet<_> = ways.filter(|(from, to)| from != to && draw.below(4) == 0).collect();
            ("here and there", lost)
        }
    };
    Fault::Part(shape, ways)
}

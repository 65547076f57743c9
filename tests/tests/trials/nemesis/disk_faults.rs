//! What disks do to nodes. Knows nothing of when.

use std::path::{Path, PathBuf};
use std::time::Duration;

use raftchat_tests::disks::{Disk, rot};
use raftchat_tests::draw::Draw;

use super::operator;
use super::stage::Stage;

/// What of a node's data rots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The tables of the state, and their journals.
    Tables,
    /// The newest snapshot.
    Snapshot,
    /// The log's database.
    Log,
    /// One of the small files.
    Small(&'static str),
}

/// One fault. Nodes are by number.
#[derive(Debug)]
pub(super) enum DiskFault {
    /// The machines lose their power, and with it what was not synced.
    Power(Vec<u64>),
    /// The disk of a node that runs takes and gives nothing any more.
    Dies(u64),
    /// It takes no writes.
    ReadOnly(u64),
    /// So many bytes are left on them.
    Full(Vec<u64>, u64),
    /// They take so many writes a second.
    Slow(Vec<u64>, u64),
    /// Bits of what a node keeps are flipped while it is down.
    Rots(u64, Part),
}

impl DiskFault {
    fn disk(stage: &Stage, node: u64) -> &Disk {
        stage.disks.get(&node).unwrap()
    }

    pub(super) async fn strikes(&mut self, stage: &mut Stage, draw: &mut Draw) {
        match self {
            Self::Power(nodes) => {
                for node in nodes {
                    stage.cluster.kill(*node);
                    Self::disk(stage, *node).loses_power().unwrap();
                }
            }
            Self::Dies(node) => {
                stage.may_end.insert(*node);
                Self::disk(stage, *node).loses_power().unwrap();
            }
            Self::ReadOnly(node) => {
                stage.may_end.insert(*node);
                Self::disk(stage, *node).goes_read_only().unwrap();
            }
            Self::Full(nodes, left) => {
                for node in nodes {
                    stage.may_end.insert(*node);
                    Self::disk(stage, *node).fills_up(*left);
                }
            }
            Self::Slow(nodes, writes) => {
                nodes.iter().for_each(|node| Self::disk(stage, *node).slows_to(*writes).unwrap());
            }
            Self::Rots(node, part) => rots(stage, draw, *node, *part).await,
        }
    }

    pub(super) fn passes(&self, stage: &Stage) {
        match self {
            Self::Power(nodes) => nodes.iter().for_each(|node| Self::disk(stage, *node).comes_back()),
            Self::Dies(node) | Self::ReadOnly(node) => {
                // One that has not noticed yet is not waited for.
                if stage.cluster.runs(*node) {
                    stage.cluster.kill(*node);
                }
                Self::disk(stage, *node).comes_back();
            }
            Self::Full(nodes, _) => nodes.iter().for_each(|node| Self::disk(stage, *node).has_room()),
            Self::Slow(nodes, _) => nodes.iter().for_each(|node| Self::disk(stage, *node).is_fast()),
            Self::Rots(..) => {}
        }
    }
}

/// The files below a directory that hold something.
fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            files(&path, found);
        } else if kind.is_file() && entry.metadata().unwrap().len() > 0 {
            found.push(path);
        }
    }
}

fn parts(data: &Path, part: Part) -> Vec<PathBuf> {
    let mut found = Vec::new();
    match part {
        Part::Tables => {
            let current = std::fs::read_to_string(data.join("CURRENT")).unwrap_or_default();
            files(&data.join(current.trim()), &mut found);
        }
        Part::Snapshot => files(&data.join("snap"), &mut found),
        Part::Log => files(&data.join("log"), &mut found),
        Part::Small(name) => found.push(data.join(name)),
    }
    found.sort();
    found
}

/// The node goes down, some of what it keeps rots, and it comes up again: by itself, where that is said to be so, and otherwise
/// another takes its place, as operators are told.
async fn rots(stage: &mut Stage, draw: &mut Draw, node: u64, part: Part) {
    /// As often as whoever runs a node starts one again whose end says so.
    const STARTS: u32 = 3;
    /// How long it has for finding out.
    const LOOKS: Duration = Duration::from_secs(8);
    stage.may_end.insert(node);
    stage.cluster.kill(node);
    let data = stage.cluster.dir().join(format!("node-{node}/data"));
    let all = parts(&std::fs::canonicalize(data).unwrap(), part);
    let at = usize::try_from(draw.below(all.len().max(1) as u64)).unwrap();
    let Some(file) = all.get(at).filter(|file| file.exists()) else { return println!("    nothing there to rot") };
    let bits = 1 + draw.below(40);
    rot(file, draw, bits);
    println!("    {bits} bits of {}", file.display());
    for _ in 0..STARTS {
        stage.cluster.start_node(node);
        stage.lives_for(LOOKS).await;
        if stage.cluster.runs(node) {
            return;
        }
    }
    let said = stage.cluster.log(node);
    let reason = said.lines().rev().find(|line| line.contains("does not start") || line.contains("cannot go on"));
    println!("    it is replaced: {}", reason.unwrap_or_default());
    let may_be = match part {
        Part::Tables | Part::Snapshot => false,
        Part::Log => true,
        Part::Small(name) => ["watermark", "node.toml", "CURRENT"].contains(&name),
    };
    assert!(may_be, "node {node} does not come up again by itself, whose log is whole");
    operator::replaces(stage, node).await;
}

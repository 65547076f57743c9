//! What must hold all the while: memory, disks, logs, states that agree. Knows nothing of faults.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use raftchat_schema::id::StateHash;
use raftchat_schema::view::NodeStatus;
use raftchat_tests::measure::resident_kib;

/// What a node may take of memory.
const NODE_KIB_MAX: u64 = 200 << 10;
/// And a device.
const DEVICE_KIB_MAX: u64 = 80 << 10;
/// And of its disk, with all that it holds twice while it renews something.
const DISK_BYTES_MAX: u64 = 160 << 20;
/// A node says no more than so many lines in so long a time.
const LINES_MAX: (u64, Duration) = (400, Duration::from_secs(10));

/// How a process is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Node,
    Device,
}

/// What a log has grown by, and when.
#[derive(Debug, Default)]
struct LogGrowth {
    read_bytes: u64,
    recent: VecDeque<(Instant, u64)>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    logs: BTreeMap<PathBuf, LogGrowth>,
    /// By how far a node had applied.
    hashes: BTreeMap<u64, StateHash>,
    node_kib: u64,
    device_kib: u64,
    disk_bytes: u64,
    lines: u64,
}

impl Watch {
    pub(super) fn memory(&mut self, what: What, who: &str, pid: u32) {
        let Some(kib) = resident_kib(pid) else { return };
        let (most, allowed) = match what {
            What::Node => (&mut self.node_kib, NODE_KIB_MAX),
            What::Device => (&mut self.device_kib, DEVICE_KIB_MAX),
        };
        *most = kib.max(*most);
        assert!(kib <= allowed, "{who} takes {kib} KiB of memory");
    }

    pub(super) fn disk(&mut self, node: u64, used_bytes: u64) {
        self.disk_bytes = used_bytes.max(self.disk_bytes);
        assert!(used_bytes <= DISK_BYTES_MAX, "node {node} has {} MiB on its disk", used_bytes >> 20);
    }

    pub(super) fn log(&mut self, path: &Path) {
        let Ok(mut file) = File::open(path) else { return };
        let growth = self.logs.entry(path.to_owned()).or_default();
        let mut new = Vec::new();
        file.seek(SeekFrom::Start(growth.read_bytes)).unwrap();
        growth.read_bytes += file.read_to_end(&mut new).unwrap() as u64;
        let lines = new.iter().filter(|byte| **byte == b'\n').count() as u64;
        let (now, (many, within)) = (Instant::now(), LINES_MAX);
        growth.recent.push_back((now, lines));
        growth.recent.retain(|(at, _)| now.duration_since(*at) < within);
        let recent = growth.recent.iter().map(|(_, lines)| lines).sum();
        self.lines = self.lines.max(recent);
        assert!(recent <= many, "{} has {recent} more lines within {within:?}", path.display());
    }

    /// Nodes that have applied the same are the same.
    pub(super) fn states(&mut self, statuses: &[NodeStatus]) {
        for status in statuses {
            let hash = *self.hashes.entry(status.applied).or_insert(status.state_hash);
            assert_eq!(hash, status.state_hash, "node {} differs at entry {}", status.node, status.applied);
        }
    }

    /// Prints how much there was of everything.
    pub(super) fn tell(&self) {
        let (node, device, disk) = (self.node_kib >> 10, self.device_kib >> 10, self.disk_bytes >> 20);
        println!(
            "at most: {node} MiB a node, {device} MiB a device, {disk} MiB on a disk, {} lines in ten seconds",
            self.lines
        );
        println!("{} states were compared", self.hashes.len());
    }
}

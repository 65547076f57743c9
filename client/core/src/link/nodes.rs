//! The nodes that a device knows: what its configuration lists, what nodes have told of others, and how far each was when it
//! last answered. Kept in a file of the profile, so that the next program begins with the nearest. Knows no link.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use raftchat_schema::id::NodeId;
use serde::{Deserialize, Serialize};

use crate::profile::NodeEntry;
use crate::profile::session::replace;

/// Round trips that differ by no more than this, or by a quarter, are alike: that much a node that is busy for the moment is
/// farther, and who takes that for distance sends all devices to the other.
const ALIKE: Duration = Duration::from_millis(5);
/// No cluster has so many nodes: a file that lists more is not read.
const NODES_MAX: usize = 64;

/// How much longer a round trip may be than this one and be as good.
pub(crate) fn as_good_as(rtt: Duration) -> Duration {
    ALIKE.max(rtt / 4)
}

/// All known nodes.
#[derive(Debug)]
pub(crate) struct Nodes {
    known: Vec<Known>,
    path: Option<PathBuf>,
    changed: bool,
}

#[derive(Clone, Debug)]
struct Known {
    entry: NodeEntry,
    /// Where a person wrote that it is. What nodes tell does not change that.
    is_written: bool,
    rtt: Option<Duration>,
}

/// The file as it stands.
#[derive(Serialize, Deserialize)]
struct Stored {
    nodes: Vec<StoredNode>,
}

#[derive(Serialize, Deserialize)]
struct StoredNode {
    node: u64,
    address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rtt_us: Option<u64>,
}

impl Nodes {
    /// The nodes that are written down, and those in the file at `path`. A file that cannot be read is as good as none.
    pub(crate) fn load(written: &[NodeEntry], path: Option<PathBuf>) -> Self {
        let known = written.iter().map(|entry| Known { entry: entry.clone(), is_written: true, rtt: None }).collect();
        let mut nodes = Self { known, path, changed: false };
        let stored = nodes.path.as_deref().map_or(Ok(Vec::new()), read);
        match stored {
            Ok(stored) => stored.into_iter().for_each(|stored| nodes.restore(stored)),
            Err(error) => tracing::warn!(%error, "what is kept of the nodes cannot be read, and is made anew"),
        }
        nodes
    }

    fn restore(&mut self, stored: StoredNode) {
        let StoredNode { node, address, rtt_us } = stored;
        self.learn(vec![NodeEntry { node, address: address.clone() }]);
        let rtt = rtt_us.map(Duration::from_micros);
        if let Some(known) = self.known.iter_mut().find(|known| known.entry.address == address) {
            known.rtt = rtt;
        }
        self.changed = false;
    }

    /// All of them.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &NodeEntry> {
        self.known.iter().map(|known| &known.entry)
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// How far the node at `address` was, if it was ever measured.
    pub(crate) fn rtt(&self, address: &str) -> Option<Duration> {
        self.known.iter().find(|known| known.entry.address == address)?.rtt
    }

    /// Takes in what a node told of others.
    pub(crate) fn learn(&mut self, told: Vec<NodeEntry>) {
        for entry in told {
            if entry.node == 0 || entry.address.is_empty() {
                continue;
            }
            let has_room = self.known.len() < NODES_MAX;
            match self.known.iter_mut().find(|known| known.entry.node == entry.node) {
                Some(known) if known.is_written || known.entry == entry => {}
                Some(known) => {
                    *known = Known { entry, is_written: false, rtt: None };
                    self.changed = true;
                }
                None if has_room => {
                    self.known.push(Known { entry, is_written: false, rtt: None });
                    self.changed = true;
                }
                None => {}
            }
        }
    }

    /// Takes in how far a node is that has just answered.
    pub(crate) fn measured(&mut self, node: NodeId, address: &str, rtt: Duration) {
        let is_it = |known: &&mut Known| known.entry.node == node.0 && known.entry.address == address;
        let Some(known) = self.known.iter_mut().find(is_it) else { return };
        self.changed |= known.rtt.is_none_or(|before| before.abs_diff(rtt) > as_good_as(before.min(rtt)));
        known.rtt = Some(rtt);
    }

    /// Writes the file if something has changed. Fails only where the next program would begin with less.
    pub(crate) fn keep(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let Some(path) = &self.path else { return };
        let micros = |rtt: Duration| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        let one = |known: &Known| StoredNode {
            node: known.entry.node,
            address: known.entry.address.clone(),
            rtt_us: known.rtt.map(micros),
        };
        let stored = Stored { nodes: self.known.iter().map(one).collect() };
        let written =
            serde_json::to_vec_pretty(&stored).map_err(io::Error::other).and_then(|text| replace(path, &text));
        if let Err(error) = written {
            tracing::warn!(%error, path = %path.display(), "what is known of the nodes is not kept");
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<StoredNode>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let stored: Stored = serde_json::from_slice(&text).map_err(io::Error::other)?;
    if stored.nodes.len() > NODES_MAX {
        return Err(io::Error::other("it lists more nodes than any cluster has"));
    }
    Ok(stored.nodes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn node(node: u64) -> NodeEntry {
        NodeEntry { node, address: format!("n{node}:7400") }
    }

    fn entries(nodes: &Nodes) -> Vec<NodeEntry> {
        nodes.entries().cloned().collect()
    }

    #[test]
    fn a_node_that_is_told_of_is_added_once_and_what_is_written_stands() {
        let mut nodes = Nodes::load(&[node(1)], None);
        let moved = |node| NodeEntry { node, address: "moved:7400".to_owned() };
        let nameless = NodeEntry { node: 9, address: String::new() };
        nodes.learn(vec![moved(1), node(2), node(2), nameless]);
        assert_eq!(entries(&nodes), [node(1), node(2)]);
        nodes.learn(vec![moved(2)]);
        assert_eq!(entries(&nodes), [node(1), moved(2)], "a told address is replaced by a newer one");
    }

    #[test]
    fn what_was_measured_is_known_and_kept_where_it_differs() {
        let mut nodes = Nodes::load(&[node(1), node(2)], None);
        assert_eq!(nodes.rtt("n1:7400"), None);
        for (rtt, differs) in [(90, true), (110, false), (140, true), (90, true), (91, false)] {
            nodes.changed = false;
            nodes.measured(NodeId(1), "n1:7400", Duration::from_millis(rtt));
            assert_eq!((nodes.rtt("n1:7400"), nodes.changed), (Some(Duration::from_millis(rtt)), differs), "{rtt}");
        }
        nodes.measured(NodeId(2), "n1:7400", Duration::from_millis(7));
        assert_eq!(nodes.rtt("n2:7400"), None, "that was another's address");
    }

    #[test]
    fn what_is_known_is_there_the_next_time_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nodes.json");
        let mut nodes = Nodes::load(&[node(1)], Some(path.clone()));
        nodes.keep();
        assert!(!path.exists(), "nothing was learned");
        nodes.learn(vec![node(2)]);
        nodes.measured(NodeId(2), "n2:7400", Duration::from_millis(100));
        nodes.keep();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Nodes::load(&[node(1)], Some(path.clone()));
        assert_eq!(entries(&again), [node(1), node(2)]);
        assert_eq!(again.rtt("n2:7400"), Some(Duration::from_millis(100)));
        std::fs::write(&path, "{").unwrap();
        assert_eq!(entries(&Nodes::load(&[node(1)], Some(path))), [node(1)], "a damaged file is as good as none");
    }
}

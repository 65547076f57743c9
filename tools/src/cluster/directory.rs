//! Where things lie in a cluster's directory. Knows nothing of what is in them, but for the configuration of the nodes.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use raftchat_client::{ClientConfig, NodeEntry};
use raftchat_node::config::{MemberConfig, NodeConfig, NodeConfigError};

use crate::failure::Failure;

/// A file in the directory of a node that was taken out of the cluster: it is run no more, and its number is not given again.
const REMOVED_FILE: &str = "REMOVED";
/// In a node's directory: what it is told.
pub(crate) const NODE_CONFIG: &str = "node.toml";
/// In a node's directory: what it keeps.
pub(crate) const NODE_DATA: &str = "data";
const INIT_HINT: &str = "`raftchatctl cluster init` makes a cluster's directory";

/// The directory that `raftchatctl cluster init` makes.
#[derive(Clone, Debug)]
pub(crate) struct ClusterDir(PathBuf);

impl ClusterDir {
    /// The one at `root`, whether it is there or not.
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// The authorities; only where the cluster was made.
    pub(crate) fn pki(&self) -> PathBuf {
        self.0.join("pki")
    }

    /// All device profiles.
    pub(crate) fn devices(&self) -> PathBuf {
        self.0.join("devices")
    }

    /// The profile of one device.
    pub(crate) fn device(&self, name: &str) -> PathBuf {
        self.devices().join(name)
    }

    /// All that belongs to one node.
    pub(crate) fn node(&self, node: u64) -> PathBuf {
        self.0.join(format!("node-{node}"))
    }

    /// What the node is told.
    pub(crate) fn node_config(&self, node: u64) -> PathBuf {
        self.node(node).join(NODE_CONFIG)
    }

    /// What the node keeps.
    pub(crate) fn node_data(&self, node: u64) -> PathBuf {
        self.node(node).join(NODE_DATA)
    }

    /// What the node has said on standard error.
    pub(crate) fn node_log(&self, node: u64) -> PathBuf {
        self.node(node).join("node.log")
    }

    /// The nodes that have a directory here and were not taken out, in order of number; at least one.
    pub(crate) fn nodes(&self) -> Result<Vec<u64>, Failure> {
        let mut nodes = self.numbers()?;
        nodes.retain(|node| !self.is_removed(*node));
        if nodes.is_empty() {
            return Err(Failure::Missing { path: self.node_config(1), hint: INIT_HINT });
        }
        Ok(nodes)
    }

    /// True if a node was taken out of the cluster from here.
    pub(crate) fn is_removed(&self, node: u64) -> bool {
        self.node(node).join(REMOVED_FILE).exists()
    }

    /// Notes that a node was taken out. What else is in its directory stays.
    pub(crate) fn mark_removed(&self, node: u64) -> Result<(), Failure> {
        let home = self.node(node);
        if !home.is_dir() {
            make_private(&home)?;
        }
        match write_new(&home.join(REMOVED_FILE), "") {
            Err(Failure::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            written => written,
        }
    }

    /// All numbers that are or were given to a node, as far as can be seen here, in order.
    pub(crate) fn numbers(&self) -> Result<Vec<u64>, Failure> {
        let entries = fs::read_dir(&self.0).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Failure::Missing { path: self.0.clone(), hint: INIT_HINT },
            _ => Failure::file(&self.0, "read")(source),
        })?;
        let mut nodes = Vec::new();
        for entry in entries {
            let name = entry.map_err(Failure::file(&self.0, "read"))?.file_name();
            nodes.extend(name.to_str().and_then(|name| name.strip_prefix("node-")?.parse::<u64>().ok()));
        }
        nodes.sort_unstable();
        Ok(nodes)
    }

    /// The configuration of one node.
    pub(crate) fn load_node(&self, node: u64) -> Result<NodeConfig, Failure> {
        NodeConfig::load(&self.node_config(node)).map_err(|error| match error {
            NodeConfigError::File(raftchat_config::ConfigError::Missing { path, hint }) => {
                Failure::Missing { path, hint }
            }
            NodeConfigError::File(raftchat_config::ConfigError::Unreadable { path, source }) => {
                Failure::File { path, done: "read", source }
            }
            wrong => Failure::Configuration(wrong.to_string()),
        })
    }

    /// The configurations that are here of nodes that were not taken out, in order of number; at least one.
    pub(crate) fn configs(&self) -> Result<Vec<NodeConfig>, Failure> {
        let mut configs = Vec::new();
        let mut missing = None;
        for node in self.nodes()? {
            match self.load_node(node) {
                Ok(config) => configs.push(config),
                // A disk that is lost takes its file with it; the others know as much.
                Err(failure @ Failure::Missing { .. }) => missing = missing.or(Some(failure)),
                Err(failure) => return Err(failure),
            }
        }
        match missing {
            Some(failure) if configs.is_empty() => Err(failure),
            _ => Ok(configs),
        }
    }

    /// All nodes that the configurations tell of and that were not taken out, in order of number.
    pub(crate) fn members(&self, configs: &[NodeConfig]) -> Vec<MemberConfig> {
        let mut members = BTreeMap::new();
        for config in configs {
            for member in &config.members {
                // Nobody knows better where a node is than its own file.
                if member.node == config.node || !members.contains_key(&member.node) {
                    members.insert(member.node, member.clone());
                }
            }
        }
        members.into_values().filter(|member| !self.is_removed(member.node)).collect()
    }

    /// What a device of this cluster is told: the cluster's id and where its nodes are.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, Failure> {
        let configs = self.configs()?;
        let entry = |member: MemberConfig| NodeEntry { node: member.node, address: member.client_address };
        let nodes = self.members(&configs).into_iter().map(entry).collect();
        let cluster = configs.into_iter().next().map(|config| config.cluster).unwrap_or_default();
        Ok(ClientConfig { cluster, nodes })
    }
}

/// Makes a directory that its owner alone can look into.
pub(crate) fn make_private(path: &Path) -> Result<(), Failure> {
    DirBuilder::new().mode(0o700).create(path).map_err(Failure::file(path, "made"))
}

/// Writes a new file, durably.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    write_with_mode(path, text, 0o644)
}

/// Writes a new file that its owner alone can read, durably.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    write_with_mode(path, text, 0o600)
}

fn write_with_mode(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    raftchat_files::create(path, text.as_bytes(), mode).map_err(Failure::file(path, "written"))
}

/// Gives what was made under `part` its name, durably. Whatever is in the way makes this fail.
pub(crate) fn put_in_place(part: &Path, path: &Path) -> Result<(), Failure> {
    fs::rename(part, path).map_err(|source| match source.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => Failure::AlreadyExists(path.to_owned()),
        _ => Failure::file(path, "made")(source),
    })?;
    let parent = parent_of(path);
    File::open(&parent).and_then(|parent| parent.sync_all()).map_err(Failure::file(&parent, "written"))
}

/// The directory that `path` lies in.
pub(crate) fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// `path` with `.part` after its name: where things are made before they get their name.
pub(crate) fn part_of(path: &Path) -> Result<PathBuf, Failure> {
    let Some(name) = path.file_name() else {
        return Err(Failure::Usage(format!("{} cannot name a new directory", path.display())));
    };
    let mut name = name.to_owned();
    name.push(".part");
    Ok(path.with_file_name(name))
}

/// Removes what an earlier, interrupted making left behind, if it holds nothing else than `ours` tells, whole or not.
pub(crate) fn clear_part(part: &Path, ours: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let entries = match fs::read_dir(part) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(Failure::file(part, "read"))?,
    };
    for entry in entries {
        let name = entry.map_err(Failure::file(part, "read"))?.file_name();
        if !name.to_str().is_some_and(|name| ours(raftchat_files::meant_for(name).unwrap_or(name))) {
            return Err(Failure::AlreadyExists(part.to_owned()));
        }
    }
    fs::remove_dir_all(part).map_err(Failure::file(part, "removed"))
}

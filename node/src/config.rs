//! `node.toml`: what a node is told. Every key stands here once, with its meaning; the file that `raftchatctl cluster
//! init` writes is made from it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use documented::{Documented, DocumentedFields};
use raftchat_config::ConfigError;
use raftchat_schema::budgets::DEVICE_LINKS_MAX;
use raftchat_schema::budgets::DISK_RESERVE_MIB;
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::Member;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::raft::RaftSettings;

/// One node of a raftchat cluster. Run it with: raftchatd --config node.toml
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Documented, DocumentedFields)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The id of the cluster, as `raftchatctl certs show` prints it.
    pub cluster: String,
    /// This node's number in the cluster. Never given to another node, also when this one's disk is lost.
    pub node: u64,
    /// Whether this node joins a cluster that runs. It then begins none by itself, and waits for the others to send it
    /// everything. `raftchatctl cluster add` makes such a node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub join: bool,
    /// Made of the numbers and fingerprints in `members` when the cluster was made: a node that has no data yet begins no cluster
    /// of any other nodes. Their addresses may be changed before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub founding: Option<String>,
    /// Where devices connect: an address of this machine and a UDP port.
    pub client_listen: SocketAddr,
    /// Where the other nodes connect: an address of this machine and a UDP port. Keep it inside a network of the cluster's own, or
    /// let a firewall pass nobody but the other nodes: whoever has the key of one node and reaches this port acts as that
    /// node, and so in the name of every user. A node with a public address here says so at each start.
    pub peer_listen: SocketAddr,
    /// The directory of this node's certificate, key and trust anchors. Relative to this file.
    #[serde(default = "default_certs")]
    pub certs: PathBuf,
    /// The directory of all that this node keeps. Relative to this file.
    #[serde(default = "default_data")]
    pub data: PathBuf,
    /// How often the leader says that it is there, in milliseconds.
    #[serde(default = "default_heartbeat_ms")]
    pub heartbeat_ms: u64,
    /// A follower that has heard nothing for `election_max_ms` waits for this long, or longer by lot, and then stands for
    /// election; in milliseconds. At least three heartbeats. Raise all three of these times where nodes are more than 100 ms from
    /// each other, or lose their leader without cause.
    #[serde(default = "default_election_min_ms")]
    pub election_min_ms: u64,
    /// The longest that it waits, in milliseconds; also for how long the last word of a leader is good.
    #[serde(default = "default_election_max_ms")]
    pub election_max_ms: u64,
    /// A snapshot is made every so many log entries.
    #[serde(default = "default_snapshot_entries")]
    pub snapshot_entries: u64,
    /// So many log entries that a snapshot covers are kept for followers that are a little behind.
    #[serde(default = "default_keep_entries")]
    pub keep_entries: u64,
    /// Memory that hashing one password takes, in KiB. Argon2id; not below 19456.
    #[serde(default = "default_password_memory_kib")]
    pub password_memory_kib: u32,
    /// How often hashing one password passes over that memory. Not below 2.
    #[serde(default = "default_password_passes")]
    pub password_passes: u32,
    /// Threads that serve connections. With 1 the whole node but its disk and passwords is one thread, which is fastest on small
    /// machines. Where nodes have four cores and more of their own, and one core is not enough for their devices, raise it.
    #[serde(default = "default_rpc_threads")]
    pub rpc_threads: usize,
    /// How much one device, and one account over all its devices, may have this node store; whoever wants more is told when to
    /// come back. An act counts as many times as what it costs the cluster. `device_links` are its links to this node at a time.
    /// `…_per_second` is what goes on for ever, `…_burst` what may come at once after a pause; for what is only read both are ten
    /// times as much. `registrations_…` are the new accounts from one device, `all_registrations_…` those from all; `account_mib`
    /// is what an account may have stored, and `account_mib_per_hour` how fast. 0: no limit; a `…_per_second` or `…_per_minute`
    /// of 0 lifts all that bounds the same.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// The disk that `data` is on. `reserve_mib`: while less than that is free on too many nodes, nothing that adds to it is taken
    /// in, so that what is there can still be read and deleted. `erase_within_hours`: what somebody deleted is gone from
    /// everything that this node keeps after so long; 0: as soon as there is nothing else to do.
    #[serde(default)]
    pub disk: DiskConfig,
    /// The nodes that the cluster began with, this one among them, and the same on all of them. They compare their lists before
    /// the cluster begins, and one that differs is told of and holds it up. Where `join` is set: those
    /// that there were when this one was added, and this one. Looked at only until this node has learned from the cluster
    /// itself who its members are.
    pub members: Vec<MemberConfig>,
}

/// How much one device and one account may ask of a node: the `[limits]` of `node.toml`. A rate of 0 is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Acts a second of one device.
    pub device_per_second: u32,
    /// Acts of one device at once.
    pub device_burst: u32,
    /// Acts a second of one account.
    pub account_per_second: u32,
    /// Acts of one account at once.
    pub account_burst: u32,
    /// New accounts a minute from one device.
    pub registrations_per_minute: u32,
    /// New accounts from one device at once.
    pub registrations_burst: u32,
    /// New accounts a day from one device.
    pub registrations_per_day: u32,
    /// New accounts an hour from all devices together: each is told to every device there is.
    pub all_registrations_per_hour: u32,
    /// MiB an hour that one account stores.
    pub account_mib_per_hour: u32,
    /// MiB that one account has stored in all.
    pub account_mib: u32,
    /// Links of one device at a time.
    pub device_links: usize,
}

impl LimitsConfig {
    /// No limit at all, for measuring what a node can do.
    pub const NONE: Self = Self {
        device_per_second: 0,
        device_burst: 0,
        account_per_second: 0,
        account_burst: 0,
        registrations_per_minute: 0,
        registrations_burst: 0,
        registrations_per_day: 0,
        all_registrations_per_hour: 0,
        account_mib_per_hour: 0,
        account_mib: 0,
        device_links: 0,
    };

    /// The same as a file means it: where a rate is lifted, what else bounds the same is too. So a file that lifts the rates of
    /// devices, accounts and registrations sets no limit, whatever bounds are added.
    fn lifted(&self) -> Self {
        let mut limits = self.clone();
        if limits.device_per_second == 0 {
            limits.device_links = 0;
        }
        if limits.account_per_second == 0 {
            (limits.account_mib_per_hour, limits.account_mib) = (0, 0);
        }
        if limits.registrations_per_minute == 0 {
            (limits.registrations_per_day, limits.all_registrations_per_hour) = (0, 0);
        }
        limits
    }

    /// What one account may have stored.
    pub(crate) fn account_bytes_max(&self) -> u64 {
        if self.account_mib == 0 { u64::MAX } else { u64::from(self.account_mib) << 20 }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            device_per_second: 100,
            device_burst: 1000,
            account_per_second: 200,
            account_burst: 2000,
            registrations_per_minute: 1,
            registrations_burst: 20,
            registrations_per_day: 50,
            all_registrations_per_hour: 1000,
            account_mib_per_hour: 64,
            account_mib: 512,
            device_links: DEVICE_LINKS_MAX,
        }
    }
}

/// How a node treats its disk: the `[disk]` of `node.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiskConfig {
    /// What is kept for what must go on without words, in MiB.
    pub reserve_mib: u32,
    /// How long what was deleted may stay, in hours.
    pub erase_within_hours: u32,
}

impl DiskConfig {
    pub(crate) fn reserve_bytes(&self) -> u64 {
        u64::from(self.reserve_mib) << 20
    }

    pub(crate) fn erase_within(&self) -> Duration {
        Duration::from_hours(self.erase_within_hours.into())
    }
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self { reserve_mib: DISK_RESERVE_MIB, erase_within_hours: 24 }
    }
}

/// One of the nodes that a node is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberConfig {
    /// Its number.
    pub node: u64,
    /// `host:port` of its peer endpoint.
    pub peer_address: String,
    /// `host:port` of its client endpoint.
    pub client_address: String,
    /// SHA-256 of its certificate's public key, as `raftchatctl certs show` prints it.
    pub fingerprint: String,
}

fn default_certs() -> PathBuf {
    "certs".into()
}

fn default_data() -> PathBuf {
    "data".into()
}

const fn default_heartbeat_ms() -> u64 {
    50
}

const fn default_election_min_ms() -> u64 {
    150
}

const fn default_election_max_ms() -> u64 {
    300
}

const fn default_snapshot_entries() -> u64 {
    20_000
}

const fn default_keep_entries() -> u64 {
    5_000
}

const fn default_password_memory_kib() -> u32 {
    64 * 1024
}

const fn default_password_passes() -> u32 {
    3
}

const fn default_rpc_threads() -> usize {
    1
}

/// Why a node cannot be run as it is told.
#[derive(Debug, thiserror::Error)]
pub enum NodeConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// A value, or several together, cannot be.
    #[error("{}: {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// What does not fit, and what would.
        reason: String,
    },
}

impl NodeConfig {
    /// A node with everything by default.
    pub fn new(
        cluster: &str,
        node: u64,
        client_listen: SocketAddr,
        peer_listen: SocketAddr,
        members: Vec<MemberConfig>,
    ) -> Self {
        Self {
            founding: Some(founding_of(&members)),
            cluster: cluster.to_owned(),
            node,
            join: false,
            client_listen,
            peer_listen,
            certs: default_certs(),
            data: default_data(),
            heartbeat_ms: default_heartbeat_ms(),
            election_min_ms: default_election_min_ms(),
            election_max_ms: default_election_max_ms(),
            snapshot_entries: default_snapshot_entries(),
            keep_entries: default_keep_entries(),
            password_memory_kib: default_password_memory_kib(),
            password_passes: default_password_passes(),
            rpc_threads: default_rpc_threads(),
            limits: LimitsConfig::default(),
            disk: DiskConfig::default(),
            members,
        }
    }

    /// Reads the file at `path`. The directories in it are made relative to where it lies.
    pub fn load(path: &Path) -> Result<Self, NodeConfigError> {
        let mut config: Self =
            raftchat_config::read(path, "`raftchatctl cluster init` makes a directory with one for each node")?;
        config.check().map_err(|reason| NodeConfigError::Value { path: path.to_owned(), reason })?;
        let home = path.parent().unwrap_or(Path::new(""));
        config.limits = config.limits.lifted();
        config.certs = home.join(&config.certs);
        config.data = home.join(&config.data);
        Ok(config)
    }

    /// The file, with every key explained.
    ///
    /// # Errors
    /// A path in it is no text.
    pub fn to_file(&self) -> Result<String, toml::ser::Error> {
        raftchat_config::write(self)
    }

    fn check(&self) -> Result<(), String> {
        let numbers: BTreeSet<u64> = self.members.iter().map(|member| member.node).collect();
        if !numbers.contains(&self.node) {
            return Err(format!("`members` must contain this node, number {}", self.node));
        }
        if numbers.len() != self.members.len() || numbers.contains(&0) {
            return Err("`members` must have different numbers, from 1".to_owned());
        }
        self.bootstrap_members().map(drop)?;
        if self.client_listen == self.peer_listen {
            return Err("`client_listen` and `peer_listen` must be different: give one of them another port".to_owned());
        }
        if self.heartbeat_ms == 0 || self.election_min_ms < 3 * self.heartbeat_ms {
            return Err("`election_min_ms` must be at least three times `heartbeat_ms`, which is at least 1".to_owned());
        }
        if self.election_max_ms <= self.election_min_ms {
            return Err("`election_max_ms` must be above `election_min_ms`".to_owned());
        }
        if self.password_memory_kib < 19_456 || self.password_passes < 2 {
            return Err(
                "passwords need `password_memory_kib` of at least 19456 and `password_passes` of at least 2".to_owned()
            );
        }
        if self.snapshot_entries == 0 || self.rpc_threads == 0 || self.rpc_threads > 64 {
            return Err("`snapshot_entries` is at least 1, `rpc_threads` is 1 to 64".to_owned());
        }
        Ok(())
    }

    /// The nodes that this one is told of.
    ///
    /// # Errors
    /// A fingerprint that is none.
    pub fn bootstrap_members(&self) -> Result<Vec<(NodeId, Member)>, String> {
        let member = |member: &MemberConfig| {
            let fingerprint = unhex(&member.fingerprint)
                .ok_or_else(|| format!("the `fingerprint` of member {} is not 64 hexadecimal digits", member.node))?;
            let plain = Member {
                peer_address: member.peer_address.clone(),
                client_address: member.client_address.clone(),
                fingerprint,
            };
            Ok((NodeId(member.node), plain))
        };
        self.members.iter().map(member).collect()
    }

    /// Refuses a list of other nodes than the cluster was made of.
    ///
    /// # Errors
    /// What to do about it.
    pub fn must_be_founding_list(&self) -> Result<(), String> {
        match &self.founding {
            Some(founding) if *founding != founding_of(&self.members) => Err(format!(
                "`members` lists other nodes, or other fingerprints, than the cluster was made of (`founding`): node {} would \
                 begin another cluster under the same id. Put the list back as it is on the other nodes; only addresses may be \
                 changed",
                self.node
            )),
            _ => Ok(()),
        }
    }

    /// Raft's times and sizes.
    pub fn raft_settings(&self) -> RaftSettings {
        RaftSettings {
            heartbeat: Duration::from_millis(self.heartbeat_ms),
            election_min: Duration::from_millis(self.election_min_ms),
            election_max: Duration::from_millis(self.election_max_ms),
            snapshot_every: self.snapshot_entries,
            keep_entries: self.keep_entries,
            lag_max: self.snapshot_entries.saturating_add(self.keep_entries).saturating_mul(2),
            ..RaftSettings::default()
        }
    }
}

/// Tells one list of nodes from another, whatever their addresses.
fn founding_of(members: &[MemberConfig]) -> String {
    let members: BTreeSet<_> = members.iter().map(|member| (member.node, member.fingerprint.to_lowercase())).collect();
    let lines = members.iter().map(|(node, fingerprint)| format!("{node} {fingerprint}\n"));
    let digest = Sha256::digest(lines.collect::<String>());
    let mut hex = String::new();
    for byte in digest.iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, start) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(start..start + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_lifts_the_rates_lifts_what_bounds_the_same() {
        let rates = LimitsConfig {
            device_per_second: 0,
            account_per_second: 0,
            registrations_per_minute: 0,
            ..LimitsConfig::default()
        };
        let lifted = rates.lifted();
        assert_eq!((lifted.device_links, lifted.account_mib, lifted.account_mib_per_hour), (0, 0, 0));
        assert_eq!((lifted.registrations_per_day, lifted.all_registrations_per_hour), (0, 0));
        assert_eq!(LimitsConfig::default().lifted(), LimitsConfig::default());
    }
}

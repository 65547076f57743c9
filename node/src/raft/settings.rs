//! Raft's times and sizes. Knows nothing of where they are configured.

use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, ConfigError, SnapshotPolicy};

/// What a node logs unless somebody asks for something else: this project's own words. Openraft warns of each message that does
/// not arrive, several times a second for as long as a node is away, and takes a stop in order for an error; that a node is
/// away the transport says once, and why this one cannot go on is said where it is noticed (`store/failure.rs`).
pub const LOG_FILTER: &str = "info,openraft=off";

/// Raft's times and sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaftSettings {
    /// How often a leader says that it is there.
    pub heartbeat: Duration,
    /// After the leader's lease a follower that hears nothing waits this long and stands for election …
    pub election_min: Duration,
    /// … or, drawn by lot between the two, this long. Also how long a leader's lease is, so that a dead leader is
    /// replaced after `election_max` and something between the two.
    pub election_max: Duration,
    /// A snapshot is made every so many entries.
    pub snapshot_every: u64,
    /// So many entries that are in a snapshot are kept for followers that are a little behind.
    pub keep_entries: u64,
    /// A follower that is further behind is sent a snapshot.
    pub lag_max: u64,
    /// The most entries in one request to a follower.
    pub request_entries_max: u64,
    /// How long a follower may take for one request with entries.
    pub append_limit: Duration,
    /// How long the transfer of a snapshot may go without progress.
    pub snapshot_progress_limit: Duration,
    /// How long a follower may take to check and install a snapshot.
    pub install_limit: Duration,
}

impl Default for RaftSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(50),
            election_min: Duration::from_millis(150),
            election_max: Duration::from_millis(300),
            snapshot_every: 20_000,
            keep_entries: 5_000,
            lag_max: 30_000,
            request_entries_max: 512,
            append_limit: Duration::from_secs(5),
            snapshot_progress_limit: Duration::from_secs(10),
            install_limit: Duration::from_mins(5),
        }
    }
}

impl RaftSettings {
    pub(crate) fn config(&self, cluster: &str) -> Result<Arc<Config>, ConfigError> {
        let config = Config {
            cluster_name: cluster.to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            install_snapshot_timeout: millis(self.install_limit),
            max_payload_entries: self.request_entries_max,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_every),
            max_in_snapshot_log_to_keep: self.keep_entries,
            replication_lag_threshold: self.lag_max,
            enable_pre_vote: Some(true),
            // The state is not synced on every entry, so a restarted leader must be elected anew.
            enable_leader_restore: Some(false),
            // A follower whose log has gone back is found again from the beginning; otherwise it would be sent the same for
            // ever. It gives no vote meanwhile: see `trust/doubts.rs`.
            allow_log_reversion: Some(true),
            ..Config::default()
        };
        config.validate().map(Arc::new)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

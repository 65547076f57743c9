//! Asks the nodes of a cluster how they are, as a device that is nobody's. Knows nothing of why somebody wants to know.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use raftchat_certs::{Anchors, Authorities, Leaf, LeafFiles, Subject};
use raftchat_client::{Client, ClientConfig, ClientOptions, Profile};
use raftchat_schema::view::NodeStatus;

use super::directory::ClusterDir;
use crate::failure::Failure;

/// A node that has not answered by then is unreachable.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longer than any authority lasts.
const ALL_TIME: Duration = Duration::from_hours(100 * 366 * 24);

/// One node, as it was seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The node's number.
    pub(crate) node: u64,
    /// The address at which it was asked.
    pub(crate) address: String,
    /// Its answer, or why there is none within two seconds.
    pub(crate) status: Result<NodeStatus, String>,
}

/// Somebody who may ask.
#[derive(Clone)]
pub(crate) struct Observer {
    client: Client,
}

impl Observer {
    /// Of all nodes that a cluster began with.
    pub(crate) fn of_cluster(cluster: &ClusterDir) -> Result<Self, Failure> {
        let config = cluster.client_config()?;
        Self::with(cluster, config)
    }

    /// Of some nodes of a cluster alone.
    pub(crate) fn of_nodes(cluster: &ClusterDir, nodes: &BTreeSet<u64>) -> Result<Self, Failure> {
        let mut config = cluster.client_config()?;
        config.nodes.retain(|entry| nodes.contains(&entry.node));
        Self::with(cluster, config)
    }

    /// Of the nodes that a device knows.
    pub(crate) fn of_profile(profile: &Path) -> Result<Self, Failure> {
        Self::start(Profile::open(profile)?)
    }

    fn with(cluster: &ClusterDir, config: ClientConfig) -> Result<Self, Failure> {
        let (leaf, anchors) = identity(cluster)?;
        Self::start(Profile::in_memory(config, leaf, anchors))
    }

    fn start(profile: Profile) -> Result<Self, Failure> {
        let client = Client::start(profile, ClientOptions { timeout: PATIENCE, ..ClientOptions::default() })?;
        Ok(Self { client })
    }

    /// Asks all of them at once.
    pub(crate) async fn look(&self) -> Vec<Seen> {
        let answers = self.client.statuses().await;
        let seen = answers.into_iter().map(|(entry, answer)| {
            let status = answer.map_err(|error| error.to_string());
            Seen { node: entry.node, address: entry.address, status }
        });
        seen.collect()
    }
}

/// A certificate made for the occasion where the authorities are; otherwise that of a device of the cluster.
pub(crate) fn identity(cluster: &ClusterDir) -> Result<(Leaf, Anchors), Failure> {
    if cluster.pki().is_dir() {
        let authorities = Authorities::load(&cluster.pki())?;
        let subject = Subject::device("raftchatctl-status").map_err(raftchat_certs::IssueError::from)?;
        // As long as its authority, and no longer than this program: whoever looks how wrong this machine's clock is gets in.
        let always = UNIX_EPOCH + Duration::from_hours(24);
        let leaf = authorities.issue_for(&subject, ALL_TIME, always)?;
        return Ok((leaf, authorities.anchors_for(&subject)));
    }
    let profile = first_device(cluster)?;
    let files = LeafFiles::load_whenever(&profile.join("certs"))?;
    Ok((files.leaf, files.anchors))
}

fn first_device(cluster: &ClusterDir) -> Result<PathBuf, Failure> {
    let devices = fs::read_dir(cluster.devices()).into_iter().flatten();
    let profiles = devices.filter_map(|entry| Some(entry.ok()?.path()));
    profiles.filter(|path| path.join("certs").is_dir()).min().ok_or_else(|| Failure::Missing {
        path: cluster.pki(),
        hint: "without it a device's profile is needed; name one with --profile",
    })
}

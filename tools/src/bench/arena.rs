//! Where a measurement takes place: a cluster of its own, which it throws away, or one that is there.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use raftchat_certs::{Anchors, Leaf, LeafFiles};
use raftchat_client::{ClientConfig, Profile};
use raftchat_transport::{Credentials, TrustAnchors};

use crate::cluster::directory::ClusterDir;
use crate::cluster::init::Strictness;
use crate::cluster::observer;
use crate::failure::Failure;
use crate::scratch::Scratch;

/// Which cluster to measure; by default one of three nodes that is made for it.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct ArenaArguments {
    /// Measure the cluster that this device belongs to
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// Measure the cluster of this directory, which must be running
    #[arg(long, value_name = "CLUSTER")]
    dir: Option<PathBuf>,
    /// Measure a new cluster of so many nodes on this machine [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9))]
    nodes: Option<u16>,
}

const NODES_BY_DEFAULT: u16 = 3;

/// The cluster, and how to get in.
pub(super) struct Arena {
    /// Only where it was made for the measurement.
    scratch: Option<Scratch>,
    /// What every device of the measurement needs.
    pub(super) access: Access,
}

/// What a device needs to speak with the cluster.
#[derive(Clone, Debug)]
pub(super) struct Access {
    /// The cluster's id.
    pub(super) cluster: String,
    /// Nodes and where they are.
    pub(super) nodes: Vec<(u64, SocketAddr)>,
    /// The device's certificate and key.
    pub(super) credentials: Credentials,
    /// Who vouches for nodes.
    pub(super) anchors: TrustAnchors,
}

impl Arena {
    /// Finds the cluster, or makes it and waits until it is ready.
    pub(super) async fn open(arguments: &ArenaArguments) -> Result<Self, Failure> {
        if let Some(profile) = &arguments.profile {
            return Ok(Self { scratch: None, access: Access::of_profile(profile)? });
        }
        if let Some(dir) = &arguments.dir {
            return Ok(Self { scratch: None, access: Access::of_cluster(&ClusterDir::new(dir))? });
        }
        Self::make(arguments.nodes.unwrap_or(NODES_BY_DEFAULT)).await
    }

    /// Makes a cluster of so many nodes and waits until it is ready.
    pub(super) async fn make(nodes: u16) -> Result<Self, Failure> {
        let mut scratch = Scratch::temporary("raftchat-bench", nodes, Strictness::Least)?;
        scratch.start()?;
        scratch.ready().await?;
        let access = Access::of_cluster(scratch.cluster())?;
        Ok(Self { scratch: Some(scratch), access })
    }

    /// Whether the measurement need not tidy up.
    pub(super) fn is_thrown_away(&self) -> bool {
        self.scratch.is_some()
    }

    /// The process ids of the nodes, where they are ours.
    pub(super) fn pids(&self) -> BTreeMap<u64, u32> {
        self.scratch.as_ref().map(|scratch| scratch.nodes.pids()).unwrap_or_default()
    }

    /// The data directories of the nodes, where they are ours.
    pub(super) fn data(&self) -> Result<Vec<PathBuf>, Failure> {
        let Some(scratch) = &self.scratch else { return Ok(Vec::new()) };
        let cluster = scratch.cluster();
        Ok(cluster.nodes()?.into_iter().map(|node| cluster.node_data(node)).collect())
    }

    /// Ends the nodes, where they are ours.
    pub(super) async fn close(mut self) {
        if let Some(scratch) = &mut self.scratch {
            scratch.stop().await;
        }
    }
}

impl Access {
    fn of_profile(dir: &Path) -> Result<Self, Failure> {
        let profile = Profile::open(dir)?;
        let files = LeafFiles::load(&dir.join("certs"), SystemTime::now())?;
        Self::of(profile.config(), &files.leaf, &files.anchors)
    }

    fn of_cluster(cluster: &ClusterDir) -> Result<Self, Failure> {
        let (leaf, anchors) = observer::identity(cluster)?;
        Self::of(&cluster.client_config()?, &leaf, &anchors)
    }

    fn of(config: &ClientConfig, leaf: &Leaf, anchors: &Anchors) -> Result<Self, Failure> {
        let resolve = |address: &str| {
            let found = address.to_socket_addrs().ok().and_then(|mut found| found.next());
            found.ok_or_else(|| Failure::Unreachable(format!("{address} cannot be resolved")))
        };
        let nodes = config.nodes.iter().map(|entry| Ok((entry.node, resolve(&entry.address)?)));
        Ok(Self {
            cluster: config.cluster.clone(),
            nodes: nodes.collect::<Result<_, Failure>>()?,
            credentials: Credentials { chain: leaf.chain_der(), key: leaf.key_der() },
            anchors: TrustAnchors(vec![anchors.nodes.to_vec()]),
        })
    }
}

//! `raftchatctl cluster drain`: a node that sends its devices to the others, and ends.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use raftchat_config::places;
use raftchat_schema::id::NodeId;
use serde_json::json;

use super::admin::AdminClient;
use super::directory::ClusterDir;
use crate::failure::Failure;
use crate::shell::output::Output;

/// Which node, and how long it may take.
#[derive(Debug, Args)]
pub(crate) struct DrainArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", env = "RAFTCHAT_DIR", default_value_os_t = places::cluster())]
    dir: PathBuf,
    /// For how many seconds the node waits for its devices to go elsewhere, before it ends all the same
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=3600))]
    seconds: u32,
    /// The node's number
    #[arg(value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    node: u64,
}

pub(super) async fn run(arguments: &DrainArguments, output: Output) -> Result<(), Failure> {
    let (cluster, node) = (ClusterDir::new(&arguments.dir), arguments.node);
    let mut admin = AdminClient::of_cluster(&cluster, &cluster.configs()?)?;
    admin.drain(NodeId(node), Duration::from_secs(arguments.seconds.into())).await?;
    let seconds = arguments.seconds;
    output.answer(&json!({ "node": node, "state": "draining", "seconds": seconds }), || {
        format!(
            "node {node} sends its devices elsewhere, and ends when none is left, in {seconds} seconds at the latest"
        )
    })
}

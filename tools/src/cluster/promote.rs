//! `raftchatctl cluster promote`: a node that has learned all votes from now on.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use raftchat_config::places;
use raftchat_schema::id::NodeId;
use serde_json::json;

use super::admin::{AdminClient, Change};
use super::directory::ClusterDir;
use crate::failure::Failure;
use crate::shell::output::Output;

/// Which node, and for how long it is waited for.
#[derive(Debug, Args)]
pub(crate) struct PromoteArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", env = "RAFTCHAT_DIR", default_value_os_t = places::cluster())]
    dir: PathBuf,
    /// For how many seconds to wait until the node has caught up
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// The node's number
    #[arg(value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    node: u64,
}

pub(super) async fn run(arguments: &PromoteArguments, output: Output) -> Result<(), Failure> {
    let (cluster, node) = (ClusterDir::new(&arguments.dir), arguments.node);
    let mut admin = AdminClient::of_cluster(&cluster, &cluster.configs()?)?;
    admin.change(&Change::Promote(NodeId(node)), Duration::from_secs(arguments.timeout)).await?;
    output.answer(&json!({ "node": node, "role": "voter" }), || format!("node {node} votes"))
}

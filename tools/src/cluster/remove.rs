//! `raftchatctl cluster remove`: a node less.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use raftchat_config::places;
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::MembershipRefusal;
use serde_json::json;

use super::admin::{AdminClient, Change};
use super::directory::ClusterDir;
use crate::failure::Failure;
use crate::shell::output::Output;

/// How long the cluster may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The node to remove.
#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", env = "RAFTCHAT_DIR", default_value_os_t = places::cluster())]
    dir: PathBuf,
    /// The node's number
    #[arg(value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    node: u64,
}

pub(super) async fn run(arguments: &RemoveArguments, output: Output) -> Result<(), Failure> {
    let (cluster, node) = (ClusterDir::new(&arguments.dir), arguments.node);
    let mut admin = AdminClient::of_cluster(&cluster, &cluster.configs()?)?;
    let outcome = admin.change(&Change::Remove(NodeId(node)), PATIENCE).await;
    // A node that is no member and has a directory was removed by an attempt whose end was not seen here.
    let gone = matches!(outcome, Err(Failure::Membership(MembershipRefusal::NoSuchNode)));
    if outcome.is_ok() || gone && cluster.node(node).is_dir() {
        cluster.mark_removed(node)?;
    }
    outcome?;
    output.answer(&json!({ "node": node, "role": "removed" }), || {
        format!("node {node} is out of the cluster. Stop it if it runs; it is let in no more, and its number is not given again")
    })
}

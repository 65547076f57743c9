//! `raftchatctl cluster finalize`: what came with the next feature level is taken from now on, as all nodes know it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use raftchat_config::places;
use raftchat_schema::level::Level;
use serde_json::json;

use super::admin::{AdminClient, Change};
use super::directory::ClusterDir;
use super::observer::Observer;
use crate::failure::Failure;
use crate::shell::output::Output;

/// Which cluster.
#[derive(Debug, Args)]
pub(crate) struct FinalizeArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", env = "RAFTCHAT_DIR", default_value_os_t = places::cluster())]
    dir: PathBuf,
    /// For how many seconds to wait for a leader
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
}

pub(super) async fn run(arguments: &FinalizeArguments, output: Output) -> Result<(), Failure> {
    let cluster = ClusterDir::new(&arguments.dir);
    let seen = Observer::of_cluster(&cluster)?.look().await;
    let statuses = seen.iter().filter_map(|seen| seen.status.as_ref().ok());
    // As far as anybody has applied: the level never goes back.
    let (current, newest) = statuses.fold((None, Level::FIRST), |(current, newest), status| {
        (current.max(Some(status.level)), newest.max(status.newest_level))
    });
    let Some(current) = current else {
        return Err(Failure::Unreachable("no node answered: are they running?".to_owned()));
    };
    if newest <= current {
        let told = || format!("the cluster is at level {current}, and no node knows a higher one");
        return output.answer(&json!({ "level": current.0, "raised": false }), told);
    }
    let level = current.next();
    let mut admin = AdminClient::of_cluster(&cluster, &cluster.configs()?)?;
    admin.change(&Change::RaiseLevel(level), Duration::from_secs(arguments.timeout)).await?;
    output.answer(&json!({ "level": level.0, "raised": true }), || format!("the cluster is at level {level}"))
}

//! Asking every node how it is. Knows nothing of sessions.

use std::time::Duration;

use futures::future::join_all;
use raftchat_schema::view::NodeStatus;
use raftchat_transport::{CallFailure, LinkFailure};
use tokio::time::timeout;

use crate::error::ClientError;
use crate::link::connect::{greet, reach};
use crate::link::order::{Candidate, judge};
use crate::link::worker::Worker;
use crate::profile::NodeEntry;
use crate::rpc;
use crate::rpc::failure::{ConnectFailure, Failure};

/// A node that has not answered by then is taken for unreachable.
const NODE_DEADLINE: Duration = Duration::from_secs(2);

/// The status of each known node, in order of number.
pub(crate) async fn all(worker: &Worker) -> Vec<(NodeEntry, Result<NodeStatus, ClientError>)> {
    let limit = worker.timeout().min(NODE_DEADLINE);
    join_all(worker.known().into_iter().map(|entry| async move {
        let status = match timeout(limit, one(worker, &entry)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::Unreachable { cause: format!("no answer within {limit:?}") }),
        };
        (entry, status)
    }))
    .await
}

async fn one(worker: &Worker, entry: &NodeEntry) -> Result<NodeStatus, ClientError> {
    let candidate = Candidate { address: entry.address.clone(), node: Some(entry.node) };
    let not_reached = |failure: LinkFailure| {
        // No other was asked: what is seen there is all that there is to tell.
        let cause = failure.to_string();
        match judge(&[(candidate.clone(), failure)]) {
            ConnectFailure::Unreachable(_) => ClientError::Unreachable { cause },
            refused @ ConnectFailure::NotAccepted(_) => Failure::Connect(refused).into_error(),
        }
    };
    let reached = reach(worker.dialer(), &worker.profile().config().cluster, &candidate).await.map_err(not_reached)?;
    greet(&reached.link, &reached.gateway).await.map_err(not_reached)?;
    match rpc::status(&reached.gateway).await {
        Err(Failure::Exception(error)) => match reached.link.explain(error).await {
            CallFailure::Link(failure) => Err(Failure::Link(failure).into_error()),
            CallFailure::Remote(error) => Err(Failure::Exception(error).into_error()),
        },
        outcome => outcome.map_err(Failure::into_error),
    }
}

//! Reaching a node: all known ones are tried, a little apart, and the first that proves who it is is taken. Knows nothing of
//! sessions.

use std::time::Duration;

use futures::StreamExt as _;
use futures::future::select_ok;
use futures::stream::FuturesUnordered;
use raftchat_schema::generated::client_capnp::gateway;
use raftchat_schema::id::NodeId;
use raftchat_transport::{CallFailure, Dialer, Expect, Identity, Link, LinkFailure};
use tokio::time::{sleep, timeout};

use super::order::{Candidate, judge};
use crate::rpc::failure::{ConnectFailure, Failure};
use crate::rpc::{self, Hello};

/// How long one node may take to be reached and to answer.
const NODE_DEADLINE: Duration = Duration::from_secs(3);

/// A node that has proved itself. Whether it lets this device in, its first answer tells: what is asked of it need not wait
/// for that.
#[derive(Clone)]
pub(crate) struct Reached {
    pub(crate) link: Link,
    pub(crate) gateway: gateway::Client,
    pub(crate) node: NodeId,
    pub(crate) address: String,
}

/// Tries all of `candidates`, the first at once and each of the others a `stagger` later; the first that is reached wins.
pub(crate) async fn race(
    dialer: &Dialer,
    cluster: &str,
    candidates: Vec<Candidate>,
    stagger: Duration,
) -> Result<Reached, ConnectFailure> {
    let mut delay = Duration::ZERO;
    let mut tries = FuturesUnordered::new();
    for candidate in candidates {
        let wait = delay;
        delay = delay.saturating_add(stagger);
        tries.push(async move {
            sleep(wait).await;
            reach(dialer, cluster, &candidate).await.map_err(|failure| (candidate, failure))
        });
    }
    let mut failures = Vec::new();
    while let Some(outcome) = tries.next().await {
        match outcome {
            Ok(reached) => return Ok(reached),
            Err((candidate, failure)) => {
                tracing::debug!(address = %candidate.address, %failure, "a node was not reached");
                failures.push((candidate, failure));
            }
        }
    }
    Err(judge(&failures))
}

/// Reaches one node within its deadline.
pub(crate) async fn reach(dialer: &Dialer, cluster: &str, candidate: &Candidate) -> Result<Reached, LinkFailure> {
    match timeout(NODE_DEADLINE, try_reach(dialer, cluster, candidate)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(LinkFailure::Timeout(NODE_DEADLINE)),
    }
}

async fn try_reach(dialer: &Dialer, cluster: &str, candidate: &Candidate) -> Result<Reached, LinkFailure> {
    let expect = Expect { cluster: cluster.to_owned(), node: candidate.node };
    let unreachable = |cause: String| LinkFailure::Unreachable { cause };
    let resolved = tokio::net::lookup_host(&candidate.address)
        .await
        .map_err(|error| unreachable(format!("{} cannot be resolved: {error}", candidate.address)))?;
    // A name may stand for several addresses, of which perhaps one is listened at.
    let dials: Vec<_> = resolved.map(|address| Box::pin(dialer.connect(address, &expect))).collect();
    if dials.is_empty() {
        return Err(unreachable(format!("{} has no address", candidate.address)));
    }
    let (link, _) = select_ok(dials).await?;
    let gateway: gateway::Client = link.bootstrap().await?;
    let node = match link.peer() {
        Identity::Node { id, .. } => NodeId(*id),
        Identity::Device { .. } => return Err(LinkFailure::WrongServer { detail: link.peer().to_string() }),
    };
    Ok(Reached { link, gateway, node, address: candidate.address.clone() })
}

/// Waits until the node at the other end has let this device in; gives what it tells.
pub(crate) async fn greet(link: &Link, gateway: &gateway::Client) -> Result<Hello, LinkFailure> {
    let Ok(outcome) = timeout(NODE_DEADLINE, greeted(link, gateway)).await else {
        return Err(LinkFailure::Timeout(NODE_DEADLINE));
    };
    outcome
}

async fn greeted(link: &Link, gateway: &gateway::Client) -> Result<Hello, LinkFailure> {
    // Asked together: one round trip. That the node lets this device in is known by either.
    let (admitted, hello) = tokio::join!(link.admitted(gateway), rpc::hello(gateway));
    admitted?;
    let error = match hello {
        Ok(hello) => return Ok(hello),
        Err(Failure::Exception(error)) => error,
        Err(failure) => return Err(LinkFailure::NodeGone { cause: failure.sentence() }),
    };
    match link.explain(error).await {
        CallFailure::Link(failure) => Err(failure),
        CallFailure::Remote(error) => Err(LinkFailure::NodeGone { cause: error.extra }),
    }
}

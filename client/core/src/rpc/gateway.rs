//! What a device asks before it is anybody. Knows nothing of what a session can do.

use std::time::Duration;

use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::generated::client_capnp::{Freshness, gateway, granted, node_address, session};
use raftchat_schema::id::{RequestNumber, SessionId, Stamp, Username};
use raftchat_schema::level::Level;
use raftchat_schema::pause::Pause;
use raftchat_schema::view::{NodeStatus, UserView};
use raftchat_schema::wire::{read_status, read_user};
use raftchat_transport::lot;
use tokio::time::sleep;

use crate::profile::NodeEntry;
use crate::profile::session::SessionToken;
use crate::rpc::failure::Failure;

/// The pauses between questions that come too soon, where the node names shorter ones.
const PAUSE: Pause = Pause::between(Duration::from_millis(10), Duration::from_secs(1));

/// A session as a node grants it.
pub(crate) struct Granted {
    pub(crate) client: session::Client,
    pub(crate) session: SessionId,
    pub(crate) user: UserView,
    /// A majority confirmed that nothing acknowledged before is missing.
    pub(crate) fresh: bool,
    /// As far as the node has applied.
    pub(crate) seen: Vec<u8>,
    /// What time it is in the cluster.
    pub(crate) time: Stamp,
    /// The highest number of the session's requests so far.
    pub(crate) highest: RequestNumber,
}

/// What a session is asked for with.
pub(crate) struct Account<'a> {
    pub(crate) username: &'a Username,
    pub(crate) password: &'a str,
    pub(crate) token: &'a SessionToken,
    pub(crate) device_name: &'a str,
}

/// What a node tells whoever is let in.
pub(crate) struct Hello {
    /// The nodes.
    pub(crate) nodes: Vec<NodeEntry>,
    /// What time it is in the cluster.
    pub(crate) time: Stamp,
    /// The cluster's feature level.
    pub(crate) level: Level,
}

/// Answers when the node has, also where other programs of this device ask it too much.
pub(crate) async fn hello(gateway: &gateway::Client) -> Result<Hello, Failure> {
    patiently(async || asked_hello(gateway).await).await
}

async fn asked_hello(gateway: &gateway::Client) -> Result<Hello, Failure> {
    let response = ask!(gateway, hello_request);
    let results = unless_refused!(response);
    let time = Stamp(results.get_time_ms());
    let entry = |node: node_address::Reader<'_>| {
        Ok(NodeEntry { node: node.get_id(), address: node.get_address()?.to_str()?.to_owned() })
    };
    let nodes = results.get_nodes()?.iter().map(entry).collect::<Result<_, capnp::Error>>()?;
    Ok(Hello { nodes, time, level: Level(results.get_level()) })
}

pub(crate) async fn register(
    gateway: &gateway::Client,
    account: &Account<'_>,
    display_name: &str,
) -> Result<Granted, Failure> {
    let response = ask!(gateway, register_request, |params| {
        params.set_username(account.username.as_str());
        params.set_display_name(display_name);
        params.set_password(account.password);
        params.set_token(account.token.bytes());
        params.set_device_name(account.device_name);
    });
    read_granted(unless_refused!(response).get_granted()?)
}

pub(crate) async fn login(gateway: &gateway::Client, account: &Account<'_>) -> Result<Granted, Failure> {
    let response = ask!(gateway, login_request, |params| {
        params.set_username(account.username.as_str());
        params.set_password(account.password);
        params.set_token(account.token.bytes());
        params.set_device_name(account.device_name);
    });
    read_granted(unless_refused!(response).get_granted()?)
}

/// Takes the session up, with everything that was acknowledged to anybody if a majority answers. Asks before it returns: what
/// is asked of the session, which is given at once, goes to the node with the question, and fails if that is refused.
pub(crate) fn resume(
    gateway: &gateway::Client,
    token: &SessionToken,
    seen: &[u8],
) -> (session::Client, impl Future<Output = Result<Granted, Failure>> + 'static) {
    let mut request = gateway.resume_request();
    let mut params = request.get();
    params.set_token(token.bytes());
    params.reborrow().init_seen().set_bytes(seen);
    params.set_freshness(Freshness::Linearizable);
    let asked = request.send();
    let session = asked.pipeline.get_granted().get_session();
    let granted = async move {
        let response = asked.promise.await?;
        read_granted(unless_refused!(response).get_granted()?)
    };
    (session, granted)
}

fn read_granted(granted: granted::Reader<'_>) -> Result<Granted, Failure> {
    Ok(Granted {
        client: granted.get_session()?,
        session: SessionId(granted.get_session_id()),
        user: read_user(granted.get_user()?)?,
        fresh: granted.get_fresh(),
        seen: granted.get_seen()?.get_bytes()?.to_vec(),
        time: Stamp(granted.get_time_ms()),
        highest: RequestNumber(granted.get_highest_request()),
    })
}

/// How a node is. Answers when the node has, as above.
pub(crate) async fn status(gateway: &gateway::Client) -> Result<NodeStatus, Failure> {
    patiently(async || asked_status(gateway).await).await
}

/// Asks again when the node says that it may be asked: in a moment, as nothing else is refused so. Who calls this bounds it.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut pause = PAUSE;
    loop {
        match ask().await {
            Err(Failure::Refused(Refusal { code: ErrorCode::RateLimited, retry_after_ms })) if retry_after_ms > 0 => {
                sleep(pause.grow_to(Duration::from_millis(retry_after_ms), lot())).await;
            }
            outcome => return outcome,
        }
    }
}

async fn asked_status(gateway: &gateway::Client) -> Result<NodeStatus, Failure> {
    let response = ask!(gateway, status_request);
    Ok(read_status(unless_refused!(response).get_status()?)?)
}

//! A running node: starts its parts in the order in which they need each other, and stops them in the reverse one. Never
//! knows how it is told to stop.

mod error;
mod meeting;
mod secret;
mod tasks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use capnp::capability::FromClientHook as _;
use raftchat_certs::{LeafFiles, Subject};
use raftchat_schema::generated::{client_capnp, peer_capnp};
use raftchat_schema::id::NodeId;
use raftchat_transport::{
    AdmitAll, CloseCode, Credentials, Damped, Dialer, DialerConfig, Identity, LinkLimits, LinkMeters, LinkTiming,
    NodeSecret, PeerPool, Role, RpcCounters, RpcThreads, Server, ServerConfig, TrustAnchors,
};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use error::NodeError;

use crate::admission::login_throttle::LoginThrottle;
use crate::admission::passwords::Passwords;
use crate::admission::rate_limiter::RateLimiter;
use crate::audience::applied::Listeners;
use crate::audience::fanout::Fanout;
use crate::audience::live::LiveSessions;
use crate::audience::presence::Presence;
use crate::audience::typing::Typing;
use crate::clock::{self, NodeClock};
use crate::config::NodeConfig;
use crate::health::freshness::Freshness;
use crate::health::meters::Meters;
use crate::health::node_health::{Draining, NodeHealth};
use crate::health::room::Room;
use crate::housekeeping::proposals::{Deliveries, Erasures};
use crate::peers::admission;
use crate::peers::exposure;
use crate::peers::links::PeerLinks;
use crate::peers::members::Members;
use crate::peers::service::{PeerService, PeerServices};
use crate::proposer::Proposer;
use crate::proposer::reaching::Reaching;
use crate::proposer::read_index::ReadIndex;
use crate::proposer::waiting::Waiting;
use crate::raft::RaftHandle;
use crate::services::{GatewayService, Services};
use crate::store::{Failures, StoreError, StoreSettings, Stores};

/// How long handing leadership on may take before the node stops all the same.
const HAND_ON_LIMIT: Duration = Duration::from_secs(3);
/// How long callers are waited for once they were told.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// How often, of a node that drains, it is looked whether devices are left.
const DRAIN_LOOK: Duration = Duration::from_millis(20);
/// What is refused of another node's calls is logged so often, of each kind.
const REFUSED_EVERY: Duration = Duration::from_mins(1);

/// A node that serves.
#[derive(Debug)]
pub struct Node {
    raft: RaftHandle,
    health: Arc<NodeHealth>,
    members: Arc<Members>,
    drain_asked: watch::Receiver<Option<Duration>>,
    client_server: Arc<Server>,
    peer_server: Arc<Server>,
    tasks: JoinSet<()>,
    // Last, so that the threads outlive what runs on them.
    _threads: RpcThreads,
}

/// What the parts share before Raft runs.
struct Shared {
    own: NodeId,
    leaf: LeafFiles,
    secret: NodeSecret,
    stores: Stores,
    members: Arc<Members>,
    links: Arc<PeerLinks>,
    waiting: Arc<Waiting>,
    fanout: Arc<Fanout>,
    live: Arc<LiveSessions>,
    reaching: Arc<Reaching>,
    standing_by: Arc<AtomicUsize>,
    presence: Arc<Presence>,
    typing: Arc<Typing>,
    deliveries: Arc<Deliveries>,
    erasures: Arc<Erasures>,
    health: Arc<NodeHealth>,
    clock: Arc<NodeClock>,
    room: Arc<Room>,
}

impl Node {
    /// Starts the node, with its connections on those threads; returns when it listens. Whether it can serve yet is the
    /// cluster's matter.
    pub async fn start(config: &NodeConfig, threads: RpcThreads) -> Result<Self, NodeError> {
        let meters = Meters::default();
        let passwords = Passwords::new(config, &meters).map_err(|error| NodeError::Config(error.to_string()))?;
        let leaf = LeafFiles::load_whenever(&config.certs)?;
        must_be_own(&leaf, config)?;
        exposure::key_must_be_private(&config.certs)?;
        exposure::warn_of_public_peers(config);
        let shared = share(config, leaf, &threads, &meters).await?;
        let raft = start_raft(config, &shared).await?;
        let clock = shared.clock.clone();
        let freshness = Arc::new(Freshness::new());
        let (links, waiting) = (shared.links.clone(), shared.waiting.clone());
        let proposer = Proposer::start(raft.clone(), links, waiting, clock.clone(), freshness.clone(), &meters);
        let read_index = ReadIndex::start(raft.clone(), shared.links.clone());

        let greeter = Arc::new(meeting::greeter(config, &shared.leaf, &shared.stores, &raft)?);
        let (drain, drain_asked) = watch::channel(None);
        let peer_services = PeerServices {
            drain,
            raft: raft.clone(),
            proposer: proposer.clone(),
            presence: shared.presence.clone(),
            typing: shared.typing.clone(),
            clock: clock.clone(),
            room: shared.room.clone(),
            greeter: greeter.clone(),
            budgets: Arc::default(),
            refused: Arc::new(Damped::new(REFUSED_EVERY)),
        };
        let passed = meters.links.rpc.clone();
        let peer_server = Arc::new(serve_peers(config, &shared, &threads, peer_services, passed.clone()).await?);
        let mut tasks = JoinSet::new();
        tasks::spawn_meetings(&mut tasks, &shared, &raft, greeter, peer_server.clone());
        let told = config.bootstrap_members().map_err(NodeError::Config)?;
        tasks.spawn(admission::tell_of_old_list(shared.members.clone(), told));

        let (recovered, recovery) = watch::channel(false);
        let services = Arc::new(Services {
            raft: raft.clone(),
            proposer: proposer.clone(),
            read_index: read_index.clone(),
            health: shared.health.clone(),
            freshness: freshness.clone(),
            standing_by: shared.standing_by.clone(),
            account_bytes_max: config.limits.account_bytes_max(),
            presence: shared.presence.clone(),
            live: shared.live.clone(),
            fanout: shared.fanout.clone(),
            typing: shared.typing.clone(),
            deliveries: shared.deliveries.clone(),
            passwords,
            throttle: LoginThrottle::default(),
            rates: Arc::new(RateLimiter::new(&config.limits, meters.rates.clone())),
            reaching: shared.reaching.clone(),
            meters,
            clock,
            room: shared.room.clone(),
            ending: shared.leaf.ending.clone(),
            recovered: recovery,
        });
        let client_server = Arc::new(serve_clients(config, &shared, &threads, services).await?);
        tasks.spawn(tasks::wait_for_recovery(raft.clone(), recovered));
        tasks::spawn_presence(&mut tasks, &shared);
        tasks::spawn_keepers(&mut tasks, config, &shared, &raft);
        tasks::spawn_notes(&mut tasks, &shared, &proposer, &raft, passed);
        tasks::spawn_watches(&mut tasks, &shared, freshness, read_index, raft.clone(), client_server.clone());
        let Shared { health, members, .. } = shared;
        Ok(Self { raft, health, members, drain_asked, client_server, peer_server, tasks, _threads: threads })
    }

    /// Where devices connect.
    pub fn client_address(&self) -> SocketAddr {
        self.client_server.local_address()
    }

    /// Where the other nodes connect.
    pub fn peer_address(&self) -> SocketAddr {
        self.peer_server.local_address()
    }

    /// Waits until the node cannot go on, and says why.
    pub async fn failed(&self) -> Arc<str> {
        self.raft.stores().failures.failed().await
    }

    /// Waits until another node, or whoever may speak for one, asks this one to drain, and says how long it may take.
    pub async fn drain_asked(&self) -> Duration {
        let mut asked = self.drain_asked.clone();
        match asked.wait_for(Option::is_some).await.map(|asked| *asked) {
            Ok(Some(within)) => within,
            // Nobody can ask any more.
            _ => std::future::pending().await,
        }
    }

    /// Sends its devices elsewhere: hands leadership on, opens no more sessions, tells all who listen, and ends the links on
    /// which nothing goes on. Returns when no device is left, or after `within`; then it is to be stopped.
    pub async fn drain(&self, within: Duration) {
        let deadline = Instant::now() + within;
        self.health.drain(Draining { deadline, to: self.only_other() });
        let handing_on = async {
            if let Err(error) = self.raft.retire(HAND_ON_LIMIT.min(within)).await {
                tracing::warn!(%error, "leadership was not handed on");
            }
        };
        let emptying = async {
            while !self.client_server.connections().is_empty() {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
        };
        if tokio::time::timeout(within, async { tokio::join!(handing_on, emptying) }).await.is_err() {
            tracing::info!(
                links = self.client_server.connections().len(),
                "not all devices have gone elsewhere in time"
            );
        }
    }

    /// The other node that is there, if there is just one; otherwise each device chooses, so that not all go to the same.
    fn only_other(&self) -> Option<NodeId> {
        let (members, suspects) = (self.members.now(), self.health.watch().borrow().suspects.clone());
        let own = self.raft.stores().identity.node;
        let others = members.membership.members.iter().map(|(node, _)| *node);
        let mut others = others.filter(|node| *node != own && !suspects.contains(node));
        others.next().filter(|_| others.next().is_none())
    }

    /// Stops: hands leadership on, tells its callers where they stand, and makes durable what is stored.
    pub async fn stop(mut self) -> Result<(), StoreError> {
        self.client_server.stop_accepting();
        // One that has drained has tried.
        if !self.health.is_draining()
            && let Err(error) = self.raft.hand_on_leadership(HAND_ON_LIMIT).await
        {
            tracing::warn!(%error, "stopping without having handed leadership on");
        }
        self.tasks.shutdown().await;
        self.client_server.close(CloseCode::Draining, "the node stops", CLOSE_LIMIT).await;
        let closed = self.raft.shutdown().await;
        self.peer_server.close(CloseCode::Shutdown, "the node stops", CLOSE_LIMIT).await;
        closed
    }
}

fn must_be_own(leaf: &LeafFiles, config: &NodeConfig) -> Result<(), NodeError> {
    let own = Subject::node(config.node).is_ok_and(|own| own == leaf.identity.subject);
    if own && leaf.identity.cluster.as_str() == config.cluster {
        return Ok(());
    }
    Err(NodeError::OtherCertificate {
        directory: config.certs.display().to_string(),
        found: leaf.identity.to_string(),
        node: config.node,
        cluster: config.cluster.clone(),
    })
}

async fn share(
    config: &NodeConfig,
    leaf: LeafFiles,
    threads: &RpcThreads,
    meters: &Meters,
) -> Result<Shared, NodeError> {
    let own = NodeId(config.node);
    let (dir, cluster) = (config.data.clone(), config.cluster.clone());
    let settings = StoreSettings { others: config.members.len() > 1, ..StoreSettings::default() };
    let open = move || Stores::open_member(&dir, own, &cluster, &settings, Failures::default());
    let stores = tokio::task::spawn_blocking(open).await.map_err(|error| NodeError::System(error.to_string()))??;
    let clock = clock::start(&leaf, &stores)?;
    let secret = secret::of(&config.data)?;
    let told = config.bootstrap_members().map_err(NodeError::Config)?;
    let members = Members::new(own, stores.state.applied()?.membership, &told);
    let dialer = Dialer::new(&DialerConfig {
        role: Role::Node,
        credentials: credentials(&leaf),
        nodes: TrustAnchors(vec![leaf.anchors.nodes.to_vec()]),
        timing: LinkTiming::peer(),
        limits: LinkLimits::peer(),
    })?
    .judging_by(clock.clone());
    let links = Arc::new(PeerLinks::new(own, PeerPool::new(dialer, &config.cluster, threads.handle())));
    let waiting = Waiting::new(own).map_err(|error| NodeError::System(error.to_string()))?;
    let fanout: Arc<Fanout> = Arc::default();
    let unreadable = |error: raftchat_state::ReadError<StoreError>| NodeError::System(error.to_string());
    let applied = raftchat_state::change_number(&stores.state.view()).map_err(unreadable)?;
    let reaching = Arc::new(Reaching::new(applied, meters.calls_behind.clone()));
    let typing = Arc::new(Typing::new(own, fanout.clone(), links.clone(), members.clone()));
    Ok(Shared {
        own,
        leaf,
        secret,
        stores,
        members,
        links,
        waiting,
        fanout,
        live: Arc::default(),
        reaching,
        standing_by: Arc::default(),
        presence: Presence::new(),
        typing,
        deliveries: Arc::default(),
        erasures: Arc::default(),
        health: Arc::default(),
        clock,
        room: Room::new(own, config.disk.reserve_bytes()),
    })
}

async fn start_raft(config: &NodeConfig, shared: &Shared) -> Result<RaftHandle, NodeError> {
    let listeners = Arc::new(Listeners {
        waiting: shared.waiting.clone(),
        fanout: shared.fanout.clone(),
        live: shared.live.clone(),
        reaching: shared.reaching.clone(),
        members: shared.members.clone(),
        erasures: shared.erasures.clone(),
        state: shared.stores.state.clone(),
    });
    let settings = config.raft_settings();
    Ok(RaftHandle::start(settings, shared.stores.clone(), listeners, shared.links.clone()).await?)
}

async fn serve_peers(
    config: &NodeConfig,
    shared: &Shared,
    threads: &RpcThreads,
    services: PeerServices,
    passed: Arc<RpcCounters>,
) -> Result<Server, NodeError> {
    let anchor = TrustAnchors(vec![shared.leaf.anchors.nodes.to_vec()]);
    let mut server = server_config(config, shared, Role::Node, config.peer_listen, anchor);
    server.meters.rpc = passed;
    let bootstrap = move |connection: raftchat_transport::ConnectionHandle| {
        let from = match connection.identity() {
            Identity::Node { id, .. } => NodeId(*id),
            // Not let in by the endpoint; 0 names no node.
            Identity::Device { .. } => NodeId(0),
        };
        let peer: peer_capnp::peer::Client = capnp_rpc::new_client(PeerService::new(services.clone(), from));
        capnp::capability::Client::new(peer.into_client_hook())
    };
    Ok(Server::bind(server, shared.members.clone(), &threads.handle(), bootstrap).await?)
}

async fn serve_clients(
    config: &NodeConfig,
    shared: &Shared,
    threads: &RpcThreads,
    services: Arc<Services>,
) -> Result<Server, NodeError> {
    let devices = shared.leaf.anchors.devices.iter().map(|anchor| anchor.to_vec()).collect();
    let mut server = server_config(config, shared, Role::Device, config.client_listen, TrustAnchors(devices));
    server.meters = services.meters.links.clone();
    let bootstrap = move |connection: raftchat_transport::ConnectionHandle| {
        let service = GatewayService::new(services.clone(), &connection);
        let gateway: client_capnp::gateway::Client = capnp_rpc::new_client(service);
        capnp::capability::Client::new(gateway.into_client_hook())
    };
    Ok(Server::bind(server, Arc::new(AdmitAll), &threads.handle(), bootstrap).await?)
}

fn server_config(
    config: &NodeConfig,
    shared: &Shared,
    role: Role,
    address: SocketAddr,
    callers: TrustAnchors,
) -> ServerConfig {
    let mut limits = LinkLimits::server(role);
    if role == Role::Device {
        limits.links = Some(config.limits.device_links).filter(|most| *most > 0).unwrap_or(usize::MAX);
    }
    ServerConfig {
        role,
        cluster: config.cluster.clone(),
        address,
        credentials: credentials(&shared.leaf),
        callers,
        secret: shared.secret.clone(),
        timing: LinkTiming::server(role),
        clock: shared.clock.clone(),
        limits,
        meters: LinkMeters::default(),
    }
}

fn credentials(leaf: &LeafFiles) -> Credentials {
    Credentials { chain: leaf.leaf.chain_der(), key: leaf.leaf.key_der() }
}

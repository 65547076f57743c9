//! An endpoint of a node: one UDP socket that serves callers of one role.

pub(crate) mod connection;
pub(crate) mod doorstep;
pub(crate) mod registry;
pub(crate) mod secrets;
pub(crate) mod serve;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::{Endpoint, EndpointConfig, Incoming};
use quinn_proto::HashedConnectionIdGenerator;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::failure::CloseCode;
use crate::limits::{INCOMING_BUFFER, INCOMING_BUFFER_TOTAL, LinkLimits, LinkTiming, MAX_INCOMING};
use crate::load::LinkMeters;
use crate::rpc::threads::{RpcHandle, ThreadGone};
use crate::server::connection::ConnectionHandle;
use crate::server::doorstep::{Doorstep, Origin, Step};
use crate::server::registry::Registry;
use crate::server::secrets::NodeSecret;
use crate::server::serve::{Handshake, Over, Service, serve};
use crate::socket::OnTokio;
use crate::socket::bound::grow_buffers;
use crate::socket::door::Door;
use crate::tls;
use crate::tls::clock::{Clock, TokenTime};
use crate::tls::credentials::{CredentialError, Credentials, TrustAnchors};
use crate::tls::identity::{Admission, Identity, Role};

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The role of the callers that it serves.
    pub role: Role,
    /// The cluster's id.
    pub cluster: String,
    /// The address it listens at; port 0 lets the system pick one.
    pub address: SocketAddr,
    /// The node's certificate and key.
    pub credentials: Credentials,
    /// The authority of the callers' role, and no other.
    pub callers: TrustAnchors,
    /// The node's stable secret.
    pub secret: NodeSecret,
    /// The times of its links; usually [`LinkTiming::server`].
    pub timing: LinkTiming,
    /// The limits of its links; usually [`LinkLimits::server`].
    pub limits: LinkLimits,
    /// The clock that the callers' certificates are judged by.
    pub clock: Arc<dyn Clock>,
    /// The meters of its links' budgets.
    pub meters: LinkMeters,
}

/// Reasons why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process, or another endpoint of this one, has the port.
    #[error("{address} is in use: stop the other process or choose another port")]
    AddressInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system refuses the address.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The certificate, key or authority cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The RPC threads are stopping.
    #[error(transparent)]
    Threads(#[from] ThreadGone),
}

/// A listening endpoint. Dropping it closes all its connections.
pub struct Server {
    endpoint: Endpoint,
    address: SocketAddr,
    registry: Arc<Registry>,
}

impl Server {
    /// Binds the socket and begins to serve on the RPC threads.
    ///
    /// For each admitted connection `bootstrap` is called on the thread that
    /// serves it and gives the capability the caller starts from.
    pub async fn bind<F>(
        config: ServerConfig,
        admission: Arc<dyn Admission>,
        threads: &RpcHandle,
        bootstrap: F,
    ) -> Result<Self, BindError>
    where
        F: Fn(ConnectionHandle) -> capnp::capability::Client + Send + Sync + 'static,
    {
        let quic = quic_config(&config, &admission)?;
        let socket = bind_socket(config.address)?;
        let registry = Arc::new(Registry::default());
        let meter = config.meters.initials.clone();
        let service = Arc::new(Service {
            role: config.role,
            cluster: config.cluster,
            limits: config.limits,
            clock: config.clock,
            admission,
            registry: Arc::clone(&registry),
            meters: config.meters,
            bootstrap: Box::new(bootstrap),
        });
        let endpoint_config = endpoint_config(&config.secret, config.role);
        let (home, handle) = (threads.least_loaded(), threads.clone());
        let endpoint = threads
            .run(home, move || async move {
                let runtime = Arc::new(OnTokio(Door { meter }));
                let endpoint = Endpoint::new(endpoint_config, Some(quic), socket, runtime)?;
                tokio::task::spawn_local(accept(endpoint.clone(), service, handle));
                Ok(endpoint)
            })
            .await?;
        let describe = |source| BindError::Address { address: config.address, source };
        let endpoint = endpoint.map_err(describe)?;
        let address = endpoint.local_addr().map_err(describe)?;
        Ok(Self { endpoint, address, registry })
    }

    /// The address it listens on, with the port the system picked.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// The admitted connections at present.
    pub fn connections(&self) -> Vec<ConnectionHandle> {
        self.registry.all()
    }

    /// Closes the connections of all identities that `ends` picks; says how
    /// many. For a revocation: change what [`Admission`] answers first, then
    /// call this.
    pub fn close_where<P>(&self, ends: P, code: CloseCode, reason: &str) -> usize
    where
        P: Fn(&Identity) -> bool,
    {
        let mut picked = self.registry.all();
        picked.retain(|connection| ends(connection.identity()));
        for connection in &picked {
            connection.close(code, reason);
        }
        picked.len()
    }

    /// Takes no new connections; the present ones stay.
    pub fn stop_accepting(&self) {
        self.endpoint.set_server_config(None);
    }

    /// Closes all connections with a reason and waits, at most `within`, until
    /// the callers have been told.
    pub async fn close(&self, code: CloseCode, reason: &str, within: Duration) {
        self.endpoint.close(code.varint(), reason.as_bytes());
        if timeout(within, self.endpoint.wait_idle()).await.is_err() {
            tracing::debug!(address = %self.address, "callers did not confirm the end in time");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.endpoint.close(CloseCode::Shutdown.varint(), b"the node stops");
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

fn quic_config(config: &ServerConfig, admission: &Arc<dyn Admission>) -> Result<quinn::ServerConfig, CredentialError> {
    let (admission, clock) = (Arc::clone(admission), Arc::clone(&config.clock));
    let tls = tls::server_config(config.role, &config.cluster, &config.credentials, &config.callers, admission, clock)?;
    let mut quic = quinn::ServerConfig::new(tls, config.secret.token_key(config.role));
    quic.time_source(Arc::new(TokenTime(Arc::clone(&config.clock))));
    quic.transport_config(Arc::new(config.limits.serving(config.timing, config.role)))
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
    Ok(quic)
}

fn endpoint_config(secret: &NodeSecret, role: Role) -> EndpointConfig {
    let ids = secret.connection_id_key(role);
    let mut config = EndpointConfig::new(secret.reset_key(role));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    config
}

fn bind_socket(address: SocketAddr) -> Result<UdpSocket, BindError> {
    let socket = UdpSocket::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::AddressInUse { address },
        _ => BindError::Address { address, source },
    })?;
    grow_buffers(&socket);
    Ok(socket)
}

/// Hands each new connection to an RPC thread, before its handshake: quinn
/// then drives it there, so that cryptography, transport and RPC of one
/// connection share a core.
async fn accept(endpoint: Endpoint, service: Arc<Service>, threads: RpcHandle) {
    let mut doorstep = Doorstep::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    loop {
        let began = tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => arrive(&mut doorstep, &service, incoming),
                None => return,
            },
            Some((origin, over)) = told.recv() => match over {
                Over::Done => doorstep.leave(origin, Instant::now()),
                Over::Forgiven => doorstep.forgive(origin, Instant::now()),
                Over::Refused => {
                    doorstep.keep_place();
                    None
                }
            },
        };
        let Some(incoming) = began else { continue };
        let handshake = Handshake::begin(&service.meters, Origin::of(incoming.remote_address().ip()), &tell);
        let thread = threads.least_loaded();
        let service = Arc::clone(&service);
        let handed = threads.spawn(thread, move || serve(service, incoming, handshake, thread));
        if handed.is_err() {
            return;
        }
    }
}

/// Gives who begins at once. Under a flood: first proof of address, then silence.
fn arrive(doorstep: &mut Doorstep<Incoming>, service: &Service, incoming: Incoming) -> Option<Incoming> {
    let (origin, proved) = (Origin::of(incoming.remote_address().ip()), incoming.remote_address_validated());
    match doorstep.arrive(origin, proved, Instant::now(), incoming) {
        Step::Begin(incoming) => return Some(incoming),
        Step::Prove(incoming) => {
            // Cannot fail: an address that is not validated may be asked.
            let _ = incoming.retry();
        }
        Step::Ignore(incoming) => {
            service.meters.handshakes.refuse();
            incoming.ignore();
        }
        Step::Wait => {}
    }
    None
}

//! Makes links to nodes, each on a UDP socket of its own.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use quinn::{ClientConfig, ConnectError, Endpoint, EndpointConfig};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use tokio::time::timeout;

use crate::failure::LinkFailure;
use crate::limits::{HANDSHAKE_DEADLINE, LinkLimits, LinkTiming};
use crate::link::Link;
use crate::link::name::LinkName;
use crate::socket::bound::wildcard_socket;
use crate::socket::{Dialled, OnTokio, Signs};
use crate::tls;
use crate::tls::clock::{Clock, MachineClock};
use crate::tls::credentials::{CredentialError, Credentials, TrustAnchors};
use crate::tls::identity::{Expect, Role, certificate_of};

/// The settings of a dialer.
#[derive(Clone, Debug)]
pub struct DialerConfig {
    /// The role of this side; decides which endpoint of a node it talks to.
    pub role: Role,
    /// This side's certificate and key.
    pub credentials: Credentials,
    /// The authority of nodes.
    pub nodes: TrustAnchors,
    /// Usually [`LinkTiming::device`] or [`LinkTiming::peer`].
    pub timing: LinkTiming,
    /// Usually [`LinkLimits::device`] or [`LinkLimits::peer`].
    pub limits: LinkLimits,
}

/// Dials nodes with one identity.
pub struct Dialer {
    role: Role,
    key: Arc<CertifiedKey>,
    nodes: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    timing: LinkTiming,
    limits: LinkLimits,
    clock: Arc<dyn Clock>,
}

impl Dialer {
    /// Checks the credentials and anchors.
    pub fn new(config: &DialerConfig) -> Result<Self, CredentialError> {
        let provider = tls::provider();
        Ok(Self {
            role: config.role,
            key: config.credentials.certified_key(&provider)?,
            nodes: config.nodes.store()?,
            provider,
            timing: config.timing,
            limits: config.limits,
            clock: Arc::new(MachineClock),
        })
    }

    /// This dialer, judging the nodes' certificates by another clock than the machine's.
    #[must_use]
    pub fn judging_by(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Makes a link to the node at `address`, within five seconds. A device
    /// gives up at once where the system says that nobody listens there: it
    /// has other nodes. Whoever forges that keeps it from this one, for now.
    ///
    /// Must be called on a `LocalSet`, where the link then lives. The node
    /// judges this side's certificate after the handshake is complete here:
    /// its refusal shows as the failure of the first call, and in
    /// [`Link::closed`].
    pub async fn connect(&self, address: SocketAddr, expect: &Expect) -> Result<Link, LinkFailure> {
        let signs = Signs::new(address);
        let endpoint = endpoint_towards(address, signs.clone()).map_err(|e| LinkFailure::Local(e.to_string()))?;
        let connecting = endpoint
            .connect_with(self.client_config(expect, signs.clone())?, address, &expect.server_name())
            .map_err(|error| match error {
                ConnectError::InvalidRemoteAddress(_) => {
                    LinkFailure::Local(format!("{address} is not an address to dial"))
                }
                other => LinkFailure::Local(other.to_string()),
            })?;
        let unreachable = |cause| Err(LinkFailure::Unreachable { cause });
        let mut told = signs.unreachable();
        let connection = tokio::select! {
            outcome = timeout(HANDSHAKE_DEADLINE, connecting) => match outcome {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => return Err(LinkFailure::from_quic(&error).before_link()),
                Err(_) => return unreachable(format!("no answer from {address} within {HANDSHAKE_DEADLINE:?}")),
            },
            Ok(()) = told.changed(), if self.role == Role::Device => {
                return unreachable(format!("nobody listens at {address}"));
            }
        };
        let peer = certificate_of(&connection)
            .ok_or_else(|| LinkFailure::WrongServer { detail: "no certificate".to_owned() })?;
        tracing::debug!(link = %LinkName::of(&connection), to = %peer.identity, %address, "connected");
        Ok(Link::new(endpoint, connection, signs, peer, self.limits))
    }

    fn client_config(&self, expect: &Expect, signs: Arc<Signs>) -> Result<ClientConfig, LinkFailure> {
        let tls = tls::client_config(
            self.role,
            Arc::clone(&self.key),
            Arc::clone(&self.nodes),
            Arc::clone(&self.provider),
            expect,
            Arc::clone(&self.clock),
        )
        .map_err(|error| LinkFailure::Local(error.to_string()))?;
        let mut config = ClientConfig::new(tls);
        config.transport_config(Arc::new(self.limits.dialling(self.timing, self.role, signs)));
        Ok(config)
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("role", &self.role).finish_non_exhaustive()
    }
}

fn endpoint_towards(remote: SocketAddr, signs: Arc<Signs>) -> std::io::Result<Endpoint> {
    let socket = wildcard_socket(remote)?;
    Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(OnTokio(Dialled { signs })))
}

//! QUIC connections with a device's certificate, or with none. Believes any node.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connecting, Connection, Endpoint, TransportConfig, VarInt};
use raftchat_certs::{CertificateDer, LeafFiles, PrivateKeyDer};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::report::Trouble;

/// The protocol at the door for devices.
const ALPN: &[u8] = b"raftchat/1";
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// So much is sent before it must be acknowledged: more than any node takes.
const SEND_WINDOW: u64 = 64 * 1024 * 1024;
const CONNECT_DEADLINE: Duration = Duration::from_secs(8);

/// A device's certificate and key.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<Vec<u8>>,
    /// The name of its cluster.
    pub(crate) cluster: String,
}

impl Device {
    /// From the directory that `raftchatctl cluster device` makes, or from the `certs` in it.
    pub(crate) fn load(home: &Path) -> Result<Self, Trouble> {
        let inner = home.join("certs");
        let files = LeafFiles::load(if inner.is_dir() { &inner } else { home }, SystemTime::now())?;
        let chain = files.leaf.chain().to_vec();
        Ok(Self { chain, key: Arc::new(files.leaf.key_der()), cluster: files.identity.cluster.as_str().to_owned() })
    }
}

/// What is told to a node in place of accepting its certificate.
type Complaint = Option<String>;

/// Where links are made from: one socket, as many links as wanted.
pub(crate) struct Door {
    endpoint: Endpoint,
    config: ClientConfig,
}

impl Door {
    /// Links with that device's certificate.
    pub(crate) fn of(device: &Device, from: IpAddr) -> Result<Self, Trouble> {
        Self::with(Some(device), None, from)
    }

    /// Links that end in the handshake, before any certificate is shown, with those words.
    pub(crate) fn complaining(words: &str, from: IpAddr) -> Result<Self, Trouble> {
        Self::with(None, Some(words.to_owned()), from)
    }

    fn with(device: Option<&Device>, complaint: Complaint, from: IpAddr) -> Result<Self, Trouble> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = AnyNode { provider: Arc::clone(&provider), complaint };
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut tls = match device {
            Some(device) => {
                let key = PrivateKeyDer::try_from(device.key.as_ref().clone())?;
                builder.with_client_auth_cert(device.chain.clone(), key)?
            }
            None => builder.with_no_client_auth(),
        };
        tls.enable_sni = false;
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let mut transport = TransportConfig::default();
        transport.keep_alive_interval(Some(KEEP_ALIVE)).send_window(SEND_WINDOW);
        // A node that wants less says so.
        transport.max_concurrent_bidi_streams(VarInt::from_u32(64));
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        config.transport_config(Arc::new(transport));
        Ok(Self { endpoint: Endpoint::client((from, 0).into())?, config })
    }

    /// Begins a handshake.
    pub(crate) fn knock(&self, node: SocketAddr) -> Result<Connecting, Trouble> {
        Ok(self.endpoint.connect_with(self.config.clone(), node, "node.invalid")?)
    }

    /// Comes when all links have ended and all was said.
    pub(crate) async fn idle(&self) {
        self.endpoint.wait_idle().await;
    }

    /// A link.
    pub(crate) async fn connect(&self, node: SocketAddr) -> Result<Connection, Trouble> {
        Ok(tokio::time::timeout(CONNECT_DEADLINE, self.knock(node)?).await??)
    }
}

/// Believes any certificate, or none and says why.
#[derive(Debug)]
struct AnyNode {
    provider: Arc<CryptoProvider>,
    complaint: Complaint,
}

impl ServerCertVerifier for AnyNode {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.complaint {
            Some(words) => Err(Error::General(words.clone())),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

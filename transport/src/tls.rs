//! TLS 1.3 for both sides: trust by role, mutual certificates, no resumption.

pub(crate) mod clock;
pub(crate) mod credentials;
pub(crate) mod identity;

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use raftchat_schema::told::Told;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use crate::damped::warn_of;
use crate::failure::AuthRefusal;
use crate::tls::clock::{Clock, judge};
use crate::tls::credentials::{CredentialError, Credentials, TrustAnchors};
use crate::tls::identity::{Admission, Expect, Identity, PeerCertificate, Role};

/// The one cryptography provider, named so that no other can slip in. It
/// prefers the post-quantum key exchange.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The server side of an endpoint for callers of `role`.
pub(crate) fn server_config(
    role: Role,
    cluster: &str,
    credentials: &Credentials,
    callers: &TrustAnchors,
    admission: Arc<dyn Admission>,
    clock: Arc<dyn Clock>,
) -> Result<Arc<QuicServerConfig>, CredentialError> {
    let provider = provider();
    let key = credentials.certified_key(&provider)?;
    let verifier = CallerVerifier {
        authority: WebPkiClientVerifier::builder_with_provider(callers.store()?, Arc::clone(&provider))
            .build()
            .map_err(tls_error)?,
        role,
        cluster: cluster.to_owned(),
        admission,
        clock,
    };
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(tls_error)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    // A resumed session brings back the certificate of the first handshake
    // without asking the verifier: a revoked device would return by it.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![role.alpn().into()];
    Ok(Arc::new(QuicServerConfig::try_from(config).map_err(tls_error)?))
}

/// The client side of a link to a node, for a caller of `role`.
pub(crate) fn client_config(
    role: Role,
    key: Arc<CertifiedKey>,
    nodes: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    expect: &Expect,
    clock: Arc<dyn Clock>,
) -> Result<Arc<QuicClientConfig>, CredentialError> {
    let verifier =
        NodeVerifier { nodes, algorithms: provider.signature_verification_algorithms, expect: expect.clone(), clock };
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(tls_error)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // The name would cross the network in the clear and a node needs no hint.
    config.enable_sni = false;
    config.alpn_protocols = vec![role.alpn().into()];
    Ok(Arc::new(QuicClientConfig::try_from(config).map_err(tls_error)?))
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn tls_error(error: impl ToString) -> CredentialError {
    CredentialError::Tls(error.to_string())
}

/// Accepts callers of one role: chain to the role's authority, names that
/// agree, this cluster, and not revoked.
#[derive(Debug)]
struct CallerVerifier {
    authority: Arc<dyn ClientCertVerifier>,
    role: Role,
    cluster: String,
    admission: Arc<dyn Admission>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for dyn Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admission")
    }
}

impl CallerVerifier {
    fn judge(&self, leaf: &CertificateDer<'_>) -> Result<(), CertificateError> {
        let identity = match PeerCertificate::from_der(leaf) {
            Ok(certificate) => certificate.identity,
            Err(error) => {
                warn_of!("a trusted authority signed what cannot be used", error = %Told(&error));
                return Err(CertificateError::NotValidForName);
            }
        };
        match check_caller(&identity, self.role, &self.cluster, &*self.admission) {
            Err(AuthRefusal::Revoked) => Err(CertificateError::Revoked),
            Err(AuthRefusal::WrongRole) => Err(CertificateError::ApplicationVerificationFailure),
            // The others are told after the handshake, in a close code that
            // says more than an alert can.
            _ => Ok(()),
        }
    }

    /// The authority is unknown: say so, or that the kind is wrong, when the
    /// certificate itself claims to be of the other kind.
    fn unknown_issuer(&self, leaf: &CertificateDer<'_>) -> CertificateError {
        match PeerCertificate::from_der(leaf) {
            Ok(claim) if claim.identity.role() != self.role => {
                warn_of!("wrong kind of certificate", claims = %Told(&claim.identity), endpoint = self.role.alpn());
                CertificateError::ApplicationVerificationFailure
            }
            Ok(claim) => {
                warn_of!("certificate of an unknown authority", claims = %Told(&claim.identity), endpoint = self.role.alpn());
                CertificateError::UnknownIssuer
            }
            Err(_) => CertificateError::UnknownIssuer,
        }
    }
}

/// Everything that is asked about a caller whose chain is good.
pub(crate) fn check_caller(
    identity: &Identity,
    role: Role,
    cluster: &str,
    admission: &dyn Admission,
) -> Result<(), AuthRefusal> {
    if identity.role() != role {
        return Err(AuthRefusal::WrongRole);
    }
    if identity.cluster() != cluster {
        return Err(AuthRefusal::WrongCluster);
    }
    admission.admit(identity)
}

impl ClientCertVerifier for CallerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // No hints: the caller has one certificate and always shows it.
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _machine_says: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = |now| self.authority.verify_client_cert(leaf, intermediates, now);
        match judge(&*self.clock, leaf, verified) {
            // A signature is bad when an authority of the same name made it.
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
                Err(Error::InvalidCertificate(self.unknown_issuer(leaf)))
            }
            Err(error) => Err(error),
            Ok(verified) => {
                self.judge(leaf).map_err(Error::InvalidCertificate)?;
                Ok(verified)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authority.supported_verify_schemes()
    }
}

/// Accepts the expected node: chain to the node authority, names that agree,
/// the cluster, and the id if one is expected.
#[derive(Debug)]
struct NodeVerifier {
    nodes: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    expect: Expect,
    clock: Arc<dyn Clock>,
}

impl ServerCertVerifier for NodeVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _machine_says: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        judge(&*self.clock, leaf, |now| {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.nodes, intermediates, now, algorithms)
        })?;
        let certificate =
            PeerCertificate::from_der(leaf).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if !self.expect.fits(&certificate.identity) {
            return Err(Error::General(format!("expected {}, found {}", self.expect, certificate.identity)));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

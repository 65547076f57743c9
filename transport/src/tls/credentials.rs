//! What a process shows and what it trusts, as plain bytes, so that callers
//! need no TLS types.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

/// The certificate chain and key a process proves its identity with.
///
/// The key is never shown by `Debug`.
#[derive(Clone)]
pub struct Credentials {
    /// DER certificates, the leaf first, then its authority.
    pub chain: Vec<Vec<u8>>,
    /// The leaf's private key, PKCS#8 DER.
    pub key: Vec<u8>,
}

/// The authorities that vouch for the other side, each a DER certificate.
///
/// They are anchors themselves: nothing above them is looked at, so that an
/// authority of another role under the same root stays outside.
#[derive(Clone, Debug)]
pub struct TrustAnchors(pub Vec<Vec<u8>>);

/// Reasons why credentials or anchors cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialError {
    /// The chain is empty.
    #[error("the certificate chain is empty: give the leaf first, then its authority")]
    EmptyChain,
    /// The key is not PKCS#8, of an unknown kind, or not the leaf's.
    #[error("the private key cannot be used with this certificate: {0}")]
    Key(String),
    /// An authority's certificate cannot be read.
    #[error("the authority's certificate cannot be read: {0}")]
    Anchor(String),
    /// No authority was given, so nobody could be trusted.
    #[error("no authority certificate was given, so nobody could be trusted")]
    NoAnchor,
    /// The TLS library refused the configuration.
    #[error("the TLS configuration was refused: {0}")]
    Tls(String),
}

impl Credentials {
    pub(crate) fn certified_key(&self, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, CredentialError> {
        if self.chain.is_empty() {
            return Err(CredentialError::EmptyChain);
        }
        let chain = self.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let key =
            CertifiedKey::from_der(chain, key, provider).map_err(|error| CredentialError::Key(error.to_string()))?;
        Ok(Arc::new(key))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

impl TrustAnchors {
    pub(crate) fn store(&self) -> Result<Arc<RootCertStore>, CredentialError> {
        if self.0.is_empty() {
            return Err(CredentialError::NoAnchor);
        }
        let mut store = RootCertStore::empty();
        for der in &self.0 {
            store.add(CertificateDer::from(der.clone())).map_err(|error| CredentialError::Anchor(error.to_string()))?;
        }
        Ok(Arc::new(store))
    }
}

//! A certificate request, of which the public key alone is believed.
//!
//! Whatever else a request asks for, names, uses, being an authority, is never even read into a form that could be
//! signed: rcgen's own request parser copies it all into the certificate, so it is not used here.

use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SubjectPublicKeyInfo};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use crate::fingerprint::SpkiFingerprint;

/// An uncompressed point on P-256. The compressed form would be a second fingerprint for the same key.
const POINT_BYTES: usize = 65;

/// Reasons why nothing can be signed for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Neither PEM nor DER of a request.
    #[error(
        "this is not a certificate request; make one with `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256`"
    )]
    Unreadable,
    /// Whoever made the request does not hold the key.
    #[error("the request is not signed by the key it carries, so it may be somebody else's key; make it again")]
    NotSigned,
    /// A key of another kind.
    #[error("the request's key is not ECDSA on P-256, the one kind of key that raftchat uses; make a new key")]
    KeyKind,
}

/// The public key of a request whose sender has proved that they hold the private one.
#[derive(Clone, Debug)]
pub struct RequestedKey(SubjectPublicKeyInfo);

impl RequestedKey {
    /// Takes the key out of a PKCS#10 request in PEM.
    pub fn from_pem(text: &[u8]) -> Result<Self, RequestError> {
        let request = CertificateSigningRequestDer::from_pem_slice(text).map_err(|_| RequestError::Unreadable)?;
        Self::from_der(&request)
    }

    /// Takes the key out of a PKCS#10 request in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, RequestError> {
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| RequestError::Unreadable)?;
        if !rest.is_empty() {
            return Err(RequestError::Unreadable);
        }
        request.verify_signature().map_err(|_| RequestError::NotSigned)?;
        let spki = request.certification_request_info.subject_pki.raw;
        let key = SubjectPublicKeyInfo::from_der(spki).map_err(|_| RequestError::KeyKind)?;
        if key.algorithm() != &PKCS_ECDSA_P256_SHA256 || key.der_bytes().len() != POINT_BYTES {
            return Err(RequestError::KeyKind);
        }
        Ok(Self(key))
    }

    /// The fingerprint that the certificate will have.
    pub fn fingerprint(&self) -> SpkiFingerprint {
        SpkiFingerprint::of_spki(&self.0.subject_public_key_info())
    }

    pub(crate) const fn public_key(&self) -> &SubjectPublicKeyInfo {
        &self.0
    }
}

//! Who is on the other side: read from the verified certificate, never from
//! anything the peer says.

use std::fmt;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Version};

use crate::failure::AuthRefusal;

const DOMAIN: &str = "raftchat.internal";

/// What kind of caller an endpoint serves; each kind has its own trust
/// anchor, application protocol and limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nodes calling nodes: the peer endpoint.
    Node,
    /// Devices calling nodes: the client endpoint.
    Device,
}

impl Role {
    /// The application protocol of the endpoint that serves this role; its
    /// number is the version of the protocol.
    pub fn alpn(self) -> &'static str {
        match self {
            Self::Node => "raftchat-peer/1",
            Self::Device => "raftchat/1",
        }
    }
}

/// SHA-256 of a certificate's DER `SubjectPublicKeyInfo`: the key itself,
/// whatever certificate carries it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spki(pub [u8; 32]);

impl fmt::Display for Spki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Spki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spki({self})")
    }
}

/// An identity proved in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A node of a cluster.
    Node {
        /// The cluster's id.
        cluster: String,
        /// The node's id in the cluster.
        id: u64,
        /// The key it proved.
        spki: Spki,
    },
    /// A device of a person.
    Device {
        /// The cluster's id.
        cluster: String,
        /// The device's name, for people. It means nothing: whoever is asked for a certificate may give two devices the same,
        /// and what a device may do, has or is known by goes by its key.
        name: String,
        /// The key it proved.
        spki: Spki,
    },
}

impl Identity {
    /// The kind of identity.
    pub fn role(&self) -> Role {
        match self {
            Self::Node { .. } => Role::Node,
            Self::Device { .. } => Role::Device,
        }
    }

    /// The cluster it belongs to.
    pub fn cluster(&self) -> &str {
        match self {
            Self::Node { cluster, .. } | Self::Device { cluster, .. } => cluster,
        }
    }

    /// The key it proved.
    pub fn spki(&self) -> Spki {
        match self {
            Self::Node { spki, .. } | Self::Device { spki, .. } => *spki,
        }
    }

    fn dns_name(&self) -> String {
        match self {
            Self::Node { cluster, id, .. } => node_dns_name(cluster, *id),
            Self::Device { cluster, name, .. } => device_dns_name(cluster, name),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { cluster, id, .. } => write!(f, "node {id} of {cluster}"),
            Self::Device { cluster, name, .. } => write!(f, "device {name} of {cluster}"),
        }
    }
}

/// The DNS name in the certificate of node `id`.
pub fn node_dns_name(cluster: &str, id: u64) -> String {
    format!("n{id}.node.{cluster}.{DOMAIN}")
}

/// The DNS name in the certificate of the device `name`.
pub fn device_dns_name(cluster: &str, name: &str) -> String {
    format!("{name}.device.{cluster}.{DOMAIN}")
}

/// Reasons why a certificate names no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not a readable X.509 certificate.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// Not what the cluster's authorities issue.
    #[error("the certificate {0}")]
    Profile(&'static str),
    /// Not exactly one URI and one DNS name.
    #[error("the certificate must name exactly one URI and one DNS name")]
    Names,
    /// The URI is not of the form this project uses.
    #[error("the certificate's URI {0:?} names neither a node nor a device")]
    Uri(String),
    /// The URI and the DNS name speak of different things.
    #[error("the certificate's URI stands for {expected}, but its DNS name is {found}")]
    Disagree {
        /// The DNS name that belongs to the URI.
        expected: String,
        /// The DNS name in the certificate.
        found: String,
    },
}

/// The parts of a verified leaf certificate that matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The identity that it names.
    pub identity: Identity,
    /// The time when it begins to be valid.
    pub not_before: SystemTime,
    /// The time when it stops being valid; a link ends then.
    pub not_after: SystemTime,
}

impl PeerCertificate {
    /// Reads a leaf certificate. Checks that it is what the cluster's authorities issue (`certs/src/profile.rs`), and its
    /// names against each other; not its signature: that is the handshake's business.
    pub fn from_der(der: &[u8]) -> Result<Self, IdentityError> {
        let (_, leaf) = X509Certificate::from_der(der).map_err(|_| IdentityError::Unreadable)?;
        check_profile(&leaf).map_err(IdentityError::Profile)?;
        let (uri, dns) = names(&leaf)?;
        let spki = Spki(Sha256::digest(leaf.public_key().raw).into());
        let identity = parse_uri(uri, spki).ok_or_else(|| IdentityError::Uri(uri.to_owned()))?;
        let expected = identity.dns_name();
        if expected != dns {
            return Err(IdentityError::Disagree { expected, found: dns.to_owned() });
        }
        check_uses(&leaf, identity.role()).map_err(IdentityError::Profile)?;
        let time = |seconds: i64| {
            let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
            SystemTime::UNIX_EPOCH.checked_add(since).ok_or(IdentityError::Unreadable)
        };
        let (from, until) = (leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp());
        Ok(Self { identity, not_before: time(from)?, not_after: time(until)? })
    }
}

/// X.509 of version 3, a key on P-256, signed by such a key, for signatures alone, and no authority.
fn check_profile(leaf: &X509Certificate<'_>) -> Result<(), &'static str> {
    if leaf.version() != X509Version::V3 {
        return Err("is not of version 3");
    }
    let key = &leaf.public_key().algorithm;
    let curve = key.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    if key.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
        return Err("has a key that is not on P-256");
    }
    if leaf.signature_algorithm.algorithm != OID_SIG_ECDSA_WITH_SHA256 {
        return Err("is not signed by ECDSA with SHA-256");
    }
    let constraints = leaf.basic_constraints().map_err(|_| "has constraints that cannot be read")?;
    if constraints.is_some_and(|constraints| constraints.value.ca) {
        return Err("is one of an authority");
    }
    let usage = leaf.key_usage().map_err(|_| "has uses of its key that cannot be read")?;
    // Digital signature is the first bit.
    if usage.is_none_or(|usage| usage.value.flags != 1) {
        return Err("is not for signatures alone");
    }
    Ok(())
}

/// Refuses a certificate for anything else than a node's, or a device's, work.
fn check_uses(leaf: &X509Certificate<'_>, role: Role) -> Result<(), &'static str> {
    let uses =
        leaf.extended_key_usage().map_err(|_| "has uses that cannot be read")?.ok_or("does not say what it is for")?;
    let uses = uses.value;
    let others = uses.any || uses.code_signing || uses.email_protection || uses.time_stamping || uses.ocsp_signing;
    if others || !uses.other.is_empty() || !uses.client_auth || uses.server_auth != (role == Role::Node) {
        return Err("is for other uses than a node's or a device's");
    }
    Ok(())
}

fn names<'a>(leaf: &'a X509Certificate<'_>) -> Result<(&'a str, &'a str), IdentityError> {
    let extension =
        leaf.subject_alternative_name().map_err(|_| IdentityError::Unreadable)?.ok_or(IdentityError::Names)?;
    let mut uri = None;
    let mut dns = None;
    for name in &extension.value.general_names {
        let (slot, text) = match name {
            GeneralName::URI(text) => (&mut uri, *text),
            GeneralName::DNSName(text) => (&mut dns, *text),
            _ => return Err(IdentityError::Names),
        };
        if slot.replace(text).is_some() {
            return Err(IdentityError::Names);
        }
    }
    uri.zip(dns).ok_or(IdentityError::Names)
}

fn parse_uri(uri: &str, spki: Spki) -> Option<Identity> {
    let mut parts = uri.strip_prefix("raftchat://")?.split('/');
    let (cluster, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !is_label(cluster) {
        return None;
    }
    let cluster = cluster.to_owned();
    match kind {
        "node" => {
            let id: u64 = name.parse().ok()?;
            // One spelling for one id: no sign, no leading zero.
            (id.to_string() == name).then_some(Identity::Node { cluster, id, spki })
        }
        "device" if is_label(name) => Some(Identity::Device { cluster, name: name.to_owned(), spki }),
        _ => None,
    }
}

/// One label of a DNS name in lower case.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Decides who is let in, from state the transport does not know: the
/// membership for nodes, revocations for devices.
///
/// Asked within every handshake and again before the first call is served.
/// Must answer from memory: it runs on the RPC threads.
pub trait Admission: Send + Sync + 'static {
    /// `Ok` to let `identity` in.
    fn admit(&self, identity: &Identity) -> Result<(), AuthRefusal>;
}

/// Lets in whoever the trust anchors vouch for.
#[derive(Clone, Copy, Debug)]
pub struct AdmitAll;

impl Admission for AdmitAll {
    fn admit(&self, _identity: &Identity) -> Result<(), AuthRefusal> {
        Ok(())
    }
}

/// The verified leaf certificate of the other side.
pub(crate) fn certificate_of(connection: &quinn::Connection) -> Option<PeerCertificate> {
    let chain = connection.peer_identity()?.downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>().ok()?;
    PeerCertificate::from_der(chain.first()?).ok()
}

/// The node that is wanted at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The name of its cluster.
    pub cluster: String,
    /// Its id; `None` for any node of the cluster.
    pub node: Option<u64>,
}

impl Expect {
    pub(crate) fn fits(&self, found: &Identity) -> bool {
        match found {
            Identity::Node { cluster, id, .. } => {
                *cluster == self.cluster && self.node.is_none_or(|wanted| wanted == *id)
            }
            Identity::Device { .. } => false,
        }
    }

    pub(crate) fn server_name(&self) -> String {
        node_dns_name(&self.cluster, self.node.unwrap_or(0))
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(id) => write!(f, "node {id} of {}", self.cluster),
            None => write!(f, "a node of {}", self.cluster),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const SPKI: Spki = Spki([0; 32]);

    #[test]
    fn a_uri_names_a_node_or_a_device_in_exactly_one_spelling() {
        let node = parse_uri("raftchat://home/node/12", SPKI).unwrap();
        assert_eq!(node.to_string(), "node 12 of home");
        assert_eq!(node.dns_name(), "n12.node.home.raftchat.internal");
        let device = parse_uri("raftchat://home/device/alice-1", SPKI).unwrap();
        assert_eq!(device.dns_name(), "alice-1.device.home.raftchat.internal");
        for bad in [
            "raftchat://home/node/012",
            "raftchat://home/node/+1",
            "raftchat://home/node/",
            "raftchat://home/node/1/2",
            "raftchat://home/admin/1",
            "raftchat://Home/node/1",
            "raftchat://home/device/a.b",
            "raftchat:///node/1",
            "https://home/node/1",
        ] {
            assert_eq!(parse_uri(bad, SPKI), None, "{bad} was taken");
        }
    }
}

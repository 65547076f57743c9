//! What a certificate says, in words: who, role, names, validity, uses, fingerprint. Believes nothing: whether it is
//! signed by anybody is the business of [`crate::verify`](crate::verify()).

use std::fmt;
use std::time::SystemTime;

use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

use crate::fingerprint::SpkiFingerprint;
use crate::name::{ClusterId, Identity, IdentityError};
use crate::profile::{AuthorityKind, Period, moment};

/// The bytes are no certificate, or one that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The bytes are no X.509 certificate.
    #[error("it is not an X.509 certificate")]
    NotX509,
    /// An extension occurs twice or cannot be read.
    #[error("its {0} cannot be read")]
    Extension(&'static str),
}

/// Roles that a certificate can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The root of a cluster, kept offline.
    Root,
    /// Signs the nodes.
    NodeAuthority,
    /// Signs the devices.
    DeviceAuthority,
    /// A node's leaf.
    Node,
    /// A device's leaf.
    Device,
    /// Nothing that raftchat makes.
    Foreign,
}

impl Role {
    /// The role in kebab-case, for scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::NodeAuthority => "node-authority",
            Self::DeviceAuthority => "device-authority",
            Self::Node => "node",
            Self::Device => "device",
            Self::Foreign => "foreign",
        }
    }

    /// The role of the authority that signs certificates of this role; the root signs itself.
    pub(crate) const fn signer(self) -> Option<Self> {
        match self {
            Self::Root | Self::NodeAuthority | Self::DeviceAuthority => Some(Self::Root),
            Self::Node => Some(Self::NodeAuthority),
            Self::Device => Some(Self::DeviceAuthority),
            Self::Foreign => None,
        }
    }
}

impl From<AuthorityKind> for Role {
    fn from(kind: AuthorityKind) -> Self {
        match kind {
            AuthorityKind::Root => Self::Root,
            AuthorityKind::Nodes => Self::NodeAuthority,
            AuthorityKind::Devices => Self::DeviceAuthority,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NodeAuthority => "node authority",
            Self::DeviceAuthority => "device authority",
            Self::Foreign => "not of raftchat",
            Self::Root | Self::Node | Self::Device => self.name(),
        })
    }
}

/// One extended key usage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyUse {
    /// May be a TLS server.
    ServerAuth,
    /// May be a TLS client.
    ClientAuth,
    /// Anything else, by its name or dotted number.
    Other(String),
}

impl fmt::Display for KeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerAuth => "serverAuth",
            Self::ClientAuth => "clientAuth",
            Self::Other(name) => name,
        })
    }
}

/// The words of one certificate about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The role, by its names.
    pub role: Role,
    /// The cluster that its names speak of, if they speak of one.
    pub cluster: Option<ClusterId>,
    /// The common name of its subject; empty if there is none.
    pub common_name: String,
    /// The common name of its issuer; empty if there is none.
    pub issuer: String,
    /// The DNS names it is for.
    pub dns_names: Vec<String>,
    /// The URIs it is for.
    pub uris: Vec<String>,
    /// True if it may sign others.
    pub is_authority: bool,
    /// The number of authorities that may stand between it and a leaf, for an authority that limits them.
    pub path_length: Option<u32>,
    /// The DNS domains that it may sign names in; empty if it is not constrained.
    pub permitted_domains: Vec<String>,
    /// The extended key usages, sorted.
    pub uses: Vec<KeyUse>,
    /// The serial number, hexadecimal bytes with colons between them.
    pub serial: String,
    /// SHA-256 of its public key.
    pub fingerprint: SpkiFingerprint,
    pub(crate) period: Period,
    other_names: usize,
}

impl Description {
    /// The identity that a leaf names; an error if its names are missing, too many or contradict each other.
    pub fn identity(&self) -> Result<Identity, IdentityError> {
        if self.other_names > 0 {
            return Err(IdentityError::OtherNames);
        }
        Identity::from_names(&self.uris, &self.dns_names)
    }

    /// The holder, as a person would say it: `node 1 of cluster …`, `device authority of cluster …`.
    pub fn who(&self) -> String {
        match (self.identity(), &self.cluster) {
            (Ok(identity), _) => identity.to_string(),
            (Err(_), Some(cluster)) if self.is_authority => format!("{} of cluster {cluster}", self.role),
            (Err(_), _) => self.common_name.clone(),
        }
    }

    /// The first second of its validity, RFC 3339 in UTC.
    pub fn valid_from(&self) -> String {
        rfc3339(self.period.from)
    }

    /// The last second of its validity, RFC 3339 in UTC.
    pub fn valid_until(&self) -> String {
        rfc3339(self.period.until)
    }

    /// The beginning of its validity.
    pub fn begins_at(&self) -> SystemTime {
        self.period.from.into()
    }

    /// The time when it expires, its last second.
    pub fn expires_at(&self) -> SystemTime {
        self.period.until.into()
    }

    /// Whole days from `now` until it expires; negative once it has.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        moment(now).map_or(0, |now| (self.period.until - now).whole_seconds().div_euclid(24 * 60 * 60))
    }
}

fn rfc3339(moment: OffsetDateTime) -> String {
    format!("{}T{:02}:{:02}:{:02}Z", moment.date(), moment.hour(), moment.minute(), moment.second())
}

/// Reads a DER certificate.
pub fn describe(der: &[u8]) -> Result<Description, CertificateError> {
    let certificate = parse(der)?;
    let names = Names::of(&certificate)?;
    let basic = certificate.basic_constraints().map_err(|_| CertificateError::Extension("basic constraints"))?;
    let is_authority = basic.as_ref().is_some_and(|extension| extension.value.ca);
    let common_name = common_name(certificate.subject());
    let (role, cluster) = role_and_cluster(is_authority, &common_name, &names.uris);
    Ok(Description {
        role,
        cluster,
        common_name,
        issuer: self::common_name(certificate.issuer()),
        dns_names: names.dns,
        uris: names.uris,
        is_authority,
        path_length: basic.and_then(|extension| extension.value.path_len_constraint),
        permitted_domains: permitted_domains(&certificate)?,
        uses: uses(&certificate)?,
        serial: certificate.raw_serial_as_string(),
        fingerprint: SpkiFingerprint::of_spki(certificate.public_key().raw),
        period: Period {
            from: certificate.validity().not_before.to_datetime(),
            until: certificate.validity().not_after.to_datetime(),
        },
        other_names: names.others,
    })
}

/// A DER certificate with nothing behind it.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(CertificateError::NotX509),
    }
}

#[derive(Default)]
struct Names {
    dns: Vec<String>,
    uris: Vec<String>,
    others: usize,
}

impl Names {
    fn of(certificate: &X509Certificate<'_>) -> Result<Self, CertificateError> {
        let extension =
            certificate.subject_alternative_name().map_err(|_| CertificateError::Extension("alternative names"))?;
        let mut names = Self::default();
        for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                GeneralName::URI(uri) => names.uris.push((*uri).to_owned()),
                _ => names.others += 1,
            }
        }
        Ok(names)
    }
}

fn common_name(name: &X509Name<'_>) -> String {
    name.iter_common_name().find_map(|name| name.as_str().ok()).unwrap_or_default().to_owned()
}

/// A leaf's role is what its URI claims, also when its DNS name says otherwise.
fn role_and_cluster(is_authority: bool, common_name: &str, uris: &[String]) -> (Role, Option<ClusterId>) {
    if is_authority {
        return match AuthorityKind::from_common_name(common_name) {
            Some((kind, cluster)) => (kind.into(), Some(cluster)),
            None => (Role::Foreign, None),
        };
    }
    let mut parts = uris.first().and_then(|uri| uri.strip_prefix("raftchat://")).unwrap_or_default().split('/');
    let cluster = parts.next().and_then(|cluster| cluster.parse().ok());
    match (parts.next(), &cluster) {
        (Some("node"), Some(_)) => (Role::Node, cluster),
        (Some("device"), Some(_)) => (Role::Device, cluster),
        _ => (Role::Foreign, cluster),
    }
}

fn permitted_domains(certificate: &X509Certificate<'_>) -> Result<Vec<String>, CertificateError> {
    let extension = certificate.name_constraints().map_err(|_| CertificateError::Extension("name constraints"))?;
    let subtrees = extension.and_then(|extension| extension.value.permitted_subtrees.as_ref());
    let domain = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    Ok(subtrees.into_iter().flatten().filter_map(|subtree| domain(&subtree.base)).collect())
}

fn uses(certificate: &X509Certificate<'_>) -> Result<Vec<KeyUse>, CertificateError> {
    let extension = certificate.extended_key_usage().map_err(|_| CertificateError::Extension("extended key usage"))?;
    let Some(found) = extension.map(|extension| extension.value) else { return Ok(Vec::new()) };
    let other = |name: &str| KeyUse::Other(name.to_owned());
    let named = [
        (found.server_auth, KeyUse::ServerAuth),
        (found.client_auth, KeyUse::ClientAuth),
        (found.any, other("anyExtendedKeyUsage")),
        (found.code_signing, other("codeSigning")),
        (found.email_protection, other("emailProtection")),
        (found.time_stamping, other("timeStamping")),
        (found.ocsp_signing, other("OCSPSigning")),
    ];
    let mut uses: Vec<_> = named.into_iter().filter_map(|(present, name)| present.then_some(name)).collect();
    uses.extend(found.other.iter().map(|number| other(&number.to_id_string())));
    uses.sort();
    Ok(uses)
}

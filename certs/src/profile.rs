//! What exactly each certificate says: names, uses, constraints and dates. The one place to read or change it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints, SanType, SerialNumber,
};
use time::OffsetDateTime;

use crate::name::{ClusterId, NameError, Subject, device_domain, node_domain};

/// Days that the root is valid: ten years.
pub const ROOT_DAYS: u64 = 3652;

/// Days that the node authority and the device authority are valid: three years.
///
/// The device authority has as long as the node authority, and not a year: a leaf ends at the latest with its
/// authority, so one that lasted a year could give no device a full [`LEAF_DAYS`].
pub const AUTHORITY_DAYS: u64 = 1096;

/// Days that a leaf is valid, of a node and of a device alike: a year and a month to renew it in.
///
/// Devices renew by hand, with `raftchatctl certs device`; a device that cannot renew by itself must not be cut off
/// every few weeks.
pub const LEAF_DAYS: u64 = 397;

/// Certificates are valid from this much before they were made, so that a clock which is a little behind takes them.
pub const CLOCK_ALLOWANCE: Duration = Duration::from_hours(1);

/// The three authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AuthorityKind {
    Root,
    Nodes,
    Devices,
}

impl AuthorityKind {
    /// The name that people use for it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Nodes => "node authority",
            Self::Devices => "device authority",
        }
    }

    /// The authority that signs `subject`.
    pub(crate) const fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Node(_) => Self::Nodes,
            Subject::Device(_) => Self::Devices,
        }
    }

    pub(crate) const fn days(self) -> u64 {
        match self {
            Self::Root => ROOT_DAYS,
            Self::Nodes | Self::Devices => AUTHORITY_DAYS,
        }
    }

    /// The common name, from which the cluster and the kind are read back.
    pub(crate) fn common_name(self, cluster: &ClusterId) -> String {
        format!("raftchat {} {cluster}", self.title())
    }

    /// The inverse of [`Self::common_name`].
    pub(crate) fn from_common_name(name: &str) -> Option<(Self, ClusterId)> {
        let (title, cluster) = name.strip_prefix("raftchat ")?.rsplit_once(' ')?;
        let kind = [Self::Root, Self::Nodes, Self::Devices].into_iter().find(|kind| kind.title() == title)?;
        Some((kind, cluster.parse().ok()?))
    }
}

/// From when until when, in whole seconds as X.509 counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: OffsetDateTime,
    pub(crate) until: OffsetDateTime,
}

impl Period {
    /// From a little before `now` until `lasting` after it.
    pub(crate) fn starting(now: SystemTime, lasting: Duration) -> Result<Self, IssueError> {
        let from = now.checked_sub(CLOCK_ALLOWANCE).ok_or(IssueError::Clock)?;
        let until = now.checked_add(lasting).ok_or(IssueError::Clock)?;
        let (from, until) = (moment(from).ok_or(IssueError::Clock)?, moment(until).ok_or(IssueError::Clock)?);
        // X.509 dates have four digits for the year.
        if until.year() > 9999 { Err(IssueError::Clock) } else { Ok(Self { from, until }) }
    }

    /// The part of this period that lies within `outer`.
    pub(crate) fn within(self, outer: Self) -> Self {
        Self { from: self.from.max(outer.from), until: self.until.min(outer.until) }
    }
}

/// Days as a duration.
pub(crate) const fn days(count: u64) -> Duration {
    Duration::from_hours(count * 24)
}

/// A time of the system in whole seconds; none before 1970 or beyond the calendar.
pub(crate) fn moment(time: SystemTime) -> Option<OffsetDateTime> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()
}

/// The certificate of an authority of `cluster`.
pub(crate) fn authority(
    kind: AuthorityKind,
    cluster: &ClusterId,
    period: Period,
) -> Result<CertificateParams, IssueError> {
    let mut params = base(kind.common_name(cluster), period)?;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let path_length = u8::from(kind == AuthorityKind::Root);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    let domain = match kind {
        AuthorityKind::Root => return Ok(params),
        AuthorityKind::Nodes => node_domain(cluster),
        AuthorityKind::Devices => device_domain(cluster),
    };
    params.extended_key_usages = extended_uses(kind);
    // Of DNS names only: verifiers refuse every certificate under a constraint on URIs, so the URI is held to the DNS
    // name instead.
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(domain)],
        excluded_subtrees: Vec::new(),
    });
    Ok(params)
}

/// The certificate of a node or a device of `cluster`.
pub(crate) fn leaf(subject: &Subject, cluster: &ClusterId, period: Period) -> Result<CertificateParams, IssueError> {
    let mut params = base(format!("{subject} of {cluster}"), period)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = extended_uses(AuthorityKind::of(subject));
    params.subject_alt_names =
        vec![SanType::DnsName(subject.dns_name(cluster).try_into()?), SanType::URI(subject.uri(cluster).try_into()?)];
    Ok(params)
}

fn extended_uses(kind: AuthorityKind) -> Vec<ExtendedKeyUsagePurpose> {
    match kind {
        AuthorityKind::Root => Vec::new(),
        AuthorityKind::Nodes => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        AuthorityKind::Devices => vec![ExtendedKeyUsagePurpose::ClientAuth],
    }
}

/// The parts that all certificates share. rcgen's own dates and subject are never kept.
fn base(common_name: String, period: Period) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.not_before = period.from;
    params.not_after = period.until;
    params.serial_number = Some(serial_number()?);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// 16 random bytes, the first of which keeps the number positive and its length the same.
fn serial_number() -> Result<SerialNumber, IssueError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| IssueError::NoRandomness(error.to_string()))?;
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

/// Reasons why nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The name cannot stand in a certificate.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The authority's key was taken elsewhere.
    #[error("the key of the {authority} is not here: issue where it is kept, or bring back `{file}`")]
    NoKey {
        /// The authority's title, for a sentence.
        authority: &'static str,
        /// The file that holds its key.
        file: &'static str,
    },
    /// The authority has expired, so nothing it signs would be accepted.
    #[error("the {authority} expired on {on}, or this machine's clock is wrong: a new one must be made")]
    AuthorityExpired {
        /// The authority's title, for a sentence.
        authority: &'static str,
        /// The day, as YYYY-MM-DD.
        on: String,
    },
    /// A date that X.509 cannot say.
    #[error("the clock or the validity lies outside the years 1970 to 9999; check this machine's clock")]
    Clock,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a serial number: {0}")]
    NoRandomness(String),
    /// The cryptographic library refused.
    #[error("the certificate could not be made: {0}")]
    Signing(String),
}

impl From<rcgen::Error> for IssueError {
    fn from(error: rcgen::Error) -> Self {
        Self::Signing(error.to_string())
    }
}

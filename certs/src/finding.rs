//! What there can be to say about a certificate, and the one place where it becomes a sentence.

use std::fmt;
use std::path::PathBuf;

use crate::describe::{CertificateError, KeyUse, Role};
use crate::name::{ClusterId, IdentityError};

/// One thing there is to say about a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Everything holds today.
    Valid {
        /// The node or device that it is for.
        who: String,
        /// The authority that signed it.
        signed_by: String,
        /// Whole days until it expires.
        days_left: i64,
    },
    /// It holds, but not for long.
    ExpiresSoon {
        /// The last second, RFC 3339.
        on: String,
        /// Whole days until then.
        days_left: i64,
    },
    /// Its time is over.
    Expired {
        /// The certificate that it is: the leaf's or its authority's.
        who: String,
        /// The last second, RFC 3339.
        on: String,
    },
    /// Not yet, or the clock is wrong.
    NotYetValid {
        /// The certificate that it is: the leaf's or its authority's.
        who: String,
        /// The first second, RFC 3339.
        from: String,
    },
    /// Cannot be read.
    Unreadable(CertificateError),
    /// Its names make no identity.
    Names(IdentityError),
    /// Nothing that raftchat makes.
    Foreign,
    /// Signed by the authority of the other role.
    WrongAuthority {
        /// The role that its URI claims.
        claims: Role,
        /// The role that the authority may sign for.
        signed_by: Role,
    },
    /// Signed by the authority of another cluster.
    OtherCluster {
        /// The cluster that its names claim.
        claims: Option<ClusterId>,
        /// The cluster of the authority's names.
        signed_by: Option<ClusterId>,
    },
    /// Signed by none of the authorities given.
    UnknownAuthority {
        /// The issuer it names.
        issuer: String,
    },
    /// Its extended key usages are not those of its role.
    Uses {
        /// The role that it is issued for.
        role: Role,
        /// The uses that it has.
        found: Vec<KeyUse>,
        /// The uses that it should have.
        expected: Vec<KeyUse>,
    },
    /// The verifier of the endpoints refuses it for another reason.
    Refused(String),
    /// The key beside it is another's.
    KeyMismatch(PathBuf),
    /// Others can get at the key beside it.
    KeyNotPrivate {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl Finding {
    /// True if the certificate would not, or should not, be used as it is.
    pub const fn is_problem(&self) -> bool {
        !matches!(self, Self::Valid { .. } | Self::ExpiresSoon { .. })
    }

    /// The finding in kebab-case, for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Valid { .. } => "valid",
            Self::ExpiresSoon { .. } => "expires-soon",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Unreadable(_) => "unreadable",
            Self::Names(_) => "wrong-names",
            Self::Foreign => "foreign",
            Self::WrongAuthority { .. } => "wrong-authority",
            Self::OtherCluster { .. } => "other-cluster",
            Self::UnknownAuthority { .. } => "unknown-authority",
            Self::Uses { .. } => "wrong-uses",
            Self::Refused(_) => "refused",
            Self::KeyMismatch(_) => "key-mismatch",
            Self::KeyNotPrivate { .. } => "key-not-private",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid { who, signed_by, days_left } => {
                write!(f, "valid: {who}, signed by the {signed_by}, {days_left} days left")
            }
            Self::ExpiresSoon { on, days_left } => {
                write!(f, "it expires on {on}, in {days_left} days: issue a new one before then")
            }
            Self::Expired { who, on } => write!(f, "the certificate of {who} expired on {on}: issue a new one"),
            Self::NotYetValid { who, from } => {
                write!(f, "the certificate of {who} is valid from {from} only: check this machine's clock")
            }
            Self::Unreadable(error) => error.fmt(f),
            Self::Names(error) => error.fmt(f),
            Self::Foreign => f.write_str("its names are not those of anything that raftchat makes"),
            Self::WrongAuthority { claims, signed_by } => {
                write!(f, "its names say {claims}, but the {signed_by} signed it: no endpoint accepts that")
            }
            Self::OtherCluster { claims, signed_by } => {
                let name = |cluster: &Option<ClusterId>| cluster.as_ref().map_or("none", ClusterId::as_str).to_owned();
                write!(f, "its names say cluster {}, but cluster {} signed it", name(claims), name(signed_by))
            }
            Self::UnknownAuthority { issuer } => {
                write!(f, "none of the given authorities signed it; it names {issuer:?} as its issuer")
            }
            Self::Uses { role, found, expected } => {
                write!(f, "it may be used as [{}], where a {role} has exactly [{}]", list(found), list(expected))
            }
            Self::Refused(reason) => write!(f, "an endpoint would refuse it: {reason}"),
            Self::KeyMismatch(path) => write!(f, "the key in {} does not belong to it", path.display()),
            Self::KeyNotPrivate { path, mode } => {
                write!(f, "others can read its key (mode {mode:03o}): run `chmod 600 {}`", path.display())
            }
        }
    }
}

fn list(uses: &[KeyUse]) -> String {
    uses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

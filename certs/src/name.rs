//! What a certificate calls its cluster, a node and a device: ids, DNS names and URIs, and how they must agree.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// Every DNS name of a certificate ends in this; `.internal` is reserved for private use and never resolves outside.
const DOMAIN: &str = "raftchat.internal";
const CLUSTER_ID_LENGTHS: std::ops::RangeInclusive<usize> = 10..=16;
const DEVICE_NAME_LENGTHS: std::ops::RangeInclusive<usize> = 1..=32;

/// Reasons why a name cannot stand in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a cluster id.
    #[error("{0:?} is not a cluster id: 10 to 16 characters out of a-z and 0-9, as `raftchatctl certs show` prints it")]
    Cluster(String),
    /// Not a device name.
    #[error(
        "{0:?} cannot name a device: use 1 to 32 characters out of a-z, 0-9 and `-`, \
         neither beginning nor ending with `-`, such as `alice` or `alice-laptop`"
    )]
    Device(String),
    /// Node 0 is no node.
    #[error("0 cannot name a node: nodes are numbered from 1")]
    Node,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a new cluster id: {0}")]
    NoRandomness(String),
}

/// The id of a cluster: random, made once with its authorities, and part of every name they sign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(String);

impl ClusterId {
    /// A new id: 80 random bits as 16 characters of `a-z2-7`.
    pub fn generate() -> Result<Self, NameError> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| NameError::NoRandomness(error.to_string()))?;
        let letter = |byte: &u8| match byte & 31 {
            value @ 0..=25 => char::from(b'a' + value),
            value => char::from(b'2' + (value - 26)),
        };
        Ok(Self(random.iter().map(letter).collect()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = CLUSTER_ID_LENGTHS.contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError::Cluster(text.to_owned())) }
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a device, unique in its cluster and safe as a DNS label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceName(String);

impl DeviceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = DEVICE_NAME_LENGTHS.contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError::Device(text.to_owned())) }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The holder of a leaf certificate. Shown as `node 1` or `device alice`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A node, by its id in the cluster.
    Node(NonZeroU64),
    /// A device, by its name.
    Device(DeviceName),
}

impl Subject {
    /// The node `id`; 0 is refused.
    pub fn node(id: u64) -> Result<Self, NameError> {
        NonZeroU64::new(id).map(Self::Node).ok_or(NameError::Node)
    }

    /// The device called `name`.
    pub fn device(name: &str) -> Result<Self, NameError> {
        name.parse().map(Self::Device)
    }

    /// The DNS name of this subject in `cluster`: what a client expects of the node it calls.
    pub fn dns_name(&self, cluster: &ClusterId) -> String {
        match self {
            Self::Node(id) => format!("n{id}.{}", node_domain(cluster)),
            Self::Device(name) => format!("{name}.{}", device_domain(cluster)),
        }
    }

    /// The URI of this subject in `cluster`: `raftchat://CLUSTER/node/1` or `raftchat://CLUSTER/device/alice`.
    pub fn uri(&self, cluster: &ClusterId) -> String {
        match self {
            Self::Node(id) => format!("raftchat://{cluster}/node/{id}"),
            Self::Device(name) => format!("raftchat://{cluster}/device/{name}"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node {id}"),
            Self::Device(name) => write!(f, "device {name}"),
        }
    }
}

/// The only domain the node authority may sign names in.
pub(crate) fn node_domain(cluster: &ClusterId) -> String {
    format!("node.{cluster}.{DOMAIN}")
}

/// The only domain the device authority may sign names in.
pub(crate) fn device_domain(cluster: &ClusterId) -> String {
    format!("device.{cluster}.{DOMAIN}")
}

/// The identity in a leaf certificate. Shown as `node 1 of cluster CLUSTER`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// The node or the device.
    pub subject: Subject,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of cluster {}", self.subject, self.cluster)
    }
}

/// Reasons why the names in a leaf certificate make no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not exactly one URI.
    #[error("it carries {0} URI names where exactly one is needed")]
    Uris(usize),
    /// Not exactly one DNS name.
    #[error("it carries {0} DNS names where exactly one is needed")]
    DnsNames(usize),
    /// Names of a kind that no profile has.
    #[error("it carries names that are neither DNS names nor URIs")]
    OtherNames,
    /// The URI is not of our form.
    #[error("its URI {0:?} names neither a node nor a device")]
    Uri(String),
    /// The URI and the DNS name speak of different things.
    #[error("its URI stands for the DNS name {expected:?}, but its DNS name is {found:?}")]
    Disagree {
        /// The DNS name that belongs to the URI.
        expected: String,
        /// The DNS name in the certificate.
        found: String,
    },
}

impl Identity {
    /// Joins the one URI and the one DNS name of a certificate, which must say the same.
    pub(crate) fn from_names(uris: &[String], dns_names: &[String]) -> Result<Self, IdentityError> {
        let [uri] = uris else { return Err(IdentityError::Uris(uris.len())) };
        let [dns_name] = dns_names else { return Err(IdentityError::DnsNames(dns_names.len())) };
        let identity = Self::from_uri(uri).ok_or_else(|| IdentityError::Uri(uri.clone()))?;
        let expected = identity.subject.dns_name(&identity.cluster);
        if expected != *dns_name {
            return Err(IdentityError::Disagree { expected, found: dns_name.clone() });
        }
        Ok(identity)
    }

    fn from_uri(uri: &str) -> Option<Self> {
        let mut parts = uri.strip_prefix("raftchat://")?.split('/');
        let cluster: ClusterId = parts.next()?.parse().ok()?;
        let subject = match (parts.next()?, parts.next()?) {
            ("node", id) => Subject::node(id.parse().ok()?).ok()?,
            ("device", name) => Subject::device(name).ok()?,
            _ => return None,
        };
        // One spelling for one subject: `node/01` and a trailing part are somebody else's.
        (subject.uri(&cluster) == uri).then_some(Self { cluster, subject })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_generated_cluster_id_is_16_lowercase_characters_and_reads_back() {
        let first = ClusterId::generate().unwrap();
        assert_eq!(first.as_str().len(), 16);
        assert_eq!(first.to_string().parse::<ClusterId>().unwrap(), first);
        assert_ne!(first, ClusterId::generate().unwrap());
        for bad in ["", "short", "abcdefghijklmnopq", "ABCDEFGHIJKL", "abc-efghijkl", "abc.efghijkl"] {
            assert!(bad.parse::<ClusterId>().is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn device_names_are_dns_labels_and_the_error_names_the_rule() {
        for good in ["a", "alice", "alice2", "alice-laptop", "7", &"x".repeat(32)] {
            assert_eq!(good.parse::<DeviceName>().unwrap().as_str(), good);
        }
        for bad in ["", "-alice", "alice-", "Alice", "alice_1", "alice.home", "älice", "a b", &"x".repeat(33)] {
            let error = bad.parse::<DeviceName>().unwrap_err();
            assert!(error.to_string().contains("1 to 32 characters out of a-z, 0-9 and `-`"), "{error}");
        }
    }

    #[test]
    fn the_uri_and_the_dns_name_must_say_the_same_in_one_spelling() {
        let cluster: ClusterId = "abcdefghij".parse().unwrap();
        let subject = Subject::node(1).unwrap();
        let (uri, dns) = (subject.uri(&cluster), subject.dns_name(&cluster));
        assert_eq!(uri, "raftchat://abcdefghij/node/1");
        assert_eq!(dns, "n1.node.abcdefghij.raftchat.internal");
        let read = |uris: &[&str], dns_name: &str| {
            let uris: Vec<_> = uris.iter().map(ToString::to_string).collect();
            Identity::from_names(&uris, &[dns_name.to_owned()])
        };
        assert_eq!(read(&[&uri], &dns).unwrap().to_string(), "node 1 of cluster abcdefghij");

        let other = Subject::node(2).unwrap().dns_name(&cluster);
        assert!(matches!(read(&[&uri], &other), Err(IdentityError::Disagree { .. })));
        assert_eq!(read(&[&uri, &uri], &dns), Err(IdentityError::Uris(2)));
        for bad in ["raftchat://abcdefghij/node/01", "raftchat://abcdefghij/node/0", "raftchat://abcdefghij/node/1/2"] {
            assert!(matches!(read(&[bad], &dns), Err(IdentityError::Uri(_))), "{bad} was taken");
        }
    }
}

//! The authorities of a cluster and what they sign. Knows no files.

use std::fmt;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, Issuer, KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::leaf::{Anchors, Leaf, SignedLeaf};
use crate::name::{ClusterId, Subject};
use crate::profile::{self, AuthorityKind, IssueError, LEAF_DAYS, Period};
use crate::request::RequestedKey;

/// One authority: its certificate and, where it is kept, its key.
pub(crate) struct Authority {
    pub(crate) kind: AuthorityKind,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) period: Period,
    pub(crate) key: Option<KeyPair>,
}

impl Authority {
    fn create_root(cluster: &ClusterId, now: SystemTime) -> Result<Self, IssueError> {
        let kind = AuthorityKind::Root;
        let period = Period::starting(now, profile::days(kind.days()))?;
        let key = KeyPair::generate()?;
        let certificate = profile::authority(kind, cluster, period)?.self_signed(&key)?.der().clone();
        Ok(Self { kind, certificate, period, key: Some(key) })
    }

    fn create_under(
        root: &Self,
        kind: AuthorityKind,
        cluster: &ClusterId,
        now: SystemTime,
    ) -> Result<Self, IssueError> {
        let period = Period::starting(now, profile::days(kind.days()))?.within(root.period);
        let key = KeyPair::generate()?;
        let certificate = root.sign(&profile::authority(kind, cluster, period)?, &key, cluster)?;
        Ok(Self { kind, certificate, period, key: Some(key) })
    }

    fn sign(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
        cluster: &ClusterId,
    ) -> Result<CertificateDer<'static>, IssueError> {
        let no_key = IssueError::NoKey { authority: self.kind.title(), file: self.kind.key_file() };
        let own_key = self.key.as_ref().ok_or(no_key)?;
        // The issuer's name and key identifier follow from the profile; nothing is read back out of a file.
        let own_params = profile::authority(self.kind, cluster, self.period)?;
        let issuer = Issuer::from_params(&own_params, own_key);
        Ok(params.signed_by(key, &issuer)?.der().clone())
    }
}

/// The root, the node authority and the device authority of one cluster.
///
/// [`Authorities::create`] makes them in memory; [`Authorities::save`] and [`Authorities::load`] keep them in a
/// directory. Keys are never shown by `Debug`.
pub struct Authorities {
    pub(crate) cluster: ClusterId,
    pub(crate) root: Authority,
    pub(crate) nodes: Authority,
    pub(crate) devices: Authority,
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Authorities {
    /// The authorities of a new cluster with a fresh id, valid from `now`.
    pub fn create(now: SystemTime) -> Result<Self, IssueError> {
        Self::create_for(ClusterId::generate()?, now)
    }

    /// The authorities of a new cluster whose id is given.
    pub fn create_for(cluster: ClusterId, now: SystemTime) -> Result<Self, IssueError> {
        let root = Authority::create_root(&cluster, now)?;
        let nodes = Authority::create_under(&root, AuthorityKind::Nodes, &cluster, now)?;
        let devices = Authority::create_under(&root, AuthorityKind::Devices, &cluster, now)?;
        Ok(Self { cluster, root, nodes, devices })
    }

    /// The cluster they belong to.
    pub const fn cluster(&self) -> &ClusterId {
        &self.cluster
    }

    /// A certificate and a new key for node `id`.
    pub fn issue_node(&self, id: u64, now: SystemTime) -> Result<Leaf, IssueError> {
        self.issue(&Subject::node(id)?, now)
    }

    /// A certificate and a new key for the device called `name`.
    pub fn issue_device(&self, name: &str, now: SystemTime) -> Result<Leaf, IssueError> {
        self.issue(&Subject::device(name)?, now)
    }

    /// A certificate and a new key for `subject`, valid for [`LEAF_DAYS`].
    pub fn issue(&self, subject: &Subject, now: SystemTime) -> Result<Leaf, IssueError> {
        self.issue_for(subject, profile::days(LEAF_DAYS), now)
    }

    /// A certificate and a new key for `subject`, valid for `lasting`, yet never longer than its authority: verifiers
    /// do not look at the dates of their anchors.
    pub fn issue_for(&self, subject: &Subject, lasting: Duration, now: SystemTime) -> Result<Leaf, IssueError> {
        let key = KeyPair::generate()?;
        let chain = self.sign_leaf(subject, &key, lasting, now)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(Leaf { signed: SignedLeaf { chain }, key })
    }

    /// A certificate for `subject` and the key of a request, valid for [`LEAF_DAYS`]. Of the request nothing but its
    /// public key is used.
    pub fn sign_request(
        &self,
        subject: &Subject,
        request: &RequestedKey,
        now: SystemTime,
    ) -> Result<SignedLeaf, IssueError> {
        let chain = self.sign_leaf(subject, request.public_key(), profile::days(LEAF_DAYS), now)?;
        Ok(SignedLeaf { chain })
    }

    /// What `subject` must trust: the node authority; for a node the device authority too; and the root, to show
    /// where they come from.
    pub fn anchors_for(&self, subject: &Subject) -> Anchors {
        let devices = matches!(subject, Subject::Node(_)).then(|| self.devices.certificate.clone());
        Anchors { nodes: self.nodes.certificate.clone(), devices, root: self.root.certificate.clone() }
    }

    /// The root's certificate.
    pub const fn root_certificate(&self) -> &CertificateDer<'static> {
        &self.root.certificate
    }

    /// The node authority's certificate: the trust anchor of the peer endpoint and of every client.
    pub const fn node_authority_certificate(&self) -> &CertificateDer<'static> {
        &self.nodes.certificate
    }

    /// The device authority's certificate: the trust anchor of the client endpoint.
    pub const fn device_authority_certificate(&self) -> &CertificateDer<'static> {
        &self.devices.certificate
    }

    fn sign_leaf(
        &self,
        subject: &Subject,
        key: &impl PublicKeyData,
        lasting: Duration,
        now: SystemTime,
    ) -> Result<Vec<CertificateDer<'static>>, IssueError> {
        let authority = match AuthorityKind::of(subject) {
            AuthorityKind::Devices => &self.devices,
            AuthorityKind::Nodes | AuthorityKind::Root => &self.nodes,
        };
        let wanted = Period::starting(now, lasting)?;
        if profile::moment(now).is_none_or(|now| authority.period.until <= now) {
            let on = authority.period.until.date().to_string();
            return Err(IssueError::AuthorityExpired { authority: authority.kind.title(), on });
        }
        let period = wanted.within(authority.period);
        let leaf = authority.sign(&profile::leaf(subject, &self.cluster, period)?, key, &self.cluster)?;
        Ok(vec![leaf, authority.certificate.clone()])
    }
}

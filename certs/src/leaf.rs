//! A leaf certificate with its chain and key, in memory and as the `certs/` directory of a node or a device.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::describe::{CertificateError, Description, Role, describe};
use crate::ending::Ending;
use crate::files::{self, FileError, NewFile, damaged};
use crate::fingerprint::SpkiFingerprint;
use crate::name::{ClusterId, Identity};
use crate::pem::{certificates_from_pem, certificates_to_pem, key_from_pem, key_to_pem};
use crate::profile::moment;

pub(crate) const LEAF_CERTIFICATE: &str = "leaf.crt";
pub(crate) const LEAF_KEY: &str = "leaf.key";
pub(crate) const NODE_ANCHOR: &str = "anchor-nodes.crt";
pub(crate) const DEVICE_ANCHOR: &str = "anchor-devices.crt";
pub(crate) const ROOT: &str = "root.crt";
const LEAF_HINT: &str =
    "`raftchatctl certs node` or `raftchatctl certs device` makes this directory, so does `raftchatctl cluster init`";

/// A leaf whose key somebody else holds: what is answered to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedLeaf {
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

impl SignedLeaf {
    /// The leaf first, then the authority that signed it.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Writes everything but the key into `directory`, which is made if it is missing. Overwrites nothing.
    pub fn write(&self, directory: &Path, anchors: &Anchors) -> Result<(), FileError> {
        files::make_private_directory(directory)?;
        files::write_new(directory, &self.files(anchors))
    }

    fn files(&self, anchors: &Anchors) -> Vec<NewFile> {
        let certificate = |name, der: &CertificateDer<'static>| {
            NewFile::certificate(name, certificates_to_pem(std::slice::from_ref(der)))
        };
        let mut files = vec![certificate(ROOT, &anchors.root), certificate(NODE_ANCHOR, &anchors.nodes)];
        files.extend(anchors.devices.as_ref().map(|der| certificate(DEVICE_ANCHOR, der)));
        files.push(NewFile::certificate(LEAF_CERTIFICATE, certificates_to_pem(&self.chain)));
        files
    }
}

/// A leaf with its key. The key is never shown by `Debug`.
pub struct Leaf {
    pub(crate) signed: SignedLeaf,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Leaf {
    /// The leaf first, then the authority that signed it.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.signed.chain
    }

    /// The leaf certificate alone.
    pub fn certificate(&self) -> &[u8] {
        self.signed.chain.first().map_or(&[], |leaf| leaf.as_ref())
    }

    /// The private key, PKCS#8.
    pub const fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    /// The chain as plain bytes, for callers without TLS types.
    pub fn chain_der(&self) -> Vec<Vec<u8>> {
        self.signed.chain.iter().map(|certificate| certificate.to_vec()).collect()
    }

    /// The private key as plain PKCS#8 bytes, for callers without TLS types.
    pub fn key_der(&self) -> Vec<u8> {
        self.key.secret_der().to_vec()
    }

    /// The fingerprint of the leaf's public key.
    pub fn fingerprint(&self) -> Result<SpkiFingerprint, CertificateError> {
        describe(self.certificate()).map(|description| description.fingerprint)
    }

    /// Writes the leaf, its key and `anchors` into `directory`, which is made, private, if it is missing. Overwrites
    /// nothing: if any of the files is there, none is written.
    pub fn write(&self, directory: &Path, anchors: &Anchors) -> Result<(), FileError> {
        files::make_private_directory(directory)?;
        let mut files = vec![NewFile::key(LEAF_KEY, key_to_pem(&self.key))];
        files.extend(self.signed.files(anchors));
        files::write_new(directory, &files)
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").field("chain", &self.signed.chain.len()).finish_non_exhaustive()
    }
}

/// The certificates of the authorities that a node or a device is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchors {
    /// Vouches for nodes: what every client and every node trusts.
    pub nodes: CertificateDer<'static>,
    /// Vouches for devices: what a node's client endpoint trusts. A device has none.
    pub devices: Option<CertificateDer<'static>>,
    /// The root that both come from. Never an anchor of an endpoint: under it a device could pass for a node.
    pub root: CertificateDer<'static>,
}

/// The `certs/` directory of a node or a device, read and found usable.
#[derive(Debug)]
pub struct LeafFiles {
    path: PathBuf,
    description: Description,
    /// The first to end of the leaf and of the authorities that its holder trusts.
    pub ending: Ending,
    /// The node or device that the leaf names.
    pub identity: Identity,
    /// The chain and the key.
    pub leaf: Leaf,
    /// The authorities to trust.
    pub anchors: Anchors,
}

impl LeafFiles {
    /// Reads `directory` and refuses what could not work: a missing or damaged file, a key of another certificate, a
    /// leaf out of its time, an authority of another cluster.
    pub fn load(directory: &Path, now: SystemTime) -> Result<Self, FileError> {
        let files = Self::load_whenever(directory)?;
        files.check_time(now)?;
        Ok(files)
    }

    /// As [`Self::load`], whatever time it is: for callers who are not sure of the time.
    pub fn load_whenever(directory: &Path) -> Result<Self, FileError> {
        let path = directory.join(LEAF_CERTIFICATE);
        let (chain, description) = read_chain(&path, LEAF_HINT)?;
        let identity = description.identity().map_err(|error| damaged(&path, &error))?;
        let key_path = directory.join(LEAF_KEY);
        let key = read_key(&key_path, &path, &description)?;
        files::must_be_private(&key_path)?;
        let read_anchor = |name, role| read_authority(&directory.join(name), LEAF_HINT, role, &identity.cluster);
        let (nodes, of_nodes) = read_anchor(NODE_ANCHOR, Role::NodeAuthority)?;
        let (devices, of_devices) = match read_anchor(DEVICE_ANCHOR, Role::DeviceAuthority) {
            Err(FileError::Missing { .. }) if description.role == Role::Device => (None, None),
            other => other.map(|(certificate, description)| (Some(certificate), Some(description)))?,
        };
        // The root vouched for the authorities when they were made, and no endpoint asks for it again.
        let (root, _) = read_anchor(ROOT, Role::Root)?;
        let ending = Ending::of(&description, of_devices.iter().chain([&of_nodes]));
        let leaf = Leaf { signed: SignedLeaf { chain }, key };
        Ok(Self { path, description, ending, identity, leaf, anchors: Anchors { nodes, devices, root } })
    }

    /// Refuses a leaf that is out of its time at `now`.
    pub fn check_time(&self, now: SystemTime) -> Result<(), FileError> {
        check_time(&self.path, &self.description, now)
    }

    /// The beginning of the leaf's time. As it was signed, it is no earlier.
    pub fn valid_from(&self) -> SystemTime {
        self.description.begins_at()
    }
}

/// All certificates of a file and what the first of them says; `hint` is for a file that is missing.
pub(crate) fn read_chain(
    path: &Path,
    hint: &'static str,
) -> Result<(Vec<CertificateDer<'static>>, Description), FileError> {
    let text = files::read(path, hint)?;
    let chain = certificates_from_pem(&text).map_err(|error| damaged(path, &error))?;
    let first = chain.first().map_or(&[][..], |first| first.as_ref());
    let description = describe(first).map_err(|error| damaged(path, &error))?;
    Ok((chain, description))
}

/// The certificate of an authority, which must be the one that belongs there.
pub(crate) fn read_authority(
    path: &Path,
    hint: &'static str,
    role: Role,
    cluster: &ClusterId,
) -> Result<(CertificateDer<'static>, Description), FileError> {
    let (chain, description) = read_chain(path, hint)?;
    if description.role != role || description.cluster.as_ref() != Some(cluster) {
        let reason = format!("it is the {}, where the {role} of cluster {cluster} belongs", description.who());
        return Err(damaged(path, &reason));
    }
    let first = chain.into_iter().next().ok_or_else(|| damaged(path, &"it is empty"))?;
    Ok((first, description))
}

/// The key of `certificate`, which `description` describes.
pub(crate) fn read_key(
    path: &Path,
    certificate: &Path,
    description: &Description,
) -> Result<PrivateKeyDer<'static>, FileError> {
    let text = files::read(path, "without its key a certificate proves nothing; put it back or make a new pair")?;
    let key = key_from_pem(&text).map_err(|error| damaged(path, &error))?;
    let pair = KeyPair::try_from(&key).map_err(|_| damaged(path, &"its key cannot be read"))?;
    if SpkiFingerprint::of_spki(&pair.subject_public_key_info()) != description.fingerprint {
        return Err(FileError::KeyMismatch { key: path.to_owned(), certificate: certificate.to_owned() });
    }
    Ok(key)
}

fn check_time(path: &Path, description: &Description, now: SystemTime) -> Result<(), FileError> {
    let path = path.to_owned();
    match moment(now) {
        Some(now) if now > description.period.until => Err(FileError::Expired { path, on: description.valid_until() }),
        Some(now) if now >= description.period.from => Ok(()),
        // A clock before 1970 is before everything.
        _ => Err(FileError::NotYetValid { path, from: description.valid_from() }),
    }
}

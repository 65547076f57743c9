//! The `pki/` directory: the authorities of a cluster with their keys, readable by their owner alone.

use std::path::Path;

use rcgen::KeyPair;

use crate::authority::{Authorities, Authority};
use crate::describe::Role;
use crate::files::{self, FileError, NewFile, damaged};
use crate::leaf::{read_authority, read_chain, read_key};
use crate::name::ClusterId;
use crate::pem::certificates_to_pem;
use crate::profile::AuthorityKind;

const HINT: &str = "`raftchatctl certs init` or `raftchatctl cluster init` makes the authorities of a new cluster";

impl AuthorityKind {
    pub(crate) const fn certificate_file(self) -> &'static str {
        match self {
            Self::Root => "root.crt",
            Self::Nodes => "nodes.crt",
            Self::Devices => "devices.crt",
        }
    }

    pub(crate) const fn key_file(self) -> &'static str {
        match self {
            Self::Root => "root.key",
            Self::Nodes => "nodes.key",
            Self::Devices => "devices.key",
        }
    }
}

impl Authorities {
    /// Writes certificates and keys into `directory`, which must be missing or empty and becomes private (0700, keys
    /// 0600). `root.key` is needed for nothing afterwards and is best moved to a medium that is kept offline.
    pub fn save(&self, directory: &Path) -> Result<(), FileError> {
        files::make_empty_private_directory(directory)?;
        let mut new = Vec::new();
        for authority in [&self.root, &self.nodes, &self.devices] {
            if let Some(key) = &authority.key {
                new.push(NewFile::key(authority.kind.key_file(), key.serialize_pem()));
            }
            let text = certificates_to_pem(std::slice::from_ref(&authority.certificate));
            new.push(NewFile::certificate(authority.kind.certificate_file(), text));
        }
        files::write_new(directory, &new)
    }

    /// Reads the authorities of `directory`. The cluster's id is the one in the root's name. A key that is not there
    /// is asked for only when something is to be signed with it.
    pub fn load(directory: &Path) -> Result<Self, FileError> {
        let cluster = cluster_of(&directory.join(AuthorityKind::Root.certificate_file()))?;
        let root = read(directory, AuthorityKind::Root, &cluster)?;
        let nodes = read(directory, AuthorityKind::Nodes, &cluster)?;
        let devices = read(directory, AuthorityKind::Devices, &cluster)?;
        Ok(Self { cluster, root, nodes, devices })
    }
}

fn cluster_of(root: &Path) -> Result<ClusterId, FileError> {
    let (_, description) = read_chain(root, HINT)?;
    match (description.role, &description.cluster) {
        (Role::Root, Some(cluster)) => Ok(cluster.clone()),
        _ => Err(damaged(root, &format!("it is {}, where the root of a cluster belongs", description.who()))),
    }
}

fn read(directory: &Path, kind: AuthorityKind, cluster: &ClusterId) -> Result<Authority, FileError> {
    let path = directory.join(kind.certificate_file());
    let (certificate, description) = read_authority(&path, HINT, kind.into(), cluster)?;
    let key_path = directory.join(kind.key_file());
    let key = match read_key(&key_path, &path, &description) {
        Err(FileError::Missing { .. }) => None,
        key => {
            let key = key?;
            files::must_be_private(&key_path)?;
            Some(KeyPair::try_from(&key).map_err(|_| damaged(&key_path, &"its key cannot be read"))?)
        }
    };
    Ok(Authority { kind, certificate, period: description.period, key })
}

//! Verifying certificates where they lie: a file, a `certs/` or a `pki/` directory, with the keys beside them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;

use crate::describe::Description;
use crate::files::{self, FileError};
use crate::finding::Finding;
use crate::leaf::{DEVICE_ANCHOR, LEAF_CERTIFICATE, NODE_ANCHOR, read_chain, read_key};
use crate::profile::AuthorityKind;
use crate::verify::verify;

const NO_ANCHOR: &str = "there is no authority beside the certificate; name the one to trust with `--anchor`";

/// A certificate file and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file that was looked at.
    pub path: PathBuf,
    /// The holder that it is for.
    pub who: String,
    /// At least one.
    pub findings: Vec<Finding>,
}

/// Verifies a certificate file, the leaf of a `certs/` directory or all authorities of a `pki/` directory, and the key
/// beside each. With no `anchors` those that lie beside the certificate are trusted.
pub fn verify_files(
    path: &Path,
    anchors: &[CertificateDer<'_>],
    now: SystemTime,
) -> Result<Vec<FileReport>, FileError> {
    if !path.is_dir() {
        return Ok(vec![verify_file(path, anchors, now)?]);
    }
    let leaf = path.join(LEAF_CERTIFICATE);
    let authorities = [AuthorityKind::Root, AuthorityKind::Nodes, AuthorityKind::Devices];
    if leaf.exists() || !path.join(AuthorityKind::Nodes.certificate_file()).exists() {
        return Ok(vec![verify_file(&leaf, anchors, now)?]);
    }
    authorities.iter().map(|kind| verify_file(&path.join(kind.certificate_file()), anchors, now)).collect()
}

fn verify_file(path: &Path, anchors: &[CertificateDer<'_>], now: SystemTime) -> Result<FileReport, FileError> {
    let (chain, description) = read_chain(path, "name a certificate file, or a directory that raftchat made")?;
    let found;
    let anchors = if anchors.is_empty() {
        found = anchors_beside(path)?;
        found.as_slice()
    } else {
        anchors
    };
    let mut findings = verify(&chain, anchors, now);
    let key = path.with_extension("key");
    if key.exists() {
        findings.extend(check_key(&key, path, &description)?);
    }
    if findings.iter().any(Finding::is_problem) {
        findings.retain(|finding| !matches!(finding, Finding::Valid { .. }));
    }
    Ok(FileReport { path: path.to_owned(), who: description.who(), findings })
}

fn check_key(key: &Path, certificate: &Path, description: &Description) -> Result<Vec<Finding>, FileError> {
    let mut findings = Vec::new();
    match read_key(key, certificate, description) {
        Ok(_) => {}
        Err(FileError::KeyMismatch { key, .. }) => findings.push(Finding::KeyMismatch(key)),
        Err(error) => return Err(error),
    }
    let mode = files::foreign_access(key)?;
    findings.extend(mode.map(|mode| Finding::KeyNotPrivate { path: key.to_owned(), mode }));
    Ok(findings)
}

/// The authorities in the directory of a certificate, whether that is a `certs/` or a `pki/`.
fn anchors_beside(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let root = AuthorityKind::Root.certificate_file();
    let [nodes, devices] = [AuthorityKind::Nodes, AuthorityKind::Devices].map(AuthorityKind::certificate_file);
    let names = [NODE_ANCHOR, DEVICE_ANCHOR, nodes, devices, root];
    let mut anchors = Vec::new();
    for name in names {
        let beside = path.with_file_name(name);
        match read_chain(&beside, NO_ANCHOR) {
            Ok((certificates, _)) => anchors.extend(certificates),
            Err(FileError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if anchors.is_empty() {
        return Err(FileError::Missing { path: path.with_file_name(root), hint: NO_ANCHOR });
    }
    Ok(anchors)
}

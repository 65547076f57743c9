//! What lies on the disk: private, never overwritten, and refused with a path and a reason when it is not right.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use raftchat_certs::{Authorities, FileError, IssueError, LeafFiles, RequestedKey, Subject};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use crate::fixture::{authorities, days, now};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn entries(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The directory of alice's device.
fn alice(authorities: &Authorities) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let subject = Subject::device("alice").unwrap();
    let leaf = authorities.issue(&subject, now()).unwrap();
    leaf.write(directory.path(), &authorities.anchors_for(&subject)).unwrap();
    directory
}

#[test]
fn authorities_are_kept_private_and_read_back() {
    let home = tempfile::tempdir().unwrap();
    let pki = home.path().join("cluster/pki");
    let made = authorities();
    made.save(&pki).unwrap();

    let files = ["devices.crt", "devices.key", "nodes.crt", "nodes.key", "root.crt", "root.key"];
    assert_eq!(entries(&pki), files);
    assert_eq!(mode(&pki), 0o700);
    for key in ["devices.key", "nodes.key", "root.key"] {
        assert_eq!(mode(&pki.join(key)), 0o600);
    }

    let read = Authorities::load(&pki).unwrap();
    assert_eq!(read.cluster(), made.cluster());
    let leaf = read.issue_node(3, now()).unwrap();
    let findings = raftchat_certs::verify(leaf.chain(), &[made.node_authority_certificate().clone()], now());
    assert!(!findings.iter().any(raftchat_certs::Finding::is_problem), "{findings:?}");
}

#[test]
fn the_root_key_is_needed_for_nothing_and_a_missing_key_is_named_when_it_is_needed() {
    let pki = tempfile::tempdir().unwrap();
    authorities().save(pki.path()).unwrap();
    fs::remove_file(pki.path().join("root.key")).unwrap();
    fs::remove_file(pki.path().join("nodes.key")).unwrap();
    let read = Authorities::load(pki.path()).unwrap();
    assert!(read.issue_device("alice", now()).is_ok());
    let refused = read.issue_node(1, now()).unwrap_err();
    assert!(matches!(refused, IssueError::NoKey { file: "nodes.key", .. }), "{refused}");
}

#[test]
fn nothing_is_ever_overwritten() {
    let pki = tempfile::tempdir().unwrap();
    let made = authorities();
    made.save(pki.path()).unwrap();
    let before = fs::read(pki.path().join("root.key")).unwrap();
    let refused = authorities().save(pki.path()).unwrap_err();
    assert!(matches!(&refused, FileError::AlreadyExists(path) if path == pki.path()), "{refused}");
    assert!(refused.to_string().contains("move it away or name another directory"));
    assert_eq!(fs::read(pki.path().join("root.key")).unwrap(), before);

    let certs = tempfile::tempdir().unwrap();
    fs::write(certs.path().join("leaf.crt"), "somebody's").unwrap();
    let subject = Subject::node(1).unwrap();
    let leaf = made.issue(&subject, now()).unwrap();
    let refused = leaf.write(certs.path(), &made.anchors_for(&subject)).unwrap_err();
    assert!(matches!(&refused, FileError::AlreadyExists(path) if path.ends_with("leaf.crt")), "{refused}");
    assert_eq!(entries(certs.path()), ["leaf.crt"], "all or nothing");
}

#[test]
fn a_node_and_a_device_get_what_they_need_and_no_more() {
    let made = authorities();
    let home = tempfile::tempdir().unwrap();
    let certs = home.path().join("node-1/certs");
    let subject = Subject::node(1).unwrap();
    let leaf = made.issue(&subject, now()).unwrap();
    leaf.write(&certs, &made.anchors_for(&subject)).unwrap();
    assert_eq!(entries(&certs), ["anchor-devices.crt", "anchor-nodes.crt", "leaf.crt", "leaf.key", "root.crt"]);
    assert_eq!((mode(&certs), mode(&certs.join("leaf.key"))), (0o700, 0o600));

    let read = LeafFiles::load(&certs, now()).unwrap();
    assert_eq!(read.identity.subject, subject);
    assert_eq!(read.leaf.chain_der(), leaf.chain_der());
    assert_eq!(read.leaf.chain().len(), 2, "the leaf and its authority");
    assert_eq!(read.leaf.key_der(), leaf.key_der());
    assert_eq!(read.anchors, made.anchors_for(&subject));
    assert!(!format!("{read:?}").contains("secret"));

    let device = alice(&made);
    assert_eq!(entries(device.path()), ["anchor-nodes.crt", "leaf.crt", "leaf.key", "root.crt"]);
    assert_eq!(LeafFiles::load(device.path(), now()).unwrap().anchors.devices, None);
}

#[test]
fn a_device_that_made_its_own_key_gets_the_rest_beside_it() {
    let made = authorities();
    let device = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let key_path = device.path().join("leaf.key");
    fs::write(&key_path, key.serialize_pem()).unwrap();
    fs::set_permissions(&key_path, fs::Permissions::from_mode(0o600)).unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();

    let subject = Subject::device("bob").unwrap();
    let signed = made.sign_request(&subject, &RequestedKey::from_der(request.der()).unwrap(), now()).unwrap();
    signed.write(device.path(), &made.anchors_for(&subject)).unwrap();
    let read = LeafFiles::load(device.path(), now()).unwrap();
    assert_eq!(read.identity.subject, subject);
}

#[test]
fn what_is_not_right_is_named_with_its_path() {
    let made = authorities();
    let load = |device: &TempDir| LeafFiles::load(device.path(), now()).unwrap_err();

    let device = alice(&made);
    fs::remove_file(device.path().join("leaf.key")).unwrap();
    let error = load(&device);
    assert!(matches!(&error, FileError::Missing { path, .. } if path.ends_with("leaf.key")), "{error}");

    let device = alice(&made);
    let whole = fs::read(device.path().join("leaf.crt")).unwrap();
    fs::write(device.path().join("leaf.crt"), &whole[..whole.len() / 3]).unwrap();
    let error = load(&device);
    assert!(matches!(&error, FileError::Damaged { path, .. } if path.ends_with("leaf.crt")), "{error}");

    let device = alice(&made);
    fs::write(device.path().join("leaf.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let error = load(&device);
    assert!(matches!(&error, FileError::KeyMismatch { .. }), "{error}");

    let device = alice(&made);
    fs::copy(device.path().join("root.crt"), device.path().join("anchor-nodes.crt")).unwrap();
    let error = load(&device);
    assert!(error.to_string().contains("where the node authority of cluster"), "{error}");

    let device = alice(&made);
    let stranger = alice(&authorities());
    fs::copy(stranger.path().join("anchor-nodes.crt"), device.path().join("anchor-nodes.crt")).unwrap();
    assert!(matches!(load(&device), FileError::Damaged { .. }), "an authority of another cluster");
}

#[test]
fn a_leaf_out_of_its_time_is_refused_with_the_date() {
    let device = alice(&authorities());
    let error = LeafFiles::load(device.path(), now() + days(398)).unwrap_err();
    assert!(matches!(&error, FileError::Expired { on, .. } if on == "2027-12-26T10:00:00Z"), "{error}");
    let error = LeafFiles::load(device.path(), now() - days(1)).unwrap_err();
    assert!(matches!(&error, FileError::NotYetValid { from, .. } if from == "2026-11-24T09:00:00Z"), "{error}");
}

#[test]
fn a_key_that_others_can_read_is_refused_by_name() {
    let directory = alice(&authorities());
    let key = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "key"))
        .unwrap();
    LeafFiles::load(directory.path(), now()).unwrap();
    for lax in [0o644, 0o640, 0o602] {
        fs::set_permissions(&key, fs::Permissions::from_mode(lax)).unwrap();
        let refused = LeafFiles::load(directory.path(), now()).unwrap_err();
        assert!(matches!(refused, FileError::KeyNotPrivate { mode, .. } if mode == lax), "{refused}");
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
}

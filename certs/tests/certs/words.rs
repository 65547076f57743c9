//! `verify` says in plain words what is right or wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use raftchat_certs::{AUTHORITY_DAYS, Finding, Subject, verify, verify_files};
use rcgen::KeyPair;

use crate::fixture::{StolenPki, authorities, days, now};

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(Finding::code).collect()
}

#[test]
fn a_good_leaf_is_valid_under_its_authority_and_under_the_root() {
    let authorities = authorities();
    let cluster = authorities.cluster();
    let node = authorities.issue_node(1, now()).unwrap();
    for anchor in [authorities.node_authority_certificate(), authorities.root_certificate()] {
        let findings = verify(node.chain(), std::slice::from_ref(anchor), now());
        assert_eq!(codes(&findings), ["valid"]);
        let words = findings[0].to_string();
        let expected = format!(
            "valid: node 1 of cluster {cluster}, signed by the node authority of cluster {cluster}, 397 days left"
        );
        assert_eq!(words, expected);
    }
    for authority in [authorities.root_certificate(), authorities.device_authority_certificate()] {
        let chain = std::slice::from_ref(authority);
        assert_eq!(codes(&verify(chain, &[authorities.root_certificate().clone()], now())), ["valid"]);
    }
}

#[test]
fn time_is_told() {
    let authorities = authorities();
    let anchors = [authorities.device_authority_certificate().clone()];
    let device = authorities.issue_device("alice", now()).unwrap();
    assert_eq!(codes(&verify(device.chain(), &anchors, now() + days(390))), ["valid", "expires-soon"]);
    let expired = verify(device.chain(), &anchors, now() + days(398));
    assert_eq!(codes(&expired), ["expired"]);
    assert!(expired[0].to_string().contains("expired on 2027-12-26"), "{}", expired[0]);
    assert_eq!(codes(&verify(device.chain(), &anchors, now() - days(1))), ["not-yet-valid", "not-yet-valid"]);

    let short = authorities.issue_for(&Subject::device("status").unwrap(), Duration::from_mins(1), now()).unwrap();
    assert!(!verify(short.chain(), &anchors, now()).iter().any(Finding::is_problem));
    assert_eq!(codes(&verify(short.chain(), &anchors, now() + Duration::from_secs(61))), ["expired"]);

    let later = now() + days(AUTHORITY_DAYS + 1);
    assert_eq!(codes(&verify(device.chain(), &anchors, later)), ["expired", "expired"], "its authority too");
}

#[test]
fn a_leaf_of_the_wrong_authority_is_told_from_one_of_an_unknown_one() {
    let pki = StolenPki::new();
    let anchors =
        [pki.authorities.node_authority_certificate().clone(), pki.authorities.device_authority_certificate().clone()];
    let (dns_name, uri) = pki.names(&Subject::node(1).unwrap());
    let forged = verify(&pki.forge("devices", &dns_name, &uri), &anchors, now());
    assert_eq!(codes(&forged)[0], "wrong-authority");
    assert!(forged[0].to_string().contains("its names say node, but the device authority signed it"), "{}", forged[0]);

    let stranger = authorities().issue_node(1, now()).unwrap();
    assert_eq!(codes(&verify(stranger.chain(), &anchors, now())), ["unknown-authority"]);

    let other = authorities();
    let (dns_name, uri) =
        (Subject::node(1).unwrap().dns_name(other.cluster()), Subject::node(1).unwrap().uri(other.cluster()));
    let foreign = verify(&pki.forge("nodes", &dns_name, &uri), &anchors, now());
    assert_eq!(codes(&foreign), ["other-cluster"]);
}

#[test]
fn names_and_uses_that_do_not_fit_are_told() {
    let pki = StolenPki::new();
    let anchors = [pki.authorities.device_authority_certificate().clone()];
    let (alice, bob) = (pki.names(&Subject::device("alice").unwrap()), pki.names(&Subject::device("bob").unwrap()));
    let torn = verify(&pki.forge("devices", &alice.0, &bob.1), &anchors, now());
    assert_eq!(codes(&torn), ["wrong-names", "wrong-uses"], "{torn:?}");
    assert!(torn[1].to_string().contains("where a device has exactly [clientAuth]"), "{}", torn[1]);

    let elsewhere = verify(&pki.forge("devices", "example.org", "https://example.org/"), &anchors, now());
    assert_eq!(codes(&elsewhere)[0], "foreign");
    assert_eq!(codes(&verify(&[b"nonsense".to_vec().into()], &anchors, now())), ["unreadable"]);
}

#[test]
fn directories_are_verified_with_the_keys_in_them() {
    let made = authorities();
    let home = tempfile::tempdir().unwrap();
    let (pki, certs) = (home.path().join("pki"), home.path().join("certs"));
    made.save(&pki).unwrap();
    let subject = Subject::device("alice").unwrap();
    made.issue(&subject, now()).unwrap().write(&certs, &made.anchors_for(&subject)).unwrap();

    let authorities = verify_files(&pki, &[], now()).unwrap();
    assert_eq!(authorities.len(), 3);
    assert!(authorities.iter().all(|report| codes(&report.findings) == ["valid"]), "{authorities:?}");
    let leaf = verify_files(&certs, &[], now()).unwrap();
    assert_eq!(codes(&leaf[0].findings), ["valid"], "{leaf:?}");

    let key = certs.join("leaf.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let open = verify_files(&certs.join("leaf.crt"), &[], now()).unwrap();
    assert_eq!(codes(&open[0].findings), ["key-not-private"]);
    assert!(open[0].findings[0].to_string().contains("mode 644"), "{}", open[0].findings[0]);

    fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(codes(&verify_files(&certs, &[], now()).unwrap()[0].findings), ["key-mismatch"]);

    let stranger = crate::fixture::authorities();
    let foreign = verify_files(&certs, &[stranger.root_certificate().clone()], now()).unwrap();
    assert_eq!(codes(&foreign[0].findings)[0], "unknown-authority");
}

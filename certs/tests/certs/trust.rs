//! Who is believed under which anchor, asked of the verifiers that TLS endpoints use.

use std::sync::Arc;
use std::time::SystemTime;

use raftchat_certs::Subject;
use rustls::client::{WebPkiServerVerifier, danger::ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, Error, RootCertStore};

use crate::fixture::{StolenPki, authorities, now};

fn anchored(anchor: &CertificateDer<'static>) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(anchor.clone()).unwrap();
    Arc::new(roots)
}

fn unix_now() -> UnixTime {
    UnixTime::since_unix_epoch(now().duration_since(SystemTime::UNIX_EPOCH).unwrap())
}

/// As an endpoint that trusts `anchor` judges a caller.
fn as_caller(chain: &[CertificateDer<'static>], anchor: &CertificateDer<'static>) -> Result<(), Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(anchored(anchor), provider).build().unwrap();
    verifier.verify_client_cert(&chain[0], &chain[1..], unix_now()).map(drop)
}

/// As a client that trusts `anchor` and called `name` judges who answered.
fn as_server(chain: &[CertificateDer<'static>], anchor: &CertificateDer<'static>, name: &str) -> Result<(), Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(anchored(anchor), provider).build().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], unix_now()).map(drop)
}

fn unknown_issuer(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)))
}

#[test]
fn under_each_authority_only_its_own_leaves_are_believed() {
    let authorities = authorities();
    let (nodes, devices) = (authorities.node_authority_certificate(), authorities.device_authority_certificate());
    let node = authorities.issue_node(1, now()).unwrap();
    let device = authorities.issue_device("alice", now()).unwrap();

    assert_eq!(as_caller(node.chain(), nodes), Ok(()));
    assert!(unknown_issuer(&as_caller(device.chain(), nodes)));
    assert_eq!(as_caller(device.chain(), devices), Ok(()));
    assert!(unknown_issuer(&as_caller(node.chain(), devices)));

    let stranger = crate::fixture::authorities().issue_node(1, now()).unwrap();
    assert!(unknown_issuer(&as_caller(stranger.chain(), nodes)));
}

#[test]
fn a_client_believes_the_node_it_called_and_no_other() {
    let authorities = authorities();
    let nodes = authorities.node_authority_certificate();
    let name = |id| Subject::node(id).unwrap().dns_name(authorities.cluster());
    let node = authorities.issue_node(1, now()).unwrap();
    assert_eq!(as_server(node.chain(), nodes, &name(1)), Ok(()));
    assert!(as_server(node.chain(), nodes, &name(2)).is_err());

    let device = authorities.issue_device("alice", now()).unwrap();
    let alice = Subject::device("alice").unwrap().dns_name(authorities.cluster());
    let root = authorities.root_certificate();
    assert!(as_server(device.chain(), root, &alice).is_err(), "a device never serves, whatever is trusted");
}

#[test]
fn a_stolen_device_authority_cannot_make_a_node_name_even_under_the_root() {
    let pki = StolenPki::new();
    let (root, nodes) = (pki.authorities.root_certificate(), pki.authorities.node_authority_certificate());
    let (dns_name, uri) = pki.names(&Subject::node(1).unwrap());
    let forged = pki.forge("devices", &dns_name, &uri);
    assert!(unknown_issuer(&as_caller(&forged, nodes)));
    let refused = format!("{:?}", as_caller(&forged, root).unwrap_err());
    assert!(refused.contains("NameConstraint"), "{refused}");
}

#[test]
fn a_forged_node_uri_alone_passes_the_root_which_is_why_the_root_is_no_anchor() {
    let pki = StolenPki::new();
    let (dns_name, _) = pki.names(&Subject::device("mallory").unwrap());
    let (_, uri) = pki.names(&Subject::node(1).unwrap());
    let forged = pki.forge("devices", &dns_name, &uri);
    assert_eq!(as_caller(&forged, pki.authorities.root_certificate()), Ok(()));
    assert!(unknown_issuer(&as_caller(&forged, pki.authorities.node_authority_certificate())));
}

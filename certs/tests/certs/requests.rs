//! A request brings a public key; everything else in it is wishful.

use raftchat_certs::{RequestError, RequestedKey, Role, Subject, describe};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, SanType,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::fixture::{authorities, now};

#[test]
fn what_a_request_asks_for_is_ignored_but_for_its_key() {
    let authorities = authorities();
    let cluster = authorities.cluster();
    let mallory = KeyPair::generate().unwrap();
    let mut wishes = CertificateParams::default();
    let node_one = Subject::node(1).unwrap();
    wishes.subject_alt_names = vec![
        SanType::DnsName(node_one.dns_name(cluster).try_into().unwrap()),
        SanType::URI(node_one.uri(cluster).try_into().unwrap()),
    ];
    wishes.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any];
    wishes.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    wishes.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let request = wishes.serialize_request(&mallory).unwrap();

    let key = RequestedKey::from_pem(request.pem().unwrap().as_bytes()).unwrap();
    let signed = authorities.sign_request(&Subject::device("mallory").unwrap(), &key, now()).unwrap();

    let description = describe(&signed.chain()[0]).unwrap();
    assert_eq!(description.role, Role::Device);
    assert_eq!(description.who(), format!("device mallory of cluster {cluster}"));
    assert_eq!(description.fingerprint, key.fingerprint());
    let (_, certificate) = X509Certificate::from_der(&signed.chain()[0]).unwrap();
    let eku = certificate.extended_key_usage().unwrap().unwrap().value;
    assert_eq!((eku.any, eku.server_auth, eku.client_auth), (false, false, true));
    assert!(!certificate.is_ca());
    assert_eq!(certificate.key_usage().unwrap().unwrap().value.flags, 1);
    assert_eq!(certificate.subject().to_string(), format!("CN=device mallory of {cluster}"));

    // But for key, serial and signature it is the certificate that a name alone would have got.
    let plain = authorities.issue_device("mallory", now()).unwrap();
    let plain = describe(plain.certificate()).unwrap();
    assert_eq!((plain.dns_names, plain.uris, plain.uses), (description.dns_names, description.uris, description.uses));
}

#[test]
fn a_request_proves_its_key_and_the_key_is_p256() {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    let der = request.der().to_vec();
    assert!(RequestedKey::from_der(&der).is_ok());

    let mut altered = der.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(RequestedKey::from_der(&altered).unwrap_err(), RequestError::NotSigned);
    let mut longer = der.clone();
    longer.push(0);
    assert_eq!(RequestedKey::from_der(&longer).unwrap_err(), RequestError::Unreadable);
    assert_eq!(RequestedKey::from_pem(b"hello").unwrap_err(), RequestError::Unreadable);

    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let request = CertificateParams::default().serialize_request(&p384).unwrap();
    assert_eq!(RequestedKey::from_der(request.der()).unwrap_err(), RequestError::KeyKind);
}

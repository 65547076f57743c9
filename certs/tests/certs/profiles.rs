//! Each certificate says exactly what its profile says, read back by an independent parser.

use std::collections::BTreeSet;
use std::time::SystemTime;

use raftchat_certs::{AUTHORITY_DAYS, CLOCK_ALLOWANCE, IssueError, LEAF_DAYS, ROOT_DAYS, Role, describe};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

use crate::fixture::{authorities, days, now};

fn parsed(der: &[u8]) -> X509Certificate<'_> {
    X509Certificate::from_der(der).unwrap().1
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// Extensions by short name, `!` after the critical ones; an extension that is not listed is one too many.
fn extensions(certificate: &X509Certificate<'_>) -> BTreeSet<&'static str> {
    let name = |extension: &x509_parser::extensions::X509Extension<'_>| {
        let (plain, critical) = match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(_) => ("aki", "aki!"),
            ParsedExtension::SubjectKeyIdentifier(_) => ("ski", "ski!"),
            ParsedExtension::BasicConstraints(_) => ("basic", "basic!"),
            ParsedExtension::KeyUsage(_) => ("use", "use!"),
            ParsedExtension::ExtendedKeyUsage(_) => ("eku", "eku!"),
            ParsedExtension::SubjectAlternativeName(_) => ("san", "san!"),
            ParsedExtension::NameConstraints(_) => ("nc", "nc!"),
            _ => ("other", "other!"),
        };
        if extension.critical { critical } else { plain }
    };
    certificate.extensions().iter().map(name).collect()
}

fn key_identifiers(certificate: &X509Certificate<'_>) -> (Vec<u8>, Vec<u8>) {
    let (mut authority, mut own) = (Vec::new(), Vec::new());
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => authority = id.key_identifier.as_ref().unwrap().0.to_vec(),
            ParsedExtension::SubjectKeyIdentifier(id) => own = id.0.to_vec(),
            _ => {}
        }
    }
    (authority, own)
}

#[test]
fn the_three_authorities_follow_their_profiles() {
    let authorities = authorities();
    let cluster = authorities.cluster();
    let both = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];
    let cases = [
        (authorities.root_certificate(), "root", 1, ROOT_DAYS, None, &[][..]),
        (authorities.node_authority_certificate(), "node authority", 0, AUTHORITY_DAYS, Some("node"), &both[..]),
        (authorities.device_authority_certificate(), "device authority", 0, AUTHORITY_DAYS, Some("device"), &both[1..]),
    ];
    for (der, title, path_length, lasting, domain, uses) in cases {
        let certificate = parsed(der);
        let subject = certificate.subject().to_string();
        assert_eq!(subject, format!("CN=raftchat {title} {cluster}"));
        assert_eq!(certificate.issuer().to_string(), format!("CN=raftchat root {cluster}"));
        let basic = certificate.basic_constraints().unwrap().unwrap().value;
        assert_eq!((basic.ca, basic.path_len_constraint), (true, Some(path_length)), "{title}");
        let usage = certificate.key_usage().unwrap().unwrap().value;
        assert_eq!(usage.flags, (1 << 5) | (1 << 6), "{title} signs certificates and revocation lists, nothing else");

        assert_eq!(certificate.validity().not_before.timestamp(), seconds(now() - CLOCK_ALLOWANCE));
        assert_eq!(certificate.validity().not_after.timestamp(), seconds(now() + days(lasting)));
        let eku = certificate.extended_key_usage().unwrap().map(|extension| extension.value);
        let found = eku.map_or((false, false), |eku| (eku.server_auth, eku.client_auth));
        assert_eq!(found, (uses.contains(&both[0]), uses.contains(&both[1])), "{title}");

        let mut expected = BTreeSet::from(["aki", "ski", "basic!", "use!"]);
        expected.extend(domain.map(|_| ["eku", "nc!"]).into_iter().flatten());
        assert_eq!(extensions(&certificate), expected, "{title}");
        let permitted: Vec<_> = domain.iter().map(|domain| format!("{domain}.{cluster}.raftchat.internal")).collect();
        assert_eq!(describe(der).unwrap().permitted_domains, permitted);
    }
}

#[test]
fn leaves_follow_their_profiles() {
    let authorities = authorities();
    let cluster = authorities.cluster();
    let node = authorities.issue_node(1, now()).unwrap();
    let device = authorities.issue_device("alice", now()).unwrap();
    let cases = [
        (&node, true, format!("n1.node.{cluster}.raftchat.internal"), format!("raftchat://{cluster}/node/1")),
        (
            &device,
            false,
            format!("alice.device.{cluster}.raftchat.internal"),
            format!("raftchat://{cluster}/device/alice"),
        ),
    ];
    for (leaf, serves, dns_name, uri) in cases {
        let certificate = parsed(leaf.certificate());
        assert_eq!(extensions(&certificate), BTreeSet::from(["aki", "ski", "basic!", "use!", "eku", "san"]));
        assert!(!certificate.is_ca());
        assert_eq!(certificate.key_usage().unwrap().unwrap().value.flags, 1, "digitalSignature alone");
        let eku = certificate.extended_key_usage().unwrap().unwrap().value;
        assert_eq!((eku.server_auth, eku.client_auth, eku.any), (serves, true, false));
        assert!(eku.other.is_empty());
        let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert_eq!(names, &[GeneralName::DNSName(&dns_name), GeneralName::URI(&uri)]);
        assert_eq!(certificate.validity().not_before.timestamp(), seconds(now() - CLOCK_ALLOWANCE));
        assert_eq!(certificate.validity().not_after.timestamp(), seconds(now() + days(LEAF_DAYS)));
        assert_eq!(
            certificate.public_key().algorithm.parameters.as_ref().unwrap().as_oid().unwrap().to_id_string(),
            "1.2.840.10045.3.1.7"
        );
    }
}

#[test]
fn serial_numbers_are_16_random_positive_bytes_and_key_identifiers_chain() {
    let authorities = authorities();
    let leaves = [authorities.issue_node(1, now()).unwrap(), authorities.issue_node(1, now()).unwrap()];
    let root = parsed(authorities.root_certificate());
    let authority = parsed(authorities.node_authority_certificate());
    let mut serials = BTreeSet::new();
    for certificate in [&root, &authority, &parsed(leaves[0].certificate()), &parsed(leaves[1].certificate())] {
        assert_eq!(certificate.raw_serial().len(), 16);
        assert!(certificate.raw_serial()[0] < 0x80, "positive");
        assert!(serials.insert(certificate.raw_serial().to_vec()));
    }
    assert_eq!(key_identifiers(&authority).0, key_identifiers(&root).1);
    assert_eq!(key_identifiers(&parsed(leaves[0].certificate())).0, key_identifiers(&authority).1);
    assert_ne!(leaves[0].fingerprint().unwrap(), leaves[1].fingerprint().unwrap(), "each leaf has a key of its own");
}

#[test]
fn a_leaf_ends_with_its_authority_and_an_expired_authority_signs_nothing() {
    let authorities = authorities();
    let late = now() + days(AUTHORITY_DAYS - 10);
    let leaf = authorities.issue_node(1, late).unwrap();
    assert_eq!(describe(leaf.certificate()).unwrap().expires_at(), now() + days(AUTHORITY_DAYS));

    let too_late = now() + days(AUTHORITY_DAYS + 1);
    let refused = authorities.issue_device("alice", too_late).unwrap_err();
    assert!(matches!(refused, IssueError::AuthorityExpired { .. }), "{refused}");
    assert!(refused.to_string().contains("device authority expired on 2029-"), "{refused}");
}

#[test]
fn a_description_says_who_it_is() {
    let authorities = authorities();
    let cluster = authorities.cluster();
    let device = authorities.issue_device("alice", now()).unwrap();
    let description = describe(device.certificate()).unwrap();
    assert_eq!(description.role, Role::Device);
    assert_eq!(description.who(), format!("device alice of cluster {cluster}"));
    assert_eq!(description.issuer, format!("raftchat device authority {cluster}"));
    assert_eq!(description.valid_from(), "2026-11-24T09:00:00Z");
    assert_eq!(description.valid_until(), "2027-12-26T10:00:00Z");
    assert_eq!(description.days_left(now()), 397);
    assert_eq!(description.days_left(now() + days(398)), -1);
    assert_eq!(describe(authorities.root_certificate()).unwrap().who(), format!("root of cluster {cluster}"));
    assert!(describe(b"not a certificate").is_err());
}

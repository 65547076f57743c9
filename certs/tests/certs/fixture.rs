//! A cluster's authorities at a fixed time, and what somebody with a stolen authority key could make.

use std::path::Path;
use std::time::{Duration, SystemTime};

use raftchat_certs::{Authorities, ClusterId, Subject};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

/// 2026-11-24 10:00:00 UTC.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(498_754)
}

pub(crate) fn days(count: u64) -> Duration {
    Duration::from_hours(count * 24)
}

pub(crate) fn authorities() -> Authorities {
    Authorities::create(now()).unwrap()
}

/// The authorities as they are on the disk, keys and all.
pub(crate) struct StolenPki {
    pub(crate) authorities: Authorities,
    pub(crate) directory: TempDir,
}

impl StolenPki {
    pub(crate) fn new() -> Self {
        let authorities = authorities();
        let directory = tempfile::tempdir().unwrap();
        authorities.save(directory.path()).unwrap();
        Self { authorities, directory }
    }

    pub(crate) fn cluster(&self) -> &ClusterId {
        self.authorities.cluster()
    }

    /// A leaf with any DNS name and URI at all, signed by the authority whose files are called `stem`.
    pub(crate) fn forge(&self, stem: &str, dns_name: &str, uri: &str) -> Vec<CertificateDer<'static>> {
        let mut params = CertificateParams::default();
        let moment = |time: SystemTime| time::OffsetDateTime::from(time);
        params.not_before = moment(now());
        params.not_after = moment(now() + days(90));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names =
            vec![SanType::DnsName(dns_name.try_into().unwrap()), SanType::URI(uri.try_into().unwrap())];

        let read = |ending: &str| read_text(&self.directory.path().join(format!("{stem}.{ending}")));
        let issuer = Issuer::from_ca_cert_pem(&read("crt"), KeyPair::from_pem(&read("key")).unwrap()).unwrap();
        let leaf = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().clone();
        let authority = raftchat_certs::certificates_from_pem(read("crt").as_bytes()).unwrap().remove(0);
        vec![leaf, authority]
    }

    /// What the names of `subject` are in this cluster.
    pub(crate) fn names(&self, subject: &Subject) -> (String, String) {
        (subject.dns_name(self.cluster()), subject.uri(self.cluster()))
    }
}

pub(crate) fn read_text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

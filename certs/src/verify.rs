//! Whether a certificate would be believed, and if not, why. Knows no files.
//!
//! Each rule is looked at by itself so that it can be named; what passes them all is then shown to the verifier that
//! the endpoints use, which has the last word.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use x509_parser::prelude::X509Certificate;

use crate::describe::{CertificateError, Description, KeyUse, Role, describe, parse};
use crate::finding::Finding;
use crate::profile::moment;

/// A certificate with fewer days left than this is to be renewed.
pub const EXPIRY_WARNING_DAYS: i64 = 60;

/// What there is to say about the first certificate of `chain` at `now`, trusting `anchors` alone: either problems,
/// or [`Finding::Valid`] with a warning at most. The rest of `chain` may help to reach an anchor.
pub fn verify(chain: &[CertificateDer<'_>], anchors: &[CertificateDer<'_>], now: SystemTime) -> Vec<Finding> {
    let Some(subject) = chain.first() else { return vec![Finding::Unreadable(CertificateError::NotX509)] };
    let description = match describe(subject) {
        Ok(description) => description,
        Err(error) => return vec![Finding::Unreadable(error)],
    };
    let mut findings = check_own_words(&description);
    findings.extend(check_time(&description, now));
    let signer = find_signer(chain, anchors, now);
    match &signer {
        Ok(signer) => findings.extend(check_signer(signer, &description, now)),
        Err(finding) => findings.push(finding.clone()),
    }
    if !findings.iter().any(Finding::is_problem) && !description.is_authority {
        findings.extend(ask_endpoint(chain, anchors, now).err().map(Finding::Refused));
    }
    let Ok(signer) = signer else { return findings };
    if !findings.iter().any(Finding::is_problem) {
        let (who, days_left) = (description.who(), description.days_left(now));
        findings.insert(0, Finding::Valid { who, signed_by: signer.who(), days_left });
    }
    findings
}

/// Findings that need nobody else's certificate.
fn check_own_words(description: &Description) -> Vec<Finding> {
    let mut findings = Vec::new();
    let expected = match description.role {
        Role::Root => Vec::new(),
        Role::Node | Role::NodeAuthority => vec![KeyUse::ServerAuth, KeyUse::ClientAuth],
        Role::Device | Role::DeviceAuthority => vec![KeyUse::ClientAuth],
        Role::Foreign => return vec![Finding::Foreign],
    };
    if !description.is_authority {
        findings.extend(description.identity().err().map(Finding::Names));
    }
    if description.uses != expected {
        findings.push(Finding::Uses { role: description.role, found: description.uses.clone(), expected });
    }
    findings
}

fn check_time(description: &Description, now: SystemTime) -> Option<Finding> {
    let days_left = description.days_left(now);
    let on = description.valid_until();
    match moment(now) {
        Some(now) if now > description.period.until => Some(Finding::Expired { who: description.who(), on }),
        Some(now) if now >= description.period.from => {
            (days_left < EXPIRY_WARNING_DAYS).then_some(Finding::ExpiresSoon { on, days_left })
        }
        _ => Some(Finding::NotYetValid { who: description.who(), from: description.valid_from() }),
    }
}

/// The authority whose key signed the first certificate of `chain`: one of the anchors, or else one that came with the
/// certificate and that an anchor has signed.
fn find_signer(
    chain: &[CertificateDer<'_>],
    anchors: &[CertificateDer<'_>],
    now: SystemTime,
) -> Result<Description, Finding> {
    let (subject, companions) = chain.split_first().ok_or(Finding::Unreadable(CertificateError::NotX509))?;
    let subject = parse(subject).map_err(Finding::Unreadable)?;
    if let Some(signer) = signer_among(&subject, anchors) {
        return Ok(signer);
    }
    for companion in companions {
        let Ok(authority) = parse(companion) else { continue };
        let signer = signer_among(&subject, std::slice::from_ref(companion));
        let (Some(signer), Some(above)) = (signer, signer_among(&authority, anchors)) else { continue };
        return match check_time(&above, now) {
            Some(problem @ Finding::Expired { .. }) => Err(problem),
            _ => Ok(signer),
        };
    }
    let issuer = subject.issuer().iter_common_name().find_map(|name| name.as_str().ok()).unwrap_or_default();
    Err(Finding::UnknownAuthority { issuer: issuer.to_owned() })
}

/// Whether `signer` may sign what `subject` says it is.
fn check_signer(signer: &Description, subject: &Description, now: SystemTime) -> Vec<Finding> {
    let mut findings = Vec::new();
    if subject.role.signer().is_some_and(|role| role != signer.role) {
        findings.push(Finding::WrongAuthority { claims: subject.role, signed_by: signer.role });
    }
    if subject.cluster != signer.cluster {
        let (claims, signed_by) = (subject.cluster.clone(), signer.cluster.clone());
        findings.push(Finding::OtherCluster { claims, signed_by });
    }
    if subject.role != Role::Root {
        findings.extend(check_time(signer, now).filter(Finding::is_problem));
    }
    findings
}

/// The one of `authorities` whose name is the issuer's and whose key made the signature.
fn signer_among(subject: &X509Certificate<'_>, authorities: &[CertificateDer<'_>]) -> Option<Description> {
    authorities.iter().find_map(|der| {
        let authority = parse(der).ok()?;
        let named = authority.subject().as_raw() == subject.issuer().as_raw();
        let signed = named && subject.verify_signature(Some(authority.public_key())).is_ok();
        let description = signed.then(|| describe(der).ok()).flatten()?;
        description.is_authority.then_some(description)
    })
}

/// Shows a leaf to the verifier that the endpoints use.
fn ask_endpoint(chain: &[CertificateDer<'_>], anchors: &[CertificateDer<'_>], now: SystemTime) -> Result<(), String> {
    let text = |error: &dyn fmt::Display| error.to_string();
    let (leaf, companions) = chain.split_first().ok_or("it is empty")?;
    let mut roots = RootCertStore::empty();
    for anchor in anchors {
        roots.add(anchor.clone().into_owned()).map_err(|error| text(&error))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|error| text(&error))?;
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    verifier.verify_client_cert(leaf, companions, now).map(drop).map_err(|error| text(&error))
}

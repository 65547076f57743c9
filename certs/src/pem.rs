//! PEM, the text form of certificates and keys in files. Knows neither where the text came from nor what it is for.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LINE: usize = 64;

/// Reasons why a text holds no certificate or key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The framing or the base64 is broken.
    #[error("its PEM text is damaged ({0})")]
    Damaged(String),
    /// No section of that kind.
    #[error("it holds no `-----BEGIN {0}-----` section")]
    Nothing(&'static str),
    /// More than one key, so nobody could say which is meant.
    #[error("it holds more than one private key")]
    SeveralKeys,
    /// A key in an older form.
    #[error("its key is not in PKCS#8 form; convert it with `openssl pkcs8 -topk8 -nocrypt`")]
    NotPkcs8,
}

/// All certificates of a PEM text, in their order; at least one. Sections of other kinds are passed over.
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let certificates = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>().map_err(damaged)?;
    if certificates.is_empty() {
        return Err(PemError::Nothing("CERTIFICATE"));
    }
    Ok(certificates)
}

/// The one PKCS#8 private key of a PEM text.
pub(crate) fn key_from_pem(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    let mut keys = PrivateKeyDer::pem_slice_iter(text);
    let key = keys.next().ok_or(PemError::Nothing("PRIVATE KEY"))?.map_err(damaged)?;
    if keys.next().is_some() {
        return Err(PemError::SeveralKeys);
    }
    if matches!(key, PrivateKeyDer::Pkcs8(_)) { Ok(key) } else { Err(PemError::NotPkcs8) }
}

/// Certificates as PEM text, one section after the other.
pub(crate) fn certificates_to_pem(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|certificate| section("CERTIFICATE", certificate)).collect()
}

/// A PKCS#8 key as PEM text.
pub(crate) fn key_to_pem(key: &PrivateKeyDer<'_>) -> String {
    section("PRIVATE KEY", key.secret_der())
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn damaged(error: rustls::pki_types::pem::Error) -> PemError {
    PemError::Damaged(error.to_string())
}

fn section(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, letter) in base64(der).enumerate() {
        if index != 0 && index % LINE == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + "\n-----END " + label + "-----\n"
}

fn base64(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.chunks(3).flat_map(|chunk| {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let letters = chunk.len() + 1;
        (0..4).map(move |place| if place < letters { letter(bits >> (18 - 6 * place)) } else { '=' })
    })
}

fn letter(bits: u32) -> char {
    let place = usize::try_from(bits & 63).unwrap_or_default();
    ALPHABET.get(place).copied().map_or('=', char::from)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn base64_follows_the_test_vectors_of_rfc_4648() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()).collect::<String>(), coded);
        }
    }

    #[test]
    fn certificates_of_every_length_read_back_in_order() {
        let written: Vec<_> = (1..200_u8).map(|length| CertificateDer::from((0..length).collect::<Vec<_>>())).collect();
        assert_eq!(certificates_from_pem(certificates_to_pem(&written).as_bytes()).unwrap(), written);
    }

    #[test]
    fn a_text_without_a_section_and_a_cut_text_are_told_apart() {
        assert_eq!(certificates_from_pem(b"hello"), Err(PemError::Nothing("CERTIFICATE")));
        let whole = certificates_to_pem(&[CertificateDer::from(vec![1, 2, 3])]);
        let cut = whole.get(..whole.len() - 20).unwrap();
        assert!(matches!(certificates_from_pem(cut.as_bytes()), Err(PemError::Damaged(_))));
    }
}

//! Rows as they lie on the disk: a version, the row, a checksum. Knows nothing of what a row says.
//!
//! The checksum covers the row's key too, so that a row in another's place is as damaged as one with a wrong bit.

use xxhash_rust::xxh3::Xxh3;

const VERSION: u8 = 1;

/// The row as it is stored under `key`.
pub(super) fn seal(key: &[u8], row: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(row.len().saturating_add(9));
    sealed.push(VERSION);
    sealed.extend_from_slice(row);
    sealed.extend_from_slice(&sum(key, &sealed));
    sealed
}

/// The row that was stored under `key`; none if a bit of it changed, or a newer program wrote it.
pub(super) fn unseal<'a>(key: &[u8], sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (content, found) = sealed.split_last_chunk::<8>()?;
    let (version, row) = content.split_first()?;
    (sum(key, content) == *found && *version == VERSION).then_some(row)
}

fn sum(key: &[u8], content: &[u8]) -> [u8; 8] {
    let mut hasher = Xxh3::new();
    hasher.update(key);
    hasher.update(content);
    hasher.digest().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_bit_or_another_key_is_noticed() {
        let sealed = seal(b"alice", b"hello");
        assert_eq!(unseal(b"alice", &sealed), Some(&b"hello"[..]));
        assert_eq!(unseal(b"bob", &sealed), None);
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged.iter_mut().skip(bit / 8).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
            assert_eq!(unseal(b"alice", &damaged), None, "bit {bit}");
        }
        assert_eq!(unseal(b"alice", &[]), None);
    }
}

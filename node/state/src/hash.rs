//! The rolling hash over everything ever written: two nodes that differ in one row differ in it from then on.

use raftchat_schema::id::StateHash;
use sha2::{Digest, Sha256};

use crate::tables::Writes;

/// The hash of a state nothing was ever written to.
pub(crate) const EMPTY: StateHash = StateHash([0; 32]);

const REMOVED: u8 = 0;
const PUT: u8 = 1;

/// The hash after an entry: SHA-256 over `previous` and each write in order of key, as the key with its length, a
/// tag (0 removed, 1 put), and for a put the row with its length. Lengths are 8 bytes, big-endian.
pub(crate) fn roll(previous: StateHash, writes: &Writes) -> StateHash {
    let mut hash = Sha256::new();
    hash.update(previous.0);
    for (key, row) in &writes.0 {
        prefixed(&mut hash, key);
        match row {
            None => hash.update([REMOVED]),
            Some(row) => {
                hash.update([PUT]);
                prefixed(&mut hash, row);
            }
        }
    }
    StateHash(hash.finalize().into())
}

fn prefixed(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_write_counts() {
        let rolls =
            |key: &[u8], row: Option<&[u8]>| roll(EMPTY, &Writes([(key.to_vec(), row.map(<[u8]>::to_vec))].into()));
        let all = [
            EMPTY,
            roll(EMPTY, &Writes::default()),
            rolls(b"ab", Some(b"c")),
            rolls(b"a", Some(b"bc")),
            rolls(b"ab", Some(b"")),
            rolls(b"ab", None),
        ];
        let different: alloc::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}

//! The form of the log's records on disk. An entry's record names its place, is tied to the entry before by a hash,
//! and carries a checksum over all of it. Knows nothing of the database that holds it.

use bytes::Bytes;
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::LogId;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_64;

const VERSION: u8 = 1;

/// The hash of an entry and of all before it, back to where the log begins on this node: the first half of a SHA-256.
/// Not comparable between nodes, which purge at different places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain(pub [u8; 16]);

/// An entry: where it stands, and its `Stored.Entry` message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Where it stands.
    pub id: LogId,
    /// The message, as it is on the wire too.
    pub entry: Bytes,
}

/// A record as it was read.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) record: LogRecord,
    pub(crate) previous: Chain,
    pub(crate) chain: Chain,
}

impl Chain {
    /// The chain's hash one entry later.
    pub(crate) fn after(self, record: &LogRecord) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(place(record.id));
        hash.update(&record.entry);
        Self::of(hash)
    }

    /// Where a chain begins whose past is in a snapshot from elsewhere.
    pub(crate) fn based_on(id: LogId) -> Self {
        let mut hash = Sha256::new();
        hash.update(place(id));
        Self::of(hash)
    }

    fn of(hash: Sha256) -> Self {
        let whole: [u8; 32] = hash.finalize().into();
        Self(whole.first_chunk().copied().unwrap_or_default())
    }
}

fn place(id: LogId) -> [u8; 24] {
    let mut place = [0; 24];
    let numbers = [id.term, id.leader.0, id.index];
    place.iter_mut().zip(numbers.into_iter().flat_map(u64::to_be_bytes)).for_each(|(slot, byte)| *slot = byte);
    place
}

/// The record's bytes, and the chain after it.
pub(crate) fn encode(record: &LogRecord, previous: Chain) -> (Vec<u8>, Chain) {
    let chain = previous.after(record);
    let mut body = Vec::with_capacity(record.entry.len().saturating_add(56));
    body.extend(place(record.id));
    body.extend(previous.0);
    body.extend(chain.0);
    body.extend(&record.entry);
    (seal(&body), chain)
}

/// The record in `bytes`, its checksum and its own hash verified.
pub(crate) fn decode(index: u64, bytes: &[u8]) -> Result<Linked, &'static str> {
    let body = unseal(bytes).ok_or("its checksum or its version does not fit")?;
    let cut = "it is cut short";
    let mut rest = body;
    let [term, leader, written] = [number(&mut rest), number(&mut rest), number(&mut rest)];
    let (previous, rest) = rest.split_first_chunk::<16>().ok_or(cut)?;
    let (chain, entry) = rest.split_first_chunk::<16>().ok_or(cut)?;
    let id = LogId { term: term.ok_or(cut)?, leader: NodeId(leader.ok_or(cut)?), index: written.ok_or(cut)? };
    if id.index != index {
        return Err("it stands in another's place");
    }
    let record = LogRecord { id, entry: Bytes::copy_from_slice(entry) };
    let linked = Linked { record, previous: Chain(*previous), chain: Chain(*chain) };
    if linked.previous.after(&linked.record) != linked.chain {
        return Err("its hash does not fit");
    }
    Ok(linked)
}

/// Where the log was purged up to, and the chain there.
pub(crate) fn encode_purged(id: LogId, chain: Chain) -> Vec<u8> {
    seal(&[&place(id)[..], &chain.0].concat())
}

/// The reverse of [`encode_purged`].
pub(crate) fn decode_purged(bytes: &[u8]) -> Option<(LogId, Chain)> {
    let mut rest = unseal(bytes)?;
    let [term, leader, index] = [number(&mut rest)?, number(&mut rest)?, number(&mut rest)?];
    Some((LogId { term, leader: NodeId(leader), index }, Chain(rest.try_into().ok()?)))
}

/// Version, length, `body`, checksum.
pub(crate) fn seal(body: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(body.len().saturating_add(17));
    sealed.push(VERSION);
    sealed.extend((body.len() as u64).to_be_bytes());
    sealed.extend(body);
    sealed.extend(xxh3_64(&sealed).to_be_bytes());
    sealed
}

/// What was sealed; none if a bit of it changed.
pub(crate) fn unseal(sealed: &[u8]) -> Option<&[u8]> {
    let (content, sum) = sealed.split_last_chunk::<8>()?;
    if xxh3_64(content) != u64::from_be_bytes(*sum) {
        return None;
    }
    let (version, rest) = content.split_first()?;
    let (length, body) = rest.split_first_chunk::<8>()?;
    (*version == VERSION && u64::from_be_bytes(*length) == body.len() as u64).then_some(body)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_be_bytes(*number))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let id = LogId { term: 3, leader: NodeId(2), index: 9 };
        let record = LogRecord { id, entry: Bytes::from_static(b"what alice said") };
        let (bytes, chain) = encode(&record, Chain([5; 16]));
        let linked = decode(9, &bytes).unwrap();
        assert_eq!((linked.record, linked.previous, linked.chain), (record, Chain([5; 16]), chain));
        assert!(decode(10, &bytes).is_err());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(decode(9, &changed).is_err(), "byte {at} bit {bit}");
            }
            assert!(decode(9, &bytes[..at]).is_err(), "cut at {at}");
        }
    }
}

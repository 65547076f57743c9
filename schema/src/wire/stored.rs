//! Log ids, votes, memberships, entries and snapshot headers.

use super::{WireError, count, decode, digest, encode, text};
use crate::generated::stored_capnp::{entry, log_id, member, membership, snapshot_header, stored_membership, vote};
use crate::id::{ChangeNumber, NodeId, StateHash};
use crate::level::Level;
use crate::stored::{Entry, EntryPayload, LogId, Member, Membership, SnapshotHeader, StoredMembership, Vote};

/// Fills in a log id.
pub fn write_log_id(mut builder: log_id::Builder<'_>, plain: &LogId) {
    builder.set_term(plain.term);
    builder.set_leader(plain.leader.0);
    builder.set_index(plain.index);
}

/// Reads a log id.
pub fn read_log_id(reader: log_id::Reader<'_>) -> LogId {
    LogId { term: reader.get_term(), leader: NodeId(reader.get_leader()), index: reader.get_index() }
}

/// Reads a log id beside the flag that says whether there is one.
pub fn read_optional_log_id(
    present: bool,
    reader: capnp::Result<log_id::Reader<'_>>,
) -> Result<Option<LogId>, WireError> {
    if !present {
        return Ok(None);
    }
    Ok(Some(read_log_id(reader?)))
}

/// A log id as bytes.
pub fn encode_log_id(plain: &LogId) -> Vec<u8> {
    encode::<log_id::Owned>(|builder| write_log_id(builder, plain))
}

/// The log id in `bytes`.
pub fn decode_log_id(bytes: &[u8]) -> Result<LogId, WireError> {
    decode::<log_id::Owned, _>(bytes, |reader| Ok(read_log_id(reader)))
}

/// Fills in a vote.
pub fn write_vote(mut builder: vote::Builder<'_>, plain: &Vote) {
    builder.set_term(plain.term);
    builder.set_node(plain.node.0);
    builder.set_committed(plain.committed);
}

/// Reads a vote.
pub fn read_vote(reader: vote::Reader<'_>) -> Vote {
    Vote { term: reader.get_term(), node: NodeId(reader.get_node()), committed: reader.get_committed() }
}

/// A vote as bytes.
pub fn encode_vote(plain: &Vote) -> Vec<u8> {
    encode::<vote::Owned>(|builder| write_vote(builder, plain))
}

/// The vote in `bytes`.
pub fn decode_vote(bytes: &[u8]) -> Result<Vote, WireError> {
    decode::<vote::Owned, _>(bytes, |reader| Ok(read_vote(reader)))
}

/// Fills in a member.
pub fn write_member(mut builder: member::Builder<'_>, node: NodeId, plain: &Member) {
    builder.set_node(node.0);
    builder.set_peer_address(plain.peer_address.as_str());
    builder.set_client_address(plain.client_address.as_str());
    builder.set_fingerprint(&plain.fingerprint);
}

/// Reads a member.
pub fn read_member(reader: member::Reader<'_>) -> Result<(NodeId, Member), WireError> {
    let member = Member {
        peer_address: text(reader.get_peer_address()?)?,
        client_address: text(reader.get_client_address()?)?,
        fingerprint: digest(reader.get_fingerprint()?, "fingerprint")?,
    };
    Ok((NodeId(reader.get_node()), member))
}

fn write_membership(mut builder: membership::Builder<'_>, plain: &Membership) {
    let mut configs = builder.reborrow().init_configs(count(plain.configs.len()));
    for (at, config) in (0..).zip(&plain.configs) {
        let mut voters = configs.reborrow().init(at, count(config.len()));
        for (slot, node) in (0..).zip(config) {
            voters.set(slot, node.0);
        }
    }
    let mut members = builder.init_members(count(plain.members.len()));
    for (at, (node, member)) in (0..).zip(&plain.members) {
        write_member(members.reborrow().get(at), *node, member);
    }
}

fn read_membership(reader: membership::Reader<'_>) -> Result<Membership, WireError> {
    let mut configs = Vec::new();
    for config in reader.get_configs()? {
        configs.push(config?.iter().map(NodeId).collect());
    }
    let members = reader.get_members()?.iter().map(read_member).collect::<Result<_, _>>()?;
    Ok(Membership { configs, members })
}

/// Fills in a membership and its place.
pub fn write_stored_membership(mut builder: stored_membership::Builder<'_>, plain: &StoredMembership) {
    builder.set_has_log_id(plain.log_id.is_some());
    if let Some(log_id) = &plain.log_id {
        write_log_id(builder.reborrow().init_log_id(), log_id);
    }
    write_membership(builder.init_membership(), &plain.membership);
}

/// Reads a membership and its place.
pub fn read_stored_membership(reader: stored_membership::Reader<'_>) -> Result<StoredMembership, WireError> {
    Ok(StoredMembership {
        log_id: read_optional_log_id(reader.get_has_log_id(), reader.get_log_id())?,
        membership: read_membership(reader.get_membership()?)?,
    })
}

/// A membership and its place as bytes.
pub fn encode_stored_membership(plain: &StoredMembership) -> Vec<u8> {
    encode::<stored_membership::Owned>(|builder| write_stored_membership(builder, plain))
}

/// The membership and its place in `bytes`.
pub fn decode_stored_membership(bytes: &[u8]) -> Result<StoredMembership, WireError> {
    decode::<stored_membership::Owned, _>(bytes, read_stored_membership)
}

/// An entry as the bytes that logs hold and appends carry.
pub fn encode_entry(plain: &Entry) -> Vec<u8> {
    encode::<entry::Owned>(|mut builder| {
        write_log_id(builder.reborrow().init_log_id(), &plain.log_id);
        match &plain.payload {
            EntryPayload::Blank => builder.set_blank(()),
            EntryPayload::Batch(bytes) => builder.set_batch(bytes),
            EntryPayload::Membership(membership) => write_membership(builder.init_membership(), membership),
        }
    })
}

/// The entry in `bytes`.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, WireError> {
    decode::<entry::Owned, _>(bytes, |reader| {
        let payload = match reader.which()? {
            entry::Blank(()) => EntryPayload::Blank,
            entry::Batch(bytes) => EntryPayload::Batch(bytes?.to_vec()),
            entry::Membership(membership) => EntryPayload::Membership(read_membership(membership?)?),
        };
        Ok(Entry { log_id: read_log_id(reader.get_log_id()?), payload })
    })
}

/// A snapshot's header as bytes.
pub fn encode_snapshot_header(plain: &SnapshotHeader) -> Vec<u8> {
    encode::<snapshot_header::Owned>(|mut builder| {
        builder.set_format(plain.format);
        builder.set_cluster(plain.cluster.as_str());
        builder.set_has_last_applied(plain.last_applied.is_some());
        if let Some(log_id) = &plain.last_applied {
            write_log_id(builder.reborrow().init_last_applied(), log_id);
        }
        write_stored_membership(builder.reborrow().init_membership(), &plain.membership);
        builder.set_change(plain.change.0);
        builder.set_state_hash(&plain.state_hash.0);
        builder.set_level(plain.level.0);
    })
}

/// The snapshot header in `bytes`.
pub fn decode_snapshot_header(bytes: &[u8]) -> Result<SnapshotHeader, WireError> {
    decode::<snapshot_header::Owned, _>(bytes, |reader| {
        Ok(SnapshotHeader {
            format: reader.get_format(),
            cluster: text(reader.get_cluster()?)?,
            last_applied: read_optional_log_id(reader.get_has_last_applied(), reader.get_last_applied())?,
            membership: read_stored_membership(reader.get_membership()?)?,
            change: ChangeNumber(reader.get_change()),
            state_hash: StateHash(digest(reader.get_state_hash()?, "stateHash")?),
            level: Level(reader.get_level()),
        })
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const PLACE: LogId = LogId { term: 3, leader: NodeId(2), index: 17 };

    fn membership() -> Membership {
        let member = |port: u16| Member {
            peer_address: format!("127.0.0.1:{port}"),
            client_address: format!("127.0.0.1:{}", port + 1),
            fingerprint: [7; 32],
        };
        Membership {
            configs: vec![vec![NodeId(1), NodeId(2)], vec![NodeId(2)]],
            members: vec![(NodeId(1), member(7400)), (NodeId(2), member(7410))],
        }
    }

    #[test]
    fn every_kind_of_entry_survives_its_bytes() {
        let payloads =
            [EntryPayload::Blank, EntryPayload::Batch(vec![1, 2, 3]), EntryPayload::Membership(membership())];
        for payload in payloads {
            let entry = Entry { log_id: PLACE, payload };
            assert_eq!(decode_entry(&encode_entry(&entry)).unwrap(), entry);
        }
    }

    #[test]
    fn a_snapshot_header_survives_its_bytes() {
        let header = SnapshotHeader {
            format: 1,
            cluster: "ship".into(),
            last_applied: Some(PLACE),
            membership: StoredMembership { log_id: None, membership: membership() },
            change: ChangeNumber(99),
            state_hash: StateHash([9; 32]),
            level: Level(3),
        };
        assert_eq!(decode_snapshot_header(&encode_snapshot_header(&header)).unwrap(), header);
    }

    #[test]
    fn cut_and_changed_bytes_are_errors_and_never_panics() {
        let bytes = encode_entry(&Entry { log_id: PLACE, payload: EntryPayload::Membership(membership()) });
        for length in 0..bytes.len() {
            assert!(decode_entry(&bytes[..length]).is_err(), "cut at {length}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let _whatever_it_says = decode_entry(&changed);
            }
        }
    }
}

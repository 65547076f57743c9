//! Entries of the log: written, read and applied.

use raftchat_schema::command::{AccountAct, Act, Batch, Command, ConversationAct, Proposal, Recipient};
use raftchat_schema::id::{ConversationId, NodeId, Position, Stamp, UserId};
use raftchat_schema::stored::{Entry, EntryPayload, LogId};
use raftchat_schema::wire;
use raftchat_state::{MemoryTables, apply_batch};

use crate::case::{Case, Source, repeated};
use crate::town::{commit, in_session, message, populated, register, say};

const GROUP_MEMBERS: u64 = 1000;
/// Whatever was said before has a lower number.
const NEXT: u64 = 1_000_000;

pub(crate) const CASES: [Case; 11] = [
    Case { name: "apply an entry of 1 message", source: || applying(populated(), NEXT..NEXT + 1) },
    Case { name: "apply an entry of 16 messages", source: || applying(populated(), NEXT..NEXT + 16) },
    Case { name: "apply an entry of 256 messages", source: || applying(populated(), NEXT..NEXT + 256) },
    Case { name: "apply a message to a group of 1,000", source: || apply(one_group(), vec![say_to_all(NEXT)]) },
    Case { name: "apply a deletion in a group of 1,000", source: || apply(one_group(), vec![delete_first()]) },
    Case { name: "encode an entry of 1 message", source: || repeated(batch(1), encode) },
    Case { name: "encode an entry of 16 messages", source: || repeated(batch(16), encode) },
    Case { name: "encode an entry of 256 messages", source: || repeated(batch(256), encode) },
    Case { name: "decode an entry of 1 message", source: || repeated(encode(&batch(1)), |bytes| decode(bytes)) },
    Case { name: "decode an entry of 16 messages", source: || repeated(encode(&batch(16)), |bytes| decode(bytes)) },
    Case { name: "decode an entry of 256 messages", source: || repeated(encode(&batch(256)), |bytes| decode(bytes)) },
];

fn applying(tables: MemoryTables, numbers: std::ops::Range<u64>) -> Source {
    apply(tables, numbers.map(say).collect())
}

fn apply(tables: MemoryTables, commands: Vec<Command>) -> Source {
    repeated((tables, commands), |(tables, commands)| apply_batch(tables, Stamp(2), commands).unwrap())
}

/// One group of everybody, in which a few hundred messages were said.
fn one_group() -> MemoryTables {
    let mut tables = MemoryTables::default();
    commit(&mut tables, &(1..=GROUP_MEMBERS).map(register).collect::<Vec<_>>());
    let members = (1..=GROUP_MEMBERS).map(UserId).collect();
    let create = AccountAct::CreateGroup { title: "everybody".to_owned(), members };
    commit(&mut tables, &[in_session(1, 1, Act::Account(create))]);
    commit(&mut tables, &(0..500).map(say_to_all).collect::<Vec<_>>());
    tables
}

fn say_to_all(number: u64) -> Command {
    in_session(number % GROUP_MEMBERS + 1, 0, message(Recipient::Conversation(ConversationId(1)), number))
}

fn delete_first() -> Command {
    let delete = ConversationAct::DeleteMessage { position: Position(1) };
    in_session(1, 2, Act::In(ConversationId(1), delete))
}

fn batch(size: u64) -> Batch {
    let proposal = |number| Proposal { node: NodeId(1), number, command: wire::encode_command(&say(number)) };
    Batch { stamp: Stamp(1), proposals: (0..size).map(proposal).collect() }
}

fn encode(batch: &Batch) -> Vec<u8> {
    let log_id = LogId { term: 3, leader: NodeId(1), index: 9 };
    wire::encode_entry(&Entry { log_id, payload: EntryPayload::Batch(wire::encode_batch(batch)) })
}

fn decode(bytes: &[u8]) -> Vec<Command> {
    let EntryPayload::Batch(batch) = wire::decode_entry(bytes).unwrap().payload else { return Vec::new() };
    wire::decode_proposals(&wire::decode_batch(&batch).unwrap()).unwrap()
}

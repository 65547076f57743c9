//! What it costs to write and read what travels most: an entry of 1, 16 and 256 messages of 200 bytes.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use raftchat_schema::command::{Act, Batch, Command, InSession, Proposal, Recipient, SendMessage};
use raftchat_schema::id::{ConversationId, MessageId, NodeId, RequestNumber, SessionId, Stamp};
use raftchat_schema::stored::{Entry, EntryPayload, LogId};
use raftchat_schema::wire;

fn message() -> Command {
    let to = Recipient::Conversation(ConversationId(7));
    let send = SendMessage { to, message_id: MessageId([7; 16]), payload: vec![b'x'; 200], mentions: Vec::new() };
    Command::InSession(InSession {
        session: SessionId(3),
        request: RequestNumber(0),
        acknowledged_below: RequestNumber(0),
        act: Act::Send(send).into(),
    })
}

fn batch(size: u64) -> Batch {
    let proposal = |number| Proposal { node: NodeId(1), number, command: wire::encode_command(&message()) };
    Batch { stamp: Stamp(1), proposals: (0..size).map(proposal).collect() }
}

fn entry(batch: &Batch) -> Entry {
    let log_id = LogId { term: 3, leader: NodeId(1), index: 9 };
    Entry { log_id, payload: EntryPayload::Batch(wire::encode_batch(batch)) }
}

fn read(bytes: &[u8]) -> Vec<Command> {
    let EntryPayload::Batch(batch) = wire::decode_entry(bytes).unwrap().payload else { return Vec::new() };
    wire::decode_proposals(&wire::decode_batch(&batch).unwrap()).unwrap()
}

fn entries(criterion: &mut Criterion) {
    for size in [1, 16, 256] {
        let batch = batch(size);
        let bytes = wire::encode_entry(&entry(&batch));
        let mut group = criterion.benchmark_group(format!("entry_of_{size}"));
        group.throughput(Throughput::Elements(size));
        group.bench_function("encode", |bencher| bencher.iter(|| wire::encode_entry(&entry(black_box(&batch)))));
        group.bench_function("decode", |bencher| bencher.iter(|| read(black_box(&bytes))));
        group.finish();
    }
}

criterion_group!(benches, entries);
criterion_main!(benches);

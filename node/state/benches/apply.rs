//! What it costs to apply an entry of 1, 16 and 256 messages, in memory.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use raftchat_schema::command::{Act, Command, InSession, Recipient, Register, Send, Verifier};
use raftchat_schema::id::{DeviceId, MessageId, RequestNumber, SessionId, Stamp, TokenHash, UserId};
use raftchat_state::{MemoryTables, apply_batch};

const CONVERSATIONS: u64 = 100;

fn digest(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    bytes
}

fn register(number: u64) -> Command {
    Command::Register(Register {
        username: format!("person{number}").parse().unwrap(),
        display_name: String::new(),
        verifier: Verifier::Argon2id("$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA".to_owned()),
        device: DeviceId(digest(number)),
        device_name: "bench".to_owned(),
        token: TokenHash(digest(number)),
    })
}

/// A message of 200 bytes from person 1, 3, 5 … to the one after.
fn say(message: u64) -> Command {
    let sender = 2 * (message % CONVERSATIONS) + 1;
    let mut message_id = MessageId([0; 16]);
    message_id.0.iter_mut().zip(message.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    Command::InSession(InSession {
        session: SessionId(sender),
        request: RequestNumber(0),
        acknowledged_below: RequestNumber(0),
        act: Act::Send(Send { to: Recipient::Direct(UserId(sender + 1)), message_id, payload: vec![b'x'; 200] }),
    })
}

fn populated() -> MemoryTables {
    let mut tables = MemoryTables::default();
    for commands in
        [(1..=2 * CONVERSATIONS).map(register).collect(), (0..10 * CONVERSATIONS).map(say).collect::<Vec<_>>()]
    {
        let applied = apply_batch(&tables, Stamp(1), &commands).unwrap();
        assert!(applied.outcomes.iter().all(Result::is_ok));
        tables.commit(applied.writes);
    }
    tables
}

fn apply_sends(criterion: &mut Criterion) {
    let tables = populated();
    let mut group = criterion.benchmark_group("apply_sends");
    for size in [1_u64, 16, 256] {
        let commands: Vec<_> = (1_000_000..1_000_000 + size).map(say).collect();
        group.throughput(Throughput::Elements(size));
        group.bench_function(size.to_string(), |bencher| {
            bencher.iter_batched(|| (), |()| apply_batch(&tables, Stamp(2), &commands).unwrap(), BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, apply_sends);
criterion_main!(benches);

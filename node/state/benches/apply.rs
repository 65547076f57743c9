//! What it costs to apply an entry of 1, 16 and 256 messages, and one to a group of 1,000 members, in memory.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, InSession, Recipient, Register, SendMessage, Verifier,
};
use raftchat_schema::id::{
    ConversationId, DeviceId, MessageId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId,
};
use raftchat_state::{MemoryTables, apply_batch};

const CONVERSATIONS: u64 = 100;
const GROUP_MEMBERS: u64 = 1000;

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
        address: String::new(),
    })
}

fn in_session(session: u64, request: u64, act: Act) -> Command {
    let act = act.into();
    let (session, request) = (SessionId(session), RequestNumber(request));
    Command::InSession(InSession { session, request, acknowledged_below: RequestNumber(0), act })
}

/// A message of 200 bytes.
fn message(to: Recipient, number: u64) -> Act {
    let mut message_id = MessageId([0; 16]);
    message_id.0.iter_mut().zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    Act::Send(SendMessage { to, message_id, payload: vec![b'x'; 200], mentions: Vec::new() })
}

/// From person 1, 3, 5 … to the one after.
fn say(number: u64) -> Command {
    let sender = 2 * (number % CONVERSATIONS) + 1;
    in_session(sender, 0, message(Recipient::Direct(UserId(sender + 1)), number))
}

fn commit(tables: &mut MemoryTables, commands: &[Command]) {
    let applied = apply_batch(tables, Stamp(1), commands).unwrap();
    assert!(applied.outcomes.iter().all(Result::is_ok));
    tables.commit(applied.writes);
}

fn populated() -> MemoryTables {
    let mut tables = MemoryTables::default();
    commit(&mut tables, &(1..=2 * CONVERSATIONS).map(register).collect::<Vec<_>>());
    commit(&mut tables, &(0..10 * CONVERSATIONS).map(say).collect::<Vec<_>>());
    tables
}

/// One group of everybody, in which a few hundred messages were said.
fn one_group() -> MemoryTables {
    let mut tables = MemoryTables::default();
    commit(&mut tables, &(1..=GROUP_MEMBERS).map(register).collect::<Vec<_>>());
    let members = (1..=GROUP_MEMBERS).map(UserId).collect();
    commit(
        &mut tables,
        &[in_session(1, 1, Act::Account(AccountAct::CreateGroup { title: "everybody".to_owned(), members }))],
    );
    commit(&mut tables, &(0..500).map(say_to_all).collect::<Vec<_>>());
    tables
}

fn say_to_all(number: u64) -> Command {
    in_session(number % GROUP_MEMBERS + 1, 0, message(Recipient::Conversation(ConversationId(1)), number))
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

fn apply_to_a_group(criterion: &mut Criterion) {
    let tables = one_group();
    let mut group = criterion.benchmark_group("apply_to_1000_members");
    let delete = Act::In(ConversationId(1), ConversationAct::DeleteMessage { position: Position(1) });
    for (name, command) in [("send", say_to_all(1_000_000)), ("delete", in_session(1, 2, delete))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| apply_batch(&tables, Stamp(2), std::slice::from_ref(&command)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, apply_sends, apply_to_a_group);
criterion_main!(benches);

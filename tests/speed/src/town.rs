//! People who talk, in tables in memory.

use raftchat_schema::command::{Act, Command, InSession, Recipient, Register, SendMessage, Verifier};
use raftchat_schema::id::{DeviceId, MessageId, RequestNumber, SessionId, Stamp, TokenHash, UserId};
use raftchat_state::{MemoryTables, apply_batch};

/// In each of which two people talk.
pub(crate) const CONVERSATIONS: u64 = 100;

fn digest(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    bytes
}

/// An account, with its first session, which has its number.
pub(crate) fn register(number: u64) -> Command {
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

pub(crate) fn in_session(session: u64, request: u64, act: Act) -> Command {
    let act = act.into();
    let (session, request) = (SessionId(session), RequestNumber(request));
    Command::InSession(InSession { session, request, acknowledged_below: RequestNumber(0), act })
}

/// A message of 200 bytes.
pub(crate) fn message(to: Recipient, number: u64) -> Act {
    let mut message_id = MessageId([0; 16]);
    message_id.0.iter_mut().zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    Act::Send(SendMessage { to, message_id, payload: vec![b'x'; 200], mentions: Vec::new() })
}

/// From person 1, 3, 5 … to the one after.
pub(crate) fn say(number: u64) -> Command {
    let sender = 2 * (number % CONVERSATIONS) + 1;
    in_session(sender, 0, message(Recipient::Direct(UserId(sender + 1)), number))
}

pub(crate) fn commit(tables: &mut MemoryTables, commands: &[Command]) {
    let applied = apply_batch(tables, Stamp(1), commands).unwrap();
    assert!(applied.outcomes.iter().all(Result::is_ok));
    tables.commit(applied.writes);
}

/// All of them, after ten messages each.
pub(crate) fn populated() -> MemoryTables {
    let mut tables = MemoryTables::default();
    commit(&mut tables, &(1..=2 * CONVERSATIONS).map(register).collect::<Vec<_>>());
    commit(&mut tables, &(0..10 * CONVERSATIONS).map(say).collect::<Vec<_>>());
    tables
}

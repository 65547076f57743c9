//! Commands, proposals and batches.

use super::act::{read_act, write_act};
use super::{WireError, count, decode, digest, encode, text, write_numbers};
use crate::command::{
    Batch, Command, Delivered, InSession, OpenSession, OtherSessions, OwnMessages, Proposal, Register, SessionAct,
    SessionUse, Verifier,
};
use crate::generated::stored_capnp::{batch, command, entry, verifier};
use crate::id::{ConversationId, DeviceId, NodeId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId};
use crate::level::Level;

/// A command as bytes.
pub fn encode_command(plain: &Command) -> Vec<u8> {
    encode::<command::Owned>(|mut builder| match plain {
        Command::Register(register) => write_register(builder.init_register(), register),
        Command::OpenSession(open) => write_open_session(builder.init_open_session(), open),
        Command::InSession(in_session) => write_in_session(builder.init_in_session(), in_session),
        Command::NoteLastSeen(users) => {
            write_numbers(builder.init_note_last_seen(count(users.len())), users.iter().map(|user| user.0));
        }
        Command::NoteDelivered(delivered) => {
            let mut list = builder.init_note_delivered(count(delivered.len()));
            for (at, one) in (0..).zip(delivered) {
                let mut builder = list.reborrow().get(at);
                builder.set_user(one.user.0);
                builder.set_conversation(one.conversation.0);
                builder.set_position(one.position.0);
            }
        }
        Command::NoteUse(uses) => {
            let mut list = builder.init_note_use(count(uses.len()));
            for (at, one) in (0..).zip(uses) {
                let mut builder = list.reborrow().get(at);
                builder.set_session(one.session.0);
                builder.set_address(one.address.as_str());
            }
        }
        Command::Erase => builder.set_erase(()),
        Command::RaiseLevel(level) => builder.set_raise_level(level.0),
    })
}

/// The command in `bytes`; [`WireError::UnknownKind`] means that this node must stop, not skip.
pub fn decode_command(bytes: &[u8]) -> Result<Command, WireError> {
    decode::<command::Owned, _>(bytes, |reader| {
        Ok(match reader.which()? {
            command::Unknown(()) => return Err(WireError::UnknownKind("a command")),
            command::Register(register) => Command::Register(read_register(register?)?),
            command::OpenSession(open) => Command::OpenSession(read_open_session(open?)?),
            command::InSession(in_session) => Command::InSession(read_in_session(in_session?)?),
            command::NoteLastSeen(users) => Command::NoteLastSeen(users?.iter().map(UserId).collect()),
            command::NoteDelivered(delivered) => {
                Command::NoteDelivered(delivered?.iter().map(read_delivered).collect())
            }
            command::NoteUse(uses) => Command::NoteUse(uses?.iter().map(read_use).collect::<Result<_, _>>()?),
            command::Erase(()) => Command::Erase,
            // What came with it cannot be read either.
            command::RaiseLevel(level) if Level(level) > Level::newest() => {
                return Err(WireError::UnknownKind("a feature level"));
            }
            command::RaiseLevel(level) => Command::RaiseLevel(Level(level)),
        })
    })
}

fn read_delivered(reader: command::delivered::Reader<'_>) -> Delivered {
    Delivered {
        user: UserId(reader.get_user()),
        conversation: ConversationId(reader.get_conversation()),
        position: Position(reader.get_position()),
    }
}

fn read_use(reader: command::session_use::Reader<'_>) -> Result<SessionUse, WireError> {
    Ok(SessionUse { session: SessionId(reader.get_session()), address: text(reader.get_address()?)? })
}

fn write_register(mut builder: command::register::Builder<'_>, plain: &Register) {
    builder.set_username(plain.username.as_str());
    builder.set_display_name(plain.display_name.as_str());
    write_verifier(builder.reborrow().init_verifier(), &plain.verifier);
    builder.set_device(&plain.device.0);
    builder.set_device_name(plain.device_name.as_str());
    builder.set_token(&plain.token.0);
    builder.set_address(plain.address.as_str());
}

fn read_register(reader: command::register::Reader<'_>) -> Result<Register, WireError> {
    Ok(Register {
        username: text(reader.get_username()?)?.parse().map_err(|_| WireError::Field("username"))?,
        display_name: text(reader.get_display_name()?)?,
        verifier: read_verifier(reader.get_verifier()?)?,
        device: DeviceId(digest(reader.get_device()?, "device")?),
        device_name: text(reader.get_device_name()?)?,
        token: TokenHash(digest(reader.get_token()?, "token")?),
        address: text(reader.get_address()?)?,
    })
}

fn write_verifier(mut builder: verifier::Builder<'_>, plain: &Verifier) {
    match plain {
        Verifier::Argon2id(phc) => builder.set_argon2id(phc.as_str()),
    }
}

fn read_verifier(reader: verifier::Reader<'_>) -> Result<Verifier, WireError> {
    match reader.which()? {
        verifier::Unknown(()) => Err(WireError::UnknownKind("a verifier")),
        verifier::Argon2id(phc) => Ok(Verifier::Argon2id(text(phc?)?)),
    }
}

fn write_open_session(mut builder: command::open_session::Builder<'_>, plain: &OpenSession) {
    builder.set_user(plain.user.0);
    builder.set_verifier_version(plain.verifier_version);
    builder.set_device(&plain.device.0);
    builder.set_device_name(plain.device_name.as_str());
    builder.set_token(&plain.token.0);
    builder.set_address(plain.address.as_str());
}

fn read_open_session(reader: command::open_session::Reader<'_>) -> Result<OpenSession, WireError> {
    Ok(OpenSession {
        user: UserId(reader.get_user()),
        verifier_version: reader.get_verifier_version(),
        device: DeviceId(digest(reader.get_device()?, "device")?),
        device_name: text(reader.get_device_name()?)?,
        token: TokenHash(digest(reader.get_token()?, "token")?),
        address: text(reader.get_address()?)?,
    })
}

fn write_in_session(mut builder: command::in_session::Builder<'_>, plain: &InSession) {
    builder.set_session(plain.session.0);
    builder.set_request(plain.request.0);
    builder.set_acknowledged_below(plain.acknowledged_below.0);
    match &plain.act {
        SessionAct::Asked(act) => write_act(builder.init_asked(), act),
        SessionAct::ChangePassword { verifier_version, verifier, others } => {
            let mut change = builder.init_change_password();
            change.set_verifier_version(*verifier_version);
            change.set_keep_other_sessions(*others == OtherSessions::Keep);
            write_verifier(change.init_verifier(), verifier);
        }
        SessionAct::DeleteAccount { verifier_version, messages } => {
            let mut delete = builder.init_delete_account();
            delete.set_verifier_version(*verifier_version);
            delete.set_erase_messages(*messages == OwnMessages::Erase);
        }
    }
}

fn read_in_session(reader: command::in_session::Reader<'_>) -> Result<InSession, WireError> {
    Ok(InSession {
        session: SessionId(reader.get_session()),
        request: RequestNumber(reader.get_request()),
        acknowledged_below: RequestNumber(reader.get_acknowledged_below()),
        act: read_session_act(reader)?,
    })
}

fn read_session_act(reader: command::in_session::Reader<'_>) -> Result<SessionAct, WireError> {
    use command::in_session::{Asked, ChangePassword, DeleteAccount, Unknown};
    Ok(match reader.which()? {
        Unknown(()) => return Err(WireError::UnknownKind("what is done in a session")),
        Asked(act) => SessionAct::Asked(read_act(act?)?),
        ChangePassword(change) => {
            let change = change?;
            SessionAct::ChangePassword {
                verifier_version: change.get_verifier_version(),
                verifier: read_verifier(change.get_verifier()?)?,
                others: if change.get_keep_other_sessions() { OtherSessions::Keep } else { OtherSessions::End },
            }
        }
        DeleteAccount(delete) => {
            let delete = delete?;
            let messages = if delete.get_erase_messages() { OwnMessages::Erase } else { OwnMessages::Keep };
            SessionAct::DeleteAccount { verifier_version: delete.get_verifier_version(), messages }
        }
    })
}

/// The upper 64 bits of an id.
pub(super) const fn high_half(id: u128) -> u64 {
    (id >> 64) as u64
}

/// The lower 64 bits of an id.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is meant")]
pub(super) const fn low_half(id: u128) -> u64 {
    id as u64
}

/// The id with these halves, big-endian.
pub(super) fn join_halves(high: u64, low: u64) -> [u8; 16] {
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// Fills in a list of proposals.
pub fn write_proposals(mut list: capnp::struct_list::Builder<'_, batch::proposal::Owned>, plain: &[Proposal]) {
    for (at, proposal) in (0..).zip(plain) {
        let mut builder = list.reborrow().get(at);
        builder.set_node(proposal.node.0);
        builder.set_number(proposal.number);
        builder.set_command(&proposal.command);
    }
}

/// Reads a list of proposals.
pub fn read_proposals(
    list: capnp::struct_list::Reader<'_, batch::proposal::Owned>,
) -> Result<Vec<Proposal>, WireError> {
    list.iter()
        .map(|reader| {
            let node = NodeId(reader.get_node());
            Ok(Proposal { node, number: reader.get_number(), command: reader.get_command()?.to_vec() })
        })
        .collect()
}

/// A batch as the bytes of a log entry.
pub fn encode_batch(plain: &Batch) -> Vec<u8> {
    encode::<batch::Owned>(|mut builder| {
        builder.set_stamp_ms(plain.stamp.0);
        write_proposals(builder.init_proposals(count(plain.proposals.len())), &plain.proposals);
    })
}

/// The batch in `bytes`.
pub fn decode_batch(bytes: &[u8]) -> Result<Batch, WireError> {
    decode::<batch::Owned, _>(bytes, |reader| {
        Ok(Batch { stamp: Stamp(reader.get_stamp_ms()), proposals: read_proposals(reader.get_proposals()?)? })
    })
}

/// The time that was put on the batch in a log entry's message; none for an entry that holds none. Opens no command.
pub fn stamp_of_entry(bytes: &[u8]) -> Result<Option<Stamp>, WireError> {
    decode::<entry::Owned, _>(bytes, |reader| match reader.which()? {
        entry::Batch(batch) => {
            let stamp = |reader: batch::Reader<'_>| Ok(Stamp(reader.get_stamp_ms()));
            decode::<batch::Owned, _>(batch?, stamp).map(Some)
        }
        entry::Blank(()) | entry::Membership(_) => Ok(None),
    })
}

/// The commands of a batch, opened.
pub fn decode_proposals(batch: &Batch) -> Result<Vec<Command>, WireError> {
    batch.proposals.iter().map(|proposal| decode_command(&proposal.command)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::stored::{Entry, EntryPayload, LogId};
    use crate::wire::act::tests::every_act;
    use crate::wire::encode_entry;

    fn in_session(act: SessionAct) -> Command {
        Command::InSession(InSession {
            session: SessionId(1001),
            request: RequestNumber(7),
            acknowledged_below: RequestNumber(5),
            act,
        })
    }

    #[test]
    fn every_command_survives_its_bytes() {
        let (conversation, position) = (ConversationId(3), Position(41));
        let mut commands = vec![
            Command::Register(Register {
                username: "alice".parse().unwrap(),
                display_name: "Alice".into(),
                verifier: Verifier::Argon2id("$argon2id$v=19$…".into()),
                device: DeviceId([1; 32]),
                device_name: "phone".into(),
                token: TokenHash([2; 32]),
                address: "192.0.2.7".into(),
            }),
            Command::OpenSession(OpenSession {
                user: UserId(2001),
                verifier_version: 4,
                device: DeviceId([1; 32]),
                device_name: String::new(),
                token: TokenHash([3; 32]),
                address: "2001:db8::7".into(),
            }),
            Command::NoteLastSeen(vec![UserId(1), UserId(2)]),
            Command::NoteDelivered(vec![Delivered { user: UserId(2001), conversation, position }]),
            Command::NoteUse(vec![SessionUse { session: SessionId(9), address: "192.0.2.7".into() }]),
            Command::Erase,
            Command::RaiseLevel(Level::FIRST),
        ];
        let verifier = Verifier::Argon2id("$argon2id$v=19$…".into());
        let secured = [
            SessionAct::DeleteAccount { verifier_version: 2, messages: OwnMessages::Keep },
            SessionAct::DeleteAccount { verifier_version: 2, messages: OwnMessages::Erase },
            SessionAct::ChangePassword { verifier_version: 1, verifier, others: OtherSessions::Keep },
        ];
        commands.extend(every_act().into_iter().map(SessionAct::Asked).chain(secured).map(in_session));
        for command in commands {
            assert_eq!(decode_command(&encode_command(&command)).unwrap(), command);
        }
    }

    #[test]
    fn a_level_that_is_not_known_is_not_read() {
        let beyond = Command::RaiseLevel(Level::newest().next());
        assert_eq!(decode_command(&encode_command(&beyond)), Err(WireError::UnknownKind("a feature level")));
    }

    #[test]
    fn a_batch_survives_its_bytes() {
        let proposal = |number| Proposal { node: NodeId(3), number, command: vec![0; 16] };
        let batch = Batch { stamp: Stamp(1), proposals: vec![proposal(1), proposal(u64::MAX)] };
        assert_eq!(decode_batch(&encode_batch(&batch)).unwrap(), batch);
        let log_id = LogId { term: 1, leader: NodeId(1), index: 1 };
        let stored = |payload| encode_entry(&Entry { log_id, payload });
        let entry = stored(EntryPayload::Batch(encode_batch(&batch)));
        assert_eq!(stamp_of_entry(&entry).unwrap(), Some(batch.stamp));
        assert_eq!(stamp_of_entry(&stored(EntryPayload::Blank)).unwrap(), None);
    }

    #[test]
    fn a_command_of_an_unknown_kind_is_named_as_such() {
        let unknown = encode::<command::Owned>(|mut builder| builder.set_unknown(()));
        assert_eq!(decode_command(&unknown), Err(WireError::UnknownKind("a command")));
    }
}

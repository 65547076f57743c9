//! Commands, proposals and batches.

use super::{WireError, count, decode, digest, encode, text};
use crate::command::{Act, Batch, Command, InSession, OpenSession, Proposal, Recipient, Register, Send, Verifier};
use crate::generated::stored_capnp::{batch, command, verifier};
use crate::id::{
    ConversationId, DeviceId, MessageId, NodeId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId,
};

/// A command as bytes.
pub fn encode_command(plain: &Command) -> Vec<u8> {
    encode::<command::Owned>(|builder| match plain {
        Command::Register(register) => write_register(builder.init_register(), register),
        Command::OpenSession(open) => write_open_session(builder.init_open_session(), open),
        Command::InSession(in_session) => write_in_session(builder.init_in_session(), in_session),
        Command::NoteLastSeen(users) => {
            let mut list = builder.init_note_last_seen(count(users.len()));
            for (at, user) in (0..).zip(users) {
                list.set(at, user.0);
            }
        }
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
        })
    })
}

fn write_register(mut builder: command::register::Builder<'_>, plain: &Register) {
    builder.set_username(plain.username.as_str());
    builder.set_display_name(plain.display_name.as_str());
    write_verifier(builder.reborrow().init_verifier(), &plain.verifier);
    builder.set_device(&plain.device.0);
    builder.set_device_name(plain.device_name.as_str());
    builder.set_token(&plain.token.0);
}

fn read_register(reader: command::register::Reader<'_>) -> Result<Register, WireError> {
    Ok(Register {
        username: text(reader.get_username()?)?.parse().map_err(|_| WireError::Field("username"))?,
        display_name: text(reader.get_display_name()?)?,
        verifier: read_verifier(reader.get_verifier()?)?,
        device: DeviceId(digest(reader.get_device()?, "device")?),
        device_name: text(reader.get_device_name()?)?,
        token: TokenHash(digest(reader.get_token()?, "token")?),
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
}

fn read_open_session(reader: command::open_session::Reader<'_>) -> Result<OpenSession, WireError> {
    Ok(OpenSession {
        user: UserId(reader.get_user()),
        verifier_version: reader.get_verifier_version(),
        device: DeviceId(digest(reader.get_device()?, "device")?),
        device_name: text(reader.get_device_name()?)?,
        token: TokenHash(digest(reader.get_token()?, "token")?),
    })
}

fn write_in_session(mut builder: command::in_session::Builder<'_>, plain: &InSession) {
    builder.set_session(plain.session.0);
    builder.set_request(plain.request.0);
    builder.set_acknowledged_below(plain.acknowledged_below.0);
    let mut act = builder.init_act();
    match &plain.act {
        Act::Send(send) => write_send(act.init_send(), send),
        Act::DeleteMessage { conversation, position } => {
            write_message_ref(act.init_delete_message(), *conversation, *position);
        }
        Act::MarkRead { conversation, position } => write_message_ref(act.init_mark_read(), *conversation, *position),
        Act::EndSession(session) => act.set_end_session(session.0),
        Act::DeleteAccount { verifier_version } => act.set_delete_account(*verifier_version),
    }
}

fn read_in_session(reader: command::in_session::Reader<'_>) -> Result<InSession, WireError> {
    use command::in_session::act;
    let act = match reader.get_act().which()? {
        act::Unknown(()) => return Err(WireError::UnknownKind("an act")),
        act::Send(send) => Act::Send(read_send(send?)?),
        act::DeleteMessage(message) => {
            let (conversation, position) = read_message_ref(message?);
            Act::DeleteMessage { conversation, position }
        }
        act::MarkRead(message) => {
            let (conversation, position) = read_message_ref(message?);
            Act::MarkRead { conversation, position }
        }
        act::EndSession(session) => Act::EndSession(SessionId(session)),
        act::DeleteAccount(verifier_version) => Act::DeleteAccount { verifier_version },
    };
    Ok(InSession {
        session: SessionId(reader.get_session()),
        request: RequestNumber(reader.get_request()),
        acknowledged_below: RequestNumber(reader.get_acknowledged_below()),
        act,
    })
}

fn write_message_ref(mut builder: command::message_ref::Builder<'_>, conversation: ConversationId, position: Position) {
    builder.set_conversation(conversation.0);
    builder.set_position(position.0);
}

fn read_message_ref(reader: command::message_ref::Reader<'_>) -> (ConversationId, Position) {
    (ConversationId(reader.get_conversation()), Position(reader.get_position()))
}

fn write_send(mut builder: command::send::Builder<'_>, plain: &Send) {
    let mut to = builder.reborrow().init_to();
    match plain.to {
        Recipient::Conversation(conversation) => to.set_conversation(conversation.0),
        Recipient::Direct(user) => to.set_direct(user.0),
    }
    let id = u128::from_be_bytes(plain.message_id.0);
    builder.set_message_high(high_half(id));
    builder.set_message_low(low_half(id));
    builder.set_payload(&plain.payload);
}

fn read_send(reader: command::send::Reader<'_>) -> Result<Send, WireError> {
    use command::send::to;
    let to = match reader.get_to().which()? {
        to::Conversation(conversation) => Recipient::Conversation(ConversationId(conversation)),
        to::Direct(user) => Recipient::Direct(UserId(user)),
    };
    let message_id = MessageId(join_halves(reader.get_message_high(), reader.get_message_low()));
    Ok(Send { to, message_id, payload: reader.get_payload()?.to_vec() })
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

/// The commands of a batch, opened.
pub fn decode_proposals(batch: &Batch) -> Result<Vec<Command>, WireError> {
    batch.proposals.iter().map(|proposal| decode_command(&proposal.command)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn act(act: Act) -> Command {
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
        let send = |to| act(Act::Send(Send { to, message_id: MessageId([0xAB; 16]), payload: vec![1, 2] }));
        let commands = [
            Command::Register(Register {
                username: "alice".parse().unwrap(),
                display_name: "Alice".into(),
                verifier: Verifier::Argon2id("$argon2id$v=19$…".into()),
                device: DeviceId([1; 32]),
                device_name: "phone".into(),
                token: TokenHash([2; 32]),
            }),
            Command::OpenSession(OpenSession {
                user: UserId(2001),
                verifier_version: 4,
                device: DeviceId([1; 32]),
                device_name: String::new(),
                token: TokenHash([3; 32]),
            }),
            send(Recipient::Conversation(conversation)),
            send(Recipient::Direct(UserId(3001))),
            act(Act::DeleteMessage { conversation, position }),
            act(Act::MarkRead { conversation, position }),
            act(Act::EndSession(SessionId(9))),
            act(Act::DeleteAccount { verifier_version: 2 }),
            Command::NoteLastSeen(vec![UserId(1), UserId(2)]),
        ];
        for command in commands {
            assert_eq!(decode_command(&encode_command(&command)).unwrap(), command);
        }
    }

    #[test]
    fn a_batch_survives_its_bytes() {
        let proposal = |number| Proposal { node: NodeId(3), number, command: vec![0; 16] };
        let batch = Batch { stamp: Stamp(1), proposals: vec![proposal(1), proposal(u64::MAX)] };
        assert_eq!(decode_batch(&encode_batch(&batch)).unwrap(), batch);
    }

    #[test]
    fn a_command_of_an_unknown_kind_is_named_as_such() {
        let unknown = encode::<command::Owned>(|mut builder| builder.set_unknown(()));
        assert_eq!(decode_command(&unknown), Err(WireError::UnknownKind("a command")));
    }
}

//! What clients are shown: users, conversations, messages, changes, refusals and a node's status.

use super::command::{high_half, join_halves, low_half};
use super::{WireError, count, digest, text};
use crate::error::{ErrorCode, Refusal};
use crate::generated::{client_capnp, types_capnp};
use crate::id::{ChangeNumber, ConversationId, MessageId, NodeId, Position, Stamp, StateHash, UserId};
use crate::view::{
    Change, ChangedRow, ConversationKind, ConversationView, MessageState, MessageView, NodeStatus, Role, UserView,
};

/// Fills in a refusal.
pub fn write_refusal(mut builder: types_capnp::refusal::Builder<'_>, plain: &Refusal) {
    let code = types_capnp::ErrorCode::try_from(plain.code as u16);
    builder.set_code(code.unwrap_or(types_capnp::ErrorCode::Unspecified));
    builder.set_retry_after_ms(plain.retry_after_ms);
    builder.set_message(plain.code.sentence());
}

/// Reads a refusal; a code that this program does not know becomes [`ErrorCode::Unspecified`].
pub fn read_refusal(reader: types_capnp::refusal::Reader<'_>) -> Refusal {
    let number = reader.get_code().map_or_else(|unknown| unknown.0, |code| code as u16);
    Refusal { code: ErrorCode::from_number(number), retry_after_ms: reader.get_retry_after_ms() }
}

/// Fills in a message id.
pub fn write_message_id(mut builder: types_capnp::message_id::Builder<'_>, plain: MessageId) {
    let id = u128::from_be_bytes(plain.0);
    builder.set_high(high_half(id));
    builder.set_low(low_half(id));
}

/// Reads a message id.
pub fn read_message_id(reader: types_capnp::message_id::Reader<'_>) -> MessageId {
    MessageId(join_halves(reader.get_high(), reader.get_low()))
}

/// Fills in a user.
pub fn write_user(mut builder: types_capnp::user::Builder<'_>, plain: &UserView) {
    builder.set_id(plain.id.0);
    builder.set_username(plain.username.as_str());
    builder.set_display_name(plain.display_name.as_str());
    builder.set_deleted(plain.deleted);
    builder.set_last_seen_ms(plain.last_seen.map_or(0, |stamp| stamp.0));
    builder.set_online(plain.online);
}

/// Reads a user.
pub fn read_user(reader: types_capnp::user::Reader<'_>) -> Result<UserView, WireError> {
    let last_seen = reader.get_last_seen_ms();
    Ok(UserView {
        id: UserId(reader.get_id()),
        username: text(reader.get_username()?)?.parse().map_err(|_| WireError::Field("username"))?,
        display_name: text(reader.get_display_name()?)?,
        deleted: reader.get_deleted(),
        last_seen: (last_seen != 0).then_some(Stamp(last_seen)),
        online: reader.get_online(),
    })
}

/// Fills in a conversation.
pub fn write_conversation(mut builder: types_capnp::conversation::Builder<'_>, plain: &ConversationView) {
    builder.set_id(plain.id.0);
    builder.set_kind(match plain.kind {
        ConversationKind::Direct => types_capnp::ConversationKind::Direct,
        ConversationKind::Group => types_capnp::ConversationKind::Group,
    });
    builder.set_title(plain.title.as_str());
    builder.set_last_position(plain.last_position.0);
    builder.set_read_position(plain.read_position.0);
    builder.set_unread(plain.unread);
    let mut members = builder.init_members(count(plain.members.len()));
    for (at, member) in (0..).zip(&plain.members) {
        write_user(members.reborrow().get(at), member);
    }
}

/// Reads a conversation.
pub fn read_conversation(reader: types_capnp::conversation::Reader<'_>) -> Result<ConversationView, WireError> {
    Ok(ConversationView {
        id: ConversationId(reader.get_id()),
        kind: match reader.get_kind()? {
            types_capnp::ConversationKind::Unspecified => return Err(WireError::Field("kind")),
            types_capnp::ConversationKind::Direct => ConversationKind::Direct,
            types_capnp::ConversationKind::Group => ConversationKind::Group,
        },
        title: text(reader.get_title()?)?,
        members: reader.get_members()?.iter().map(read_user).collect::<Result<_, _>>()?,
        last_position: Position(reader.get_last_position()),
        read_position: Position(reader.get_read_position()),
        unread: reader.get_unread(),
    })
}

/// Fills in a message.
pub fn write_message(mut builder: types_capnp::message::Builder<'_>, plain: &MessageView) {
    builder.set_conversation(plain.conversation.0);
    builder.set_position(plain.position.0);
    write_message_id(builder.reborrow().init_message_id(), plain.message_id);
    builder.set_sender(plain.sender.0);
    builder.set_sender_name(plain.sender_name.as_str());
    builder.set_sent_at_ms(plain.sent_at.0);
    builder.set_state(match plain.state {
        MessageState::Original => types_capnp::MessageState::Original,
        MessageState::Edited => types_capnp::MessageState::Edited,
        MessageState::Deleted => types_capnp::MessageState::Deleted,
    });
    builder.set_revision(plain.revision);
    builder.set_payload(&plain.payload);
}

/// Reads a message.
pub fn read_message(reader: types_capnp::message::Reader<'_>) -> Result<MessageView, WireError> {
    Ok(MessageView {
        conversation: ConversationId(reader.get_conversation()),
        position: Position(reader.get_position()),
        message_id: read_message_id(reader.get_message_id()?),
        sender: UserId(reader.get_sender()),
        sender_name: text(reader.get_sender_name()?)?.parse().map_err(|_| WireError::Field("senderName"))?,
        sent_at: Stamp(reader.get_sent_at_ms()),
        state: match reader.get_state()? {
            types_capnp::MessageState::Original => MessageState::Original,
            types_capnp::MessageState::Edited => MessageState::Edited,
            types_capnp::MessageState::Deleted => MessageState::Deleted,
        },
        revision: reader.get_revision(),
        payload: reader.get_payload()?.to_vec(),
    })
}

/// Fills in a change.
pub fn write_change(mut builder: types_capnp::change::Builder<'_>, plain: &Change) {
    builder.set_number(plain.number.0);
    match &plain.row {
        ChangedRow::Message(message) => write_message(builder.init_message(), message),
        ChangedRow::Conversation(conversation) => write_conversation(builder.init_conversation(), conversation),
        ChangedRow::ReadMark { conversation, user, position } => {
            let mut mark = builder.init_read_mark();
            mark.set_conversation(conversation.0);
            mark.set_user(user.0);
            mark.set_position(position.0);
        }
        ChangedRow::User(user) => write_user(builder.init_user(), user),
    }
}

/// Reads a change; [`WireError::UnknownKind`] for a row that a newer node sends.
pub fn read_change(reader: types_capnp::change::Reader<'_>) -> Result<Change, WireError> {
    use types_capnp::change;
    let row = match reader.which()? {
        change::Message(message) => ChangedRow::Message(read_message(message?)?),
        change::Conversation(conversation) => ChangedRow::Conversation(read_conversation(conversation?)?),
        change::ReadMark(mark) => ChangedRow::ReadMark {
            conversation: ConversationId(mark.get_conversation()),
            user: UserId(mark.get_user()),
            position: Position(mark.get_position()),
        },
        change::User(user) => ChangedRow::User(read_user(user?)?),
    };
    Ok(Change { number: ChangeNumber(reader.get_number()), row })
}

/// Fills in a node's status.
pub fn write_status(mut builder: client_capnp::node_status::Builder<'_>, plain: &NodeStatus) {
    use client_capnp::node_status;
    builder.set_node(plain.node.0);
    builder.set_role(match plain.role {
        Role::Leader => node_status::Role::Leader,
        Role::Follower => node_status::Role::Follower,
        Role::Learner => node_status::Role::Learner,
        Role::Candidate => node_status::Role::Candidate,
    });
    builder.set_term(plain.term);
    builder.set_leader(plain.leader.map_or(0, |node| node.0));
    builder.set_applied(plain.applied);
    builder.set_last_log(plain.last_log);
    builder.set_sessions(plain.sessions);
    builder.set_lag_ms(plain.lag_ms);
    builder.set_state_hash(&plain.state_hash.0);
    builder.set_address(plain.address.as_str());
    builder.set_version(plain.version.as_str());
}

/// Reads a node's status.
pub fn read_status(reader: client_capnp::node_status::Reader<'_>) -> Result<NodeStatus, WireError> {
    use client_capnp::node_status;
    let leader = reader.get_leader();
    Ok(NodeStatus {
        node: NodeId(reader.get_node()),
        role: match reader.get_role()? {
            node_status::Role::Unspecified => return Err(WireError::Field("role")),
            node_status::Role::Leader => Role::Leader,
            node_status::Role::Follower => Role::Follower,
            node_status::Role::Learner => Role::Learner,
            node_status::Role::Candidate => Role::Candidate,
        },
        term: reader.get_term(),
        leader: (leader != 0).then_some(NodeId(leader)),
        applied: reader.get_applied(),
        last_log: reader.get_last_log(),
        sessions: reader.get_sessions(),
        lag_ms: reader.get_lag_ms(),
        state_hash: StateHash(digest(reader.get_state_hash()?, "stateHash")?),
        address: text(reader.get_address()?)?,
        version: text(reader.get_version()?)?,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::generated::types_capnp::change;

    fn alice() -> UserView {
        UserView {
            id: UserId(1001),
            username: "alice".parse().unwrap(),
            display_name: "Alice".into(),
            deleted: false,
            last_seen: Some(Stamp(12)),
            online: true,
        }
    }

    #[test]
    fn every_change_survives_the_wire() {
        let message = MessageView {
            conversation: ConversationId(3),
            position: Position(4),
            message_id: MessageId([7; 16]),
            sender: UserId(1001),
            sender_name: "alice".parse().unwrap(),
            sent_at: Stamp(99),
            state: MessageState::Deleted,
            revision: 2,
            payload: Vec::new(),
        };
        let conversation = ConversationView {
            id: ConversationId(3),
            kind: ConversationKind::Direct,
            title: String::new(),
            members: vec![alice()],
            last_position: Position(4),
            read_position: Position(2),
            unread: 1,
        };
        let mark = ChangedRow::ReadMark { conversation: ConversationId(3), user: UserId(1001), position: Position(4) };
        let rows =
            [ChangedRow::Message(message), ChangedRow::Conversation(conversation), mark, ChangedRow::User(alice())];
        for row in rows {
            let change = Change { number: ChangeNumber(5), row };
            let mut arena = capnp::message::Builder::new_default();
            write_change(arena.init_root::<change::Builder<'_>>(), &change);
            let reader = arena.get_root_as_reader::<change::Reader<'_>>().unwrap();
            assert_eq!(read_change(reader).unwrap(), change);
        }
    }

    #[test]
    fn every_refusal_keeps_its_code_over_the_wire() {
        for code in ErrorCode::ALL {
            let mut arena = capnp::message::Builder::new_default();
            write_refusal(arena.init_root(), &Refusal { code: *code, retry_after_ms: 30 });
            let reader = arena.get_root_as_reader().unwrap();
            assert_eq!(read_refusal(reader), Refusal { code: *code, retry_after_ms: 30 });
        }
    }
}

//! What clients are shown: users, conversations, messages, changes, refusals and a node's status.

use super::command::{high_half, join_halves, low_half};
use super::{WireError, count, decode, digest, encode, text, write_numbers};
use crate::command::{MemberRole, Switch};
use crate::error::{ErrorCode, Refusal};
use crate::generated::{client_capnp, types_capnp};
use crate::id::{ChangeNumber, ConversationId, MessageId, NodeId, Position, SessionId, Stamp, StateHash, UserId};
use crate::view::{
    BudgetView, Change, ChangedRow, ConversationKind, ConversationView, Counts, MemberView, MessageState, MessageView,
    NodeStatus, Notice, PlaceView, ReactionView, RevisionView, Role, SessionEntry, UserView,
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
    builder.set_presence_hidden(plain.presence_hidden);
    builder.set_receipts_off(plain.receipts_off);
    builder.set_changed(plain.changed.0);
}

/// Reads a user.
pub fn read_user(reader: types_capnp::user::Reader<'_>) -> Result<UserView, WireError> {
    Ok(UserView {
        id: UserId(reader.get_id()),
        username: text(reader.get_username()?)?.parse().map_err(|_| WireError::Field("username"))?,
        display_name: text(reader.get_display_name()?)?,
        deleted: reader.get_deleted(),
        last_seen: unless_zero(reader.get_last_seen_ms()),
        online: reader.get_online(),
        presence_hidden: reader.get_presence_hidden(),
        receipts_off: reader.get_receipts_off(),
        changed: ChangeNumber(reader.get_changed()),
    })
}

/// A role as the wire has it.
pub fn write_role(plain: MemberRole) -> types_capnp::MemberRole {
    match plain {
        MemberRole::Member => types_capnp::MemberRole::Member,
        MemberRole::Admin => types_capnp::MemberRole::Admin,
        MemberRole::Owner => types_capnp::MemberRole::Owner,
    }
}

/// A role from the wire.
pub fn read_role(wire: types_capnp::MemberRole) -> MemberRole {
    match wire {
        types_capnp::MemberRole::Member => MemberRole::Member,
        types_capnp::MemberRole::Admin => MemberRole::Admin,
        types_capnp::MemberRole::Owner => MemberRole::Owner,
    }
}

/// Fills in a member.
pub fn write_member_view(mut builder: types_capnp::member::Builder<'_>, plain: &MemberView) {
    write_user(builder.reborrow().init_user(), &plain.user);
    builder.set_role(write_role(plain.role));
    builder.set_joined_at_ms(plain.joined.0);
    builder.set_since(plain.since.0);
    builder.set_added_by(plain.added_by.0);
    builder.set_read_position(plain.read_position.0);
    builder.set_delivered_position(plain.delivered_position.0);
    builder.set_changed(plain.changed.0);
}

/// Reads a member.
pub fn read_member_view(reader: types_capnp::member::Reader<'_>) -> Result<MemberView, WireError> {
    Ok(MemberView {
        user: read_user(reader.get_user()?)?,
        role: read_role(reader.get_role()?),
        joined: Stamp(reader.get_joined_at_ms()),
        since: Position(reader.get_since()),
        added_by: UserId(reader.get_added_by()),
        read_position: Position(reader.get_read_position()),
        delivered_position: Position(reader.get_delivered_position()),
        changed: ChangeNumber(reader.get_changed()),
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
    let mut members = builder.reborrow().init_members(count(plain.members.len()));
    for (at, member) in (0..).zip(&plain.members) {
        write_member_view(members.reborrow().get(at), member);
    }
    builder.set_member_count(plain.member_count);
    builder.set_last_position(plain.last_position.0);
    write_numbers(
        builder.reborrow().init_pinned_messages(count(plain.pinned_messages.len())),
        plain.pinned_messages.iter().map(|position| position.0),
    );
    builder.set_created_at_ms(plain.created.0);
    builder.set_changed(plain.changed.0);
    write_place(builder.init_place(), &plain.place);
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
        members: reader.get_members()?.iter().map(read_member_view).collect::<Result<_, _>>()?,
        member_count: reader.get_member_count(),
        last_position: Position(reader.get_last_position()),
        pinned_messages: reader.get_pinned_messages()?.iter().map(Position).collect(),
        created: Stamp(reader.get_created_at_ms()),
        changed: ChangeNumber(reader.get_changed()),
        place: read_place(reader.get_place()?)?,
    })
}

/// Fills in a place.
pub fn write_place(mut builder: types_capnp::place::Builder<'_>, plain: &PlaceView) {
    builder.set_conversation(plain.conversation.0);
    builder.set_read_position(plain.counts.read_position.0);
    builder.set_unread(plain.counts.unread);
    builder.set_mentions(plain.counts.mentions);
    builder.set_as_of(plain.counts.as_of.0);
    builder.set_marked_unread(plain.marked_unread);
    builder.set_muted_until_ms(plain.muted_until.0);
    builder.set_pinned(plain.pinned);
    builder.set_draft(&plain.draft);
    builder.set_since(plain.since.0);
}

/// Reads a place.
pub fn read_place(reader: types_capnp::place::Reader<'_>) -> Result<PlaceView, WireError> {
    Ok(PlaceView {
        conversation: ConversationId(reader.get_conversation()),
        counts: Counts {
            read_position: Position(reader.get_read_position()),
            unread: reader.get_unread(),
            mentions: reader.get_mentions(),
            as_of: ChangeNumber(reader.get_as_of()),
        },
        marked_unread: reader.get_marked_unread(),
        muted_until: Stamp(reader.get_muted_until_ms()),
        pinned: reader.get_pinned(),
        draft: reader.get_draft()?.to_vec(),
        since: Position(reader.get_since()),
    })
}

/// Fills in what a member has yet to read in a conversation.
pub fn write_counts(mut builder: types_capnp::counts::Builder<'_>, conversation: ConversationId, plain: &Counts) {
    builder.set_conversation(conversation.0);
    builder.set_read_position(plain.read_position.0);
    builder.set_unread(plain.unread);
    builder.set_mentions(plain.mentions);
    builder.set_as_of(plain.as_of.0);
}

/// Reads what a member has yet to read, and in which conversation.
pub fn read_counts(reader: types_capnp::counts::Reader<'_>) -> (ConversationId, Counts) {
    let counts = Counts {
        read_position: Position(reader.get_read_position()),
        unread: reader.get_unread(),
        mentions: reader.get_mentions(),
        as_of: ChangeNumber(reader.get_as_of()),
    };
    (ConversationId(reader.get_conversation()), counts)
}

fn write_reactions(mut list: capnp::struct_list::Builder<'_, types_capnp::reaction::Owned>, plain: &[ReactionView]) {
    for (at, reaction) in (0..).zip(plain) {
        let mut builder = list.reborrow().get(at);
        builder.set_emoji(reaction.emoji.as_str());
        write_numbers(builder.init_users(count(reaction.users.len())), reaction.users.iter().map(|user| user.0));
    }
}

fn read_reactions(
    list: capnp::struct_list::Reader<'_, types_capnp::reaction::Owned>,
) -> Result<Vec<ReactionView>, WireError> {
    list.iter()
        .map(|reader| {
            let users = reader.get_users()?.iter().map(UserId).collect();
            Ok(ReactionView { emoji: text(reader.get_emoji()?)?, users })
        })
        .collect()
}

/// Fills in a former version of a message.
pub fn write_revision(mut builder: types_capnp::revision::Builder<'_>, plain: &RevisionView) {
    builder.set_revision(plain.revision);
    builder.set_payload(&plain.payload);
    builder.set_written_at_ms(plain.written.0);
}

/// Reads a former version of a message.
pub fn read_revision(reader: types_capnp::revision::Reader<'_>) -> Result<RevisionView, WireError> {
    Ok(RevisionView {
        revision: reader.get_revision(),
        payload: reader.get_payload()?.to_vec(),
        written: Stamp(reader.get_written_at_ms()),
    })
}

/// Fills in one of the user's own sessions.
pub fn write_session_entry(mut builder: types_capnp::session_entry::Builder<'_>, plain: &SessionEntry) {
    builder.set_id(plain.id.0);
    builder.set_device_name(plain.device_name.as_str());
    builder.set_created_at_ms(plain.created.0);
    builder.set_last_used_ms(plain.last_used.0);
    builder.set_address(plain.address.as_str());
    builder.set_current(plain.current);
}

/// Reads one of the user's own sessions.
pub fn read_session_entry(reader: types_capnp::session_entry::Reader<'_>) -> Result<SessionEntry, WireError> {
    Ok(SessionEntry {
        id: SessionId(reader.get_id()),
        device_name: text(reader.get_device_name()?)?,
        created: Stamp(reader.get_created_at_ms()),
        last_used: Stamp(reader.get_last_used_ms()),
        address: text(reader.get_address()?)?,
        current: reader.get_current(),
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
    builder.set_edited_at_ms(plain.edited.map_or(0, |stamp| stamp.0));
    write_numbers(
        builder.reborrow().init_mentions(count(plain.mentions.len())),
        plain.mentions.iter().map(|user| user.0),
    );
    write_reactions(builder.reborrow().init_reactions(count(plain.reactions.len())), &plain.reactions);
    builder.set_changed(plain.changed.0);
    builder.set_reactions_changed(plain.reactions_changed.0);
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
        edited: unless_zero(reader.get_edited_at_ms()),
        mentions: reader.get_mentions()?.iter().map(UserId).collect(),
        reactions: read_reactions(reader.get_reactions()?)?,
        changed: ChangeNumber(reader.get_changed()),
        reactions_changed: ChangeNumber(reader.get_reactions_changed()),
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
        ChangedRow::DeliveredMark { conversation, user, position } => {
            let mut mark = builder.init_delivered_mark();
            mark.set_conversation(conversation.0);
            mark.set_user(user.0);
            mark.set_position(position.0);
        }
        ChangedRow::Reactions { conversation, position, reactions } => {
            let mut changed = builder.init_reactions();
            changed.set_conversation(conversation.0);
            changed.set_position(position.0);
            write_reactions(changed.init_reactions(count(reactions.len())), reactions);
        }
        ChangedRow::Member { conversation, member } => {
            let mut changed = builder.init_member();
            changed.set_conversation(conversation.0);
            write_member_view(changed.init_member(), member);
        }
        ChangedRow::MemberLeft { conversation, user, by, after, at } => {
            let mut left = builder.init_member_left();
            left.set_conversation(conversation.0);
            left.set_user(user.0);
            left.set_by(by.0);
            left.set_after(after.0);
            left.set_at_ms(at.0);
        }
        ChangedRow::Place(place) => write_place(builder.init_place(), place),
        ChangedRow::Left(conversation) => builder.set_left(conversation.0),
        ChangedRow::Block { user, switch } => {
            let mut block = builder.init_block();
            block.set_user(user.0);
            block.set_blocked(switch.is_on());
        }
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
        change::DeliveredMark(mark) => ChangedRow::DeliveredMark {
            conversation: ConversationId(mark.get_conversation()),
            user: UserId(mark.get_user()),
            position: Position(mark.get_position()),
        },
        change::Reactions(changed) => ChangedRow::Reactions {
            conversation: ConversationId(changed.get_conversation()),
            position: Position(changed.get_position()),
            reactions: read_reactions(changed.get_reactions()?)?,
        },
        change::Member(changed) => ChangedRow::Member {
            conversation: ConversationId(changed.get_conversation()),
            member: read_member_view(changed.get_member()?)?,
        },
        change::MemberLeft(left) => ChangedRow::MemberLeft {
            conversation: ConversationId(left.get_conversation()),
            user: UserId(left.get_user()),
            by: UserId(left.get_by()),
            after: Position(left.get_after()),
            at: Stamp(left.get_at_ms()),
        },
        change::Place(place) => ChangedRow::Place(read_place(place?)?),
        change::Left(conversation) => ChangedRow::Left(ConversationId(conversation)),
        change::Block(block) => {
            ChangedRow::Block { user: UserId(block.get_user()), switch: Switch::from_bool(block.get_blocked()) }
        }
    };
    Ok(Change { number: ChangeNumber(reader.get_number()), row })
}

/// A user as bytes, for a store.
pub fn encode_user(plain: &UserView) -> Vec<u8> {
    encode::<types_capnp::user::Owned>(|builder| write_user(builder, plain))
}

/// The user in `bytes`.
pub fn decode_user(bytes: &[u8]) -> Result<UserView, WireError> {
    decode::<types_capnp::user::Owned, _>(bytes, read_user)
}

/// A conversation as bytes, for a store.
pub fn encode_conversation(plain: &ConversationView) -> Vec<u8> {
    encode::<types_capnp::conversation::Owned>(|builder| write_conversation(builder, plain))
}

/// The conversation in `bytes`.
pub fn decode_conversation(bytes: &[u8]) -> Result<ConversationView, WireError> {
    decode::<types_capnp::conversation::Owned, _>(bytes, read_conversation)
}

/// A member as bytes, for a store.
pub fn encode_member(plain: &MemberView) -> Vec<u8> {
    encode::<types_capnp::member::Owned>(|builder| write_member_view(builder, plain))
}

/// The member in `bytes`.
pub fn decode_member(bytes: &[u8]) -> Result<MemberView, WireError> {
    decode::<types_capnp::member::Owned, _>(bytes, read_member_view)
}

/// A place as bytes, for a store.
pub fn encode_place(plain: &PlaceView) -> Vec<u8> {
    encode::<types_capnp::place::Owned>(|builder| write_place(builder, plain))
}

/// The place in `bytes`.
pub fn decode_place(bytes: &[u8]) -> Result<PlaceView, WireError> {
    decode::<types_capnp::place::Owned, _>(bytes, read_place)
}

/// A message as bytes, for a store.
pub fn encode_message(plain: &MessageView) -> Vec<u8> {
    encode::<types_capnp::message::Owned>(|builder| write_message(builder, plain))
}

/// The message in `bytes`.
pub fn decode_message(bytes: &[u8]) -> Result<MessageView, WireError> {
    decode::<types_capnp::message::Owned, _>(bytes, read_message)
}

/// Times that may be missing are 0 on the wire.
fn unless_zero(ms: u64) -> Option<Stamp> {
    (ms != 0).then_some(Stamp(ms))
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
    builder.set_clock_offset_ms(plain.clock_offset_ms);
    builder.set_disk_free_bytes(plain.disk_free_bytes);
    builder.set_sync_ms(plain.sync_ms);
    builder.set_refuses_words(plain.refuses_words);
    builder.set_unclean_since(plain.unclean_since.map_or(0, |since| since.0));
    builder.set_certificate_days(plain.certificate_days);
    let mut budgets = builder.init_budgets(count(plain.budgets.len()));
    for (index, budget) in (0..).zip(&plain.budgets) {
        let mut builder = budgets.reborrow().get(index);
        builder.set_name(budget.name.as_str());
        builder.set_held(budget.held);
        builder.set_most(budget.most);
        builder.set_refused(budget.refused);
    }
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
        clock_offset_ms: reader.get_clock_offset_ms(),
        disk_free_bytes: reader.get_disk_free_bytes(),
        sync_ms: reader.get_sync_ms(),
        budgets: reader.get_budgets()?.iter().map(read_budget).collect::<Result<_, _>>()?,
        refuses_words: reader.get_refuses_words(),
        unclean_since: Some(Stamp(reader.get_unclean_since())).filter(|since| since.0 != 0),
        certificate_days: reader.get_certificate_days(),
    })
}

fn read_budget(reader: client_capnp::node_status::budget::Reader<'_>) -> Result<BudgetView, WireError> {
    Ok(BudgetView {
        name: text(reader.get_name()?)?,
        held: reader.get_held(),
        most: reader.get_most(),
        refused: reader.get_refused(),
    })
}

/// Fills in a notice.
pub fn write_notice(mut builder: client_capnp::notice::Builder<'_>, plain: Notice) {
    match plain {
        Notice::Fresh => builder.set_fresh(()),
        Notice::Behind(ms) => builder.set_behind_ms(ms),
        Notice::Suspect(node) => builder.set_suspect(node.0),
        Notice::Drain { deadline_ms, to } => {
            let mut drain = builder.init_drain();
            drain.set_deadline_ms(deadline_ms);
            drain.set_to(to.map_or(0, |node| node.0));
        }
    }
}

/// Reads a notice.
pub fn read_notice(reader: client_capnp::notice::Reader<'_>) -> Result<Notice, WireError> {
    use client_capnp::notice::Which;
    Ok(match reader.which()? {
        Which::Fresh(()) => Notice::Fresh,
        Which::BehindMs(ms) => Notice::Behind(ms),
        Which::Suspect(node) => Notice::Suspect(NodeId(node)),
        Which::Drain(drain) => {
            let to = Some(NodeId(drain.get_to())).filter(|node| node.0 != 0);
            Notice::Drain { deadline_ms: drain.get_deadline_ms(), to }
        }
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
            presence_hidden: false,
            receipts_off: true,
            changed: ChangeNumber(4),
        }
    }

    fn member() -> MemberView {
        MemberView {
            user: alice(),
            role: MemberRole::Admin,
            joined: Stamp(11),
            since: Position(2),
            added_by: UserId(2001),
            read_position: Position(3),
            delivered_position: Position(4),
            changed: ChangeNumber(6),
        }
    }

    fn place() -> PlaceView {
        let counts = Counts { read_position: Position(2), unread: 1, mentions: 1, as_of: ChangeNumber(77) };
        PlaceView {
            conversation: ConversationId(3),
            counts,
            marked_unread: true,
            muted_until: Stamp(u64::MAX),
            pinned: true,
            draft: vec![9],
            since: Position(2),
        }
    }

    fn message() -> MessageView {
        MessageView {
            conversation: ConversationId(3),
            position: Position(4),
            message_id: MessageId([7; 16]),
            sender: UserId(1001),
            sender_name: "alice".parse().unwrap(),
            sent_at: Stamp(99),
            state: MessageState::Edited,
            revision: 2,
            payload: vec![1, 2, 3],
            edited: Some(Stamp(100)),
            mentions: vec![UserId(2001)],
            reactions: vec![ReactionView { emoji: "👍".into(), users: vec![UserId(2001), UserId(3001)] }],
            changed: ChangeNumber(5),
            reactions_changed: ChangeNumber(6),
        }
    }

    fn conversation() -> ConversationView {
        ConversationView {
            id: ConversationId(3),
            kind: ConversationKind::Group,
            title: "Crew".into(),
            members: vec![member()],
            member_count: 40,
            last_position: Position(4),
            pinned_messages: vec![Position(2), Position(1)],
            created: Stamp(10),
            changed: ChangeNumber(5),
            place: place(),
        }
    }

    #[test]
    fn every_change_survives_the_wire() {
        let (conversation_id, user, position) = (ConversationId(3), UserId(1001), Position(4));
        let rows = [
            ChangedRow::Message(message()),
            ChangedRow::Conversation(conversation()),
            ChangedRow::ReadMark { conversation: conversation_id, user, position },
            ChangedRow::User(alice()),
            ChangedRow::DeliveredMark { conversation: conversation_id, user, position },
            ChangedRow::Reactions { conversation: conversation_id, position, reactions: message().reactions },
            ChangedRow::Member { conversation: conversation_id, member: member() },
            ChangedRow::MemberLeft {
                conversation: conversation_id,
                user,
                by: UserId(2001),
                after: position,
                at: Stamp(7),
            },
            ChangedRow::Place(place()),
            ChangedRow::Left(conversation_id),
            ChangedRow::Block { user, switch: Switch::On },
        ];
        for row in rows {
            let change = Change { number: ChangeNumber(5), row };
            let mut arena = capnp::message::Builder::new_default();
            write_change(arena.init_root::<change::Builder<'_>>(), &change);
            let reader = arena.get_root_as_reader::<change::Reader<'_>>().unwrap();
            assert_eq!(read_change(reader).unwrap(), change);
        }
    }

    #[test]
    fn what_a_store_keeps_survives_its_bytes() {
        assert_eq!(decode_user(&encode_user(&alice())).unwrap(), alice());
        assert_eq!(decode_member(&encode_member(&member())).unwrap(), member());
        assert_eq!(decode_place(&encode_place(&place())).unwrap(), place());
        assert_eq!(decode_message(&encode_message(&message())).unwrap(), message());
        assert_eq!(decode_conversation(&encode_conversation(&conversation())).unwrap(), conversation());
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

    #[test]
    fn notices_come_back_from_the_wire() {
        let notices = [
            Notice::Fresh,
            Notice::Behind(1200),
            Notice::Suspect(NodeId(3)),
            Notice::Drain { deadline_ms: 5000, to: None },
            Notice::Drain { deadline_ms: 0, to: Some(NodeId(2)) },
        ];
        for notice in notices {
            let mut arena = capnp::message::Builder::new_default();
            write_notice(arena.init_root(), notice);
            assert_eq!(read_notice(arena.get_root_as_reader().unwrap()), Ok(notice));
        }
    }
}

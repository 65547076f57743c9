//! What clients are shown of people and conversations, and what they are refused.

use super::act::{read_group_profile, write_group_profile};
use super::command::{high_half, join_halves, low_half};
use super::{WireError, count, decode, encode, text, write_numbers};
use crate::command::MemberRole;
use crate::error::{ErrorCode, Refusal};
use crate::generated::types_capnp;
use crate::id::{ChangeNumber, ConversationId, MessageId, Position, SessionId, Stamp, UserId};
use crate::view::{
    ConversationKind, ConversationView, Counts, MemberView, PlaceView, RevisionView, SessionEntry, UserView,
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
fn write_role(plain: MemberRole) -> types_capnp::MemberRole {
    match plain {
        MemberRole::Member => types_capnp::MemberRole::Member,
        MemberRole::Admin => types_capnp::MemberRole::Admin,
        MemberRole::Owner => types_capnp::MemberRole::Owner,
    }
}

/// A role from the wire.
fn read_role(wire: types_capnp::MemberRole) -> MemberRole {
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
    write_group_profile(builder.reborrow().init_profile(), &plain.profile);
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
        profile: read_group_profile(reader.get_profile()?)?,
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

/// A user as bytes, for a store.
pub fn encode_user(plain: &UserView) -> Vec<u8> {
    encode::<types_capnp::user::Owned>(|builder| write_user(builder, plain))
}

/// The user in `bytes`.
pub fn decode_user(bytes: &[u8]) -> Result<UserView, WireError> {
    decode::<types_capnp::user::Owned, _>(bytes, read_user)
}

/// A place as bytes, for a store.
pub fn encode_place(plain: &PlaceView) -> Vec<u8> {
    encode::<types_capnp::place::Owned>(|builder| write_place(builder, plain))
}

/// The place in `bytes`.
pub fn decode_place(bytes: &[u8]) -> Result<PlaceView, WireError> {
    decode::<types_capnp::place::Owned, _>(bytes, read_place)
}

/// Times that may be missing are 0 on the wire.
pub(super) fn unless_zero(ms: u64) -> Option<Stamp> {
    (ms != 0).then_some(Stamp(ms))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

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

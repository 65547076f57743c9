//! What clients are shown of messages, and changes of every kind of row.

use super::view::{
    read_conversation, read_member_view, read_message_id, read_place, read_user, unless_zero, write_conversation,
    write_member_view, write_message_id, write_place, write_user,
};
use super::{WireError, count, decode, encode, text, write_numbers};
use crate::command::Switch;
use crate::generated::types_capnp;
use crate::id::{ChangeNumber, ConversationId, Position, Stamp, UserId};
use crate::view::{Change, ChangedRow, MessageState, MessageView, ReactionView};

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

/// A message as bytes, for a store.
pub fn encode_message(plain: &MessageView) -> Vec<u8> {
    encode::<types_capnp::message::Owned>(|builder| write_message(builder, plain))
}

/// The message in `bytes`.
pub fn decode_message(bytes: &[u8]) -> Result<MessageView, WireError> {
    decode::<types_capnp::message::Owned, _>(bytes, read_message)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

//! Messages deleted for everyone: a tombstone is left, and what they said is erased at once.

use alloc::vec::Vec;

use raftchat_schema::command::Done;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::view::ChangedRow;

use crate::apply::allowances;
use crate::apply::conversation::{Conversation, Place};
use crate::apply::step::{Handled, Step};
use crate::keys;
use crate::read;
use crate::rows::{MemberRow, MessageRow, Reference, RevisionRow, StateRow};
use crate::tables::Tables;
use crate::views;

/// Deletes the user's own message. Deleting again is as the sender wants it.
pub(crate) fn delete<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    position: Position,
) -> Handled<T> {
    let place = Place::of(step, user, conversation)?;
    let message = place.message(step, position)?;
    if message.sender != user {
        return Err(ErrorCode::NotYours.into());
    }
    if message.state != StateRow::Deleted {
        bury(step, place.conversation, position, message)?;
    }
    Ok(Done::Nothing)
}

/// Leaves a tombstone where `message` was; says how many rows that took.
pub(crate) fn bury<T: Tables>(
    step: &mut Step<'_, T>,
    mut conversation: Conversation,
    position: Position,
    message: MessageRow,
) -> Handled<T, usize> {
    let id = conversation.id;
    let mut rows = uncount(step, id, position, &message)?;
    let (revisions, bytes) = erase_revisions(step, id, position)?;
    rows = rows.saturating_add(revisions);
    allowances::free(step, message.sender, bytes.saturating_add(message.payload.len()))?;
    step.forget(conversation.feed(), message.reactions_changed);
    let reference = Reference::Message { conversation: id, position };
    let number = conversation.note(step, message.changed, reference)?;
    // Each field by its name: one that is added has to be decided about.
    let message = MessageRow {
        state: StateRow::Deleted,
        changed: number,
        payload: Vec::new(),
        reactions_changed: ChangeNumber(0),
        reactions: Vec::new(),
        sender: message.sender,
        sender_name: message.sender_name,
        message_id: message.message_id,
        sent_at: message.sent_at,
        mentions: message.mentions,
        revision: message.revision,
        edited: message.edited,
        hidden_from: message.hidden_from,
    };
    step.put(keys::message(id, position), &message)?;
    let was_pinned = conversation.row.pinned.contains(&position);
    if was_pinned {
        conversation.row.pinned.retain(|pinned| *pinned != position);
        conversation.note_itself(step)?;
    }
    conversation.store(step)?;
    conversation.show(step, number, ChangedRow::Message(views::message(id, position, message)));
    if was_pinned {
        conversation.show_itself(step)?;
    }
    Ok(rows.saturating_add(4))
}

/// Erases what the message said before its edits; says how many rows and bytes that were.
pub(crate) fn erase_revisions<T: Tables>(
    step: &mut Step<'_, T>,
    conversation: ConversationId,
    position: Position,
) -> Handled<T, (usize, usize)> {
    let parse = |key: &[u8], row: &[u8]| Some((key.to_vec(), minicbor::decode::<RevisionRow>(row).ok()?.payload.len()));
    let revisions = read::all(step.tables, &keys::revisions_of(conversation, position), parse)?;
    let sum = (revisions.len(), revisions.iter().map(|(_, bytes)| bytes).sum());
    for (key, _) in revisions {
        step.tables.delete(key);
    }
    Ok(sum)
}

/// Takes a message off the unread and the mentions of all who had it unread; says how many rows that took. Never off the
/// sender's and off theirs from whom it is hidden: to them it never counted, deleted or not.
fn uncount<T: Tables>(
    step: &mut Step<'_, T>,
    conversation: ConversationId,
    position: Position,
    message: &MessageRow,
) -> Handled<T, usize> {
    let members = read::all(step.tables, &keys::members_of(conversation), read::numbered::<2, MemberRow>)?;
    let mut rows = 0_usize;
    for ([_conversation, member], row) in members {
        let member = UserId(member);
        let never_counted = member == message.sender || message.hidden_from.binary_search(&member).is_ok();
        if never_counted || row.read_position >= position {
            continue;
        }
        let mentioned = u64::from(message.mentions.binary_search(&member).is_ok());
        let row = MemberRow {
            deleted_after_read: row.deleted_after_read.saturating_add(1),
            mentions_after_read: row.mentions_after_read.saturating_sub(mentioned),
            ..row
        };
        step.put(keys::member(conversation, member), &row)?;
        rows = rows.saturating_add(1);
    }
    Ok(rows)
}

//! Edits: a message says something else, and what it said before is kept. Whose attention it asked for stays as it was.

use raftchat_schema::command::Done;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::REVISIONS_MAX;
use raftchat_schema::view::ChangedRow;

use crate::apply::conversation::Place;
use crate::apply::step::{Handled, Step};
use crate::apply::{allowances, blocks};
use crate::keys;
use crate::rows::{MessageRow, Reference, RevisionRow, StateRow};
use crate::tables::Tables;
use crate::views;

/// Replaces what the user's own message says. To say the same again is no edit, and a tombstone stays one. It is a way to
/// write to the other: refused where sending is, because of a block.
pub(crate) fn edit<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    position: Position,
    payload: &[u8],
) -> Handled<T> {
    let mut place = Place::of(step, user, conversation)?;
    let message = place.message(step, position)?;
    if message.sender != user {
        return Err(ErrorCode::NotYours.into());
    }
    if message.state == StateRow::Deleted {
        return Err(ErrorCode::NoSuchMessage.into());
    }
    blocks::refuse_in_direct(step, &place.conversation)?;
    if message.payload == payload {
        return Ok(Done::Nothing);
    }
    if message.revision >= REVISIONS_MAX {
        return Err(ErrorCode::TooMany.into());
    }
    let before = RevisionRow { written: message.written(), payload: message.payload };
    step.put(keys::revision(conversation, position, message.revision), &before)?;
    let reference = Reference::Message { conversation, position };
    let number = place.conversation.note(step, message.changed, reference)?;
    let message = MessageRow {
        state: StateRow::Edited,
        revision: message.revision.saturating_add(1),
        edited: Some(step.now()),
        changed: number,
        payload: payload.to_vec(),
        ..message
    };
    step.put(keys::message(conversation, position), &message)?;
    // What it said before is kept: so all of it is more.
    allowances::store_more(step, user, payload.len())?;
    place.conversation.store(step)?;
    let view = views::message(conversation, position, message);
    place.conversation.show(step, number, ChangedRow::Message(view));
    Ok(Done::Nothing)
}

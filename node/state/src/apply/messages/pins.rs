//! Messages that the members of a conversation have pinned, for all of them.

use raftchat_schema::command::{Done, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::PINNED_MESSAGES_MAX;

use crate::apply::blocks;
use crate::apply::conversation::Place;
use crate::apply::step::{Handled, Step};
use crate::rows::StateRow;
use crate::tables::Tables;

/// Pins a message or takes its pin away. What is so already is no change. It is shown to the other: refused where writing is,
/// because of a block.
pub(crate) fn pin<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    position: Position,
    switch: Switch,
) -> Handled<T> {
    let place = Place::of(step, user, conversation)?;
    let message = place.message(step, position)?;
    blocks::refuse_in_direct(step, &place.conversation)?;
    let mut conversation = place.conversation;
    let pinned = &mut conversation.row.pinned;
    if pinned.contains(&position) == switch.is_on() {
        return Ok(Done::Nothing);
    }
    match switch {
        Switch::On if message.state == StateRow::Deleted => return Err(ErrorCode::NoSuchMessage.into()),
        Switch::On if pinned.len() >= PINNED_MESSAGES_MAX => return Err(ErrorCode::TooMany.into()),
        Switch::On => pinned.push(position),
        Switch::Off => pinned.retain(|other| *other != position),
    }
    conversation.note_itself(step)?;
    conversation.store(step)?;
    conversation.show_itself(step)?;
    Ok(Done::Nothing)
}

//! Reactions to messages: each member one of a kind.

use alloc::borrow::ToOwned;
use alloc::vec;
use alloc::vec::Vec;

use raftchat_schema::command::{Done, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::{EMOJI_BYTES_MAX, REACTION_KINDS_MAX, REACTIONS_OF_ONE_MAX};
use raftchat_schema::text::emoji;
use raftchat_schema::view::ChangedRow;

use crate::apply::blocks;
use crate::apply::conversation::Place;
use crate::apply::step::{Handled, Step};
use crate::keys;
use crate::rows::{MessageRow, ReactionRow, Reference, StateRow};
use crate::tables::Tables;
use crate::views;

/// Puts the user's reaction to a message or takes it away. What is so already is no change. A block between the two of a
/// direct conversation hinders the one, as it does writing, and not the other, as it does not deleting.
pub(crate) fn react<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    position: Position,
    written: &str,
    switch: Switch,
) -> Handled<T> {
    // However it is written, it is of one kind.
    let emoji =
        &*emoji::normal(written).filter(|emoji| emoji.len() <= EMOJI_BYTES_MAX).ok_or(ErrorCode::MalformedReaction)?;
    let mut place = Place::of(step, user, conversation)?;
    let message = place.message(step, position)?;
    if message.state == StateRow::Deleted {
        return Err(ErrorCode::NoSuchMessage.into());
    }
    let mut reactions = message.reactions.clone();
    match switch {
        Switch::On => {
            blocks::refuse_in_direct(step, &place.conversation)?;
            put(&mut reactions, user, emoji)?;
        }
        Switch::Off => take(&mut reactions, user, emoji),
    }
    if reactions == message.reactions {
        return Ok(Done::Nothing);
    }
    let reference = Reference::Reactions { conversation, position };
    let number = place.conversation.note(step, message.reactions_changed, reference)?;
    let message = MessageRow { reactions, reactions_changed: number, ..message };
    step.put(keys::message(conversation, position), &message)?;
    place.conversation.store(step)?;
    let reactions = views::reactions(message.reactions);
    place.conversation.show(step, number, ChangedRow::Reactions { conversation, position, reactions });
    Ok(Done::Nothing)
}

fn put(reactions: &mut Vec<ReactionRow>, user: UserId, emoji: &str) -> Result<(), ErrorCode> {
    let own = reactions.iter().filter(|kind| kind.users.binary_search(&user).is_ok()).count();
    if let Some(kind) = reactions.iter_mut().find(|kind| kind.emoji == emoji) {
        if let Err(place) = kind.users.binary_search(&user) {
            refuse_more(own, REACTIONS_OF_ONE_MAX)?;
            kind.users.insert(place, user);
        }
        return Ok(());
    }
    refuse_more(own, REACTIONS_OF_ONE_MAX)?;
    refuse_more(reactions.len(), REACTION_KINDS_MAX)?;
    reactions.push(ReactionRow { emoji: emoji.to_owned(), users: vec![user] });
    Ok(())
}

fn refuse_more(count: usize, most: usize) -> Result<(), ErrorCode> {
    if count < most { Ok(()) } else { Err(ErrorCode::TooMany) }
}

fn take(reactions: &mut Vec<ReactionRow>, user: UserId, emoji: &str) {
    for kind in reactions.iter_mut().filter(|kind| kind.emoji == emoji) {
        kind.users.retain(|reacted| *reacted != user);
    }
    reactions.retain(|kind| !kind.users.is_empty());
}

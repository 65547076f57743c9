//! What a user alone has of a conversation, on all their devices: whether it is pinned, muted or marked as unread, and a
//! draft.

use raftchat_schema::command::Done;
use raftchat_schema::id::{ChangeNumber, ConversationId, UserId};
use raftchat_schema::view::ChangedRow;

use super::conversation::Place;
use super::step::{Handled, Step};
use crate::feed::Feed;
use crate::keys;
use crate::rows::{OwnRow, Reference};
use crate::tables::Tables;
use crate::views;

/// Changes it for a member. What is so already is no change.
pub(super) fn change<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    alter: impl FnOnce(&mut OwnRow),
) -> Handled<T> {
    let place = Place::of(step, user, conversation)?;
    let before = of(step, user, conversation)?;
    let mut own = before.clone();
    alter(&mut own);
    if own != before {
        store(step, &place, own)?;
    }
    Ok(Done::Nothing)
}

/// The user's settings of it; those of a new member if nothing yet.
pub(super) fn of<T: Tables>(step: &Step<'_, T>, user: UserId, conversation: ConversationId) -> Handled<T, OwnRow> {
    Ok(step.get(&keys::own(user, conversation))?.unwrap_or_default())
}

/// Stores it and shows the member's place, after all else of the conversation was stored.
pub(super) fn store<T: Tables>(step: &mut Step<'_, T>, place: &Place, own: OwnRow) -> Handled<T, ()> {
    let id = place.conversation.id;
    let own = put(step, place.user, id, own)?;
    let number = own.changed;
    let view = views::place(id, &place.conversation.row, &place.member, own, number);
    step.show(Feed::Own(place.user), number, ChangedRow::Place(view));
    Ok(())
}

/// Leaves nothing but that the user is no longer there.
pub(super) fn leave<T: Tables>(step: &mut Step<'_, T>, user: UserId, conversation: ConversationId) -> Handled<T, ()> {
    let OwnRow { changed, .. } = of(step, user, conversation)?;
    let own = put(step, user, conversation, OwnRow { changed, left: true, ..OwnRow::default() })?;
    step.show(Feed::Own(user), own.changed, ChangedRow::Left(conversation));
    Ok(())
}

/// Takes back that the user is no longer there, if they ever were.
pub(super) fn return_to<T: Tables>(step: &mut Step<'_, T>, place: &Place) -> Handled<T, ()> {
    let own = of(step, place.user, place.conversation.id)?;
    if own.left {
        store(step, place, OwnRow { left: false, ..own })?;
    }
    Ok(())
}

fn put<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    own: OwnRow,
) -> Handled<T, OwnRow> {
    let changed: ChangeNumber = step.note(Feed::Own(user), own.changed, Reference::Own { user, conversation })?;
    let own = OwnRow { changed, ..own };
    step.put(keys::own(user, conversation), &own)?;
    Ok(own)
}

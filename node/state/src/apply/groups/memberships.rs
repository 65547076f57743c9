//! Which conversations a user is in, and in how many groups. The count costs no row of its own: it stands in the user's last
//! membership, that of the newest conversation, which is the one being made more often than not. What stands in the others is
//! from when they were last.

use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, UserId};
use raftchat_schema::limits::GROUPS_OF_USER_MAX;

use crate::apply::step::{Handled, Step};
use crate::keys;
use crate::queries;
use crate::tables::Tables;

/// Refuses if the user is in as many groups as one can be.
pub(crate) fn refuse_more<T: Tables>(step: &Step<'_, T>, user: UserId) -> Handled<T, ()> {
    match queries::last_membership(step.tables, user)? {
        Some((_, groups)) if groups >= GROUPS_OF_USER_MAX => Err(ErrorCode::TooMany.into()),
        _ => Ok(()),
    }
}

/// The user is in a group.
pub(crate) fn enter_group<T: Tables>(step: &mut Step<'_, T>, user: UserId, id: ConversationId) -> Handled<T, ()> {
    enter(step, user, id, 1)
}

/// The user is in a direct conversation, which counts for nothing: nobody makes one without the other.
pub(crate) fn enter_direct<T: Tables>(step: &mut Step<'_, T>, user: UserId, id: ConversationId) -> Handled<T, ()> {
    enter(step, user, id, 0)
}

fn enter<T: Tables>(step: &mut Step<'_, T>, user: UserId, id: ConversationId, more: u32) -> Handled<T, ()> {
    let last = queries::last_membership(step.tables, user)?;
    let groups = last.map_or(0, |(_, groups)| groups).saturating_add(more);
    step.put(keys::membership(user, id), &groups)?;
    if let Some((last, _)) = last.filter(|(last, _)| *last > id) {
        step.put(keys::membership(user, last), &groups)?;
    }
    Ok(())
}

/// The user is no longer in a group.
pub(crate) fn quit<T: Tables>(step: &mut Step<'_, T>, user: UserId, id: ConversationId) -> Handled<T, ()> {
    let groups = queries::last_membership(step.tables, user)?.map_or(0, |(_, groups)| groups.saturating_sub(1));
    step.tables.delete(keys::membership(user, id));
    if let Some((last, _)) = queries::last_membership(step.tables, user)? {
        step.put(keys::membership(user, last), &groups)?;
    }
    Ok(())
}

//! Groups left, by oneself or not: who is out loses the conversation, and the last one out leaves it to be erased.

use raftchat_schema::command::{Done, MemberRole};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::view::ChangedRow;

use super::{memberships, roles};
use crate::apply::conversation::{Conversation, Place};
use crate::apply::step::{Handled, Step};
use crate::apply::{allowances, own};
use crate::keys::{self, Erasable};
use crate::rows::{DepartedRow, ErasureRow, MemberRow, Reference};
use crate::tables::Tables;

pub(crate) fn leave<T: Tables>(step: &mut Step<'_, T>, user: UserId, conversation: ConversationId) -> Handled<T> {
    let place = Place::in_group(step, user, conversation)?;
    depart(step, place, user)?;
    Ok(Done::Nothing)
}

/// Takes somebody else out: the owner anybody, an admin plain members.
pub(crate) fn remove<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    other: UserId,
) -> Handled<T> {
    let Place { conversation, member, .. } = Place::in_group(step, user, conversation)?;
    roles::need(member.role, MemberRole::Admin)?;
    if other == user {
        return Err(ErrorCode::NotAllowed.into());
    }
    let removed: Option<MemberRow> = step.get(&keys::member(conversation.id, other))?;
    let removed = removed.ok_or(ErrorCode::NotAMember)?;
    if removed.role >= member.role {
        return Err(ErrorCode::NotAllowed.into());
    }
    depart(step, Place { conversation, user: other, member: removed }, user)?;
    Ok(Done::Nothing)
}

/// Ends a membership. When the owner leaves another follows, and when nobody is left the group is to be erased. Where there
/// are too many to tell of each, the others are told that the conversation has changed.
pub(crate) fn depart<T: Tables>(step: &mut Step<'_, T>, place: Place, by: UserId) -> Handled<T, ()> {
    let Place { mut conversation, user, mut member } = place;
    let id = conversation.id;
    allowances::settle(step, user, &mut member)?;
    let told = conversation.row.tells_members();
    step.forget(conversation.feed(), member.read_changed);
    step.forget(conversation.feed(), member.delivered_changed);
    step.tables.delete(keys::member(id, user));
    memberships::quit(step, user, id)?;
    if told {
        tell(step, &mut conversation, user, &member, by)?;
    } else {
        step.forget(conversation.feed(), member.entry());
        conversation.note_itself(step)?;
    }
    own::leave(step, user, id)?;
    step.effects.joined.retain(|joined| (joined.user, joined.conversation) != (user, id));
    step.effects.left.push((user, id));
    conversation.row.group_members = conversation.row.group_members.saturating_sub(1);
    if conversation.row.group_members == 0 {
        step.put(keys::erasure(Erasable::Group(id)), &ErasureRow::Group { after: Position(0) })?;
    } else if member.role == MemberRole::Owner {
        roles::succeed(step, &mut conversation)?;
    }
    conversation.store(step)?;
    if !told {
        conversation.show_itself(step)?;
    }
    Ok(())
}

/// Leaves in the feed that the user is no longer a member.
fn tell<T: Tables>(
    step: &mut Step<'_, T>,
    conversation: &mut Conversation,
    user: UserId,
    member: &MemberRow,
    by: UserId,
) -> Handled<T, ()> {
    let id = conversation.id;
    let changed = conversation.note(step, member.entry(), Reference::Member { conversation: id, user })?;
    let row = DepartedRow { by, after: conversation.row.last_position, at: step.now(), changed };
    step.put(keys::departed(id, user), &row)?;
    let left = ChangedRow::MemberLeft { conversation: id, user, by, after: row.after, at: row.at };
    conversation.show(step, changed, left);
    Ok(())
}

//! Roles in a group: what each may do, given and taken by the owner, of whom there is exactly one.

use raftchat_schema::command::{Done, MemberRole};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, UserId};
use raftchat_schema::view::ChangedRow;

use crate::apply::conversation::{Conversation, Place};
use crate::apply::step::{Handled, Step};
use crate::keys;
use crate::read;
use crate::rows::{MemberRow, Reference};
use crate::tables::Tables;
use crate::views;

/// Refuses who has a lesser role.
pub(crate) fn need(role: MemberRole, least: MemberRole) -> Result<(), ErrorCode> {
    if role < least {
        return Err(ErrorCode::NotAllowed);
    }
    Ok(())
}

/// Gives a member a role; whoever makes another the owner becomes an admin. What is so already is no change.
pub(crate) fn set<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    other: UserId,
    role: MemberRole,
) -> Handled<T> {
    let place = Place::in_group(step, user, conversation)?;
    need(place.member.role, MemberRole::Owner)?;
    let member: Option<MemberRow> = step.get(&keys::member(conversation, other))?;
    let member = member.ok_or(ErrorCode::NotAMember)?;
    if member.role == role {
        return Ok(Done::Nothing);
    }
    if other == user {
        return Err(ErrorCode::NotAllowed.into());
    }
    let mut conversation = place.conversation;
    give(step, &mut conversation, other, &member, role)?;
    if role == MemberRole::Owner {
        give(step, &mut conversation, user, &place.member, MemberRole::Admin)?;
    }
    conversation.store(step)?;
    Ok(Done::Nothing)
}

/// Makes the admin who joined first the owner, or where there is none the member who did.
pub(crate) fn succeed<T: Tables>(step: &mut Step<'_, T>, conversation: &mut Conversation) -> Handled<T, ()> {
    let members = read::all(step.tables, &keys::members_of(conversation.id), read::numbered::<2, MemberRow>)?;
    let rank = |(user, row): &(UserId, MemberRow)| (core::cmp::Reverse(row.role), row.joined, *user);
    let heir = members.into_iter().map(|([_conversation, user], row)| (UserId(user), row)).min_by_key(rank);
    let Some((user, row)) = heir else { return Ok(()) };
    give(step, conversation, user, &row, MemberRole::Owner)
}

fn give<T: Tables>(
    step: &mut Step<'_, T>,
    conversation: &mut Conversation,
    user: UserId,
    row: &MemberRow,
    role: MemberRole,
) -> Handled<T, ()> {
    let id = conversation.id;
    let member_changed = conversation.note(step, row.entry(), Reference::Member { conversation: id, user })?;
    let row = MemberRow { role, member_changed, untold: false, ..row.clone() };
    step.put(keys::member(id, user), &row)?;
    let member = views::membership(step.tables, user, &row)?;
    conversation.show(step, member_changed, ChangedRow::Member { conversation: id, member });
    Ok(())
}

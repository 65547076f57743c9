//! Groups: made, joined, and called otherwise. A member sees what was said from joining on.

pub(super) mod departures;
pub(super) mod memberships;
pub(super) mod roles;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use raftchat_schema::command::{Done, GroupProfile, MemberRole};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::limits::GROUP_MEMBERS_MAX;
use raftchat_schema::view::ChangedRow;

use super::conversation::{Conversation, Place};
use super::effects::Joined;
use super::step::{Handled, Step};
use super::{accounts, allowances, blocks, own};
use crate::keys;
use crate::rows::{ConversationRow, DepartedRow, KindRow, MemberRow, Reference};
use crate::tables::Tables;
use crate::views;

/// Makes a group of the user, who owns it, and these.
pub(super) fn create<T: Tables>(step: &mut Step<'_, T>, user: UserId, title: &str, members: &[UserId]) -> Handled<T> {
    let mut others: BTreeSet<_> = members.iter().copied().collect();
    others.remove(&user);
    refuse_more(others.len().saturating_add(1))?;
    memberships::refuse_more(step, user)?;
    invitable(step, user, &others)?;
    allowances::make_group(step, user)?;
    let row = ConversationRow {
        kind: KindRow::Group,
        created: step.now(),
        last_position: Position(0),
        last_change: ChangeNumber(0),
        changed: ChangeNumber(0),
        profile: GroupProfile::titled(title),
        group_members: 0,
        pinned: Vec::new(),
    };
    let conversation = Conversation { id: step.next_conversation(), row };
    let id = conversation.id;
    let owner = core::iter::once((user, MemberRole::Owner));
    let admitted = owner.chain(others.into_iter().map(|other| (other, MemberRole::Member))).collect();
    admit(step, conversation, user, admitted)?;
    Ok(Done::GroupCreated { conversation: id })
}

/// Adds members. Who is one already is passed over.
pub(super) fn add<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    members: &[UserId],
) -> Handled<T> {
    let place = Place::in_group(step, user, conversation)?;
    roles::need(place.member.role, MemberRole::Admin)?;
    let mut others: BTreeSet<_> = members.iter().copied().collect();
    for other in others.clone() {
        if step.get::<MemberRow>(&keys::member(conversation, other))?.is_some() {
            others.remove(&other);
        }
    }
    let present = usize::try_from(place.conversation.row.member_count()).unwrap_or(usize::MAX);
    refuse_more(others.len().saturating_add(present))?;
    invitable(step, user, &others)?;
    if others.is_empty() {
        return Ok(Done::Nothing);
    }
    let admitted = others.into_iter().map(|other| (other, MemberRole::Member)).collect();
    admit(step, place.conversation, user, admitted)?;
    Ok(Done::Nothing)
}

/// Changes what owner and admins set of a group. What is so already is no change.
pub(super) fn change<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    alter: impl FnOnce(&mut GroupProfile),
) -> Handled<T> {
    let place = Place::in_group(step, user, conversation)?;
    roles::need(place.member.role, MemberRole::Admin)?;
    let mut conversation = place.conversation;
    let mut profile = conversation.row.profile.clone();
    alter(&mut profile);
    if conversation.row.profile == profile {
        return Ok(Done::Nothing);
    }
    conversation.row.profile = profile;
    conversation.note_itself(step)?;
    conversation.store(step)?;
    conversation.show_itself(step)?;
    Ok(Done::Nothing)
}

fn refuse_more(members: usize) -> Result<(), ErrorCode> {
    if members > GROUP_MEMBERS_MAX {
        return Err(ErrorCode::TooMany);
    }
    Ok(())
}

/// Refuses unless the user may add each of these.
fn invitable<T: Tables>(step: &Step<'_, T>, user: UserId, others: &BTreeSet<UserId>) -> Handled<T, ()> {
    for other in others {
        accounts::existing(step, *other)?;
    }
    for other in others {
        blocks::refuse_between(step, user, *other)?;
        memberships::refuse_more(step, *other)?;
    }
    Ok(())
}

/// Lets them in, as what is said, and shows the conversation and then, where each is told, who is new in it.
fn admit<T: Tables>(
    step: &mut Step<'_, T>,
    mut conversation: Conversation,
    by: UserId,
    admitted: Vec<(UserId, MemberRole)>,
) -> Handled<T, ()> {
    conversation.note_itself(step)?;
    let more = u32::try_from(admitted.len()).unwrap_or(u32::MAX);
    conversation.row.group_members = conversation.row.group_members.saturating_add(more);
    let mut joined = Vec::with_capacity(admitted.len());
    for (user, role) in admitted {
        joined.push((user, join(step, &mut conversation, user, role, by)?));
    }
    conversation.store(step)?;
    conversation.show_itself(step)?;
    for (user, row) in joined.iter().filter(|(_, row)| !row.untold) {
        let member = views::membership(step.tables, *user, row)?;
        let row_shown = ChangedRow::Member { conversation: conversation.id, member };
        conversation.show(step, row.member_changed, row_shown);
    }
    for (user, member) in joined {
        let place = Place { conversation, user, member };
        own::return_to(step, &place)?;
        conversation = place.conversation;
    }
    Ok(())
}

/// Makes the user a member of the conversation, which is noted and counts them already.
fn join<T: Tables>(
    step: &mut Step<'_, T>,
    conversation: &mut Conversation,
    user: UserId,
    role: MemberRole,
    by: UserId,
) -> Handled<T, MemberRow> {
    let id = conversation.id;
    let since = conversation.row.last_position;
    let departed: Option<DepartedRow> = step.get(&keys::departed(id, user))?;
    let before = departed.map_or(ChangeNumber(0), |departed| departed.changed);
    if before != ChangeNumber(0) {
        step.tables.delete(keys::departed(id, user));
    }
    let untold = !conversation.row.tells_members();
    let member_changed = if untold {
        step.forget(conversation.feed(), before);
        conversation.row.changed
    } else {
        conversation.note(step, before, Reference::Member { conversation: id, user })?
    };
    let row = MemberRow { role, member_changed, untold, ..MemberRow::new(step.now(), since, by) };
    step.put(keys::member(id, user), &row)?;
    memberships::enter_group(step, user, id)?;
    step.effects.joined.push(Joined { user, conversation: id, since });
    Ok(row)
}

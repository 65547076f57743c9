//! Conversations and who is in them, as one member sees them.

use alloc::vec::Vec;

use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::view::{ConversationView, Counts, MemberView};

use crate::keys;
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, MemberRow};
use crate::tables::{Order, Rows};
use crate::views::{self, Viewer};

/// The user's conversations, in order of id.
pub(crate) fn conversations_of<R: Rows>(rows: &R, user: UserId) -> Result<Vec<ConversationId>, ReadError<R::Error>> {
    let memberships = read::all(rows, &keys::memberships_above(user, ConversationId(0)), read::bare::<2>)?;
    Ok(memberships.into_iter().map(|[_user, id]| ConversationId(id)).collect())
}

/// The user's newest conversation, and in how many groups the user is: see `apply/groups/memberships.rs`.
pub(crate) fn last_membership<R: Rows>(
    rows: &R,
    user: UserId,
) -> Result<Option<(ConversationId, u32)>, ReadError<R::Error>> {
    let span = keys::memberships_above(user, ConversationId(0));
    let last = read::first(rows, &span, Order::Descending, 1, read::numbered::<2, u32>)?;
    Ok(last.first().map(|([_user, id], groups)| (ConversationId(*id), *groups)))
}

/// The conversation and the user's membership; none if the user is not in it.
fn place<R: Rows>(
    rows: &R,
    user: UserId,
    id: ConversationId,
) -> Result<Option<(ConversationRow, MemberRow)>, ReadError<R::Error>> {
    let Some(member) = read::row(rows, &keys::member(id, user))? else { return Ok(None) };
    Ok(Some((read::needed(rows, &keys::conversation(id))?, member)))
}

/// The first `limit` conversations of the user above `after`, in order of id, and whether there are more: fewer where
/// they would have more than `bytes` by [`ConversationView::weight`], but a single larger one travels alone.
pub fn conversations_page<R: Rows>(
    rows: &R,
    user: UserId,
    after: ConversationId,
    limit: usize,
    bytes: usize,
) -> Result<(Vec<ConversationView>, bool), ReadError<R::Error>> {
    let span = keys::memberships_above(user, after);
    // One more than fits, to know whether there are more.
    let ids = read::first(rows, &span, Order::Ascending, limit.saturating_add(1), read::bare::<2>)?;
    let mut page = Vec::new();
    let mut weight = 0_usize;
    for [_user, id] in ids {
        if page.len() == limit {
            return Ok((page, true));
        }
        let Some(view) = conversation(rows, user, ConversationId(id))? else { continue };
        weight = weight.saturating_add(view.weight());
        if weight > bytes && !page.is_empty() {
            return Ok((page, true));
        }
        page.push(view);
    }
    Ok((page, false))
}

/// That conversation as `viewer` sees it, with their place in it; none if they are not in it.
pub fn conversation<R: Rows>(
    rows: &R,
    viewer: UserId,
    id: ConversationId,
) -> Result<Option<ConversationView>, ReadError<R::Error>> {
    let Some((row, member)) = place(rows, viewer, id)? else { return Ok(None) };
    let own = read::row(rows, &keys::own(viewer, id))?.unwrap_or_default();
    let as_of = super::change_number(rows)?;
    let shown = views::conversation_asked_for(rows, viewer, id, &row, &member)?;
    Ok(Some(ConversationView { place: views::place(id, &row, &member, own, as_of), ..shown }))
}

/// The user's unread there, as of the state's last change; none if they are not in it.
pub fn counts<R: Rows>(
    rows: &R,
    user: UserId,
    conversation: ConversationId,
) -> Result<Option<Counts>, ReadError<R::Error>> {
    let Some((row, member)) = place(rows, user, conversation)? else { return Ok(None) };
    Ok(Some(views::counts(&row, &member, super::change_number(rows)?)))
}

/// True if there is such a conversation; a group that everybody has left is none.
pub fn conversation_exists<R: Rows>(rows: &R, id: ConversationId) -> Result<bool, ReadError<R::Error>> {
    Ok(member_count(rows, id)?.is_some())
}

/// The number of its members; none if there is no such conversation.
pub fn member_count<R: Rows>(rows: &R, id: ConversationId) -> Result<Option<u32>, ReadError<R::Error>> {
    let row: Option<ConversationRow> = read::row(rows, &keys::conversation(id))?;
    Ok(row.map(|row| row.member_count()).filter(|count| *count > 0))
}

/// Since which position the user sees messages there (those above it); none if they are not in it.
pub fn is_member<R: Rows>(
    rows: &R,
    conversation: ConversationId,
    user: UserId,
) -> Result<Option<Position>, ReadError<R::Error>> {
    let row: Option<MemberRow> = read::row(rows, &keys::member(conversation, user))?;
    Ok(row.map(|row| row.since))
}

/// The first `limit` members with an id above `after`, and whether there are more; none if `viewer` is not one of them.
#[expect(clippy::type_complexity, reason = "a page and whether there is more, like the other pages")]
pub fn members_page<R: Rows>(
    rows: &R,
    viewer: UserId,
    conversation: ConversationId,
    after: UserId,
    limit: usize,
) -> Result<Option<(Vec<MemberView>, bool)>, ReadError<R::Error>> {
    let Some((row, _member)) = place(rows, viewer, conversation)? else { return Ok(None) };
    let span = keys::members_above(conversation, after);
    let parse = read::numbered::<2, MemberRow>;
    let mut members = read::first(rows, &span, Order::Ascending, limit.saturating_add(1), parse)?;
    let more = members.len() > limit;
    members.truncate(limit);
    let shown = members
        .into_iter()
        .map(|([_id, user], member)| views::member(rows, Viewer::User(viewer), &row, UserId(user), &member))
        .collect::<Result<_, ReadError<R::Error>>>()?;
    Ok(Some((shown, more)))
}

/// The direct conversation between the two, whichever is named first; none before its first message.
pub fn direct<R: Rows>(rows: &R, user: UserId, other: UserId) -> Result<Option<ConversationId>, ReadError<R::Error>> {
    read::row(rows, &keys::pair(user, other))
}

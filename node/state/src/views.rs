//! Rows as clients are shown them. Whether somebody is online is not in the rows: the node fills it in.

use alloc::vec::Vec;

use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::limits::MEMBERS_SHOWN_MAX;
use raftchat_schema::view::{
    ConversationKind, ConversationView, Counts, MemberView, MessageState, MessageView, PlaceView, ReactionView,
    UserView,
};

use crate::keys;
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, KindRow, MemberRow, MessageRow, OwnRow, ReactionRow, StateRow, UserRow};
use crate::tables::{Order, Rows};

/// The viewer of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// Whoever may see it: what only one of them may see is left out.
    Anybody,
    /// This user alone.
    User(UserId),
}

impl Viewer {
    /// True if this viewer is told what `user` has read and received.
    fn sees_marks_of(self, user: UserId, row: &UserRow) -> bool {
        !row.receipts_off || self == Self::User(user)
    }
}

pub(crate) fn user(id: UserId, row: UserRow) -> UserView {
    UserView {
        id,
        username: row.username,
        display_name: row.display_name,
        deleted: row.deleted,
        last_seen: row.last_seen.filter(|_| !row.presence_hidden),
        online: false,
        presence_hidden: row.presence_hidden,
        receipts_off: row.receipts_off,
        changed: row.changed,
    }
}

pub(crate) fn message(conversation: ConversationId, position: Position, row: MessageRow) -> MessageView {
    MessageView {
        conversation,
        position,
        message_id: row.message_id,
        sender: row.sender,
        sender_name: row.sender_name,
        sent_at: row.sent_at,
        state: match row.state {
            StateRow::Original => MessageState::Original,
            StateRow::Edited => MessageState::Edited,
            StateRow::Deleted => MessageState::Deleted,
        },
        revision: row.revision,
        payload: row.payload,
        edited: row.edited,
        mentions: row.mentions,
        reactions: reactions(row.reactions),
        changed: row.changed,
        reactions_changed: row.reactions_changed,
    }
}

pub(crate) fn reactions(rows: Vec<ReactionRow>) -> Vec<ReactionView> {
    rows.into_iter().map(|row| ReactionView { emoji: row.emoji, users: row.users }).collect()
}

/// A membership without its marks.
pub(crate) fn membership<R: Rows>(rows: &R, id: UserId, row: &MemberRow) -> Result<MemberView, ReadError<R::Error>> {
    Ok(bare_member(id, read::needed(rows, &keys::user(id))?, row))
}

fn bare_member(id: UserId, user_row: UserRow, row: &MemberRow) -> MemberView {
    MemberView {
        user: user(id, user_row),
        role: row.role,
        joined: row.joined,
        since: row.since,
        added_by: row.added_by,
        read_position: Position(0),
        delivered_position: Position(0),
        changed: row.member_changed,
    }
}

/// A member of `conversation` with the marks that the viewer may see.
pub(crate) fn member<R: Rows>(
    rows: &R,
    viewer: Viewer,
    conversation: &ConversationRow,
    id: UserId,
    row: &MemberRow,
) -> Result<MemberView, ReadError<R::Error>> {
    let user_row: UserRow = read::needed(rows, &keys::user(id))?;
    let told = viewer.sees_marks_of(id, &user_row);
    let bare = bare_member(id, user_row, row);
    Ok(MemberView {
        read_position: if told { row.read_position } else { Position(0) },
        delivered_position: if told && conversation.shares_marks() { row.delivered() } else { Position(0) },
        ..bare
    })
}

/// Somebody's mark at `position`, as the viewer may see it.
pub(crate) fn mark<R: Rows>(
    rows: &R,
    viewer: Viewer,
    user: UserId,
    position: Position,
) -> Result<Position, ReadError<R::Error>> {
    let row: UserRow = read::needed(rows, &keys::user(user))?;
    Ok(if viewer.sees_marks_of(user, &row) { position } else { Position(0) })
}

/// The conversation as the feed tells it: without what one member alone has of it, and with its members where each of them is
/// told.
pub(crate) fn conversation<R: Rows>(
    rows: &R,
    viewer: Viewer,
    id: ConversationId,
    row: &ConversationRow,
) -> Result<ConversationView, ReadError<R::Error>> {
    let members = if row.tells_members() { first_members(rows, viewer, id, row)? } else { Vec::new() };
    Ok(with_members(id, row, members))
}

/// The conversation for somebody who asks for it: with the first members, and the one who asks among them.
pub(crate) fn conversation_asked_for<R: Rows>(
    rows: &R,
    asker: UserId,
    id: ConversationId,
    row: &ConversationRow,
    own: &MemberRow,
) -> Result<ConversationView, ReadError<R::Error>> {
    let viewer = Viewer::User(asker);
    let mut members = first_members(rows, viewer, id, row)?;
    if !members.iter().any(|member| member.user.id == asker) {
        // The highest id makes room: everybody before it has a lower one, so the order stays.
        members.truncate(MEMBERS_SHOWN_MAX.saturating_sub(1));
        members.push(member(rows, viewer, row, asker, own)?);
    }
    Ok(with_members(id, row, members))
}

fn first_members<R: Rows>(
    rows: &R,
    viewer: Viewer,
    id: ConversationId,
    row: &ConversationRow,
) -> Result<Vec<MemberView>, ReadError<R::Error>> {
    let shown =
        read::first(rows, &keys::members_of(id), Order::Ascending, MEMBERS_SHOWN_MAX, read::numbered::<2, MemberRow>)?;
    shown
        .into_iter()
        .map(|([_conversation, user], member_row)| member(rows, viewer, row, UserId(user), &member_row))
        .collect()
}

fn with_members(id: ConversationId, row: &ConversationRow, members: Vec<MemberView>) -> ConversationView {
    ConversationView {
        id,
        kind: match row.kind {
            KindRow::Direct { .. } => ConversationKind::Direct,
            KindRow::Group => ConversationKind::Group,
        },
        profile: row.profile.clone(),
        members,
        member_count: row.member_count(),
        last_position: row.last_position,
        pinned_messages: row.pinned.clone(),
        created: row.created,
        changed: row.changed,
        place: PlaceView { conversation: id, ..PlaceView::default() },
    }
}

/// The member's unread.
pub(crate) fn counts(row: &ConversationRow, member: &MemberRow, as_of: ChangeNumber) -> Counts {
    Counts {
        read_position: member.read_position,
        unread: member.unread(row.last_position),
        mentions: member.mentions_after_read,
        as_of,
    }
}

/// The member's own settings and unread of the conversation.
pub(crate) fn place(
    id: ConversationId,
    row: &ConversationRow,
    member: &MemberRow,
    own: OwnRow,
    as_of: ChangeNumber,
) -> PlaceView {
    PlaceView {
        conversation: id,
        counts: counts(row, member, as_of),
        marked_unread: own.marked_unread,
        muted_until: own.muted_until,
        pinned: own.pinned,
        draft: own.draft,
        since: member.since,
    }
}

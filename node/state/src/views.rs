//! Rows as clients are shown them. Whether somebody is online is not in the rows: the node fills it in.

use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::view::{ConversationKind, ConversationView, MessageState, MessageView, UserView};

use crate::keys;
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, KindRow, MemberRow, MessageRow, StateRow, UserRow};
use crate::tables::Rows;

pub(crate) fn user(id: UserId, row: UserRow) -> UserView {
    UserView {
        id,
        username: row.username,
        display_name: row.display_name,
        deleted: row.deleted,
        last_seen: row.last_seen,
        online: false,
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
            StateRow::Deleted => MessageState::Deleted,
        },
        revision: 0,
        payload: row.payload,
    }
}

/// The conversation as everybody in it may see it: without marks and counts.
pub(crate) fn conversation<R: Rows>(
    rows: &R,
    id: ConversationId,
    row: &ConversationRow,
) -> Result<ConversationView, ReadError<R::Error>> {
    let members = read::all(rows, &keys::members_of(id), read::bare::<2>)?;
    let members = members
        .into_iter()
        .map(|[_conversation, member]| {
            let member = UserId(member);
            Ok(user(member, read::needed(rows, &keys::user(member))?))
        })
        .collect::<Result<_, ReadError<R::Error>>>()?;
    Ok(ConversationView {
        id,
        kind: match row.kind {
            KindRow::Direct { .. } => ConversationKind::Direct,
        },
        title: String::new(),
        members,
        last_position: Position(0),
        read_position: Position(0),
        unread: 0,
    })
}

/// The conversation as this member sees it.
pub(crate) fn conversation_of<R: Rows>(
    rows: &R,
    id: ConversationId,
    row: &ConversationRow,
    member: &MemberRow,
) -> Result<ConversationView, ReadError<R::Error>> {
    Ok(ConversationView {
        last_position: row.last_position,
        read_position: member.read_position,
        unread: member.unread(row.last_position),
        ..conversation(rows, id, row)?
    })
}

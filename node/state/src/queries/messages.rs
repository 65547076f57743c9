//! Messages and what they said before, as far back as a member may see.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{ConversationId, MessageId, Position, UserId};
use raftchat_schema::limits::{HISTORY_BYTES_MAX, HISTORY_PAGE_MAX};
use raftchat_schema::view::{MessageView, RevisionView};

use super::{conversation_exists, is_member};
use crate::keys::{self, Span};
use crate::read::{self, ReadError};
use crate::rows::{MessageHead, MessageRow, RevisionRow};
use crate::tables::{Order, Rows};
use crate::views;

/// The stretch of messages that a page of history is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryRange {
    /// The newest below this position; 0: the newest of all.
    Below(Position),
    /// The oldest above this position.
    Above(Position),
}

/// `limit` messages (at most [`HISTORY_PAGE_MAX`]) of that range, ascending; none from before the user joined.
///
/// Refuses with `not-a-member` what the user is not in, and with `no-such-conversation` what there is not.
pub fn history<R: Rows>(
    rows: &R,
    user: UserId,
    conversation: ConversationId,
    range: HistoryRange,
    limit: u32,
) -> Result<Result<Vec<MessageView>, Refusal>, ReadError<R::Error>> {
    let since = match since(rows, user, conversation)? {
        Ok(since) => since,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let most = usize::try_from(limit.min(HISTORY_PAGE_MAX)).unwrap_or(usize::MAX);
    let (span, order) = match range {
        HistoryRange::Below(before) => (keys::messages_between(conversation, since, before), Order::Descending),
        HistoryRange::Above(after) => (keys::messages_above(conversation, after.max(since)), Order::Ascending),
    };
    let parse = read::numbered::<2, MessageRow>;
    let mut page = first_that_fit(rows, &span, order, most, parse, |(_, row)| row.payload.len())?;
    if order == Order::Descending {
        page.reverse();
    }
    let views = page.into_iter().map(|([_id, position], row)| views::message(conversation, Position(position), row));
    Ok(Ok(views.collect()))
}

/// The first `most`, and no more than begin within [`HISTORY_BYTES_MAX`]: what does not fit an answer is not read for it.
fn first_that_fit<R: Rows, I>(
    rows: &R,
    span: &Span,
    order: Order,
    most: usize,
    parse: impl Fn(&[u8], &[u8]) -> Option<I>,
    weight: impl Fn(&I) -> usize,
) -> Result<Vec<I>, ReadError<R::Error>> {
    let (mut items, mut bytes) = (Vec::new(), 0_usize);
    if most == 0 {
        return Ok(items);
    }
    read::each(rows, span, order, parse, |item| {
        bytes = bytes.saturating_add(weight(&item));
        items.push(item);
        let full = items.len() >= most || bytes >= HISTORY_BYTES_MAX;
        if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(items)
}

/// Earlier versions of the message, oldest first, and of much of it the newest; nothing for a tombstone.
///
/// Refuses like [`history`], and with `no-such-message` what is not there or from before the user joined.
pub fn revisions<R: Rows>(
    rows: &R,
    user: UserId,
    conversation: ConversationId,
    position: Position,
) -> Result<Result<Vec<RevisionView>, Refusal>, ReadError<R::Error>> {
    let since = match since(rows, user, conversation)? {
        Ok(since) => since,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let message: Option<MessageHead> = read::row(rows, &keys::message(conversation, position))?;
    if position <= since || message.is_none() {
        return Ok(Err(ErrorCode::NoSuchMessage.into()));
    }
    let mut revisions = Vec::new();
    let span = keys::revisions_of(conversation, position);
    let parse = read::numbered::<3, RevisionRow>;
    let newest = first_that_fit(rows, &span, Order::Descending, usize::MAX, parse, |(_, row)| row.payload.len())?;
    for ([_id, _position, revision], row) in newest.into_iter().rev() {
        let revision = u32::try_from(revision).unwrap_or(u32::MAX);
        revisions.push(RevisionView { revision, payload: row.payload, written: row.written });
    }
    Ok(Ok(revisions))
}

/// True if the sender has ever sent a message of that id.
pub fn is_sent<R: Rows>(rows: &R, sender: UserId, id: MessageId) -> Result<bool, ReadError<R::Error>> {
    Ok(rows.get(&keys::message_id(sender, id)).map_err(ReadError::Store)?.is_some())
}

/// Since which position the user sees messages, or why they see none.
fn since<R: Rows>(
    rows: &R,
    user: UserId,
    conversation: ConversationId,
) -> Result<Result<Position, Refusal>, ReadError<R::Error>> {
    if let Some(since) = is_member(rows, conversation, user)? {
        return Ok(Ok(since));
    }
    let code =
        if conversation_exists(rows, conversation)? { ErrorCode::NotAMember } else { ErrorCode::NoSuchConversation };
    Ok(Err(code.into()))
}

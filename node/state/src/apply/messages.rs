//! Messages: sent once, in one order, and deleted by who sent them. A direct conversation comes into being here,
//! with its first message.

use raftchat_schema::command::{Done, Recipient, Send};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::limits::PAYLOAD_BYTES_MAX;
use raftchat_schema::view::ChangedRow;

use super::step::{Handled, Step};
use crate::feed::Feed;
use crate::keys;
use crate::read;
use crate::rows::{ConversationRow, KindRow, MemberRow, MessageRow, Reference, SentRow, SessionRow, StateRow, UserRow};
use crate::tables::Tables;
use crate::views;

/// A conversation and one of its members.
pub(super) struct Place {
    pub(super) id: ConversationId,
    pub(super) row: ConversationRow,
    pub(super) member: MemberRow,
}

impl Place {
    pub(super) fn feed(&self) -> Feed {
        Feed::Conversation(self.id)
    }
}

/// The conversation, if the user is in it.
pub(super) fn place<T: Tables>(step: &Step<'_, T>, user: UserId, id: ConversationId) -> Handled<T, Place> {
    let Some(member) = step.get(&keys::member(id, user))? else { return Err(ErrorCode::NoSuchConversation.into()) };
    let row = read::needed(step.tables, &keys::conversation(id))?;
    Ok(Place { id, row, member })
}

/// Sends, or answers what came of it when this sender first sent a message of this id: also to somebody else, also
/// if it was deleted since.
pub(super) fn send<T: Tables>(step: &mut Step<'_, T>, session: &SessionRow, send: &Send) -> Handled<T> {
    let key = keys::message_id(session.user, send.message_id);
    if let Some(first) = step.get::<SentRow>(&key)? {
        return Ok(sent(&first));
    }
    if send.payload.is_empty() {
        return Err(ErrorCode::EmptyMessage.into());
    }
    if send.payload.len() > PAYLOAD_BYTES_MAX {
        return Err(ErrorCode::TooLarge.into());
    }
    let place = match send.to {
        Recipient::Conversation(id) => existing(step, session.user, id)?,
        Recipient::Direct(other) => direct(step, session.user, other)?,
    };
    let row = append(step, session, place, send)?;
    step.put(key, &row)?;
    Ok(sent(&row))
}

fn sent(row: &SentRow) -> Done {
    Done::Sent { conversation: row.conversation, position: row.position, sent_at: row.sent_at }
}

fn existing<T: Tables>(step: &Step<'_, T>, sender: UserId, id: ConversationId) -> Handled<T, Place> {
    let place = place(step, sender, id)?;
    let KindRow::Direct { lower, higher } = place.row.kind;
    account(step, if lower == sender { higher } else { lower })?;
    Ok(place)
}

fn direct<T: Tables>(step: &mut Step<'_, T>, sender: UserId, other: UserId) -> Handled<T, Place> {
    if sender == other {
        return Err(ErrorCode::ToYourself.into());
    }
    account(step, other)?;
    match step.get(&keys::pair(sender, other))? {
        Some(id) => place(step, sender, id),
        None => create_direct(step, sender, other),
    }
}

/// Refuses unless the user has an account.
fn account<T: Tables>(step: &Step<'_, T>, user: UserId) -> Handled<T, ()> {
    let row: Option<UserRow> = step.get(&keys::user(user))?;
    match row {
        Some(row) if !row.deleted => Ok(()),
        _ => Err(ErrorCode::NoSuchUser.into()),
    }
}

fn create_direct<T: Tables>(step: &mut Step<'_, T>, sender: UserId, other: UserId) -> Handled<T, Place> {
    let id = step.next_conversation();
    let feed = Feed::Conversation(id);
    let number = step.note(feed, ChangeNumber(0), Reference::Conversation { conversation: id })?;
    let (lower, higher) = (sender.min(other), sender.max(other));
    let row = ConversationRow {
        kind: KindRow::Direct { lower, higher },
        created: step.now(),
        last_position: Position(0),
        last_change: number,
        changed: number,
    };
    step.put(keys::pair(sender, other), &id)?;
    step.put(keys::conversation(id), &row)?;
    let member = MemberRow::new(step.now());
    for user in [lower, higher] {
        step.put(keys::member(id, user), &member)?;
        step.tables.put(keys::membership(user, id), Vec::new());
        step.effects.joined.push((user, id));
    }
    let view = views::conversation(step.tables, id, &row)?;
    step.show(feed, number, ChangedRow::Conversation(view));
    Ok(Place { id, row, member })
}

/// Puts the message after the last. Costs the same however many members there are.
fn append<T: Tables>(step: &mut Step<'_, T>, session: &SessionRow, place: Place, send: &Send) -> Handled<T, SentRow> {
    let feed = place.feed();
    let Place { id, row, member } = place;
    let position = row.last_position.next();
    let reference = Reference::Message { conversation: id, position };
    let number = step.note(feed, ChangeNumber(0), reference)?;
    let message = MessageRow {
        sender: session.user,
        state: StateRow::Original,
        sender_name: session.username.clone(),
        message_id: send.message_id,
        sent_at: step.now(),
        changed: number,
        payload: send.payload.clone(),
    };
    step.put(keys::message(id, position), &message)?;
    step.put(keys::conversation(id), &ConversationRow { last_position: position, last_change: number, ..row })?;
    let own_after_read = member.own_after_read.saturating_add(1);
    step.put(keys::member(id, session.user), &MemberRow { own_after_read, ..member })?;
    let sent = SentRow { conversation: id, position, sent_at: message.sent_at };
    step.show(feed, number, ChangedRow::Message(views::message(id, position, message)));
    Ok(sent)
}

/// Leaves a tombstone: the payload is erased at once. Deleting again is as the sender wants it.
pub(super) fn delete<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    position: Position,
) -> Handled<T> {
    let place = place(step, user, conversation)?;
    let key = keys::message(conversation, position);
    let Some(message) = step.get::<MessageRow>(&key)? else { return Err(ErrorCode::NoSuchMessage.into()) };
    if message.sender != user {
        return Err(ErrorCode::NotYours.into());
    }
    if message.state == StateRow::Deleted {
        return Ok(Done::Nothing);
    }
    let reference = Reference::Message { conversation, position };
    let number = step.note(place.feed(), message.changed, reference)?;
    let message = MessageRow { state: StateRow::Deleted, changed: number, payload: Vec::new(), ..message };
    step.put(key, &message)?;
    step.put(keys::conversation(conversation), &ConversationRow { last_change: number, ..place.row })?;
    uncount(step, conversation, position, user)?;
    let view = views::message(conversation, position, message);
    step.show(Feed::Conversation(conversation), number, ChangedRow::Message(view));
    Ok(Done::Nothing)
}

/// Takes a deleted message off the unread of all who had it unread. Never off the sender's: to them it is one of
/// their own, deleted or not.
fn uncount<T: Tables>(
    step: &mut Step<'_, T>,
    conversation: ConversationId,
    position: Position,
    sender: UserId,
) -> Handled<T, ()> {
    let members = read::all(step.tables, &keys::members_of(conversation), read::numbered::<2, MemberRow>)?;
    for ([_conversation, member], row) in members {
        let member = UserId(member);
        if member == sender || row.read_position >= position {
            continue;
        }
        let deleted_after_read = row.deleted_after_read.saturating_add(1);
        step.put(keys::member(conversation, member), &MemberRow { deleted_after_read, ..row })?;
    }
    Ok(())
}

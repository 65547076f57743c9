//! Messages: sent once, in one order. A direct conversation comes into being here, with its first message.

pub(super) mod deletions;
pub(super) mod edits;
pub(super) mod pins;
pub(super) mod reactions;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use raftchat_schema::command::{Done, GroupProfile, MemberRole, Recipient, SendMessage};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::view::ChangedRow;

use super::conversation::{Conversation, Place};
use super::effects::Joined;
use super::groups::{memberships, roles};
use super::step::{Handled, Step};
use super::{accounts, allowances, blocks};
use crate::keys;
use crate::queries;
use crate::rows::{ConversationRow, KindRow, MemberRow, MessageRow, Reference, SentRow, SessionRow, StateRow};
use crate::tables::Tables;
use crate::views;

/// Sends, or answers what came of it when this sender first sent a message of this id: also to somebody else, also
/// if it was deleted since.
pub(super) fn send<T: Tables>(step: &mut Step<'_, T>, session: &SessionRow, send: &SendMessage) -> Handled<T> {
    let key = keys::message_id(session.user, send.message_id);
    if let Some(first) = step.get::<SentRow>(&key)? {
        return Ok(sent(&first));
    }
    let mentions: BTreeSet<_> = send.mentions.iter().copied().collect();
    let place = match send.to {
        Recipient::Conversation(id) => existing(step, session.user, id)?,
        Recipient::Direct(other) => direct(step, session.user, other)?,
    };
    let hidden_from = hide(step, &place)?;
    let mentions = mention(step, &place, mentions, &hidden_from)?;
    let row = append(step, session, place, send, Regards { mentions, hidden_from })?;
    step.put(key, &row)?;
    Ok(sent(&row))
}

fn sent(row: &SentRow) -> Done {
    Done::Sent { conversation: row.conversation, position: row.position, sent_at: row.sent_at }
}

fn existing<T: Tables>(step: &Step<'_, T>, sender: UserId, id: ConversationId) -> Handled<T, Place> {
    let place = Place::of(step, sender, id)?;
    if let KindRow::Direct { lower, higher } = place.conversation.row.kind {
        reachable(step, sender, if lower == sender { higher } else { lower })?;
    }
    if place.conversation.row.profile.admins_only {
        roles::need(place.member.role, MemberRole::Admin)?;
    }
    Ok(place)
}

fn direct<T: Tables>(step: &mut Step<'_, T>, sender: UserId, other: UserId) -> Handled<T, Place> {
    if sender == other {
        return Err(ErrorCode::ToYourself.into());
    }
    reachable(step, sender, other)?;
    match step.get(&keys::pair(sender, other))? {
        Some(id) => Place::of(step, sender, id),
        None => create_direct(step, sender, other),
    }
}

/// Refuses unless the one may write to the other.
fn reachable<T: Tables>(step: &Step<'_, T>, sender: UserId, other: UserId) -> Handled<T, ()> {
    accounts::existing(step, other)?;
    blocks::refuse_between(step, sender, other)
}

fn create_direct<T: Tables>(step: &mut Step<'_, T>, sender: UserId, other: UserId) -> Handled<T, Place> {
    let id = step.next_conversation();
    let (lower, higher) = (sender.min(other), sender.max(other));
    let row = ConversationRow {
        kind: KindRow::Direct { lower, higher },
        created: step.now(),
        last_position: Position(0),
        last_change: ChangeNumber(0),
        changed: ChangeNumber(0),
        profile: GroupProfile::default(),
        group_members: 0,
        pinned: Vec::new(),
    };
    let mut conversation = Conversation { id, row };
    conversation.note_itself(step)?;
    conversation.store(step)?;
    step.put(keys::pair(sender, other), &id)?;
    let member = MemberRow::new(step.now(), Position(0), sender);
    for user in [lower, higher] {
        step.put(keys::member(id, user), &member)?;
        memberships::enter_direct(step, user, id)?;
        step.effects.joined.push(Joined { user, conversation: id, since: Position(0) });
    }
    conversation.show_itself(step)?;
    Ok(Place { conversation, user: sender, member })
}

/// The members whom a message regards in another way than the others.
struct Regards {
    mentions: Vec<UserId>,
    hidden_from: Vec<UserId>,
}

/// Takes what is said off the unread of those members who have blocked the sender, and says who they are: their devices do
/// not show it. Where nobody has, which is nearly always, it costs one row.
fn hide<T: Tables>(step: &mut Step<'_, T>, place: &Place) -> Handled<T, Vec<UserId>> {
    let mut hidden = Vec::new();
    for user in queries::blockers_of(step.tables, place.user)? {
        let key = keys::member(place.conversation.id, user);
        let Some(member) = step.get::<MemberRow>(&key)? else { continue };
        let own_after_read = member.own_after_read.saturating_add(1);
        step.put(key, &MemberRow { own_after_read, ..member })?;
        hidden.push(user);
    }
    Ok(hidden)
}

/// Counts the mention of those who are other members and shown the message, and says who they are.
fn mention<T: Tables>(
    step: &mut Step<'_, T>,
    place: &Place,
    asked: BTreeSet<UserId>,
    hidden_from: &[UserId],
) -> Handled<T, Vec<UserId>> {
    let mut mentioned = Vec::new();
    for user in asked.into_iter().filter(|user| hidden_from.binary_search(user).is_err()) {
        let key = keys::member(place.conversation.id, user);
        let member: Option<MemberRow> = step.get(&key)?;
        let Some(member) = member.filter(|_| user != place.user) else { continue };
        let mentions_after_read = member.mentions_after_read.saturating_add(1);
        step.put(key, &MemberRow { mentions_after_read, ..member })?;
        mentioned.push(user);
    }
    Ok(mentioned)
}

/// Puts the message after the last. Costs the same however many members there are.
fn append<T: Tables>(
    step: &mut Step<'_, T>,
    session: &SessionRow,
    mut place: Place,
    send: &SendMessage,
    regards: Regards,
) -> Handled<T, SentRow> {
    place.member.own_after_read = place.member.own_after_read.saturating_add(1);
    allowances::store(step, session.user, &mut place.member, send.payload.len())?;
    place.store_member(step)?;
    let mut conversation = place.conversation;
    let id: ConversationId = conversation.id;
    let position = conversation.row.last_position.next();
    let number = conversation.note(step, ChangeNumber(0), Reference::Message { conversation: id, position })?;
    conversation.row.last_position = position;
    conversation.store(step)?;
    let message = MessageRow {
        sender: session.user,
        state: StateRow::Original,
        sender_name: session.username.clone(),
        message_id: send.message_id,
        sent_at: step.now(),
        changed: number,
        payload: send.payload.clone(),
        mentions: regards.mentions,
        hidden_from: regards.hidden_from,
        revision: 0,
        edited: None,
        reactions_changed: ChangeNumber(0),
        reactions: Vec::new(),
    };
    step.put(keys::message(id, position), &message)?;
    let sent = SentRow { conversation: id, position, sent_at: message.sent_at };
    conversation.show(step, number, ChangedRow::Message(views::message(id, position, message)));
    Ok(sent)
}

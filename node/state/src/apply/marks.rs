//! Read and delivered marks: forward only, and what the first leave unread. Where others are told of them they stand in
//! the conversation's feed; elsewhere a user's own read mark reaches their own devices alone.

use core::ops::ControlFlow;

use raftchat_schema::command::{Delivered, Done};
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::view::ChangedRow;

use super::conversation::{Conversation, Place};
use super::own;
use super::step::{Handled, Step};
use crate::keys;
use crate::read;
use crate::rows::{ConversationRow, MemberRow, MessageHead, OwnRow, Reference, StateRow, UserRow};
use crate::tables::{Order, Tables};

/// Moves the user's read mark to `position`, to the last message if that is beyond it; never back. The conversation is not
/// marked as unread any more, whether the mark moves or not.
pub(super) fn read<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    position: Position,
) -> Handled<T> {
    let mut place = Place::of(step, user, conversation)?;
    let own = own::of(step, user, conversation)?;
    let to = position.min(place.conversation.row.last_position);
    let told = tells(step, &place.conversation.row, user)?;
    let moves = to > place.member.read_position;
    if moves {
        advance(step, &mut place, to)?;
        if told {
            tell(step, &mut place)?;
        } else {
            keep_to_oneself(step, &mut place)?;
        }
    }
    if own.marked_unread || (moves && !told) {
        own::store(step, &place, OwnRow { marked_unread: false, ..own })?;
    }
    Ok(Done::Nothing)
}

/// Whether the others in the conversation are told of the user's marks.
fn tells<T: Tables>(step: &Step<'_, T>, conversation: &ConversationRow, user: UserId) -> Handled<T, bool> {
    let row: UserRow = read::needed(step.tables, &keys::user(user))?;
    Ok(conversation.shares_marks() && !row.receipts_off)
}

/// Moves the mark, and counts what is left after it.
fn advance<T: Tables>(step: &Step<'_, T>, place: &mut Place, to: Position) -> Handled<T, ()> {
    let left = tally_after(step, place, to)?;
    place.member = MemberRow {
        read_position: to,
        own_after_read: left.own,
        deleted_after_read: left.deleted,
        mentions_after_read: left.mentions,
        delivered_position: place.member.delivered_position.max(to),
        ..place.member.clone()
    };
    Ok(())
}

fn tell<T: Tables>(step: &mut Step<'_, T>, place: &mut Place) -> Handled<T, ()> {
    let (conversation, user) = (place.conversation.id, place.user);
    let reference = Reference::ReadMark { conversation, user };
    let number = place.conversation.note(step, place.member.read_changed, reference)?;
    place.member.read_changed = number;
    place.store_member(step)?;
    place.conversation.store(step)?;
    let position = place.member.read_position;
    place.conversation.show(step, number, ChangedRow::ReadMark { conversation, user, position });
    Ok(())
}

/// Takes the marks out of the conversation's feed, where they stand if others once were told.
fn keep_to_oneself<T: Tables>(step: &mut Step<'_, T>, place: &mut Place) -> Handled<T, ()> {
    let feed = place.conversation.feed();
    for changed in [&mut place.member.read_changed, &mut place.member.delivered_changed] {
        step.forget(feed, core::mem::replace(changed, ChangeNumber(0)));
    }
    place.store_member(step)?;
    Ok(())
}

/// Moves delivered marks forward. Passes over who is not a member, or does not tell others.
pub(super) fn note_delivered<T: Tables>(step: &mut Step<'_, T>, delivered: &[Delivered]) -> Handled<T> {
    for Delivered { user, conversation, position } in delivered {
        let (user, conversation) = (*user, *conversation);
        let Some(member) = step.get::<MemberRow>(&keys::member(conversation, user))? else { continue };
        let row: ConversationRow = read::needed(step.tables, &keys::conversation(conversation))?;
        let to = row.last_position.min(*position);
        if to <= member.delivered() || !tells(step, &row, user)? {
            continue;
        }
        let before = member.delivered_changed;
        let mut place = Place { conversation: Conversation { id: conversation, row }, user, member };
        let reference = Reference::DeliveredMark { conversation, user };
        let number = place.conversation.note(step, before, reference)?;
        place.member.delivered_position = to;
        place.member.delivered_changed = number;
        place.store_member(step)?;
        place.conversation.store(step)?;
        place.conversation.show(step, number, ChangedRow::DeliveredMark { conversation, user, position: to });
    }
    Ok(Done::Nothing)
}

/// The contents of a stretch of messages, as one member counts them.
#[derive(Default)]
struct Tally {
    /// The member's own, and those hidden from them.
    own: u64,
    /// Deleted ones of others.
    deleted: u64,
    /// Those of others that mention the member.
    mentions: u64,
}

/// What is left after `to`: counted there, or what the mark passes taken off what was, whichever stretch is shorter. So
/// to read one message of a million costs one, and to read all but one too.
fn tally_after<T: Tables>(step: &Step<'_, T>, place: &Place, to: Position) -> Handled<T, Tally> {
    let member = &place.member;
    let (from, last) = (member.read_position, place.conversation.row.last_position);
    if last.0.saturating_sub(to.0) <= to.0.saturating_sub(from.0) {
        return tally(step, place, to, last);
    }
    let passed = tally(step, place, from, to)?;
    Ok(Tally {
        own: member.own_after_read.saturating_sub(passed.own),
        deleted: member.deleted_after_read.saturating_sub(passed.deleted),
        mentions: member.mentions_after_read.saturating_sub(passed.mentions),
    })
}

/// Counts after `from` up to and with `to`.
fn tally<T: Tables>(step: &Step<'_, T>, place: &Place, from: Position, to: Position) -> Handled<T, Tally> {
    let mut tally = Tally::default();
    let span = keys::messages_after(place.conversation.id, from, to);
    read::each(step.tables, &span, Order::Ascending, read::numbered::<2, MessageHead>, |(_, message)| {
        if message.counts_not_for(place.user) {
            tally.own = tally.own.saturating_add(1);
        } else if message.state == StateRow::Deleted {
            tally.deleted = tally.deleted.saturating_add(1);
        } else if message.mentions(place.user) {
            tally.mentions = tally.mentions.saturating_add(1);
        }
        ControlFlow::Continue(())
    })?;
    Ok(tally)
}

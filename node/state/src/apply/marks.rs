//! Read marks: forward only, and what they leave unread.

use std::ops::ControlFlow;

use raftchat_schema::command::Done;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::view::ChangedRow;

use super::messages;
use super::step::{Handled, Step};
use crate::keys;
use crate::read;
use crate::rows::{ConversationRow, MemberRow, MessageHead, Reference, StateRow};
use crate::tables::{Order, Tables};

/// Moves the user's read mark to `position`, to the last message if that is beyond it; never back, so that 0 does
/// nothing.
pub(super) fn read<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    position: Position,
) -> Handled<T> {
    let place = messages::place(step, user, conversation)?;
    let last = place.row.last_position;
    let to = position.min(last);
    if to <= place.member.read_position {
        return Ok(Done::Nothing);
    }
    let counts = counts_after(step, user, conversation, &place.member, to, last)?;
    let feed = place.feed();
    let number = step.note(feed, place.member.read_changed, Reference::ReadMark { conversation, user })?;
    let member = MemberRow {
        read_position: to,
        own_after_read: counts.own,
        deleted_after_read: counts.deleted,
        read_changed: number,
        ..place.member
    };
    step.put(keys::member(conversation, user), &member)?;
    step.put(keys::conversation(conversation), &ConversationRow { last_change: number, ..place.row })?;
    step.show(feed, number, ChangedRow::ReadMark { conversation, user, position: to });
    Ok(Done::Nothing)
}

/// Messages that do not count as unread.
#[derive(Default)]
struct Counts {
    /// The member's own.
    own: u64,
    /// Deleted ones of others.
    deleted: u64,
}

/// What is left to take off after `to`: counted there, or what the mark passes taken off what was, whichever
/// stretch is shorter. So to read one message of a million costs one, and to read all but one too.
fn counts_after<T: Tables>(
    step: &Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    member: &MemberRow,
    to: Position,
    last: Position,
) -> Handled<T, Counts> {
    let from = member.read_position;
    if last.0.saturating_sub(to.0) <= to.0.saturating_sub(from.0) {
        return count(step, user, conversation, to, last);
    }
    let passed = count(step, user, conversation, from, to)?;
    Ok(Counts {
        own: member.own_after_read.saturating_sub(passed.own),
        deleted: member.deleted_after_read.saturating_sub(passed.deleted),
    })
}

/// Counts after `from` up to and with `to`.
fn count<T: Tables>(
    step: &Step<'_, T>,
    user: UserId,
    conversation: ConversationId,
    from: Position,
    to: Position,
) -> Handled<T, Counts> {
    let mut counts = Counts::default();
    let span = keys::messages_after(conversation, from, to);
    read::each(step.tables, &span, Order::Ascending, read::numbered::<2, MessageHead>, |(_, message)| {
        if message.sender == user {
            counts.own = counts.own.saturating_add(1);
        } else if message.state == StateRow::Deleted {
            counts.deleted = counts.deleted.saturating_add(1);
        }
        ControlFlow::Continue(())
    })?;
    Ok(counts)
}

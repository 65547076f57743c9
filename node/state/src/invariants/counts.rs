//! What members have yet to read is counted right, and their marks are where they can be.

use alloc::format;

use raftchat_schema::id::{ConversationId, UserId};

use super::findings::Findings;
use super::messages;
use crate::keys::{self, Span, Table};
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, MemberRow, StateRow};
use crate::tables::Rows;

pub(super) fn unread_and_mentions<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    for ([id, user], member) in read::all(rows, &Span::table(Table::Members), read::numbered::<2, MemberRow>)? {
        let (id, user) = (ConversationId(id), UserId(user));
        let row: ConversationRow = read::needed(rows, &keys::conversation(id))?;
        let (mut unread, mut mentions) = (0_u64, 0_u64);
        for (position, message) in messages::of(rows, id)? {
            let hidden = message.hidden_from.contains(&user);
            if position > member.read_position
                && message.sender != user
                && !hidden
                && message.state != StateRow::Deleted
            {
                unread = unread.saturating_add(1);
                mentions = mentions.saturating_add(u64::from(message.mentions.contains(&user)));
            }
        }
        let kept = member.unread(row.last_position);
        found.expect(kept == unread, "unread is what its definition says", || {
            format!("{user} in {id}: kept {kept}, counted {unread}")
        });
        let kept = member.mentions_after_read;
        found.expect(kept == mentions, "mentions are what their definition says", || {
            format!("{user} in {id}: kept {kept}, counted {mentions}")
        });
    }
    Ok(())
}

pub(super) fn marks<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    for ([id, user], member) in read::all(rows, &Span::table(Table::Members), read::numbered::<2, MemberRow>)? {
        let (id, user) = (ConversationId(id), UserId(user));
        let row: ConversationRow = read::needed(rows, &keys::conversation(id))?;
        let read = (member.since..=row.last_position).contains(&member.read_position);
        found.expect(read, "a read mark is at a message that the member sees", || format!("{user} in {id}"));
        let delivered = member.delivered_position <= row.last_position;
        found.expect(delivered, "a delivered mark is at a message", || format!("{user} in {id}"));
    }
    Ok(())
}

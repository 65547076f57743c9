//! Members, positions, unread counts and message ids belong together.

use std::collections::BTreeSet;

use raftchat_schema::id::{ConversationId, MessageId, Position, UserId};

use super::Findings;
use crate::keys::{self, Span, Table};
use crate::queries;
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, KindRow, MemberRow, MessageRow, SentRow, StateRow};
use crate::tables::Rows;

fn conversations<R: Rows>(rows: &R) -> Result<Vec<(ConversationId, ConversationRow)>, ReadError<R::Error>> {
    let found = read::all(rows, &Span::table(Table::Conversations), read::numbered::<1, ConversationRow>)?;
    Ok(found.into_iter().map(|([id], row)| (ConversationId(id), row)).collect())
}

fn messages<R: Rows>(rows: &R, of: ConversationId) -> Result<Vec<(Position, MessageRow)>, ReadError<R::Error>> {
    let found = read::all(rows, &keys::messages_below(of, Position(0)), read::numbered::<2, MessageRow>)?;
    Ok(found.into_iter().map(|([_conversation, position], row)| (Position(position), row)).collect())
}

pub(super) fn members<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let members: BTreeSet<_> = read::all(rows, &Span::table(Table::Members), read::bare::<2>)?.into_iter().collect();
    let memberships = read::all(rows, &Span::table(Table::Memberships), read::bare::<2>)?;
    let turned: BTreeSet<_> = memberships.into_iter().map(|[user, conversation]| [conversation, user]).collect();
    found.expect(members == turned, "members and memberships are the same", || {
        format!("{:?}", members.symmetric_difference(&turned).collect::<Vec<_>>())
    });
    let all = conversations(rows)?;
    let known: BTreeSet<_> = all.iter().map(|(id, _)| id.0).collect();
    let strays = members.iter().filter(|[conversation, _]| !known.contains(conversation)).count();
    found.expect(strays == 0, "a member is of a conversation that exists", || strays.to_string());
    for (id, row) in all {
        let KindRow::Direct { lower, higher } = row.kind;
        let of: Vec<_> =
            members.iter().filter(|[conversation, _]| *conversation == id.0).map(|[_, user]| *user).collect();
        found.expect(lower < higher && of == [lower.0, higher.0], "a direct conversation has its two members", || {
            id.to_string()
        });
        let by_pair = queries::direct(rows, higher, lower)?;
        found.expect(by_pair == Some(id), "a pair leads to its conversation", || id.to_string());
    }
    let pairs = read::all(rows, &Span::table(Table::Pairs), read::bare::<2>)?.len();
    found.expect(pairs == known.len(), "a pair has a conversation", || pairs.to_string());
    Ok(())
}

pub(super) fn positions<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let mut total = 0;
    for (id, row) in conversations(rows)? {
        let messages = messages(rows, id)?;
        total += messages.len();
        let whole = messages.iter().zip(1..).all(|((position, _), expected)| position.0 == expected);
        let last = messages.last().map_or(Position(0), |(position, _)| *position);
        found.expect(whole && last == row.last_position, "positions have no hole", || id.to_string());
        let ordered = messages.iter().map(|(_, message)| message.sent_at).is_sorted();
        found.expect(ordered, "stamps never run backwards", || id.to_string());
        let erased = |row: &MessageRow| (row.state == StateRow::Deleted) == row.payload.is_empty();
        found.expect(messages.iter().all(|(_, row)| erased(row)), "tombstones, and they alone, are empty", || {
            id.to_string()
        });
    }
    let all = read::all(rows, &Span::table(Table::Messages), read::bare::<2>)?.len();
    found.expect(all == total, "a message is in a conversation that exists", || all.to_string());
    Ok(())
}

pub(super) fn unread<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    for ([conversation, user], member) in read::all(rows, &Span::table(Table::Members), read::numbered::<2, MemberRow>)?
    {
        let (id, user) = (ConversationId(conversation), UserId(user));
        let row: ConversationRow = read::needed(rows, &keys::conversation(id))?;
        let unread = messages(rows, id)?
            .into_iter()
            .filter(|(position, message)| {
                *position > member.read_position && message.sender != user && message.state != StateRow::Deleted
            })
            .count() as u64;
        found.expect(member.unread(row.last_position) == unread, "unread is what its definition says", || {
            format!("{user} in {id}: kept {}, counted {unread}", member.unread(row.last_position))
        });
        found.expect(member.read_position <= row.last_position, "a read mark is at a message", || {
            format!("{user} in {id}")
        });
    }
    Ok(())
}

pub(super) fn message_ids<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let parse = |key: &[u8], row: &[u8]| {
        let (sender, id) = key.get(1..)?.split_first_chunk::<8>()?;
        let id = MessageId(id.try_into().ok()?);
        Some((UserId(u64::from_be_bytes(*sender)), id, minicbor::decode::<SentRow>(row).ok()?))
    };
    let sent = read::all(rows, &Span::table(Table::MessageIds), parse)?;
    for (sender, id, sent) in &sent {
        let message: Option<MessageRow> = read::row(rows, &keys::message(sent.conversation, sent.position))?;
        let same = message.is_some_and(|message| {
            message.sender == *sender && message.message_id == *id && message.sent_at == sent.sent_at
        });
        found.expect(same, "a message id leads to its message", || format!("{id:?} of {sender}"));
    }
    let messages = read::all(rows, &Span::table(Table::Messages), read::bare::<2>)?.len();
    found.expect(messages == sent.len(), "a message is known by its id", || format!("{messages} {}", sent.len()));
    Ok(())
}

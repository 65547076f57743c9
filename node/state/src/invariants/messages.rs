//! Messages, their positions, ids, revisions, reactions and pins belong together.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::{PINNED_MESSAGES_MAX, REACTION_KINDS_MAX, REVISIONS_MAX};

use super::conversations;
use super::erasures;
use super::findings::Findings;
use crate::keys::{self, Span, Table};
use crate::queries;
use crate::read::{self, ReadError};
use crate::rows::{AllowanceRow, ConversationRow, MemberRow, MessageRow, RevisionRow, SentRow, StateRow, UserRow};
use crate::tables::Rows;

pub(super) fn of<R: Rows>(
    rows: &R,
    conversation: ConversationId,
) -> Result<Vec<(Position, MessageRow)>, ReadError<R::Error>> {
    let span = keys::messages_above(conversation, Position(0));
    let found = read::all(rows, &span, read::numbered::<2, MessageRow>)?;
    Ok(found.into_iter().map(|([_conversation, position], row)| (Position(position), row)).collect())
}

pub(super) fn positions<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let mut total = 0_usize;
    for (id, row) in conversations::all(rows)? {
        let messages = of(rows, id)?;
        total = total.saturating_add(messages.len());
        let first = erasures::erased_up_to(rows, id)?.next();
        let whole = messages.iter().zip(first.0..).all(|((position, _), expected)| position.0 == expected);
        let last = messages.last().map_or(Position(first.0.saturating_sub(1)), |(position, _)| *position);
        found.expect(whole && last == row.last_position, "positions have no hole", || id.to_string());
        let ordered = messages.iter().map(|(_, message)| message.sent_at).is_sorted();
        found.expect(ordered, "stamps never run backwards", || id.to_string());
    }
    let all = read::all(rows, &Span::table(Table::Messages), read::bare::<2>)?.len();
    found.expect(all == total, "a message is in a conversation that exists", || all.to_string());
    Ok(())
}

pub(super) fn contents<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    for ([id, position], row) in read::all(rows, &Span::table(Table::Messages), read::numbered::<2, MessageRow>)? {
        let place = || format!("c{id} {position}");
        let deleted = row.state == StateRow::Deleted;
        found.expect(deleted == row.payload.is_empty(), "tombstones, and they alone, are empty", place);
        let edited = row.revision > 0;
        let told = edited == row.edited.is_some() && (deleted || edited == (row.state == StateRow::Edited));
        found.expect(told && row.revision <= REVISIONS_MAX, "what was edited, and nothing else, says so", place);
        let calls = row.mentions.is_sorted_by(|one, next| one < next) && !row.mentions.contains(&row.sender);
        found.expect(calls, "mentions are of others, each once", place);
        let whole =
            row.reactions.iter().all(|kind| !kind.users.is_empty() && kind.users.is_sorted_by(|one, next| one < next));
        let kinds: BTreeSet<_> = row.reactions.iter().map(|kind| &kind.emoji).collect();
        let few = kinds.len() == row.reactions.len() && kinds.len() <= REACTION_KINDS_MAX;
        found.expect(whole && few, "reactions are of a kind, each person once", place);
        let bare = row.reactions.is_empty() && row.reactions_changed.0 == 0;
        found.expect(!deleted || bare, "a tombstone has no reactions", place);
    }
    Ok(())
}

pub(super) fn pins<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    for (id, row) in conversations::all(rows)?.into_iter().filter(|(_, row)| row.member_count() > 0) {
        for position in &row.pinned {
            let message: Option<MessageRow> = read::row(rows, &keys::message(id, *position))?;
            let there = message.is_some_and(|message| message.state != StateRow::Deleted);
            found.expect(there, "a pin is at a message", || format!("{id} {position}"));
        }
        let once = row.pinned.iter().collect::<BTreeSet<_>>().len() == row.pinned.len();
        found.expect(once && row.pinned.len() <= PINNED_MESSAGES_MAX, "pins are few, each once", || id.to_string());
    }
    Ok(())
}

pub(super) fn revisions<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let mut kept = BTreeMap::<[u64; 2], Vec<u64>>::new();
    let all = read::all(rows, &Span::table(Table::Revisions), read::numbered::<3, RevisionRow>)?;
    for ([id, position, revision], _) in all {
        kept.entry([id, position]).or_default().push(revision);
    }
    for (at, row) in read::all(rows, &Span::table(Table::Messages), read::numbered::<2, MessageRow>)? {
        let expected = if row.state == StateRow::Deleted { 0 } else { u64::from(row.revision) };
        let revisions = kept.remove(&at).unwrap_or_default();
        found.expect(revisions.into_iter().eq(0..expected), "what a message said before is kept", || format!("{at:?}"));
    }
    found.expect(kept.is_empty(), "a revision is of a message", || format!("{kept:?}"));
    Ok(())
}

pub(super) fn ids<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let parse = |key: &[u8], row: &[u8]| Some((keys::parse_message_id(key)?, minicbor::decode::<SentRow>(row).ok()?));
    let mut known = BTreeSet::<(UserId, ConversationId, Position)>::new();
    for ((sender, id), sent) in read::all(rows, &Span::table(Table::MessageIds), parse)? {
        let place = || format!("{id:?} of {sender}");
        known.insert((sender, sent.conversation, sent.position));
        let message: Option<MessageRow> = read::row(rows, &keys::message(sent.conversation, sent.position))?;
        let Some(message) = message else {
            let row: Option<ConversationRow> = read::row(rows, &keys::conversation(sent.conversation))?;
            let gone = row.is_none_or(|row| row.member_count() == 0);
            found.expect(gone, "a message id leads to its message", place);
            continue;
        };
        let same = message.sender == sender && message.message_id == id && message.sent_at == sent.sent_at;
        found.expect(same, "a message id leads to its message", place);
    }
    for ([id, position], row) in read::all(rows, &Span::table(Table::Messages), read::numbered::<2, MessageRow>)? {
        let by_id = known.contains(&(row.sender, ConversationId(id), Position(position)));
        found.expect(by_id, "a message is known by its id", || format!("c{id} {position}"));
    }
    Ok(())
}

/// What an account has stored is what is there, with what is still counted with its memberships.
pub(super) fn stored<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let mut stored = BTreeMap::<UserId, i64>::new();
    let mut add = |user: UserId, bytes: usize| {
        let sum = stored.entry(user).or_default();
        *sum = sum.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
    };
    for ([id, position], row) in read::all(rows, &Span::table(Table::Messages), read::numbered::<2, MessageRow>)? {
        add(row.sender, row.payload.len());
        let span = keys::revisions_of(ConversationId(id), Position(position));
        for (_, revision) in read::all(rows, &span, read::numbered::<3, RevisionRow>)? {
            add(row.sender, revision.payload.len());
        }
    }
    for ([user], row) in read::all(rows, &Span::table(Table::Users), read::numbered::<1, UserRow>)? {
        let id = UserId(user);
        let allowance: Option<AllowanceRow> = read::row(rows, &keys::allowance(id))?;
        let mut kept = allowance.as_ref().map_or(0, |allowance| allowance.stored);
        for conversation in queries::conversations_of(rows, id)? {
            let member: MemberRow = read::needed(rows, &keys::member(conversation, id))?;
            kept = kept.saturating_add(member.unsettled.into());
        }
        let there = stored.get(&id).copied().unwrap_or_default();
        let right = if row.deleted { allowance.is_none() } else { kept == there };
        found.expect(right, "an account knows how much it has stored", || format!("{id}: kept {kept}, is {there}"));
    }
    Ok(())
}

//! Each row stands in the feed once, at its latest change.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};

use super::findings::Findings;
use crate::feed::Feed;
use crate::keys::{self, Span, Table};
use crate::queries;
use crate::read::{self, ReadError};
use crate::rows::{BlockRow, ConversationRow, DepartedRow, MemberRow, MessageRow, OwnRow, Reference, UserRow};
use crate::tables::Rows;

type Entry = ((Feed, ChangeNumber), Reference);

/// A row's own word of its place in the feed; 0 if it has none.
type Standing = (Feed, ChangeNumber, Reference);

fn parse(key: &[u8], row: &[u8]) -> Option<Entry> {
    Some((keys::parse_change(key)?, minicbor::decode(row).ok()?))
}

pub(super) fn entries<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let counter = queries::change_number(rows)?;
    let mut numbers = BTreeSet::new();
    let mut last = BTreeMap::new();
    for ((feed, number), reference) in read::all(rows, &Span::table(Table::Changes), parse)? {
        let place = || format!("change {number} {reference:?}");
        found.expect(numbers.insert(number), "a change number is given once", place);
        found.expect(number <= counter, "a change number was given by the counter", place);
        let stands = standing(rows, reference)?;
        found.expect(stands == Some((feed, number)), "an entry is at its row's latest change", place);
        if let Feed::Conversation(id) = feed {
            last.insert(id, number);
        }
    }
    for ([id], row) in read::all(rows, &Span::table(Table::Conversations), read::numbered::<1, ConversationRow>)? {
        let latest = last.get(&ConversationId(id)).copied();
        // An entry may have gone since, with the mark or the member that it was of.
        let known = latest.is_none_or(|latest| latest <= row.last_change);
        found
            .expect(known && row.last_change <= counter, "a conversation knows its latest change", || format!("c{id}"));
    }
    Ok(())
}

/// The row's own word of its latest change.
fn standing<R: Rows>(rows: &R, reference: Reference) -> Result<Option<(Feed, ChangeNumber)>, ReadError<R::Error>> {
    Ok(match reference {
        Reference::Message { conversation, position } | Reference::Reactions { conversation, position } => {
            let row: Option<MessageRow> = read::row(rows, &keys::message(conversation, position))?;
            row.map(|row| match reference {
                Reference::Reactions { .. } => row.reactions_changed,
                _ => row.changed,
            })
            .map(|number| (Feed::Conversation(conversation), number))
        }
        Reference::Conversation { conversation } => {
            let row: Option<ConversationRow> = read::row(rows, &keys::conversation(conversation))?;
            row.map(|row| (Feed::Conversation(conversation), row.changed))
        }
        Reference::ReadMark { conversation, user } | Reference::DeliveredMark { conversation, user } => {
            let row: Option<MemberRow> = read::row(rows, &keys::member(conversation, user))?;
            row.map(|row| match reference {
                Reference::ReadMark { .. } => row.read_changed,
                _ => row.delivered_changed,
            })
            .map(|number| (Feed::Conversation(conversation), number))
        }
        Reference::Member { conversation, user } => {
            let member: Option<MemberRow> = read::row(rows, &keys::member(conversation, user))?;
            let departed: Option<DepartedRow> = read::row(rows, &keys::departed(conversation, user))?;
            let changed = member.map(|row| row.entry()).or(departed.map(|row| row.changed));
            changed.map(|number| (Feed::Conversation(conversation), number))
        }
        Reference::User { user } => {
            let row: Option<UserRow> = read::row(rows, &keys::user(user))?;
            row.map(|row| (Feed::Directory, row.changed))
        }
        Reference::Own { user, conversation } => {
            let row: Option<OwnRow> = read::row(rows, &keys::own(user, conversation))?;
            row.map(|row| (Feed::Own(user), row.changed))
        }
        Reference::Block { user, other } => {
            let row: Option<BlockRow> = read::row(rows, &keys::block(user, other))?;
            row.map(|row| (Feed::Own(user), row.changed))
        }
    })
}

pub(super) fn rows_have_entries<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let entries: BTreeMap<_, _> = read::all(rows, &Span::table(Table::Changes), parse)?.into_iter().collect();
    for (feed, number, reference) in expected_entries(rows)? {
        // What never changed is not in the feed.
        let stands = number == ChangeNumber(0) || entries.get(&(feed, number)) == Some(&reference);
        found.expect(stands, "a row has its entry in the feed", || format!("{reference:?}"));
    }
    Ok(())
}

/// The places in the feed that the rows say they have.
fn expected_entries<R: Rows>(rows: &R) -> Result<Vec<Standing>, ReadError<R::Error>> {
    let mut expected = Vec::new();
    for ([id], row) in read::all(rows, &Span::table(Table::Users), read::numbered::<1, UserRow>)? {
        expected.push((Feed::Directory, row.changed, Reference::User { user: UserId(id) }));
    }
    for ([id], row) in read::all(rows, &Span::table(Table::Conversations), read::numbered::<1, ConversationRow>)? {
        let conversation = ConversationId(id);
        expected.push((Feed::Conversation(conversation), row.changed, Reference::Conversation { conversation }));
    }
    for ([id, position], row) in read::all(rows, &Span::table(Table::Messages), read::numbered::<2, MessageRow>)? {
        let (conversation, position) = (ConversationId(id), Position(position));
        let feed = Feed::Conversation(conversation);
        expected.push((feed, row.changed, Reference::Message { conversation, position }));
        expected.push((feed, row.reactions_changed, Reference::Reactions { conversation, position }));
    }
    for ([id, user], row) in read::all(rows, &Span::table(Table::Members), read::numbered::<2, MemberRow>)? {
        let (conversation, user) = (ConversationId(id), UserId(user));
        let feed = Feed::Conversation(conversation);
        expected.push((feed, row.entry(), Reference::Member { conversation, user }));
        expected.push((feed, row.read_changed, Reference::ReadMark { conversation, user }));
        expected.push((feed, row.delivered_changed, Reference::DeliveredMark { conversation, user }));
    }
    for ([id, user], row) in read::all(rows, &Span::table(Table::Departed), read::numbered::<2, DepartedRow>)? {
        let (conversation, user) = (ConversationId(id), UserId(user));
        expected.push((Feed::Conversation(conversation), row.changed, Reference::Member { conversation, user }));
    }
    for ([user, id], row) in read::all(rows, &Span::table(Table::Own), read::numbered::<2, OwnRow>)? {
        let (user, conversation) = (UserId(user), ConversationId(id));
        expected.push((Feed::Own(user), row.changed, Reference::Own { user, conversation }));
    }
    for ([user, other], row) in read::all(rows, &Span::table(Table::Blocks), read::numbered::<2, BlockRow>)? {
        let (user, other) = (UserId(user), UserId(other));
        expected.push((Feed::Own(user), row.changed, Reference::Block { user, other }));
    }
    Ok(expected)
}

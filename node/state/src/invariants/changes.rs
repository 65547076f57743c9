//! Each row stands in the feed once, at its latest change.

use std::collections::{BTreeMap, BTreeSet};

use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};

use super::Findings;
use crate::feed::Feed;
use crate::keys::{self, Span, Table};
use crate::queries;
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, MemberRow, MessageRow, Reference, UserRow};
use crate::tables::Rows;

type Entry = ((Feed, ChangeNumber), Reference);

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
        found.expect(latest == Some(row.last_change), "a conversation knows its latest change", || format!("c{id}"));
    }
    Ok(())
}

/// Where the row says its latest change is.
fn standing<R: Rows>(rows: &R, reference: Reference) -> Result<Option<(Feed, ChangeNumber)>, ReadError<R::Error>> {
    Ok(match reference {
        Reference::Message { conversation, position } => {
            let row: Option<MessageRow> = read::row(rows, &keys::message(conversation, position))?;
            row.map(|row| (Feed::Conversation(conversation), row.changed))
        }
        Reference::Conversation { conversation } => {
            let row: Option<ConversationRow> = read::row(rows, &keys::conversation(conversation))?;
            row.map(|row| (Feed::Conversation(conversation), row.changed))
        }
        Reference::ReadMark { conversation, user } => {
            let row: Option<MemberRow> = read::row(rows, &keys::member(conversation, user))?;
            row.map(|row| (Feed::Conversation(conversation), row.read_changed))
        }
        Reference::User { user } => {
            let row: Option<UserRow> = read::row(rows, &keys::user(user))?;
            row.map(|row| (Feed::Directory, row.changed))
        }
    })
}

pub(super) fn rows_have_entries<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let entries: BTreeMap<_, _> = read::all(rows, &Span::table(Table::Changes), parse)?.into_iter().collect();
    let mut expect = |feed, number, reference| {
        let entry = entries.get(&(feed, number)).copied();
        found.expect(entry == Some(reference), "a row has its entry in the feed", || format!("{reference:?}"));
    };
    for ([id], row) in read::all(rows, &Span::table(Table::Users), read::numbered::<1, UserRow>)? {
        expect(Feed::Directory, row.changed, Reference::User { user: UserId(id) });
    }
    for ([id], row) in read::all(rows, &Span::table(Table::Conversations), read::numbered::<1, ConversationRow>)? {
        let conversation = ConversationId(id);
        expect(Feed::Conversation(conversation), row.changed, Reference::Conversation { conversation });
    }
    for ([id, position], row) in read::all(rows, &Span::table(Table::Messages), read::numbered::<2, MessageRow>)? {
        let (conversation, position) = (ConversationId(id), Position(position));
        expect(Feed::Conversation(conversation), row.changed, Reference::Message { conversation, position });
    }
    for ([id, user], row) in read::all(rows, &Span::table(Table::Members), read::numbered::<2, MemberRow>)? {
        if row.read_changed != ChangeNumber(0) {
            let (conversation, user) = (ConversationId(id), UserId(user));
            expect(Feed::Conversation(conversation), row.read_changed, Reference::ReadMark { conversation, user });
        }
    }
    Ok(())
}

//! Conversations, who is in them, who was, and what each has of them alone belong together.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use raftchat_schema::command::MemberRole;
use raftchat_schema::id::{ConversationId, UserId};

use super::findings::Findings;
use crate::keys::{self, Span, Table};
use crate::queries;
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, DepartedRow, KindRow, MemberRow, OwnRow, UserRow};
use crate::tables::Rows;

pub(super) fn all<R: Rows>(rows: &R) -> Result<Vec<(ConversationId, ConversationRow)>, ReadError<R::Error>> {
    let found = read::all(rows, &Span::table(Table::Conversations), read::numbered::<1, ConversationRow>)?;
    Ok(found.into_iter().map(|([id], row)| (ConversationId(id), row)).collect())
}

pub(super) fn members<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let members: BTreeSet<_> = read::all(rows, &Span::table(Table::Members), read::bare::<2>)?.into_iter().collect();
    let memberships = read::all(rows, &Span::table(Table::Memberships), read::bare::<2>)?;
    let turned: BTreeSet<_> = memberships.into_iter().map(|[user, conversation]| [conversation, user]).collect();
    found.expect(members == turned, "members and memberships are the same", || {
        format!("{:?}", members.symmetric_difference(&turned).collect::<Vec<_>>())
    });
    let mut groups = BTreeMap::<UserId, u32>::new();
    for [user, id] in read::all(rows, &Span::table(Table::Memberships), read::bare::<2>)? {
        let row: ConversationRow = read::needed(rows, &keys::conversation(ConversationId(id)))?;
        let of = groups.entry(UserId(user)).or_default();
        *of = of.saturating_add(u32::from(row.kind == KindRow::Group));
    }
    for (user, counted) in groups {
        let kept = queries::last_membership(rows, user)?.map(|(_, groups)| groups);
        found.expect(kept == Some(counted), "a user's last membership says in how many groups they are", || {
            format!("{user}: kept {kept:?}, counted {counted}")
        });
    }
    let known: BTreeSet<_> = all(rows)?.iter().map(|(id, _)| id.0).collect();
    let strays = members.iter().filter(|[conversation, _]| !known.contains(conversation)).count();
    found.expect(strays == 0, "a member is of a conversation that exists", || strays.to_string());
    Ok(())
}

pub(super) fn kinds<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let mut members = BTreeMap::<ConversationId, Vec<(UserId, MemberRole)>>::new();
    for ([id, user], row) in read::all(rows, &Span::table(Table::Members), read::numbered::<2, MemberRow>)? {
        members.entry(ConversationId(id)).or_default().push((UserId(user), row.role));
    }
    let mut directs = 0_usize;
    for (id, row) in all(rows)? {
        let of = members.remove(&id).unwrap_or_default();
        let counted = usize::try_from(row.member_count()).is_ok_and(|count| count == of.len());
        found.expect(counted, "a conversation knows how many are in it", || id.to_string());
        match row.kind {
            KindRow::Direct { lower, higher } => {
                directs = directs.saturating_add(1);
                let plain = [(lower, MemberRole::Member), (higher, MemberRole::Member)];
                let whole = lower < higher && of == plain;
                found.expect(whole, "a direct conversation has its two members", || id.to_string());
                let by_pair = queries::direct(rows, higher, lower)?;
                found.expect(by_pair == Some(id), "a pair leads to its conversation", || id.to_string());
            }
            KindRow::Group => {
                let owners = of.iter().filter(|(_, role)| *role == MemberRole::Owner).count();
                found.expect(owners == of.len().min(1), "a group has one owner", || id.to_string());
                found.expect(!row.profile.title.is_empty(), "a group has a title", || id.to_string());
            }
        }
    }
    let pairs = read::all(rows, &Span::table(Table::Pairs), read::bare::<2>)?.len();
    found.expect(pairs == directs, "a pair has a conversation", || pairs.to_string());
    Ok(())
}

pub(super) fn departed<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    for ([id, user], departed) in read::all(rows, &Span::table(Table::Departed), read::numbered::<2, DepartedRow>)? {
        let (id, user) = (ConversationId(id), UserId(user));
        let place = || format!("{user} in {id}");
        let member = queries::is_member(rows, id, user)?;
        found.expect(member.is_none(), "who has left is not a member", place);
        let row: Option<ConversationRow> = read::row(rows, &keys::conversation(id))?;
        let was_there = row.is_some_and(|row| row.kind == KindRow::Group && departed.after <= row.last_position);
        found.expect(was_there, "who has left was in a group", place);
    }
    Ok(())
}

pub(super) fn own<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    for ([user, id], own) in read::all(rows, &Span::table(Table::Own), read::numbered::<2, OwnRow>)? {
        let (user, id) = (UserId(user), ConversationId(id));
        let place = || format!("{user} in {id}");
        let row: Option<UserRow> = read::row(rows, &keys::user(user))?;
        found.expect(row.is_some(), "settings are a user's", place);
        let member = queries::is_member(rows, id, user)?;
        found.expect(own.left == member.is_none(), "whose settings say so, and nobody else, has left", place);
        let blank = OwnRow { changed: own.changed, left: true, ..OwnRow::default() };
        found.expect(!own.left || own == blank, "who has left keeps no settings", place);
    }
    Ok(())
}

//! Users, names, sessions, tokens and outcomes belong together.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use raftchat_schema::command::Outcome;
use raftchat_schema::id::{RequestNumber, SessionId, UserId, Username};
use raftchat_schema::limits::{BLOCKS_MAX, REQUEST_WINDOW};

use super::findings::Findings;
use crate::keys::{self, Span, Table};
use crate::queries;
use crate::read::{self, ReadError};
use crate::rows::{AllowanceRow, BlockRow, SessionRow, UserRow, VerifierRow};
use crate::tables::Rows;

pub(super) fn users<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let counters = queries::counters(rows)?;
    let users = read::all(rows, &Span::table(Table::Users), read::numbered::<1, UserRow>)?;
    for ([id], row) in &users {
        let id = UserId(*id);
        found.expect(id <= counters.user, "a user's id was given by the counter", || id.to_string());
        let named = read::row(rows, &keys::username(&row.username))?;
        found.expect(named == Some(id), "a user's name leads to the user", || id.to_string());
        let looks = read::row(rows, &keys::skeleton(&raftchat_schema::names::skeleton(&row.username)))?;
        found.expect(looks == Some(id), "what a user's name looks like leads to the user alone", || id.to_string());
        let hidden = row.presence_hidden && row.last_seen.is_some();
        found.expect(!hidden, "who hides when they are there was never seen", || id.to_string());
        let verifier: Option<VerifierRow> = read::row(rows, &keys::verifier(id))?;
        found.expect(verifier.is_some() != row.deleted, "who has an account, and nobody else, has a verifier", || {
            id.to_string()
        });
    }
    let parse = |key: &[u8], row: &[u8]| {
        let name: Username = core::str::from_utf8(key.get(1..)?).ok()?.parse().ok()?;
        Some((name, minicbor::decode::<UserId>(row).ok()?))
    };
    for (name, id) in read::all(rows, &Span::table(Table::Usernames), parse)? {
        let row: Option<UserRow> = read::row(rows, &keys::user(id))?;
        found.expect(row.is_some_and(|row| row.username == name), "a name leads to who has it", || name.to_string());
    }
    let verifiers = read::all(rows, &Span::table(Table::Verifiers), read::bare::<1>)?;
    found.expect(verifiers.iter().all(|id| users.iter().any(|(user, _)| user == id)), "a verifier has a user", || {
        "verifiers".to_owned()
    });
    Ok(())
}

pub(super) fn sessions<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let counters = queries::counters(rows)?;
    let sessions = read::all(rows, &Span::table(Table::Sessions), read::numbered::<1, SessionRow>)?;
    for ([id], row) in &sessions {
        let id = SessionId(*id);
        found.expect(id <= counters.session, "a session's id was given by the counter", || id.to_string());
        let user: Option<UserRow> = read::row(rows, &keys::user(row.user))?;
        let has_user = user.is_some_and(|user| !user.deleted && user.username == row.username);
        found.expect(has_user, "a session is of a user with an account", || id.to_string());
        let by_token = read::row(rows, &keys::token(&row.token))?;
        found.expect(by_token == Some(id), "a session's token leads to it", || id.to_string());
        let listed = rows.get(&keys::user_session(row.user, id)).map_err(ReadError::Store)?;
        found.expect(listed.is_some(), "a session is listed with its user", || id.to_string());
        let ordered = row.created <= row.last_used && row.last_used <= counters.stamp;
        let ages = row.created_age <= row.used_age && row.used_age <= counters.age;
        found.expect(ages, "a session is no older than the cluster", || id.to_string());
        found.expect(ordered, "a session was opened before it was used, and used before now", || id.to_string());
    }
    // Each session has one of both and they are no more than the sessions: so each belongs to one.
    let decode = |_key: &[u8], row: &[u8]| minicbor::decode::<SessionId>(row).ok();
    let tokens = read::all(rows, &Span::table(Table::Tokens), decode)?;
    found.expect(tokens.len() == sessions.len(), "a token has a session", || format!("{tokens:?}"));
    let listed = read::all(rows, &Span::table(Table::UserSessions), read::bare::<2>)?;
    found.expect(listed.len() == sessions.len(), "a listed session exists", || format!("{listed:?}"));
    Ok(())
}

pub(super) fn outcomes<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let mut kept = BTreeMap::<SessionId, Vec<RequestNumber>>::new();
    for ([session, request], _) in read::all(rows, &Span::table(Table::Outcomes), read::numbered::<2, Outcome>)? {
        kept.entry(SessionId(session)).or_default().push(RequestNumber(request));
    }
    for (id, requests) in kept {
        let session: Option<SessionRow> = read::row(rows, &keys::session(id))?;
        let within = session.is_some_and(|session| requests.iter().all(|request| *request >= session.floor));
        found.expect(within, "outcomes are of an open session and not below its floor", || id.to_string());
        found.expect(requests.len() <= REQUEST_WINDOW, "a session keeps no more than the window", || id.to_string());
    }
    Ok(())
}

pub(super) fn blocks<R: Rows>(rows: &R, found: &mut Findings) -> Result<(), ReadError<R::Error>> {
    let mut on = BTreeMap::<UserId, usize>::new();
    for ([user, other], row) in read::all(rows, &Span::table(Table::Blocks), read::numbered::<2, BlockRow>)? {
        let (user, other) = (UserId(user), UserId(other));
        for id in [user, other] {
            let row: Option<UserRow> = read::row(rows, &keys::user(id))?;
            found.expect(row.is_some(), "a block is between users", || format!("{user} {other}"));
        }
        found.expect(user != other, "nobody has blocked themselves", || user.to_string());
        let count = on.entry(user).or_default();
        *count = count.saturating_add(usize::from(row.on));
    }
    let parse = |key: &[u8], _row: &[u8]| keys::numbers::<2>(key).map(|[user, by]| [by, user]);
    let mut blockers = read::all(rows, &Span::table(Table::Blockers), parse)?;
    blockers.sort_unstable();
    let blocks = read::all(rows, &Span::table(Table::Blocks), read::numbered::<2, BlockRow>)?;
    let held: Vec<_> = blocks.into_iter().filter(|(_, row)| row.on).map(|(key, _)| key).collect();
    found.expect(blockers == held, "who is blocked knows by whom", || format!("{blockers:?} {held:?}"));
    let mut counts = BTreeMap::<UserId, u32>::new();
    for [_by, user] in blockers {
        let count = counts.entry(UserId(user)).or_default();
        *count = count.saturating_add(1);
    }
    let allowances = read::all(rows, &Span::table(Table::Allowances), read::numbered::<1, AllowanceRow>)?;
    for ([user], row) in allowances {
        let there = counts.get(&UserId(user)).copied().unwrap_or_default();
        found.expect(row.blockers == there, "an account counts who has blocked it", || UserId(user).to_string());
    }
    for (user, count) in on {
        found.expect(count <= BLOCKS_MAX, "nobody has blocked too many", || user.to_string());
    }
    Ok(())
}

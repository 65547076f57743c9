//! Sessions: opened, used, ended.
//!
//! A session that ended leaves nothing behind. So a repeat of what ended it, a logout or a deleted account, meets
//! `session-ended`: to who asked for the end that is the same news, and the node answers it as done.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use raftchat_schema::command::{Done, OpenSession, SessionUse};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{DeviceId, RequestNumber, SessionId, TokenHash, UserId, Username};
use raftchat_schema::limits::{DEVICE_NAME_BYTES_MAX, LAST_USED_INTERVAL_MS, SESSIONS_PER_USER_MAX};

use super::step::{Handled, Step};
use crate::keys;
use crate::read;
use crate::rows::{SessionRow, UserRow, VerifierRow};
use crate::tables::Tables;

/// A session that may act.
pub(super) struct Live {
    pub(super) id: SessionId,
    pub(super) row: SessionRow,
}

/// The parts of a new session.
pub(super) struct Grant<'c> {
    pub(super) user: UserId,
    pub(super) username: &'c Username,
    pub(super) device: DeviceId,
    pub(super) device_name: &'c str,
    pub(super) token: TokenHash,
    pub(super) address: &'c str,
}

pub(super) fn open<T: Tables>(step: &mut Step<'_, T>, command: &OpenSession) -> Handled<T> {
    let same = |session: &SessionRow| session.user == command.user && session.device == command.device;
    if let Some(done) = opened_before(step, &command.token, same)? {
        return Ok(done);
    }
    if command.device_name.len() > DEVICE_NAME_BYTES_MAX {
        return Err(ErrorCode::TooLarge.into());
    }
    // The password was checked before this was proposed: a change or a deletion that came between wins.
    let verifier: Option<VerifierRow> = step.get(&keys::verifier(command.user))?;
    let user: Option<UserRow> = step.get(&keys::user(command.user))?;
    let (Some(verifier), Some(user)) = (verifier, user) else { return Err(ErrorCode::AccountChanged.into()) };
    if verifier.version != command.verifier_version || user.deleted {
        return Err(ErrorCode::AccountChanged.into());
    }
    make_room(step, command.user)?;
    grant(
        step,
        &Grant {
            user: command.user,
            username: &user.username,
            device: command.device,
            device_name: &command.device_name,
            token: command.token,
            address: &command.address,
        },
    )
}

/// The outcome of the command that opened the session with this token, if `same` knows it for its own; refuses a
/// token that is another's.
pub(super) fn opened_before<T: Tables>(
    step: &Step<'_, T>,
    token: &TokenHash,
    same: impl Fn(&SessionRow) -> bool,
) -> Handled<T, Option<Done>> {
    let Some(session) = step.get::<SessionId>(&keys::token(token))? else { return Ok(None) };
    let row: SessionRow = read::needed(step.tables, &keys::session(session))?;
    if !same(&row) {
        return Err(ErrorCode::WrongCredentials.into());
    }
    if row.left(step.age()) == 0 {
        return Err(ErrorCode::SessionEnded.into());
    }
    Ok(Some(Done::SessionOpened { session, user: row.user }))
}

/// Makes the session.
pub(super) fn grant<T: Tables>(step: &mut Step<'_, T>, grant: &Grant<'_>) -> Handled<T> {
    let session = step.next_session();
    let row = SessionRow {
        user: grant.user,
        username: grant.username.clone(),
        device: grant.device,
        device_name: grant.device_name.to_owned(),
        token: grant.token,
        created: step.now(),
        last_used: step.now(),
        floor: RequestNumber(0),
        address: grant.address.to_owned(),
        created_age: step.age(),
        used_age: step.age(),
    };
    step.put(keys::session(session), &row)?;
    step.put(keys::token(&grant.token), &session)?;
    step.tables.put(keys::user_session(grant.user, session), Vec::new());
    Ok(Done::SessionOpened { session, user: grant.user })
}

/// The sessions of a user, in order of id.
pub(super) fn of<T: Tables>(step: &Step<'_, T>, user: UserId) -> Handled<T, Vec<(SessionId, SessionRow)>> {
    let ids = read::all(step.tables, &keys::sessions_of(user), read::bare::<2>)?;
    let mut sessions = Vec::with_capacity(ids.len());
    for [_user, id] in ids {
        let id = SessionId(id);
        sessions.push((id, read::needed(step.tables, &keys::session(id))?));
    }
    Ok(sessions)
}

/// Ends a session and forgets its outcomes.
pub(super) fn end<T: Tables>(step: &mut Step<'_, T>, session: SessionId, row: &SessionRow) -> Handled<T, ()> {
    for [_session, request] in read::all(step.tables, &keys::outcomes_of(session), read::bare::<2>)? {
        step.tables.delete(keys::outcome(session, RequestNumber(request)));
    }
    step.tables.delete(keys::user_session(row.user, session));
    step.tables.delete(keys::token(&row.token));
    step.tables.delete(keys::session(session));
    step.effects.ended_sessions.push(session);
    Ok(())
}

/// Ends what has expired, and of the rest the longest unused until one more fits.
fn make_room<T: Tables>(step: &mut Step<'_, T>, user: UserId) -> Handled<T, ()> {
    let age = step.age();
    let (gone, mut open): (Vec<_>, Vec<_>) = of(step, user)?.into_iter().partition(|(_, row)| row.left(age) == 0);
    open.sort_by_key(|(id, row)| (row.used_age, *id));
    let excess = open.len().saturating_add(1).saturating_sub(SESSIONS_PER_USER_MAX);
    for (id, row) in gone.iter().chain(open.iter().take(excess)) {
        end(step, *id, row)?;
    }
    Ok(())
}

/// Notes that the session is used now, as exactly as [`LAST_USED_INTERVAL_MS`] says.
pub(super) fn touch<T: Tables>(step: &mut Step<'_, T>, live: &mut Live) -> Handled<T, ()> {
    let age = step.age();
    if age.saturating_sub(live.row.used_age) < LAST_USED_INTERVAL_MS {
        return Ok(());
    }
    (live.row.last_used, live.row.used_age) = (step.now(), age);
    step.put(keys::session(live.id), &live.row)?;
    Ok(())
}

/// Notes that sessions were used, each as exactly as [`LAST_USED_INTERVAL_MS`] says, and from where, at once; passes over
/// what has ended. An empty address is not known, and no news.
pub(super) fn note_use<T: Tables>(step: &mut Step<'_, T>, uses: &[SessionUse]) -> Handled<T> {
    let (now, age) = (step.now(), step.age());
    for SessionUse { session, address } in uses {
        let row: Option<SessionRow> = step.get(&keys::session(*session))?;
        let Some(row) = row.filter(|row| row.left(age) > 0) else { continue };
        let moved = !address.is_empty() && *address != row.address;
        if moved {
            step.put(
                keys::session(*session),
                &SessionRow { last_used: now, used_age: age, address: address.clone(), ..row },
            )?;
        } else {
            touch(step, &mut Live { id: *session, row })?;
        }
    }
    Ok(Done::Nothing)
}

/// Ends a session of the user's own; one that is gone already is as the user wants it.
pub(super) fn end_own<T: Tables>(step: &mut Step<'_, T>, user: UserId, session: SessionId) -> Handled<T> {
    let Some(row) = step.get::<SessionRow>(&keys::session(session))? else { return Ok(Done::Nothing) };
    if row.user != user {
        return Err(ErrorCode::NotYours.into());
    }
    end(step, session, &row)?;
    Ok(Done::Nothing)
}

/// Ends all of the user's sessions but `kept`.
pub(super) fn end_others<T: Tables>(step: &mut Step<'_, T>, user: UserId, kept: SessionId) -> Handled<T> {
    for (session, row) in of(step, user)? {
        if session != kept {
            end(step, session, &row)?;
        }
    }
    Ok(Done::Nothing)
}

//! Accounts: made, seen, deleted. A name is given once, for ever.

use raftchat_schema::command::{Done, Register};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, Stamp, UserId};
use raftchat_schema::limits::{DEVICE_NAME_BYTES_MAX, DISPLAY_NAME_BYTES_MAX, LAST_SEEN_INTERVAL_MS};
use raftchat_schema::view::ChangedRow;

use super::sessions::{self, Grant};
use super::step::{Handled, Step};
use crate::feed::Feed;
use crate::keys;
use crate::rows::{Reference, SessionRow, UserRow, VerifierRow};
use crate::tables::Tables;
use crate::views;

/// The version of the first verifier of an account; each new one counts up.
const FIRST_VERIFIER: u32 = 1;

pub(super) fn register<T: Tables>(step: &mut Step<'_, T>, command: &Register) -> Handled<T> {
    let same = |session: &SessionRow| session.username == command.username && session.device == command.device;
    if let Some(done) = sessions::opened_before(step, &command.token, same)? {
        return Ok(done);
    }
    if command.display_name.len() > DISPLAY_NAME_BYTES_MAX || command.device_name.len() > DEVICE_NAME_BYTES_MAX {
        return Err(ErrorCode::TooLarge.into());
    }
    if step.get::<UserId>(&keys::username(&command.username))?.is_some() {
        return Err(ErrorCode::UsernameTaken.into());
    }
    let user = step.next_user();
    let display_name = match command.display_name.as_str() {
        "" => command.username.as_str(),
        chosen => chosen,
    };
    let row = UserRow {
        username: command.username.clone(),
        display_name: display_name.to_owned(),
        created: step.now(),
        last_seen: None,
        deleted: false,
        changed: ChangeNumber(0),
    };
    step.put(keys::username(&command.username), &user)?;
    let verifier = VerifierRow { verifier: command.verifier.clone(), version: FIRST_VERIFIER };
    step.put(keys::verifier(user), &verifier)?;
    change(step, user, row)?;
    sessions::grant(
        step,
        &Grant {
            user,
            username: &command.username,
            device: command.device,
            device_name: &command.device_name,
            token: command.token,
        },
    )
}

/// Notes when users were seen, each at most once in [`LAST_SEEN_INTERVAL_MS`]; passes over who is unknown or gone.
pub(super) fn note_last_seen<T: Tables>(step: &mut Step<'_, T>, users: &[UserId]) -> Handled<T> {
    let now = step.now();
    let due = |seen: Option<Stamp>| seen.is_none_or(|seen| now.0.saturating_sub(seen.0) >= LAST_SEEN_INTERVAL_MS);
    for user in users {
        let Some(row) = step.get::<UserRow>(&keys::user(*user))? else { continue };
        if !row.deleted && due(row.last_seen) {
            change(step, *user, UserRow { last_seen: Some(now), ..row })?;
        }
    }
    Ok(Done::Nothing)
}

/// Deletes an account: its sessions end, what its password was checked against is erased, its name stays taken and
/// its messages stay. The session that asks is among those that end, so that a repeat meets `session-ended`.
pub(super) fn delete<T: Tables>(step: &mut Step<'_, T>, user: UserId, verifier_version: u32) -> Handled<T> {
    let verifier: Option<VerifierRow> = step.get(&keys::verifier(user))?;
    let row: Option<UserRow> = step.get(&keys::user(user))?;
    let (Some(verifier), Some(row)) = (verifier, row) else { return Err(ErrorCode::AccountChanged.into()) };
    if verifier.version != verifier_version || row.deleted {
        return Err(ErrorCode::AccountChanged.into());
    }
    for (session, row) in sessions::of(step, user)? {
        sessions::end(step, session, &row)?;
    }
    step.tables.delete(keys::verifier(user));
    change(step, user, UserRow { deleted: true, ..row })?;
    Ok(Done::Nothing)
}

fn change<T: Tables>(step: &mut Step<'_, T>, user: UserId, row: UserRow) -> Handled<T, ()> {
    let number = step.note(Feed::Directory, row.changed, Reference::User { user })?;
    let row = UserRow { changed: number, ..row };
    step.put(keys::user(user), &row)?;
    step.show(Feed::Directory, number, ChangedRow::User(views::user(user, row)));
    Ok(())
}

//! Accounts: made, seen, changed, deleted. A name is given once, for ever.

use alloc::borrow::ToOwned;

use raftchat_schema::command::{Done, OtherSessions, OwnMessages, Profile, Register, Verifier};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Stamp, UserId};
use raftchat_schema::limits::{DEVICE_NAME_BYTES_MAX, DISPLAY_NAME_BYTES_MAX, LAST_SEEN_INTERVAL_MS};
use raftchat_schema::names;
use raftchat_schema::text::blank::is_blank;
use raftchat_schema::view::ChangedRow;

use super::sessions::{self, Grant, Live};
use super::step::{Handled, Step};
use crate::feed::Feed;
use crate::keys::{self, Erasable};
use crate::read;
use crate::rows::{AccountStage, AllowanceRow, ErasureRow, Reference, SessionRow, UserRow, VerifierRow};
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
    if let Some(code) = names::refusal(&command.username) {
        return Err(code.into());
    }
    let skeleton = keys::skeleton(&names::skeleton(&command.username));
    if step.get::<UserId>(&skeleton)?.is_some() {
        return Err(ErrorCode::UsernameTaken.into());
    }
    let user = step.next_user();
    // A name of which nobody would see anything is none that was chosen.
    let display_name = match command.display_name.as_str() {
        blank if is_blank(blank) => command.username.as_str(),
        chosen => chosen,
    };
    let row = UserRow {
        username: command.username.clone(),
        display_name: display_name.to_owned(),
        created: step.now(),
        last_seen: None,
        deleted: false,
        changed: ChangeNumber(0),
        presence_hidden: false,
        receipts_off: false,
    };
    step.put(keys::username(&command.username), &user)?;
    step.put(skeleton, &user)?;
    let verifier = VerifierRow { verifier: command.verifier.clone(), version: FIRST_VERIFIER };
    step.put(keys::verifier(user), &verifier)?;
    step.put(keys::allowance(user), &AllowanceRow::default())?;
    change(step, user, row)?;
    sessions::grant(
        step,
        &Grant {
            user,
            username: &command.username,
            device: command.device,
            device_name: &command.device_name,
            token: command.token,
            address: &command.address,
        },
    )
}

/// Refuses unless the user has an account.
pub(super) fn existing<T: Tables>(step: &Step<'_, T>, user: UserId) -> Handled<T, ()> {
    let row: Option<UserRow> = step.get(&keys::user(user))?;
    match row {
        Some(row) if !row.deleted => Ok(()),
        _ => Err(ErrorCode::NoSuchUser.into()),
    }
}

/// Notes when users were seen, each at most once in [`LAST_SEEN_INTERVAL_MS`]; passes over who is unknown, gone or hides
/// when they are there.
pub(super) fn note_last_seen<T: Tables>(step: &mut Step<'_, T>, users: &[UserId]) -> Handled<T> {
    let now = step.now();
    let due = |seen: Option<Stamp>| seen.is_none_or(|seen| now.0.saturating_sub(seen.0) >= LAST_SEEN_INTERVAL_MS);
    for user in users {
        let Some(row) = step.get::<UserRow>(&keys::user(*user))? else { continue };
        if !row.deleted && !row.presence_hidden && due(row.last_seen) {
            change(step, *user, UserRow { last_seen: Some(now), ..row })?;
        }
    }
    Ok(Done::Nothing)
}

/// Changes what others see of the user.
pub(super) fn set_profile<T: Tables>(step: &mut Step<'_, T>, user: UserId, profile: &Profile) -> Handled<T> {
    let row: UserRow = read::needed(step.tables, &keys::user(user))?;
    let presence_hidden = profile.presence.map_or(row.presence_hidden, |shown| !shown.is_on());
    let changed = UserRow {
        display_name: profile.display_name.clone().unwrap_or_else(|| row.display_name.clone()),
        presence_hidden,
        receipts_off: profile.receipts.map_or(row.receipts_off, |told| !told.is_on()),
        last_seen: row.last_seen.filter(|_| !presence_hidden),
        ..row.clone()
    };
    if changed != row {
        change(step, user, changed)?;
    }
    Ok(Done::Nothing)
}

/// Lets another password open the account.
pub(super) fn change_password<T: Tables>(
    step: &mut Step<'_, T>,
    live: &Live,
    verifier_version: u32,
    verifier: &Verifier,
    others: OtherSessions,
) -> Handled<T> {
    let user = live.row.user;
    let (current, _) = checked(step, user, verifier_version)?;
    let row = VerifierRow { verifier: verifier.clone(), version: current.version.saturating_add(1) };
    step.put(keys::verifier(user), &row)?;
    match others {
        OtherSessions::End => sessions::end_others(step, user, live.id),
        OtherSessions::Keep => Ok(Done::Nothing),
    }
}

/// The account, if the password that was checked is still the one that opens it.
fn checked<T: Tables>(step: &Step<'_, T>, user: UserId, verifier_version: u32) -> Handled<T, (VerifierRow, UserRow)> {
    let verifier: Option<VerifierRow> = step.get(&keys::verifier(user))?;
    let row: Option<UserRow> = step.get(&keys::user(user))?;
    match (verifier, row) {
        (Some(verifier), Some(row)) if verifier.version == verifier_version && !row.deleted => Ok((verifier, row)),
        _ => Err(ErrorCode::AccountChanged.into()),
    }
}

/// Deletes an account: its sessions end, what its password was checked against is erased, and its name stays taken. The
/// session that asks is among those that end, so that a repeat meets `session-ended`. Groups are left and what else goes
/// is erased piece by piece: see [`super::erasure`].
pub(super) fn delete<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    verifier_version: u32,
    messages: OwnMessages,
) -> Handled<T> {
    let (_verifier, row) = checked(step, user, verifier_version)?;
    for (session, row) in sessions::of(step, user)? {
        sessions::end(step, session, &row)?;
    }
    step.tables.delete(keys::verifier(user));
    step.tables.delete(keys::allowance(user));
    change(step, user, UserRow { deleted: true, ..row })?;
    let messages = messages == OwnMessages::Erase;
    let erasure = ErasureRow::Account { messages, stage: AccountStage::Groups { after: ConversationId(0) } };
    step.put(keys::erasure(Erasable::Account(user)), &erasure)?;
    Ok(Done::Nothing)
}

/// Shows the user anew: what somebody may see of them has changed.
pub(super) fn show_again<T: Tables>(step: &mut Step<'_, T>, user: UserId) -> Handled<T, ()> {
    let row: UserRow = read::needed(step.tables, &keys::user(user))?;
    change(step, user, row)
}

fn change<T: Tables>(step: &mut Step<'_, T>, user: UserId, row: UserRow) -> Handled<T, ()> {
    let number = step.note(Feed::Directory, row.changed, Reference::User { user })?;
    let row = UserRow { changed: number, ..row };
    step.put(keys::user(user), &row)?;
    step.show(Feed::Directory, number, ChangedRow::User(views::user(user, row)));
    Ok(())
}

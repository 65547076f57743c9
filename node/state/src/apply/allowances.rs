//! What an account may do only so often, counted by the cluster's time and so the same on every node.

use raftchat_schema::command::Switch;
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{Stamp, UserId};
use raftchat_schema::limits::GROUPS_AN_HOUR_MAX;

use super::step::{Handled, Step, Stop};
use crate::keys;
use crate::rows::{AllowanceRow, MemberRow};
use crate::tables::Tables;

/// From so many bytes on what a membership counts is counted with the account.
const SETTLED_FROM_BYTES: u32 = 16 * 1024;

const HOUR_MS: u64 = 3600 * 1000;

/// Notes that the user makes a group; refuses if that are more than [`GROUPS_AN_HOUR_MAX`].
pub(super) fn make_group<T: Tables>(step: &mut Step<'_, T>, user: UserId) -> Handled<T, ()> {
    let row: AllowanceRow = step.get(&keys::allowance(user))?.unwrap_or_default();
    let groups_full_at = spend(row.groups_full_at, step.now(), GROUPS_AN_HOUR_MAX).map_err(Stop::Refused)?;
    step.put(keys::allowance(user), &AllowanceRow { groups_full_at, ..row })?;
    Ok(())
}

/// Counts what the member has sent: with the membership, which is written anyway, and with the account once that is much.
pub(super) fn store<T: Tables>(
    step: &mut Step<'_, T>,
    user: UserId,
    member: &mut MemberRow,
    bytes: usize,
) -> Handled<T, ()> {
    member.unsettled = member.unsettled.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    if member.unsettled >= SETTLED_FROM_BYTES { settle(step, user, member) } else { Ok(()) }
}

/// Counts with the account what was counted with the membership.
pub(super) fn settle<T: Tables>(step: &mut Step<'_, T>, user: UserId, member: &mut MemberRow) -> Handled<T, ()> {
    let bytes = core::mem::take(&mut member.unsettled);
    change_stored(step, user, bytes.into())
}

/// Counts that more is stored of what the user said.
pub(super) fn store_more<T: Tables>(step: &mut Step<'_, T>, user: UserId, bytes: usize) -> Handled<T, ()> {
    change_stored(step, user, i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// Counts that so much of what the user said is gone.
pub(super) fn free<T: Tables>(step: &mut Step<'_, T>, user: UserId, bytes: usize) -> Handled<T, ()> {
    change_stored(step, user, i64::try_from(bytes).unwrap_or(i64::MAX).saturating_neg())
}

/// Changes what an account has stored; nothing is counted for one that is gone.
fn change_stored<T: Tables>(step: &mut Step<'_, T>, user: UserId, bytes: i64) -> Handled<T, ()> {
    if bytes != 0
        && let Some(row) = step.get::<AllowanceRow>(&keys::allowance(user))?
    {
        step.put(keys::allowance(user), &AllowanceRow { stored: row.stored.saturating_add(bytes), ..row })?;
    }
    Ok(())
}

/// Counts one more who has blocked the user, or one less; nothing for an account that is gone.
pub(super) fn count_blocker<T: Tables>(step: &mut Step<'_, T>, user: UserId, blocked: Switch) -> Handled<T, ()> {
    if let Some(row) = step.get::<AllowanceRow>(&keys::allowance(user))? {
        let blockers = match blocked {
            Switch::On => row.blockers.saturating_add(1),
            Switch::Off => row.blockers.saturating_sub(1),
        };
        step.put(keys::allowance(user), &AllowanceRow { blockers, ..row })?;
    }
    Ok(())
}

/// The time when a bucket of `most` an hour is full again after one more was taken from it, if that is there.
fn spend(full_at: Stamp, now: Stamp, most: u64) -> Result<Stamp, Refusal> {
    let interval = HOUR_MS.checked_div(most).unwrap_or(HOUR_MS);
    // An hour ahead at most is what spending leaves: what is more was left by a clock that was wrong.
    let held = if full_at.0 > now.0.saturating_add(HOUR_MS) { now.0 } else { full_at.0.max(now.0) };
    let after = held.saturating_add(interval);
    match after.saturating_sub(now.0).checked_sub(HOUR_MS) {
        None | Some(0) => Ok(Stamp(after)),
        Some(wait) => Err(Refusal { code: ErrorCode::RateLimited, retry_after_ms: wait }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_after_the_other() {
        let now = Stamp(1_000_000);
        let mut full_at = Stamp(0);
        for _ in 0..30 {
            full_at = spend(full_at, now, 30).unwrap_or_default();
        }
        assert_eq!(full_at, Stamp(now.0 + HOUR_MS));
        assert_eq!(spend(full_at, now, 30).err().map(|refusal| refusal.retry_after_ms), Some(HOUR_MS / 30));
        assert!(spend(full_at, Stamp(now.0 + HOUR_MS / 30), 30).is_ok(), "when it was told to come back");
    }

    #[test]
    fn what_a_wrong_clock_left_holds_nobody_up() {
        let (now, forty_days_on) = (Stamp(1_000_000), Stamp(40 * 24 * HOUR_MS));
        let full_at = spend(Stamp(0), forty_days_on, 30).unwrap_or_default();
        assert_eq!(spend(full_at, now, 30), Ok(Stamp(now.0 + HOUR_MS / 30)));
    }
}

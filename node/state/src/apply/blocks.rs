//! Blocks: neither of two can write or react to the other directly or add the other to a group while one has blocked the other.

use alloc::vec::Vec;

use raftchat_schema::command::{Done, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, UserId};
use raftchat_schema::limits::BLOCKS_MAX;
use raftchat_schema::view::ChangedRow;

use super::conversation::Conversation;
use super::step::{Handled, Step};
use super::{accounts, allowances};
use crate::feed::Feed;
use crate::keys;
use crate::queries;
use crate::read;
use crate::rows::{BlockRow, KindRow, Reference, UserRow};
use crate::tables::Tables;

/// Blocks somebody or takes it back, which a deleted account does not hinder. What is so already is no change.
pub(super) fn block<T: Tables>(step: &mut Step<'_, T>, user: UserId, other: UserId, switch: Switch) -> Handled<T> {
    if user == other {
        return Err(ErrorCode::ToYourself.into());
    }
    if step.get::<UserRow>(&keys::user(other))?.is_none() {
        return Err(ErrorCode::NoSuchUser.into());
    }
    let key = keys::block(user, other);
    let row = step.get(&key)?.unwrap_or(BlockRow { changed: ChangeNumber(0), on: false, display_name: None });
    if row.on == switch.is_on() {
        return Ok(Done::Nothing);
    }
    if switch.is_on() {
        accounts::existing(step, other)?;
        let blocks = read::all(step.tables, &keys::blocks_of(user), read::numbered::<2, BlockRow>)?;
        if blocks.iter().filter(|(_, row)| row.on).count() >= BLOCKS_MAX {
            return Err(ErrorCode::TooMany.into());
        }
    }
    let changed = step.note(Feed::Own(user), row.changed, Reference::Block { user, other })?;
    let own: UserRow = read::needed(step.tables, &keys::user(user))?;
    let display_name = switch.is_on().then_some(own.display_name);
    step.put(key, &BlockRow { changed, on: switch.is_on(), display_name })?;
    match switch {
        Switch::On => step.tables.put(keys::blocker(other, user), Vec::new()),
        Switch::Off => step.tables.delete(keys::blocker(other, user)),
    }
    allowances::count_blocker(step, other, switch)?;
    step.show(Feed::Own(user), changed, ChangedRow::Block { user: other, switch });
    // What the other may see of the user is another now: so the row comes to them anew.
    accounts::show_again(step, user)?;
    Ok(Done::Nothing)
}

/// Refuses if either has blocked the other, and does not say which.
pub(super) fn refuse_between<T: Tables>(step: &Step<'_, T>, one: UserId, other: UserId) -> Handled<T, ()> {
    if queries::is_blocked_between(step.tables, one, other)? {
        return Err(ErrorCode::Blocked.into());
    }
    Ok(())
}

/// Refuses if one of the two of a direct conversation has blocked the other; in a group a block hinders nobody.
pub(super) fn refuse_in_direct<T: Tables>(step: &Step<'_, T>, conversation: &Conversation) -> Handled<T, ()> {
    match conversation.row.kind {
        KindRow::Direct { lower, higher } => refuse_between(step, lower, higher),
        KindRow::Group => Ok(()),
    }
}

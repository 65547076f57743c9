//! Which of two rows about the same thing is the newer. Knows nothing of who holds them.
//!
//! A row with a lower or equal number never replaces a newer one, so that pages may come twice, late and in any order.

use alloc::vec::Vec;

use raftchat_schema::id::ChangeNumber;
use raftchat_schema::view::{Counts, MessageState, MessageView, ReactionView, UserView};

use crate::interface::rows::{ConversationRow, MemberRow};

/// Joins what another view says of the same message into `held`; true if anything changed.
pub fn message(held: &mut MessageView, other: MessageView) -> bool {
    if other.changed <= held.changed {
        return reactions(held, other.reactions, other.reactions_changed);
    }
    // A deletion erases the reactions and leaves no number of theirs.
    let keeps_reactions = held.reactions_changed >= other.reactions_changed && other.state != MessageState::Deleted;
    let before = core::mem::replace(held, other);
    if keeps_reactions {
        held.reactions = before.reactions;
        held.reactions_changed = before.reactions_changed;
    }
    true
}

/// Joins the reactions as of a change into `held`; true if anything changed.
pub fn reactions(held: &mut MessageView, all: Vec<ReactionView>, changed: ChangeNumber) -> bool {
    if changed <= held.reactions_changed || held.state == MessageState::Deleted {
        return false;
    }
    held.reactions = all;
    held.reactions_changed = changed;
    true
}

/// Joins another view of the same user, but for whether they are online; true if anything changed.
pub(crate) fn user(held: &mut UserView, other: UserView) -> bool {
    if other.changed <= held.changed {
        return false;
    }
    let online = held.online && !other.presence_hidden && !other.deleted;
    *held = UserView { online, ..other };
    true
}

/// Joins another row of the same conversation; true if anything changed.
pub(crate) fn conversation(held: &mut ConversationRow, other: ConversationRow) -> bool {
    let last_position = held.last_position.max(other.last_position);
    if other.changed <= held.changed {
        let moved = last_position != held.last_position;
        held.last_position = last_position;
        return moved;
    }
    *held = ConversationRow { last_position, complete: held.complete, ..other };
    true
}

/// Joins another row of the same member; true if anything changed. Marks only go forward within one membership.
pub(crate) fn member(held: &mut MemberRow, other: MemberRow) -> bool {
    let read_position = held.read_position.max(other.read_position);
    let delivered_position = held.delivered_position.max(other.delivered_position);
    let newer = other.changed > held.changed;
    let moved = read_position != held.read_position || delivered_position != held.delivered_position;
    if newer {
        *held = other;
    }
    held.read_position = read_position;
    held.delivered_position = delivered_position;
    newer || moved
}

/// Takes over the newer counts; true if they changed.
pub(crate) fn counts(held: &mut Counts, other: Counts) -> bool {
    if other.as_of <= held.as_of {
        return false;
    }
    *held = other;
    true
}

//! What a user can do, and which file does it. Knows nothing of requests that are repeated.

use raftchat_schema::command::Act;

use super::sessions::Live;
use super::step::{Handled, Step};
use super::{
    accounts, blocks, deletions, departures, edits, groups, marks, messages, own, pins, reactions, roles, sessions,
};
use crate::tables::Tables;

/// Performs the act as the session's user.
pub(super) fn perform<T: Tables>(step: &mut Step<'_, T>, live: &Live, act: &Act) -> Handled<T> {
    let user = live.row.user;
    match act {
        Act::Send(send) => messages::send(step, &live.row, send),
        Act::EditMessage { conversation, position, payload } => {
            edits::edit(step, user, *conversation, *position, payload)
        }
        Act::DeleteMessage { conversation, position } => deletions::delete(step, user, *conversation, *position),
        Act::React { conversation, position, emoji, switch } => {
            reactions::react(step, user, *conversation, *position, emoji, *switch)
        }
        Act::PinMessage { conversation, position, switch } => pins::pin(step, user, *conversation, *position, *switch),
        Act::MarkRead { conversation, position } => marks::read(step, user, *conversation, *position),
        Act::MarkUnread(conversation) => own::change(step, user, *conversation, |own| own.marked_unread = true),
        Act::Mute { conversation, until } => own::change(step, user, *conversation, |own| own.muted_until = *until),
        Act::PinConversation { conversation, switch } => {
            own::change(step, user, *conversation, |own| own.pinned = switch.is_on())
        }
        Act::SaveDraft { conversation, draft } => own::save_draft(step, user, *conversation, draft),
        Act::Block { user: other, switch } => blocks::block(step, user, *other, *switch),
        Act::CreateGroup { title, members } => groups::create(step, user, title, members),
        Act::AddMembers { conversation, members } => groups::add(step, user, *conversation, members),
        Act::RemoveMember { conversation, user: other } => departures::remove(step, user, *conversation, *other),
        Act::Leave(conversation) => departures::leave(step, user, *conversation),
        Act::SetRole { conversation, user: other, role } => roles::set(step, user, *conversation, *other, *role),
        Act::Rename { conversation, title } => groups::rename(step, user, *conversation, title),
        Act::SetProfile(profile) => accounts::set_profile(step, user, profile),
        Act::EndSession(session) => sessions::end_own(step, user, *session),
        Act::EndOtherSessions => sessions::end_others(step, user, live.id),
        Act::ChangePassword { verifier_version, verifier, others } => {
            accounts::change_password(step, live, *verifier_version, verifier, *others)
        }
        Act::DeleteAccount { verifier_version, messages } => accounts::delete(step, user, *verifier_version, *messages),
    }
}

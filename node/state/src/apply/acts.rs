//! What a user can do, and which file does it. Knows nothing of requests that are repeated.

#[cfg(feature = "next-level")]
use raftchat_schema::command::Done;
use raftchat_schema::command::{AccountAct, Act, ConversationAct, SessionAct};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::ConversationId;

use super::groups::{departures, roles};
use super::messages::{deletions, edits, pins, reactions};
use super::sessions::Live;
use super::step::{Handled, Step};
use super::{accounts, blocks, groups, marks, messages, own, sessions};
use crate::tables::Tables;

/// Performs the act as the session's user.
pub(super) fn perform<T: Tables>(step: &mut Step<'_, T>, live: &Live, act: &SessionAct) -> Handled<T> {
    let user = live.row.user;
    // No node proposes it: so it is as if it had been proposed by one that is wrong.
    if act.level() > step.level() {
        return Err(ErrorCode::NotYet.into());
    }
    match act {
        SessionAct::Asked(act) => asked(step, live, act),
        SessionAct::ChangePassword { verifier_version, verifier, others } => {
            accounts::change_password(step, live, *verifier_version, verifier, *others)
        }
        SessionAct::DeleteAccount { verifier_version, messages } => {
            accounts::delete(step, user, *verifier_version, *messages)
        }
    }
}

fn asked<T: Tables>(step: &mut Step<'_, T>, live: &Live, act: &Act) -> Handled<T> {
    act.check_limits()?;
    match act {
        Act::Send(send) => messages::send(step, &live.row, send),
        Act::In(conversation, act) => in_conversation(step, live, *conversation, act),
        Act::Account(act) => to_account(step, live, act),
    }
}

fn in_conversation<T: Tables>(
    step: &mut Step<'_, T>,
    live: &Live,
    conversation: ConversationId,
    act: &ConversationAct,
) -> Handled<T> {
    let user = live.row.user;
    match act {
        ConversationAct::EditMessage { position, payload } => edits::edit(step, user, conversation, *position, payload),
        ConversationAct::DeleteMessage { position } => deletions::delete(step, user, conversation, *position),
        ConversationAct::React { position, emoji, switch } => {
            reactions::react(step, user, conversation, *position, emoji, *switch)
        }
        ConversationAct::PinMessage { position, switch } => pins::pin(step, user, conversation, *position, *switch),
        ConversationAct::MarkRead { position } => marks::read(step, user, conversation, *position),
        ConversationAct::MarkUnread => own::change(step, user, conversation, |own| own.marked_unread = true),
        ConversationAct::Mute { until } => own::change(step, user, conversation, |own| own.muted_until = *until),
        ConversationAct::PinConversation { switch } => {
            own::change(step, user, conversation, |own| own.pinned = switch.is_on())
        }
        ConversationAct::SaveDraft { draft } => {
            own::change(step, user, conversation, |own| own.draft.clone_from(draft))
        }
        ConversationAct::AddMembers { members } => groups::add(step, user, conversation, members),
        ConversationAct::RemoveMember { user: other } => departures::remove(step, user, conversation, *other),
        ConversationAct::SetRole { user: other, role } => roles::set(step, user, conversation, *other, *role),
        ConversationAct::Leave => departures::leave(step, user, conversation),
        ConversationAct::Rename { title } => {
            groups::change(step, user, conversation, |group| group.title.clone_from(title))
        }
        ConversationAct::SetAdminsOnly { switch } => {
            groups::change(step, user, conversation, |group| group.admins_only = switch.is_on())
        }
    }
}

fn to_account<T: Tables>(step: &mut Step<'_, T>, live: &Live, act: &AccountAct) -> Handled<T> {
    let user = live.row.user;
    match act {
        AccountAct::Block { user: other, switch } => blocks::block(step, user, *other, *switch),
        AccountAct::SetProfile(profile) => accounts::set_profile(step, user, profile),
        AccountAct::CreateGroup { title, members } => groups::create(step, user, title, members),
        AccountAct::EndSession(session) => sessions::end_own(step, user, *session),
        AccountAct::EndOtherSessions => sessions::end_others(step, user, live.id),
        #[cfg(feature = "next-level")]
        AccountAct::Wave => Ok(Done::Nothing),
    }
}

//! Acts as calls, each by the method that stands for it. Knows nothing of repeating them, and takes which conversation
//! is meant from the capability alone.

use raftchat_schema::command::{Act, Done, Profile, Switch};
use raftchat_schema::generated::client_capnp::{conversation, session};
use raftchat_schema::id::{ConversationId, RequestNumber};
use raftchat_schema::wire::write_role;

use super::conversation::send;
use super::parts::{count, stamp, write_users};
use crate::error::ClientError;
use crate::rpc::failure::Failure;

/// Calls a method whose answer is that it was done.
macro_rules! perform {
    ($capability:expr, $request:ident, $number:expr) => {{
        let response = ask!($capability, $request, |params| stamp(params.reborrow().init_request(), $number));
        unless_refused!(response);
        Ok(Done::Nothing)
    }};
    ($capability:expr, $request:ident, $number:expr, |$params:ident| $fill:expr) => {{
        let response = ask!($capability, $request, |$params| {
            stamp($params.reborrow().init_request(), $number);
            $fill;
        });
        unless_refused!(response);
        Ok(Done::Nothing)
    }};
}

/// Does what `act` says in this conversation.
pub(crate) async fn in_conversation(
    conversation: &conversation::Client,
    number: RequestNumber,
    act: &Act,
) -> Result<Done, Failure> {
    match act {
        Act::Send(message) => {
            Ok(send(conversation, message.message_id, &message.payload, &message.mentions).await?.done())
        }
        Act::EditMessage { position, payload, .. } => perform!(conversation, edit_request, number, |params| {
            params.set_position(position.0);
            params.set_payload(payload);
        }),
        Act::DeleteMessage { position, .. } => {
            perform!(conversation, delete_request, number, |params| params.set_position(position.0))
        }
        Act::React { position, emoji, switch, .. } => perform!(conversation, react_request, number, |params| {
            params.set_position(position.0);
            params.set_emoji(emoji.as_str());
            params.set_on(switch.is_on());
        }),
        Act::PinMessage { position, switch, .. } => perform!(conversation, pin_message_request, number, |params| {
            params.set_position(position.0);
            params.set_pinned(switch.is_on());
        }),
        Act::MarkRead { position, .. } => {
            perform!(conversation, mark_read_request, number, |params| params.set_position(position.0))
        }
        Act::MarkUnread(_) => perform!(conversation, mark_unread_request, number),
        Act::Mute { until, .. } => {
            perform!(conversation, set_mute_request, number, |params| params.set_until_ms(until.0))
        }
        Act::PinConversation { switch, .. } => {
            perform!(conversation, set_pinned_request, number, |params| params.set_pinned(switch.is_on()))
        }
        Act::SaveDraft { draft, .. } => {
            perform!(conversation, save_draft_request, number, |params| params.set_draft(draft))
        }
        other => in_group(conversation, number, other).await,
    }
}

async fn in_group(conversation: &conversation::Client, number: RequestNumber, act: &Act) -> Result<Done, Failure> {
    match act {
        Act::AddMembers { members, .. } => perform!(conversation, add_members_request, number, |params| {
            write_users(params.reborrow().init_members(count(members.len())), members);
        }),
        Act::RemoveMember { user, .. } => {
            perform!(conversation, remove_member_request, number, |params| params.set_user(user.0))
        }
        Act::SetRole { user, role, .. } => perform!(conversation, set_role_request, number, |params| {
            params.set_user(user.0);
            params.set_role(write_role(*role));
        }),
        Act::Leave(_) => perform!(conversation, leave_request, number),
        Act::Rename { title, .. } => {
            perform!(conversation, rename_request, number, |params| params.set_title(title.as_str()))
        }
        _ => Err(misplaced()),
    }
}

/// Does what `act` says to the account or beside all conversations.
pub(crate) async fn in_session(session: &session::Client, number: RequestNumber, act: &Act) -> Result<Done, Failure> {
    match act {
        Act::EndSession(id) => perform!(session, end_session_request, number, |params| params.set_id(id.0)),
        Act::EndOtherSessions => perform!(session, end_other_sessions_request, number),
        Act::Block { user, switch } => perform!(session, block_request, number, |params| {
            params.set_user(user.0);
            params.set_blocked(switch.is_on());
        }),
        Act::SetProfile(profile) => {
            let Profile { display_name, presence, receipts } = profile;
            perform!(session, set_profile_request, number, |params| {
                params.set_display_name(display_name.as_deref().unwrap_or_default());
                params.set_presence(setting(*presence));
                params.set_receipts(setting(*receipts));
            })
        }
        Act::CreateGroup { title, members } => {
            let response = ask!(session, create_group_request, |params| {
                stamp(params.reborrow().init_request(), number);
                params.set_title(title.as_str());
                write_users(params.reborrow().init_members(count(members.len())), members);
            });
            let state = unless_refused!(response).get_state()?;
            Ok(Done::GroupCreated { conversation: ConversationId(state.get_id()) })
        }
        _ => Err(misplaced()),
    }
}

fn setting(switch: Option<Switch>) -> session::Setting {
    match switch {
        None => session::Setting::Unchanged,
        Some(Switch::On) => session::Setting::On,
        Some(Switch::Off) => session::Setting::Off,
    }
}

fn misplaced() -> Failure {
    ClientError::Program("an act was asked for where it cannot be done".to_owned()).into()
}

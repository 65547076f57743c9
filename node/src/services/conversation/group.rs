//! Who is in a group, and what it is called. Who may do that is decided when it is applied.

use raftchat_schema::command::Act;
use raftchat_schema::generated::client_capnp::conversation::{add_members_params, rename_params, set_role_params};
use raftchat_schema::id::{ConversationId, UserId};
use raftchat_schema::limits::{GROUP_MEMBERS_MAX, TITLE_BYTES_MAX};
use raftchat_schema::wire;

use crate::services::answer::{self, Denied};

pub(super) fn add_members(conversation: ConversationId, params: add_members_params::Reader<'_>) -> Result<Act, Denied> {
    Ok(Act::AddMembers { conversation, members: answer::users(params.get_members()?, GROUP_MEMBERS_MAX)? })
}

pub(super) fn set_role(conversation: ConversationId, params: set_role_params::Reader<'_>) -> Result<Act, Denied> {
    let role = wire::read_role(params.get_role()?);
    Ok(Act::SetRole { conversation, user: UserId(params.get_user()), role })
}

pub(super) fn rename(conversation: ConversationId, params: rename_params::Reader<'_>) -> Result<Act, Denied> {
    Ok(Act::Rename { conversation, title: answer::text(params.get_title()?, TITLE_BYTES_MAX)? })
}

//! What is written: messages, what replaces them, reactions to them, and drafts. Here only what would not fit is refused; the rest
//! is decided when it is applied.

use raftchat_schema::command::{Act, Done, Recipient, Send, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::conversation::{
    SendParams, edit_params, react_params, save_draft_params,
};
use raftchat_schema::id::{ConversationId, Position, Stamp};
use raftchat_schema::limits::{EMOJI_BYTES_MAX, MENTIONS_MAX, PAYLOAD_BYTES_MAX};
use raftchat_schema::wire;

use super::{ConversationService, Place};
use crate::services::acting::Request;
use crate::services::answer::{self, Denied};

/// Where and when a message was stored.
pub(super) struct Sent {
    pub(super) conversation: ConversationId,
    pub(super) position: Position,
    pub(super) time: Stamp,
}

impl ConversationService {
    pub(super) async fn sent(&self, params: SendParams) -> Result<Sent, Denied> {
        let params = params.get()?;
        let to = match self.place {
            Place::Known(id) => Recipient::Conversation(id),
            Place::Direct(other) => Recipient::Direct(other),
        };
        let message_id = wire::read_message_id(params.get_message_id()?);
        let payload = answer::bytes(params.get_payload()?, PAYLOAD_BYTES_MAX)?;
        if payload.is_empty() {
            return Err(ErrorCode::EmptyMessage.into());
        }
        let mentions = answer::users(params.get_mentions()?, MENTIONS_MAX)?;
        let act = Act::Send(Send { to, message_id, payload, mentions });
        match self.acting.act(Request::NONE, act).await? {
            Done::Sent { conversation, position, sent_at } => Ok(Sent { conversation, position, time: sent_at }),
            _ => Err(answer::impossible()),
        }
    }
}

pub(super) fn edit(conversation: ConversationId, params: edit_params::Reader<'_>) -> Result<Act, Denied> {
    let payload = answer::bytes(params.get_payload()?, PAYLOAD_BYTES_MAX)?;
    Ok(Act::EditMessage { conversation, position: Position(params.get_position()), payload })
}

pub(super) fn react(conversation: ConversationId, params: react_params::Reader<'_>) -> Result<Act, Denied> {
    let emoji = params.get_emoji()?;
    if emoji.len() > EMOJI_BYTES_MAX {
        return Err(ErrorCode::MalformedReaction.into());
    }
    let position = Position(params.get_position());
    let switch = Switch::from_bool(params.get_on());
    Ok(Act::React { conversation, position, emoji: emoji.to_str()?.to_owned(), switch })
}

pub(super) fn save_draft(conversation: ConversationId, params: save_draft_params::Reader<'_>) -> Result<Act, Denied> {
    Ok(Act::SaveDraft { conversation, draft: answer::bytes(params.get_draft()?, PAYLOAD_BYTES_MAX)? })
}

//! A message that is sent by who holds a conversation. Here only what would not fit is refused; the rest is decided when it is
//! applied.

use raftchat_schema::command::{Act, Done, Recipient, SendMessage};
use raftchat_schema::generated::client_capnp::conversation::SendParams;
use raftchat_schema::id::{ConversationId, Position, Stamp, UserId};
use raftchat_schema::wire;

use super::{ConversationService, Place};
use crate::services::answer::{self, Denied};
use crate::services::context::Request;

/// Where and when a message was stored.
pub(super) struct Sent {
    pub(super) conversation: ConversationId,
    pub(super) position: Position,
    pub(super) time: Stamp,
}

impl ConversationService {
    pub(super) async fn send_message(&self, params: SendParams) -> Result<Sent, Denied> {
        let params = params.get()?;
        let to = match self.place {
            Place::Known(id) => Recipient::Conversation(id),
            Place::Direct(other) => Recipient::Direct(other),
        };
        let message_id = wire::read_message_id(params.get_message_id()?);
        let payload = params.get_payload()?.to_vec();
        let mentions = params.get_mentions()?.iter().map(UserId).collect();
        let act = Act::Send(SendMessage { to, message_id, payload, mentions });
        match self.context.perform(Request::NONE, act).await? {
            Done::Sent { conversation, position, sent_at } => Ok(Sent { conversation, position, time: sent_at }),
            Done::Nothing | Done::GroupCreated { .. } | Done::SessionOpened { .. } => Err(answer::impossible()),
        }
    }
}

//! A conversation: what is said in it, read, and taken back.

use std::rc::Rc;

use raftchat_schema::command::{Act, Done, Recipient, Send};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::conversation;
use raftchat_schema::id::{ConversationId, Position, Stamp as Time, UserId};
use raftchat_schema::limits::{HISTORY_BYTES_MAX, PAYLOAD_BYTES_MAX};
use raftchat_schema::view::MessageView;
use raftchat_schema::wire;
use raftchat_state::{direct, history};

use super::answer::{self, Denied};
use super::session::{Acting, Stamp};

/// Which conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One that exists.
    Known(ConversationId),
    /// The direct one with that user, which the first message makes.
    Direct(UserId),
}

/// The capability.
pub(super) struct ConversationService {
    acting: Rc<Acting>,
    place: Place,
}

/// Where and when a message was stored.
struct Sent {
    conversation: ConversationId,
    position: Position,
    time: Time,
}

impl ConversationService {
    pub(super) fn new(acting: Rc<Acting>, place: Place) -> Self {
        Self { acting, place }
    }

    /// The conversation's id, if it has come into being.
    fn id(&self) -> Result<Option<ConversationId>, Denied> {
        match self.place {
            Place::Known(id) => Ok(Some(id)),
            Place::Direct(other) => Ok(direct(&self.acting.services.view(), self.acting.user, other)?),
        }
    }

    async fn sent(&self, params: conversation::SendParams) -> Result<Sent, Denied> {
        self.acting.must_live()?;
        let params = params.get()?;
        let payload = params.get_payload()?;
        // These two are decided when the command is applied; here they only spare the log.
        if payload.is_empty() {
            return Err(ErrorCode::EmptyMessage.into());
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(ErrorCode::TooLarge.into());
        }
        let to = match self.place {
            Place::Known(id) => Recipient::Conversation(id),
            Place::Direct(other) => Recipient::Direct(other),
        };
        let message_id = wire::read_message_id(params.get_message_id()?);
        let act = Act::Send(Send { to, message_id, payload: payload.to_vec() });
        match self.acting.act(Stamp::NONE, act).await? {
            Done::Sent { conversation, position, sent_at } => Ok(Sent { conversation, position, time: sent_at }),
            _ => Err(answer::impossible()),
        }
    }

    fn history(&self, before: Position, limit: u32) -> Result<Vec<MessageView>, Denied> {
        self.acting.must_live()?;
        let Some(id) = self.id()? else { return Ok(Vec::new()) };
        let mut page = history(&self.acting.services.view(), self.acting.user, id, before, limit)??;
        // The newest that fit; one always does.
        let mut bytes = 0_usize;
        let fitting = page.iter().rev().take_while(|message| {
            bytes = bytes.saturating_add(message.payload.len());
            bytes <= HISTORY_BYTES_MAX
        });
        let fitting = fitting.count().max(1).min(page.len());
        Ok(page.split_off(page.len().saturating_sub(fitting)))
    }

    async fn deleted(&self, params: conversation::DeleteParams) -> Result<(), Denied> {
        self.acting.must_live()?;
        let params = params.get()?;
        let conversation = self.id()?.ok_or(ErrorCode::NoSuchMessage)?;
        let act = Act::DeleteMessage { conversation, position: Position(params.get_position()) };
        self.acting.act(Stamp::read(params.get_request()?), act).await.map(drop)
    }

    async fn marked(&self, params: conversation::MarkReadParams) -> Result<(), Denied> {
        self.acting.must_live()?;
        let params = params.get()?;
        let Some(conversation) = self.id()? else { return Ok(()) };
        // Beyond the last means to the last.
        let position = match params.get_position() {
            0 => Position(u64::MAX),
            position => Position(position),
        };
        let act = Act::MarkRead { conversation, position };
        self.acting.act(Stamp::read(params.get_request()?), act).await.map(drop)
    }
}

impl conversation::Server for ConversationService {
    async fn send(
        self: Rc<Self>,
        params: conversation::SendParams,
        mut results: conversation::SendResults,
    ) -> Result<(), capnp::Error> {
        match self.sent(params).await {
            Ok(Sent { conversation, position, time }) => {
                let mut results = results.get();
                results.set_conversation(conversation.0);
                results.set_position(position.0);
                results.set_sent_at_ms(time.0);
                results.set_node(self.acting.services.raft.stores().identity.node.0);
            }
            Err(denied) => wire::write_refusal(results.get().init_refused(), &denied.refusal()?),
        }
        Ok(())
    }

    async fn history(
        self: Rc<Self>,
        params: conversation::HistoryParams,
        mut results: conversation::HistoryResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        match ConversationService::history(&self, Position(params.get_before()), params.get_limit()) {
            Ok(page) => {
                let mut list = results.get().init_messages(u32::try_from(page.len()).unwrap_or(u32::MAX));
                for (at, message) in (0..).zip(&page) {
                    wire::write_message(list.reborrow().get(at), message);
                }
            }
            Err(denied) => wire::write_refusal(results.get().init_refused(), &denied.refusal()?),
        }
        Ok(())
    }

    async fn delete(
        self: Rc<Self>,
        params: conversation::DeleteParams,
        mut results: conversation::DeleteResults,
    ) -> Result<(), capnp::Error> {
        if let Err(denied) = self.deleted(params).await {
            wire::write_refusal(results.get().init_refused(), &denied.refusal()?);
        }
        Ok(())
    }

    async fn mark_read(
        self: Rc<Self>,
        params: conversation::MarkReadParams,
        mut results: conversation::MarkReadResults,
    ) -> Result<(), capnp::Error> {
        if let Err(denied) = self.marked(params).await {
            wire::write_refusal(results.get().init_refused(), &denied.refusal()?);
        }
        Ok(())
    }
}

//! A conversation: each method of the capability, and what it comes to. What the methods take and give stands in the files
//! below. Knows no act but the message: all others are asked of the session.

mod messages;
mod reading;

use std::rc::Rc;

use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::conversation;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::wire;
use raftchat_state::direct;

use super::answer::{Denied, answer, fill};
use super::context::SessionContext;
use crate::store::StateView;

pub(super) use reading::{MEMBER_BYTES, absence};

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
    context: Rc<SessionContext>,
    place: Place,
}

impl ConversationService {
    pub(super) fn new(context: Rc<SessionContext>, place: Place) -> Self {
        Self { context, place }
    }

    /// The conversation's id, if it has come into being.
    fn id(&self, view: &StateView) -> Result<Option<ConversationId>, Denied> {
        match self.place {
            Place::Known(id) => Ok(Some(id)),
            Place::Direct(other) => Ok(direct(view, self.context.user, other)?),
        }
    }

    /// The conversation's id; it must have come into being.
    async fn existing(&self) -> Result<ConversationId, Denied> {
        match self.place {
            Place::Known(id) => Ok(id),
            Place::Direct(_) => {
                self.context.look(|view| self.id(view)?.ok_or_else(|| ErrorCode::NoSuchConversation.into())).await
            }
        }
    }
}

impl conversation::Server for ConversationService {
    async fn send(
        self: Rc<Self>,
        params: conversation::SendParams,
        mut results: conversation::SendResults,
    ) -> Result<(), capnp::Error> {
        answer!(results, self.send_message(params).await, |sent| {
            let mut results = results.get();
            results.set_conversation(sent.conversation.0);
            results.set_position(sent.position.0);
            results.set_sent_at_ms(sent.time.0);
            results.set_node(self.context.services.raft.stores().identity.node.0);
        })
    }

    async fn history(
        self: Rc<Self>,
        params: conversation::HistoryParams,
        mut results: conversation::HistoryResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.context.large_answer().await;
        let params = params.get()?;
        let page = self.page_of_history(reading::range(params), params.get_limit()).await;
        answer!(results, page, |page| fill!(results.init_messages, &page, wire::write_message))
    }

    async fn revisions(
        self: Rc<Self>,
        params: conversation::RevisionsParams,
        mut results: conversation::RevisionsResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.context.large_answer().await;
        let position = Position(params.get()?.get_position());
        answer!(results, self.revisions_of(position).await, |(revisions, more)| {
            results.get().set_more(more);
            fill!(results.init_revisions, &revisions, wire::write_revision);
        })
    }

    async fn members(
        self: Rc<Self>,
        params: conversation::MembersParams,
        mut results: conversation::MembersResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.context.large_answer().await;
        let after = UserId(params.get()?.get_after());
        answer!(results, self.members_above(after).await, |(members, more)| {
            results.get().set_more(more);
            fill!(results.init_members, &members, wire::write_member_view);
        })
    }

    async fn state(
        self: Rc<Self>,
        _params: conversation::StateParams,
        mut results: conversation::StateResults,
    ) -> Result<(), capnp::Error> {
        answer!(results, self.shown().await, |shown| wire::write_conversation(results.get().init_state(), &shown))
    }

    async fn typing(
        self: Rc<Self>,
        params: conversation::TypingParams,
        _results: conversation::TypingResults,
    ) -> Result<(), capnp::Error> {
        let active = params.get()?.get_active();
        let here = self.id(&self.context.services.view());
        let told = here.and_then(|id| id.map_or(Ok(()), |id| self.context.tell_typing(id, active)));
        match told {
            // A hint that is not wanted is dropped.
            Ok(()) | Err(Denied::Refused(_)) => Ok(()),
            Err(Denied::Failed(error)) => Err(error),
        }
    }
}

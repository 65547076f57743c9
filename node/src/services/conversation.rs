//! A conversation: each method of the capability, and what it comes to. What the methods take and give stands in the files
//! below, one for each matter.

mod group;
mod messages;
mod reading;

use std::rc::Rc;

use raftchat_schema::command::{Act, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::conversation;
use raftchat_schema::id::{ConversationId, Position, Stamp, UserId};
use raftchat_schema::wire;
use raftchat_state::direct;

use super::acting::{Acting, Request};
use super::answer::{Denied, answer, fill};
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
    acting: Rc<Acting>,
    place: Place,
}

impl ConversationService {
    pub(super) fn new(acting: Rc<Acting>, place: Place) -> Self {
        Self { acting, place }
    }

    /// The conversation's id, if it has come into being.
    fn id(&self, view: &StateView) -> Result<Option<ConversationId>, Denied> {
        match self.place {
            Place::Known(id) => Ok(Some(id)),
            Place::Direct(other) => Ok(direct(view, self.acting.user, other)?),
        }
    }

    /// The conversation's id; it must have come into being.
    async fn existing(&self) -> Result<ConversationId, Denied> {
        match self.place {
            Place::Known(id) => Ok(id),
            Place::Direct(_) => {
                self.acting.look(|view| self.id(view)?.ok_or_else(|| ErrorCode::NoSuchConversation.into())).await
            }
        }
    }

    /// Does what `read` makes of the parameters.
    async fn act<P>(
        &self,
        request: Request,
        params: P,
        read: impl FnOnce(ConversationId, P) -> Result<Act, Denied>,
    ) -> Result<(), Denied> {
        let act = read(self.existing().await?, params)?;
        self.acting.act(request, act).await.map(drop)
    }
}

/// Methods that do one act each and answer nothing: beside each stands what reads the act from its parameters.
macro_rules! acts {
    ($($method:ident($params:ident, $results:ident) = $read:expr;)*) => {$(
        async fn $method(
            self: Rc<Self>,
            params: conversation::$params,
            mut results: conversation::$results,
        ) -> Result<(), capnp::Error> {
            let params = params.get()?;
            let request = Request::read(params.get_request()?);
            answer!(results, self.act(request, params, $read).await)
        }
    )*};
}

impl conversation::Server for ConversationService {
    acts! {
        delete(DeleteParams, DeleteResults) = |conversation, params| {
            Ok(Act::DeleteMessage { conversation, position: Position(params.get_position()) })
        };
        edit(EditParams, EditResults) = messages::edit;
        react(ReactParams, ReactResults) = messages::react;
        pin_message(PinMessageParams, PinMessageResults) = |conversation, params| {
            let switch = Switch::from_bool(params.get_pinned());
            Ok(Act::PinMessage { conversation, position: Position(params.get_position()), switch })
        };
        mark_unread(MarkUnreadParams, MarkUnreadResults) = |conversation, _params| Ok(Act::MarkUnread(conversation));
        set_mute(SetMuteParams, SetMuteResults) = |conversation, params| {
            Ok(Act::Mute { conversation, until: Stamp(params.get_until_ms()) })
        };
        set_pinned(SetPinnedParams, SetPinnedResults) = |conversation, params| {
            Ok(Act::PinConversation { conversation, switch: Switch::from_bool(params.get_pinned()) })
        };
        save_draft(SaveDraftParams, SaveDraftResults) = messages::save_draft;
        add_members(AddMembersParams, AddMembersResults) = group::add_members;
        remove_member(RemoveMemberParams, RemoveMemberResults) = |conversation, params| {
            Ok(Act::RemoveMember { conversation, user: UserId(params.get_user()) })
        };
        set_role(SetRoleParams, SetRoleResults) = group::set_role;
        leave(LeaveParams, LeaveResults) = |conversation, _params| Ok(Act::Leave(conversation));
        rename(RenameParams, RenameResults) = group::rename;
    }

    async fn send(
        self: Rc<Self>,
        params: conversation::SendParams,
        mut results: conversation::SendResults,
    ) -> Result<(), capnp::Error> {
        answer!(results, self.sent(params).await, |sent| {
            let mut results = results.get();
            results.set_conversation(sent.conversation.0);
            results.set_position(sent.position.0);
            results.set_sent_at_ms(sent.time.0);
            results.set_node(self.acting.services.raft.stores().identity.node.0);
        })
    }

    async fn mark_read(
        self: Rc<Self>,
        params: conversation::MarkReadParams,
        mut results: conversation::MarkReadResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let request = Request::read(params.get_request()?);
        let read = |conversation, position| Ok(Act::MarkRead { conversation, position });
        let marked = match self.act(request, reading::read_position(params.get_position()), read).await {
            // Where nothing was said there is nothing to read.
            Err(denied) if matches!(self.place, Place::Direct(_)) && denied.is_absence() => Ok(()),
            other => other,
        };
        answer!(results, marked)
    }

    async fn history(
        self: Rc<Self>,
        params: conversation::HistoryParams,
        mut results: conversation::HistoryResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.acting.large_answer().await;
        let params = params.get()?;
        let page = self.page_of_history(reading::range(params), params.get_limit()).await;
        answer!(results, page, |page| fill!(results.init_messages, &page, wire::write_message))
    }

    async fn revisions(
        self: Rc<Self>,
        params: conversation::RevisionsParams,
        mut results: conversation::RevisionsResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.acting.large_answer().await;
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
        let _place = self.acting.large_answer().await;
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
        let here = self.id(&self.acting.services.view());
        let told = here.and_then(|id| id.map_or(Ok(()), |id| self.acting.tell_typing(id, active)));
        match told {
            // A hint that is not wanted is dropped.
            Ok(()) | Err(Denied::Refused(_)) => Ok(()),
            Err(Denied::Failed(error)) => Err(error),
        }
    }
}

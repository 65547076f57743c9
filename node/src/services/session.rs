//! A session: each method of the capability, and what it comes to. What the methods do stands in the files below. Dropping
//! the capability leaves the session open, and the user offline here.

mod account;
mod lookups;

use std::rc::Rc;

use raftchat_schema::generated::client_capnp::{conversation, session};
use raftchat_schema::id::{ConversationId, NodeId, UserId};
use raftchat_schema::wire;

use super::answer::{answer, fill};
use super::context::{Request, SessionContext};
use super::conversation::{ConversationService, Place};
use super::subscription;

/// The capability.
pub(super) struct SessionService {
    context: Rc<SessionContext>,
}

impl SessionService {
    pub(super) fn new(context: SessionContext) -> Self {
        Self { context: Rc::new(context) }
    }

    fn seen(&self, params: &session::HaveSeenParams) -> Result<(), capnp::Error> {
        self.context.has_seen(params.get()?.get_upto()?.get_bytes()?);
        Ok(())
    }

    fn capability(&self, place: Place) -> conversation::Client {
        capnp_rpc::new_client(ConversationService::new(self.context.clone(), place))
    }
}

/// A method that answers with a conversation, as a capability and as it is shown.
macro_rules! conversation_found {
    ($session:ident, $results:ident, $found:expr) => {
        answer!($results, $found, |(place, shown)| {
            $results.get().set_conversation($session.capability(place));
            wire::write_conversation($results.get().init_state(), &shown);
        })
    };
}

impl session::Server for SessionService {
    async fn whoami(
        self: Rc<Self>,
        _params: session::WhoamiParams,
        mut results: session::WhoamiResults,
    ) -> Result<(), capnp::Error> {
        answer!(results, self.context.own_user().await, |user| {
            let mut results = results.get();
            results.set_session_id(self.context.id.0);
            results.set_node(self.context.services.raft.stores().identity.node.0);
            wire::write_user(results.init_user(), &user);
        })
    }

    async fn users(
        self: Rc<Self>,
        params: session::UsersParams,
        mut results: session::UsersResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.context.large_answer().await;
        answer!(results, self.context.users(UserId(params.get()?.get_after())).await, |(page, more)| {
            results.get().set_more(more);
            fill!(results.init_users, &page, wire::write_user);
        })
    }

    async fn user(
        self: Rc<Self>,
        params: session::UserParams,
        mut results: session::UserResults,
    ) -> Result<(), capnp::Error> {
        let found = self.context.named(params.get()?.get_username()?).await;
        answer!(results, found, |user| wire::write_user(results.get().init_user(), &user))
    }

    async fn conversations(
        self: Rc<Self>,
        params: session::ConversationsParams,
        mut results: session::ConversationsResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.context.large_answer().await;
        let after = ConversationId(params.get()?.get_after());
        answer!(results, self.context.conversations(after).await, |(page, more)| {
            results.get().set_more(more);
            fill!(results.init_conversations, &page, wire::write_conversation);
        })
    }

    async fn conversation(
        self: Rc<Self>,
        params: session::ConversationParams,
        mut results: session::ConversationResults,
    ) -> Result<(), capnp::Error> {
        let id = ConversationId(params.get()?.get_id());
        let known = self.context.look(|view| Ok((Place::Known(id), self.context.known(view, id)?))).await;
        conversation_found!(self, results, known)
    }

    async fn direct(
        self: Rc<Self>,
        params: session::DirectParams,
        mut results: session::DirectResults,
    ) -> Result<(), capnp::Error> {
        conversation_found!(self, results, self.context.direct_with_named(params.get()?.get_username()?).await)
    }

    async fn direct_with(
        self: Rc<Self>,
        params: session::DirectWithParams,
        mut results: session::DirectWithResults,
    ) -> Result<(), capnp::Error> {
        let other = UserId(params.get()?.get_user());
        conversation_found!(self, results, self.context.look(|view| self.context.direct_with(view, other)).await)
    }

    async fn subscribe(
        self: Rc<Self>,
        params: session::SubscribeParams,
        mut results: session::SubscribeResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let receiver = params.get_receiver()?;
        let from = params.get_from()?.get_bytes()?.to_vec();
        let watching = Some(NodeId(params.get_watching())).filter(|node| node.0 != 0);
        let begun = if params.get_armed() {
            subscription::arm(&self.context, &from, watching, receiver)
        } else {
            subscription::subscribe(self.context.clone(), &from, watching, receiver).await
        };
        answer!(results, begun, |subscription| results.get().set_subscription(subscription))
    }

    async fn catch_up(
        self: Rc<Self>,
        _params: session::CatchUpParams,
        mut results: session::CatchUpResults,
    ) -> Result<(), capnp::Error> {
        answer!(results, self.context.catch_up().await, |(fresh, seen)| {
            results.get().set_fresh(fresh);
            results.get().init_seen().set_bytes(&seen.to_bytes());
        })
    }

    async fn attend(
        self: Rc<Self>,
        params: session::AttendParams,
        mut results: session::AttendResults,
    ) -> Result<(), capnp::Error> {
        let beat_ms = params.get()?.get_beat_ms();
        answer!(results, self.context.may_read(), |()| results.get().set_beat_ms(self.context.link.attend(beat_ms)))
    }

    /// Takes effect at once, so that it holds for whatever is asked after it.
    fn have_seen(
        self: Rc<Self>,
        params: session::HaveSeenParams,
        _results: session::HaveSeenResults,
    ) -> impl Future<Output = Result<(), capnp::Error>> + 'static {
        std::future::ready(self.seen(&params))
    }

    async fn sessions(
        self: Rc<Self>,
        _params: session::SessionsParams,
        mut results: session::SessionsResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.context.large_answer().await;
        answer!(results, self.context.sessions().await, |all| fill!(
            results.init_sessions,
            &all,
            wire::write_session_entry
        ))
    }

    async fn perform(
        self: Rc<Self>,
        params: session::PerformParams,
        mut results: session::PerformResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let request = Request::read(params.get_request()?);
        // Read as a whole: what goes into the log is written from it anew, and holds nothing that was not understood.
        let done = match wire::read_act(params.get_act()?) {
            Ok(act) => self.context.perform(request, act).await,
            Err(unreadable) => Err(unreadable.into()),
        };
        answer!(results, done, |done| wire::write_done(results.get().init_done(), &done))
    }

    async fn delete_account(
        self: Rc<Self>,
        params: session::DeleteAccountParams,
        mut results: session::DeleteAccountResults,
    ) -> Result<(), capnp::Error> {
        answer!(results, self.context.delete_account(params).await)
    }

    async fn change_password(
        self: Rc<Self>,
        params: session::ChangePasswordParams,
        mut results: session::ChangePasswordResults,
    ) -> Result<(), capnp::Error> {
        answer!(results, self.context.change_password(params).await)
    }

    async fn blocked(
        self: Rc<Self>,
        _params: session::BlockedParams,
        mut results: session::BlockedResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.context.large_answer().await;
        answer!(results, self.context.blocked().await, |users| fill!(results.init_users, &users, wire::write_user))
    }
}

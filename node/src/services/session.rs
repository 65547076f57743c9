//! A session: one user on one device, on one connection. Dropping it leaves it open, and the user offline here.

use std::rc::Rc;
use std::sync::Arc;

use raftchat_schema::command::{Act, Command, Done, InSession, Outcome};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::{request_stamp, session};
use raftchat_schema::id::{ConversationId, RequestNumber, SessionId, UserId, Username};
use raftchat_schema::limits::{LIST_PAGE_MAX, PASSWORD_BYTES_MAX};
use raftchat_schema::view::{ConversationKind, ConversationView, UserView};
use raftchat_schema::wire;
use raftchat_state::{
    SessionRecord, conversation, conversations_page, direct, user, user_by_name, users_page, verifier,
};
use zeroize::Zeroizing;

use super::answer::{self, Denied};
use super::conversation::{ConversationService, Place};
use super::subscription;
use super::{FRESH_LIMIT, PROPOSE_LIMIT, Services};
use crate::live::LiveSession;
use crate::presence::Here;
use crate::proposer::Unsettled;

/// A session that acts: what its capabilities share.
pub(super) struct Acting {
    pub(super) services: Arc<Services>,
    pub(super) id: SessionId,
    pub(super) user: UserId,
    pub(super) live: LiveSession,
    _here: Here,
}

/// The number of a request and what its client has the outcomes of.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    request: RequestNumber,
    acknowledged_below: RequestNumber,
}

impl Stamp {
    /// For an act that is unique by itself.
    pub(super) const NONE: Self = Self { request: RequestNumber(0), acknowledged_below: RequestNumber(0) };

    pub(super) fn read(reader: request_stamp::Reader<'_>) -> Self {
        Self {
            request: RequestNumber(reader.get_number()),
            acknowledged_below: RequestNumber(reader.get_acknowledged_below()),
        }
    }
}

impl Acting {
    /// Refuses once the session is over.
    pub(super) fn must_live(&self) -> Result<(), Denied> {
        if self.live.has_ended() { Err(ErrorCode::SessionEnded.into()) } else { Ok(()) }
    }

    /// Does something as the user.
    pub(super) async fn act(&self, stamp: Stamp, act: Act) -> Result<Done, Denied> {
        answer::done(self.propose(stamp, act).await)
    }

    async fn propose(&self, stamp: Stamp, act: Act) -> Result<Outcome, Unsettled> {
        let Stamp { request, acknowledged_below } = stamp;
        let command = Command::InSession(InSession { session: self.id, request, acknowledged_below, act });
        self.services.proposer.propose(&command, PROPOSE_LIMIT).await
    }

    /// Does what ends the session: that it has ended is what was asked for.
    async fn act_to_end(&self, stamp: Stamp, act: Act) -> Result<(), Denied> {
        match self.act(stamp, act).await {
            Err(Denied::Refused(refusal)) if refusal.code == ErrorCode::SessionEnded => Ok(()),
            other => other.map(drop),
        }
    }
}

/// The capability.
pub(super) struct SessionService {
    acting: Rc<Acting>,
}

impl SessionService {
    pub(super) fn new(services: Arc<Services>, record: &SessionRecord) -> Self {
        let live = services.live.join(record.id);
        let here = services.presence.arrive(record.user);
        Self { acting: Rc::new(Acting { services, id: record.id, user: record.user, live, _here: here }) }
    }

    fn users(&self, after: UserId) -> Result<(Vec<UserView>, bool), Denied> {
        self.acting.must_live()?;
        let view = self.acting.services.view();
        // One more than fits, to know whether anything is left.
        let mut page = users_page(&view, after, LIST_PAGE_MAX + 1)?;
        let more = page.len() > LIST_PAGE_MAX;
        page.truncate(LIST_PAGE_MAX);
        Ok((page.into_iter().map(|user| self.acting.services.online(user)).collect(), more))
    }

    fn conversations(&self, after: ConversationId) -> Result<(Vec<ConversationView>, bool), Denied> {
        self.acting.must_live()?;
        let view = self.acting.services.view();
        let mut page = conversations_page(&view, self.acting.user, after, LIST_PAGE_MAX + 1)?;
        let more = page.len() > LIST_PAGE_MAX;
        page.truncate(LIST_PAGE_MAX);
        Ok((page.into_iter().map(|shown| self.acting.services.online_members(shown)).collect(), more))
    }

    /// Looks, and where nothing is found looks again once this node knows all that anybody was told is done: what was
    /// made over another node a moment ago is there.
    async fn found<T>(&self, look: impl Fn(&Self) -> Result<T, Denied>) -> Result<T, Denied> {
        match look(self) {
            Err(Denied::Refused(refusal)) if is_absence(refusal.code) => {
                if !self.acting.services.read_index.confirm(FRESH_LIMIT).await {
                    return Err(Denied::later(ErrorCode::NoLeader));
                }
                look(self)
            }
            other => other,
        }
    }

    fn known(&self, id: ConversationId) -> Result<(Place, ConversationView), Denied> {
        self.acting.must_live()?;
        let shown = conversation(&self.acting.services.view(), self.acting.user, id)?;
        let shown = shown.ok_or(ErrorCode::NoSuchConversation)?;
        Ok((Place::Known(id), self.acting.services.online_members(shown)))
    }

    fn with(&self, username: &str) -> Result<(Place, ConversationView), Denied> {
        self.acting.must_live()?;
        let view = self.acting.services.view();
        let own = self.acting.user;
        let name: Username = username.parse().map_err(|_| ErrorCode::NoSuchUser)?;
        let other = user_by_name(&view, &name)?.ok_or(ErrorCode::NoSuchUser)?;
        if other.id == own {
            return Err(ErrorCode::ToYourself.into());
        }
        if let Some(id) = direct(&view, own, other.id)? {
            return self.known(id);
        }
        if other.deleted {
            return Err(ErrorCode::NoSuchUser.into());
        }
        let other_id = other.id;
        let mut members: Vec<_> = user(&view, own)?.into_iter().chain([other]).collect();
        members.sort_by_key(|member| member.id);
        let unspoken = ConversationView {
            id: ConversationId(0),
            kind: ConversationKind::Direct,
            title: String::new(),
            members,
            last_position: raftchat_schema::id::Position(0),
            read_position: raftchat_schema::id::Position(0),
            unread: 0,
        };
        Ok((Place::Direct(other_id), self.acting.services.online_members(unspoken)))
    }

    fn capability(&self, place: Place) -> raftchat_schema::generated::client_capnp::conversation::Client {
        capnp_rpc::new_client(ConversationService::new(self.acting.clone(), place))
    }

    async fn account_deleted(&self, params: session::DeleteAccountParams) -> Result<(), Denied> {
        let params = params.get()?;
        let stamp = Stamp::read(params.get_request()?);
        let password = Zeroizing::new(params.get_password()?.to_str()?.to_owned());
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(ErrorCode::TooLarge.into());
        }
        let services = &self.acting.services;
        self.acting.must_live()?;
        let (stored, version) = verifier(&services.view(), self.acting.user)?.unzip();
        let right = services.passwords.check(password, stored).await?;
        let (true, Some(verifier_version)) = (right, version) else { return Err(ErrorCode::WrongCredentials.into()) };
        self.acting.act_to_end(stamp, Act::DeleteAccount { verifier_version }).await
    }
}

/// Whether the reason is that something is not here, which on another node it may be.
fn is_absence(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NoSuchUser | ErrorCode::NoSuchConversation)
}

impl session::Server for SessionService {
    async fn whoami(
        self: Rc<Self>,
        _params: session::WhoamiParams,
        mut results: session::WhoamiResults,
    ) -> Result<(), capnp::Error> {
        let services = &self.acting.services;
        let gone = || capnp::Error::failed("the account is gone".to_owned());
        let found = user(&services.view(), self.acting.user);
        let found = found.map_err(|error| capnp::Error::failed(error.to_string()))?.ok_or_else(gone)?;
        let mut results = results.get();
        results.set_session_id(self.acting.id.0);
        results.set_node(services.raft.stores().identity.node.0);
        wire::write_user(results.init_user(), &services.online(found));
        Ok(())
    }

    async fn users(
        self: Rc<Self>,
        params: session::UsersParams,
        mut results: session::UsersResults,
    ) -> Result<(), capnp::Error> {
        match SessionService::users(&self, UserId(params.get()?.get_after())) {
            Ok((page, more)) => {
                results.get().set_more(more);
                let mut list = results.get().init_users(u32::try_from(page.len()).unwrap_or(u32::MAX));
                for (at, user) in (0..).zip(&page) {
                    wire::write_user(list.reborrow().get(at), user);
                }
            }
            Err(denied) => wire::write_refusal(results.get().init_refused(), &denied.refusal()?),
        }
        Ok(())
    }

    async fn conversations(
        self: Rc<Self>,
        params: session::ConversationsParams,
        mut results: session::ConversationsResults,
    ) -> Result<(), capnp::Error> {
        match SessionService::conversations(&self, ConversationId(params.get()?.get_after())) {
            Ok((page, more)) => {
                results.get().set_more(more);
                let mut list = results.get().init_conversations(u32::try_from(page.len()).unwrap_or(u32::MAX));
                for (at, conversation) in (0..).zip(&page) {
                    wire::write_conversation(list.reborrow().get(at), conversation);
                }
            }
            Err(denied) => wire::write_refusal(results.get().init_refused(), &denied.refusal()?),
        }
        Ok(())
    }

    async fn conversation(
        self: Rc<Self>,
        params: session::ConversationParams,
        mut results: session::ConversationResults,
    ) -> Result<(), capnp::Error> {
        let id = ConversationId(params.get()?.get_id());
        match self.found(|session| session.known(id)).await {
            Ok((place, shown)) => {
                results.get().set_conversation(self.capability(place));
                wire::write_conversation(results.get().init_state(), &shown);
            }
            Err(denied) => wire::write_refusal(results.get().init_refused(), &denied.refusal()?),
        }
        Ok(())
    }

    async fn direct(
        self: Rc<Self>,
        params: session::DirectParams,
        mut results: session::DirectResults,
    ) -> Result<(), capnp::Error> {
        let found = match params.get()?.get_username()?.to_str() {
            Ok(username) => self.found(|session| session.with(username)).await,
            Err(error) => Err(error.into()),
        };
        match found {
            Ok((place, shown)) => {
                results.get().set_conversation(self.capability(place));
                wire::write_conversation(results.get().init_state(), &shown);
            }
            Err(denied) => wire::write_refusal(results.get().init_refused(), &denied.refusal()?),
        }
        Ok(())
    }

    async fn subscribe(
        self: Rc<Self>,
        params: session::SubscribeParams,
        mut results: session::SubscribeResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let receiver = params.get_receiver()?;
        let from = params.get_from()?.get_bytes()?.to_vec();
        match subscription::subscribe(self.acting.clone(), &from, receiver).await {
            Ok(subscription) => results.get().set_subscription(subscription),
            Err(denied) => wire::write_refusal(results.get().init_refused(), &denied.refusal()?),
        }
        Ok(())
    }

    async fn catch_up(
        self: Rc<Self>,
        _params: session::CatchUpParams,
        mut results: session::CatchUpResults,
    ) -> Result<(), capnp::Error> {
        let services = &self.acting.services;
        let fresh = services.read_index.confirm(FRESH_LIMIT).await;
        let seen = services.cursor(&services.view()).map_err(|denied| match denied {
            Denied::Failed(error) => error,
            Denied::Refused(refusal) => capnp::Error::failed(refusal.to_string()),
        })?;
        results.get().set_fresh(fresh);
        results.get().init_seen().set_bytes(&seen.to_bytes());
        Ok(())
    }

    async fn logout(
        self: Rc<Self>,
        params: session::LogoutParams,
        mut results: session::LogoutResults,
    ) -> Result<(), capnp::Error> {
        let stamp = Stamp::read(params.get()?.get_request()?);
        let ended = self.acting.act_to_end(stamp, Act::EndSession(self.acting.id)).await;
        if let Err(denied) = ended {
            wire::write_refusal(results.get().init_refused(), &denied.refusal()?);
        }
        Ok(())
    }

    async fn delete_account(
        self: Rc<Self>,
        params: session::DeleteAccountParams,
        mut results: session::DeleteAccountResults,
    ) -> Result<(), capnp::Error> {
        if let Err(denied) = self.account_deleted(params).await {
            wire::write_refusal(results.get().init_refused(), &denied.refusal()?);
        }
        Ok(())
    }
}

//! A session that acts: what its capabilities share. Never knows which call it is asked for.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use raftchat_schema::command::{AccountAct, Act, Command, Done, InSession, SessionAct};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::request_stamp;
use raftchat_schema::id::{ConversationId, Cursor, DeviceId, RequestNumber, SessionId, UserId, Username};
use raftchat_schema::level::Level;
use raftchat_state::{
    Cost, SessionRecord, cost, is_member, is_sent, level, outcome, stored_bytes, typing_cost, verifier,
};
use raftchat_transport::{Held, LargeAnswer};
use tokio::sync::watch;
use tracing::Instrument as _;
use zeroize::Zeroizing;

use super::answer::{self, Denied};
use super::link::DeviceLink;
use super::registered::Registered;
use super::{Claim, PROPOSE_LIMIT, Services};
use crate::admission::login_throttle::Source;
use crate::admission::passwords::{Asker, Hasher, PasswordError};
use crate::audience::typing_news::TypingNews;
use crate::store::StateView;

/// So many bytes of an answer are one more token: a page of history is about thirty, and 30 of them a second go on for ever.
const READ_BYTES_A_TOKEN: usize = 8 * 1024;
/// What a subscription costs before it has told anything, as if it were an answer: a look at each conversation of the user.
pub(super) const SUBSCRIBE_BYTES: usize = 20 * READ_BYTES_A_TOKEN;

/// One user on one device, on one connection.
pub(super) struct SessionContext {
    pub(super) services: Arc<Services>,
    pub(super) id: SessionId,
    pub(super) user: UserId,
    username: Username,
    pub(super) device: DeviceId,
    /// What the client was shown over other links, as long as it is not known to be applied here.
    seen: Cell<Option<Cursor>>,
    /// The connection.
    pub(super) link: Rc<DeviceLink>,
    registered: Rc<Registered>,
}

/// The number of a request and what its client has the outcomes of.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) number: RequestNumber,
    acknowledged_below: RequestNumber,
}

impl Request {
    /// For an act that is unique by itself.
    pub(super) const NONE: Self = Self { number: RequestNumber(0), acknowledged_below: RequestNumber(0) };

    pub(super) fn read(reader: request_stamp::Reader<'_>) -> Self {
        Self {
            number: RequestNumber(reader.get_number()),
            acknowledged_below: RequestNumber(reader.get_acknowledged_below()),
        }
    }
}

impl SessionContext {
    /// The session on a connection from that IP address.
    pub(super) fn new(services: Arc<Services>, record: &SessionRecord, link: Rc<DeviceLink>, address: &str) -> Self {
        let live = services.live.join(record.id, address);
        let registered = Rc::new(Registered::new(live, services.presence.arrive(record.user)));
        link.register(&registered);
        Self {
            id: record.id,
            user: record.user,
            username: record.username.clone(),
            device: record.device,
            seen: Cell::default(),
            link,
            registered,
            services,
        }
    }

    /// A place for one more subscription; none if the session has as many as it may.
    pub(super) fn subscribe(&self) -> Option<Held> {
        self.registered.live.subscribe()
    }

    /// Becomes true when the session is over.
    pub(super) fn watch_end(&self) -> watch::Receiver<bool> {
        self.registered.live.watch()
    }

    /// Refuses once the session is over.
    pub(super) fn must_live(&self) -> Result<(), Denied> {
        if self.registered.live.has_ended() { Err(ErrorCode::SessionEnded.into()) } else { Ok(()) }
    }

    /// Refuses once the session is over, and what is asked too fast.
    pub(super) fn may_read(&self) -> Result<(), Denied> {
        self.must_live()?;
        let read = self.services.rates.read(self.device, self.user, Instant::now());
        read.map_err(|too_fast| self.link.refuse(too_fast.into()))
    }

    /// Waits until the link may have an answer made for it that is perhaps large; to be held until it is made.
    pub(super) async fn large_answer(&self) -> LargeAnswer {
        self.link.connection().large_answer().await
    }

    /// An answer had so many bytes: what it cost beyond a token is owed.
    pub(super) fn owe(&self, bytes: usize) {
        let tokens = u32::try_from(bytes / READ_BYTES_A_TOKEN).unwrap_or(u32::MAX);
        self.services.rates.owe_read(self.device, self.user, tokens, Instant::now());
    }

    /// Does what the client asks for, unless it is larger than it may be.
    pub(super) async fn perform(&self, request: Request, act: Act) -> Result<Done, Denied> {
        act.check_limits()?;
        if act == Act::Account(AccountAct::EndSession(self.id)) {
            return self.act_to_end(request, act.into()).await.map(|()| Done::Nothing);
        }
        // A message is unique by its id: whatever number it came under is of no matter.
        let request = if matches!(act, Act::Send(_)) { Request::NONE } else { request };
        self.act(request, act.into()).await
    }

    /// Does something as the user.
    pub(super) async fn act(&self, request: Request, act: SessionAct) -> Result<Done, Denied> {
        self.must_live()?;
        let (view, now) = (self.services.view(), Instant::now());
        // A node that does not know it would stop at it. What all know, which is nearly all, costs no look at the rows.
        if act.level() > Level::FIRST && act.level() > level(&view)? {
            return Err(ErrorCode::NotYet.into());
        }
        let cost = cost(&view, self.user, &act)?;
        self.must_have_room(&view, request.number, &act, &cost)?;
        drop(view);
        let rates = &self.services.rates;
        let acts = rates.act(self.device, self.user, cost.tokens(), now);
        let takes = acts.and_then(|()| rates.store(self.user, cost.bytes, now));
        takes.map_err(|too_fast| self.link.refuse(too_fast.into()))?;
        let _occupied = self.link.occupy();
        let Request { number: request, acknowledged_below } = request;
        let command = Command::InSession(InSession { session: self.id, request, acknowledged_below, act });
        // The device's own log has the same two numbers.
        let span = tracing::debug_span!("session", id = self.id.0, request = request.0);
        let proposed = self.services.proposer.propose(&command, cost.rows(), PROPOSE_LIMIT);
        answer::done(proposed.instrument(span).await)
    }

    /// Refuses what stores more for who has stored as much as one may, and what adds to disks that have no room. Who only asks
    /// again what came of it is told: what was done takes no more room.
    fn must_have_room(
        &self,
        view: &StateView,
        request: RequestNumber,
        act: &SessionAct,
        cost: &Cost,
    ) -> Result<(), Denied> {
        let refusal = if self.has_no_quota(view, cost)? {
            ErrorCode::QuotaExceeded
        } else if cost.adds && self.services.room.refuses_words() {
            ErrorCode::StorageFull
        } else {
            return Ok(());
        };
        let was_done = if let SessionAct::Asked(Act::Send(send)) = act {
            is_sent(view, self.user, send.message_id)?
        } else {
            outcome(view, self.id, request)?.is_some()
        };
        if was_done { Ok(()) } else { Err(refusal.into()) }
    }

    fn has_no_quota(&self, view: &StateView, cost: &Cost) -> Result<bool, Denied> {
        if cost.kept == 0 {
            return Ok(false);
        }
        let room = self.services.account_bytes_max.saturating_sub(stored_bytes(view, self.user)?);
        Ok(u64::try_from(cost.kept).is_ok_and(|kept| kept > room))
    }

    /// Does what ends the session: that it has ended is what was asked for.
    pub(super) async fn act_to_end(&self, request: Request, act: SessionAct) -> Result<(), Denied> {
        match self.act(request, act).await {
            Err(Denied::Refused(refusal)) if refusal.code == ErrorCode::SessionEnded => Ok(()),
            other => other.map(drop),
        }
    }

    /// The client was shown everything up to there. A cursor that is not of this cluster's history says nothing.
    pub(super) fn has_seen(&self, upto: &[u8]) {
        if let Ok(upto) = self.services.own_cursor(upto)
            && self.seen.get().is_none_or(|seen| seen.change < upto.change)
        {
            self.seen.set(Some(upto));
        }
    }

    /// What is read from: no older than what the client was shown.
    pub(super) async fn view(&self) -> Result<StateView, Denied> {
        self.may_read()?;
        let _occupied = self.link.occupy();
        if let Some(seen) = self.seen.get() {
            self.services.reach(&self.link, self.device, seen).await?;
            if self.seen.get() == Some(seen) {
                self.seen.set(None);
            }
        }
        Ok(self.services.view())
    }

    /// Where this node stands, and whether it knows all that was acknowledged before the question.
    pub(super) async fn catch_up(&self) -> Result<(bool, Cursor), Denied> {
        self.may_read()?;
        let _occupied = self.link.occupy();
        let fresh = self.services.is_up_to_date().await;
        self.must_live()?;
        Ok((fresh, self.services.cursor(&self.services.view())?))
    }

    /// Looks, and where nothing is found looks again once this node knows all that anybody was told is done: what was
    /// made over another node a moment ago is there.
    pub(super) async fn look<T>(&self, look: impl Fn(&StateView) -> Result<T, Denied>) -> Result<T, Denied> {
        let view = self.view().await?;
        let _occupied = self.link.occupy();
        match look(&view) {
            Err(denied) if denied.is_absence() => {
                if !self.services.is_up_to_date().await {
                    return Err(Denied::later(ErrorCode::NoLeader));
                }
                look(&self.services.view())
            }
            other => other,
        }
    }

    /// Refuses a password that is not the user's; gives the version of what it was checked against, and what `more` makes in the
    /// same turn where it was right.
    pub(super) async fn must_know<T: Send + 'static>(
        &self,
        password: Zeroizing<String>,
        more: impl FnOnce(&Hasher) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<(u32, T), Denied> {
        self.must_live()?;
        let now = Instant::now();
        self.services.rates.hash(self.device, now)?;
        let _occupied = self.link.occupy();
        let (stored, version) = verifier(&self.services.view(), self.user)?.unzip();
        let version = version.ok_or(ErrorCode::SessionEnded)?;
        let asker = Asker { device: self.device, account: Some(self.user) };
        let source = Source::OwnDevice(self.device);
        let claim = Claim { username: &self.username, source, password, verifier: stored };
        Ok((version, self.services.must_be_right(asker, claim, more).await?))
    }

    /// Tells the others in a conversation that the user is writing there, or no longer, as often as that is of use to them.
    pub(super) fn tell_typing(&self, conversation: ConversationId, active: bool) -> Result<(), Denied> {
        let now = Instant::now();
        self.must_live()?;
        let view = self.services.view();
        is_member(&view, conversation, self.user)?.ok_or(ErrorCode::NotAMember)?;
        let news = TypingNews { conversation, user: self.user, active };
        if !self.services.typing.lets(news, now) {
            return Ok(());
        }
        self.services.rates.act(self.device, self.user, typing_cost(&view, conversation)?.tokens(), now)?;
        self.services.typing.tell(news);
        Ok(())
    }
}

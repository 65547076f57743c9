//! The gateway: what a device can do before it is anybody.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use raftchat_schema::command::{Command, Done, OpenSession, Register};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::generated::client_capnp::{Freshness, gateway, granted};
use raftchat_schema::id::{DeviceId, SessionId, TokenHash, Username};
use raftchat_schema::level::Level;
use raftchat_schema::limits::{DEVICE_NAME_BYTES_MAX, DISPLAY_NAME_BYTES_MAX, TOKEN_BYTES};
use raftchat_schema::wire;
use raftchat_state::{
    SessionRecord, highest_request, knows_device, level, session, session_by_token, user, user_by_name, verifier,
};
use raftchat_transport::ConnectionHandle;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::answer::{self, Denied, answer};
use super::context::SessionContext;
use super::link::DeviceLink;
use super::session::SessionService;
use super::{Claim, PROPOSE_LIMIT, Services};
use crate::admission::login_throttle::Source;
use crate::admission::password_rules;
use crate::admission::passwords::Asker;

/// When to come back to a node that has no contact with a majority.
const BEHIND_RETRY_MS: u64 = 1000;
/// What it costs to open a session, in rows; more where others end for it, which is seldom.
const SESSION_ROWS: usize = 16;
/// Other nodes have to be asked at once; this one is going to stop.
const ELSEWHERE_MS: u64 = 10;

/// The first capability of a device's connection.
pub(crate) struct GatewayService {
    services: Arc<Services>,
    link: Rc<DeviceLink>,
    device: DeviceId,
}

/// Who wants in, by name and password.
struct Credentials {
    username: Username,
    password: Zeroizing<String>,
    token: TokenHash,
    device_name: String,
}

/// A session that is given out, and up to where what it shows goes.
struct Grant {
    record: SessionRecord,
    fresh: bool,
}

impl GatewayService {
    pub(crate) fn new(services: Arc<Services>, connection: &ConnectionHandle) -> Self {
        let link = DeviceLink::new(connection, services.health.watch());
        Self { services, link, device: DeviceId(connection.identity().spki().0) }
    }

    /// Refuses while this node cannot say what is, or will not for long.
    fn must_take_sessions(&self) -> Result<(), Denied> {
        let code = ErrorCode::Behind;
        if self.services.health.is_draining() {
            return Err(Refusal { code, retry_after_ms: ELSEWHERE_MS }.into());
        }
        if !self.services.health.takes_sessions() {
            return Err(self.link.refuse(Refusal { code, retry_after_ms: BEHIND_RETRY_MS }.into()));
        }
        let has_recovered = *self.services.recovered.borrow();
        if has_recovered { Ok(()) } else { Err(self.link.refuse(Denied::later(code))) }
    }

    /// Refuses who asks too often for what needs no account.
    fn may_knock(&self) -> Result<(), Denied> {
        let knocks = self.services.rates.knock(self.device, Instant::now());
        knocks.map_err(|too_fast| self.link.refuse(too_fast.into()))
    }

    async fn make_account(&self, params: gateway::RegisterParams) -> Result<Grant, Denied> {
        self.must_take_sessions()?;
        let _occupied = self.link.occupy();
        self.services.rates.registration(self.device, Instant::now())?;
        let params = params.get()?;
        let display_name = params.get_display_name()?.to_str()?.to_owned();
        let credentials = Credentials::read(
            params.get_username()?,
            params.get_password()?,
            params.get_token()?,
            params.get_device_name()?,
        )?;
        if display_name.len() > DISPLAY_NAME_BYTES_MAX {
            return Err(ErrorCode::TooLarge.into());
        }
        password_rules::must_be_good(&credentials.password)?;
        // Only to spare a hash: whether the name is free is decided when the command is applied.
        let taken = user_by_name(&self.services.view(), &credentials.username)?.is_some();
        if taken && session_by_token(&self.services.view(), &credentials.token)?.is_none() {
            return Err(ErrorCode::UsernameTaken.into());
        }
        if self.services.room.refuses_words() && session_by_token(&self.services.view(), &credentials.token)?.is_none()
        {
            return Err(ErrorCode::StorageFull.into());
        }
        let Credentials { username, password, token, device_name } = credentials;
        let asker = Asker { device: self.device, account: None };
        let verifier = self.services.passwords.ask(asker, move |hasher| hasher.hash(&password)).await?;
        let (device, address) = (self.device, self.address());
        let register = Register { username, display_name, verifier, device, device_name, token, address };
        self.open_session(Command::Register(register)).await
    }

    async fn open_by_password(&self, params: gateway::LoginParams) -> Result<Grant, Denied> {
        self.must_take_sessions()?;
        let _occupied = self.link.occupy();
        self.services.rates.hash(self.device, Instant::now())?;
        let params = params.get()?;
        let credentials = Credentials::read(
            params.get_username()?,
            params.get_password()?,
            params.get_token()?,
            params.get_device_name()?,
        )?;
        let Credentials { username, password, token, device_name } = credentials;
        // Somebody who registered elsewhere a moment ago must be known here.
        if !self.services.is_up_to_date().await {
            return Err(Denied::later(ErrorCode::NoLeader));
        }
        let (view, device) = (self.services.view(), self.device);
        let found = user_by_name(&view, &username)?.map(|user| user.id);
        let own_device = found.map(|user| knows_device(&view, user, device)).transpose()?.unwrap_or(false);
        let source = if own_device { Source::OwnDevice(device) } else { Source::Stranger(device) };
        let (stored, verifier_version) = found.map(|user| verifier(&view, user)).transpose()?.flatten().unzip();
        // Who is a stranger waits as one, so that nobody takes an owner's turns.
        let asker = Asker { device, account: found.filter(|_| own_device) };
        let claim = Claim { username: &username, source, password, verifier: stored };
        self.services.must_be_right(asker, claim, |_| Ok(())).await?;
        let (Some(user), Some(verifier_version)) = (found, verifier_version) else {
            return Err(ErrorCode::WrongCredentials.into());
        };
        let address = self.address();
        let command = OpenSession { user, verifier_version, device, device_name, token, address };
        self.open_session(Command::OpenSession(command)).await
    }

    async fn open_session(&self, command: Command) -> Result<Grant, Denied> {
        match answer::done(self.services.proposer.propose(&command, SESSION_ROWS, PROPOSE_LIMIT).await)? {
            Done::SessionOpened { session, .. } => Ok(Grant { record: self.session(session)?, fresh: true }),
            _ => Err(answer::impossible()),
        }
    }

    fn session(&self, id: SessionId) -> Result<SessionRecord, Denied> {
        session(&self.services.view(), id)?.ok_or_else(|| ErrorCode::SessionEnded.into())
    }

    async fn take_up(&self, params: gateway::ResumeParams) -> Result<Grant, Denied> {
        self.may_knock()?;
        self.must_take_sessions()?;
        let _occupied = self.link.occupy();
        let params = params.get()?;
        let token = token_hash(params.get_token()?)?;
        let seen = params.get_seen()?.get_bytes()?;
        let linearizable = matches!(params.get_freshness(), Ok(Freshness::Linearizable));
        let fresh = linearizable && self.services.is_up_to_date().await;
        if !seen.is_empty() {
            let cursor = self.services.own_cursor(seen)?;
            self.services.reach(&self.link, self.device, cursor).await?;
        }
        let found = session_by_token(&self.services.view(), &token)?;
        // On another device a token is worth nothing, and who brings it there learns nothing.
        let record = found.filter(|record| record.device == self.device).ok_or(ErrorCode::SessionEnded)?;
        Ok(Grant { record, fresh })
    }

    /// The IP address that the device speaks from at present.
    fn address(&self) -> String {
        self.link.connection().remote_address().ip().to_canonical().to_string()
    }

    fn introduce(&self, mut results: gateway::hello_results::Builder<'_>, level: Level) {
        let status = self.services.raft.status();
        let identity = &self.services.raft.stores().identity;
        let members = status.membership.membership.members;
        results.set_cluster(identity.cluster.as_str());
        results.set_node(identity.node.0);
        results.set_version(env!("CARGO_PKG_VERSION"));
        results.set_time_ms(self.services.clock.time().0);
        results.set_level(level.0);
        let mut nodes = results.init_nodes(u32::try_from(members.len()).unwrap_or(u32::MAX));
        for (at, (node, member)) in (0..).zip(&members) {
            let mut address = nodes.reborrow().get(at);
            address.set_id(node.0);
            address.set_address(member.client_address.as_str());
        }
    }

    fn grant(&self, mut builder: granted::Builder<'_>, grant: Grant) -> Result<(), Denied> {
        let Grant { record, fresh } = grant;
        let context = SessionContext::new(self.services.clone(), &record, self.link.clone(), &self.address());
        // Looked at after it is live: whoever ends it from here on tells it so.
        let view = self.services.view();
        if session(&view, record.id)?.is_none() {
            return Err(ErrorCode::SessionEnded.into());
        }
        let user = user(&view, record.user)?.ok_or(ErrorCode::SessionEnded)?;
        builder.set_session_id(record.id.0);
        builder.set_fresh(fresh);
        builder.set_time_ms(self.services.clock.time().0);
        builder.set_highest_request(highest_request(&view, &record)?.0);
        builder.reborrow().init_seen().set_bytes(&self.services.cursor(&view)?.to_bytes());
        builder.set_session(capnp_rpc::new_client(SessionService::new(context)));
        wire::write_user(builder.init_user(), &self.services.online(record.user, user));
        Ok(())
    }
}

impl Credentials {
    fn read(
        username: capnp::text::Reader<'_>,
        password: capnp::text::Reader<'_>,
        token: &[u8],
        device_name: capnp::text::Reader<'_>,
    ) -> Result<Self, Denied> {
        let username = username.to_str()?.parse().map_err(|_| ErrorCode::MalformedUsername)?;
        let password = answer::password(password)?;
        let device_name = device_name.to_str()?.to_owned();
        if device_name.len() > DEVICE_NAME_BYTES_MAX {
            return Err(ErrorCode::TooLarge.into());
        }
        if password.is_empty() {
            return Err(ErrorCode::EmptyPassword.into());
        }
        Ok(Self { username, password, token: token_hash(token)?, device_name })
    }
}

fn token_hash(token: &[u8]) -> Result<TokenHash, Denied> {
    if token.len() == TOKEN_BYTES {
        return Ok(TokenHash(Sha256::digest(token).into()));
    }
    Err(ErrorCode::MalformedRequest.into())
}

impl gateway::Server for GatewayService {
    async fn hello(
        self: Rc<Self>,
        _params: gateway::HelloParams,
        mut results: gateway::HelloResults,
    ) -> Result<(), capnp::Error> {
        let level = self.may_knock().and_then(|()| Ok(level(&self.services.view())?));
        answer!(results, level, |level| self.introduce(results.get(), level))
    }

    async fn register(
        self: Rc<Self>,
        params: gateway::RegisterParams,
        mut results: gateway::RegisterResults,
    ) -> Result<(), capnp::Error> {
        let granted = self.make_account(params).await;
        answer!(results, granted.and_then(|grant| self.grant(results.get().init_granted(), grant)))
    }

    async fn login(
        self: Rc<Self>,
        params: gateway::LoginParams,
        mut results: gateway::LoginResults,
    ) -> Result<(), capnp::Error> {
        let granted = self.open_by_password(params).await;
        answer!(results, granted.and_then(|grant| self.grant(results.get().init_granted(), grant)))
    }

    async fn resume(
        self: Rc<Self>,
        params: gateway::ResumeParams,
        mut results: gateway::ResumeResults,
    ) -> Result<(), capnp::Error> {
        let granted = self.take_up(params).await;
        answer!(results, granted.and_then(|grant| self.grant(results.get().init_granted(), grant)))
    }

    async fn status(
        self: Rc<Self>,
        _params: gateway::StatusParams,
        mut results: gateway::StatusResults,
    ) -> Result<(), capnp::Error> {
        let status = self.may_knock().and_then(|()| Ok(self.services.status()?));
        answer!(results, status, |status| wire::write_status(results.get().init_status(), &status))
    }
}

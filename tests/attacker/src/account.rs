//! What is said to become somebody, and as somebody. Every parameter is the attacker's to choose.

use std::time::{SystemTime, UNIX_EPOCH};

use raftchat_schema::budgets::CHANGES_AHEAD_MAX;
use raftchat_schema::command::{AccountAct, Act, Profile};
use raftchat_schema::generated::act_capnp::done;
use raftchat_schema::generated::client_capnp::{conversation, gateway, request_stamp, session};
use raftchat_schema::generated::types_capnp::refusal;
use raftchat_schema::id::{SessionId, UserId};
use raftchat_schema::wire::write_act;
use sha2::{Digest as _, Sha256};

use crate::frames::{Method, Question, Target, call, interface};
use crate::line::{GATEWAY, Line};
use crate::quic::Device;
use crate::report::Trouble;

/// What every account of the attacker has for a password.
pub(crate) const PASSWORD: &str = "mallory's own";
/// From the answer to a login to its session.
const SESSION: &[u16] = &[0, 0];
/// From the answer that gives a conversation to it.
const CONVERSATION: &[u16] = &[0];

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // An attack with fewer different names is one, too.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

/// A name that nobody has.
pub(crate) fn fresh_name() -> String {
    format!("m{:016x}", u64::from_le_bytes(random()))
}

/// A number for a request, as clients of today choose it: the time.
pub(crate) fn now_number() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn gateway(method: u16) -> Method {
    Method(interface::<gateway::Client>(), method)
}

pub(crate) fn session(method: u16) -> Method {
    Method(interface::<session::Client>(), method)
}

pub(crate) fn conversation(method: u16) -> Method {
    Method(interface::<conversation::Client>(), method)
}

/// The session that the answer to a login, a registration or a `resume` gives.
pub(crate) fn session_of(question: Question) -> Target<'static> {
    Target::Answer(question, SESSION)
}

/// The conversation that an answer gives.
pub(crate) fn conversation_of(question: Question) -> Target<'static> {
    Target::Answer(question, CONVERSATION)
}

pub(crate) fn hello(question: Question) -> Vec<u8> {
    call::<gateway::hello_params::Owned>(question, GATEWAY, gateway(0), |_| ())
}

pub(crate) fn status(question: Question) -> Vec<u8> {
    call::<gateway::status_params::Owned>(question, GATEWAY, gateway(4), |_| ())
}

pub(crate) fn register(question: Question, name: &str, token: &[u8]) -> Vec<u8> {
    call::<gateway::register_params::Owned>(question, GATEWAY, gateway(1), |mut params| {
        params.set_username(name);
        params.set_password(PASSWORD);
        params.set_token(token);
        params.set_device_name("hostile");
    })
}

pub(crate) fn login(question: Question, name: &str, password: &str, token: &[u8]) -> Vec<u8> {
    call::<gateway::login_params::Owned>(question, GATEWAY, gateway(2), |mut params| {
        params.set_username(name);
        params.set_password(password);
        params.set_token(token);
        params.set_device_name("hostile");
    })
}

pub(crate) fn resume(question: Question, token: &[u8], seen: &[u8]) -> Vec<u8> {
    call::<gateway::resume_params::Owned>(question, GATEWAY, gateway(3), |mut params| {
        params.set_token(token);
        params.init_seen().set_bytes(seen);
    })
}

/// A cursor that no node gets to.
pub(crate) fn far_cursor(device: &Device) -> Vec<u8> {
    cursor(device, u64::MAX - 1)
}

/// A cursor that a node may get to in a moment, and so waits for.
pub(crate) fn near_cursor(device: &Device) -> Vec<u8> {
    cursor(device, CHANGES_AHEAD_MAX - 1)
}

fn cursor(device: &Device, change: u64) -> Vec<u8> {
    let cluster = Sha256::digest(device.cluster.as_bytes());
    let mut cursor = vec![1];
    cursor.extend(cluster.iter().take(8));
    cursor.extend([0; 4]);
    cursor.extend(change.to_be_bytes());
    cursor
}

fn stamp(mut builder: request_stamp::Builder<'_>, number: u64) {
    builder.set_number(number);
    // Everything before it is said to be settled, which nobody can take back.
    builder.set_acknowledged_below(number);
}

fn perform(question: Question, who: Target<'_>, number: u64, act: AccountAct) -> Vec<u8> {
    call::<session::perform_params::Owned>(question, who, session(7), |mut params| {
        stamp(params.reborrow().init_request(), number);
        write_act(params.init_act(), &Act::Account(act));
    })
}

/// Longer than any list that a node takes, if wanted.
pub(crate) fn create_group(question: Question, who: Target<'_>, number: u64, members: &[u64]) -> Vec<u8> {
    let (title, members) = ("everybody".to_owned(), members.iter().copied().map(UserId).collect());
    perform(question, who, number, AccountAct::CreateGroup { title, members })
}

pub(crate) fn rename_self(question: Question, who: Target<'_>, number: u64, name: &str) -> Vec<u8> {
    let profile = Profile { display_name: Some(name.to_owned()), ..Profile::default() };
    perform(question, who, number, AccountAct::SetProfile(profile))
}

pub(crate) fn end_other_sessions(question: Question, who: Target<'_>, number: u64) -> Vec<u8> {
    perform(question, who, number, AccountAct::EndOtherSessions)
}

pub(crate) fn logout(question: Question, account: &Account, number: u64) -> Vec<u8> {
    perform(question, account.session(), number, AccountAct::EndSession(account.id))
}

pub(crate) fn change_password(question: Question, who: Target<'_>, number: u64, old: &str, new: &str) -> Vec<u8> {
    call::<session::change_password_params::Owned>(question, who, session(10), |mut params| {
        stamp(params.reborrow().init_request(), number);
        params.set_old_password(old);
        params.set_new_password(new);
    })
}

pub(crate) fn catch_up(question: Question, who: Target<'_>) -> Vec<u8> {
    call::<session::catch_up_params::Owned>(question, who, session(6), |_| ())
}

pub(crate) fn attend(question: Question, who: Target<'_>, beat_ms: u32) -> Vec<u8> {
    call::<session::attend_params::Owned>(question, who, session(14), |mut params| params.set_beat_ms(beat_ms))
}

pub(crate) fn send(question: Question, who: Target<'_>, payload: &[u8], mentions: &[u64]) -> Vec<u8> {
    call::<conversation::send_params::Owned>(question, who, conversation(0), |mut params| {
        let id: [u8; 16] = random();
        let (high, low) = id.split_at(8);
        let mut message = params.reborrow().init_message_id();
        message.set_high(number(high));
        message.set_low(number(low));
        params.set_payload(payload);
        let _ = params.set_mentions(mentions);
    })
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

pub(crate) fn history(question: Question, who: Target<'_>, limit: u32) -> Vec<u8> {
    call::<conversation::history_params::Owned>(question, who, conversation(1), |mut params| params.set_limit(limit))
}

/// A session of the attacker's own on a line.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) token: [u8; 32],
    pub(crate) id: SessionId,
    /// Under which answer the session is.
    pub(crate) question: Question,
}

impl Account {
    /// Registers somebody new; tried again while the node has no turn for it.
    pub(crate) async fn new(line: &mut Line) -> Result<Self, Trouble> {
        let mut refused = String::new();
        for _ in 0..100 {
            let (name, token, question) = (fresh_name(), random(), line.question());
            line.say(&register(question, &name, &token)).await?;
            let answer = line.answer(question).await?;
            let results = answer.results::<gateway::register_results::Owned>()?;
            if !results.has_refused() {
                let id = SessionId(results.get_granted()?.get_session_id());
                return Ok(Self { name, token, id, question });
            }
            refused = told(results.get_refused()?);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Err(format!("nobody can register: {refused}").into())
    }

    /// The same session on another line.
    pub(crate) async fn again(&self, line: &mut Line) -> Result<Self, Trouble> {
        let question = line.question();
        line.say(&resume(question, &self.token, &[])).await?;
        let answer = line.answer(question).await?;
        let results = answer.results::<gateway::resume_results::Owned>()?;
        if results.has_refused() {
            return Err(told(results.get_refused()?).into());
        }
        Ok(Self { name: self.name.clone(), token: self.token, id: self.id, question })
    }

    pub(crate) fn session(&self) -> Target<'static> {
        session_of(self.question)
    }

    /// A group of oneself alone: the question under which its conversation is.
    pub(crate) async fn own_group(&self, line: &mut Line) -> Result<Question, Trouble> {
        let question = line.question();
        line.say(&create_group(question, self.session(), now_number(), &[])).await?;
        let answer = line.answer(question).await?;
        let results = answer.results::<session::perform_results::Owned>()?;
        if results.has_refused() {
            return Err(told(results.get_refused()?).into());
        }
        let done::Which::GroupCreated(group) = results.get_done()?.which()? else { return Err("no group".into()) };
        let question = line.question();
        line.say(&call::<session::conversation_params::Owned>(question, self.session(), session(3), |mut params| {
            params.set_id(group);
        }))
        .await?;
        let answer = line.answer(question).await?;
        let results = answer.results::<session::conversation_results::Owned>()?;
        if results.has_refused() { Err(told(results.get_refused()?).into()) } else { Ok(question) }
    }

    /// Everybody there is.
    pub(crate) async fn everybody(&self, line: &mut Line) -> Result<Vec<u64>, Trouble> {
        let mut all = Vec::new();
        loop {
            let (question, after) = (line.question(), all.last().copied().unwrap_or(0));
            line.say(&call::<session::users_params::Owned>(question, self.session(), session(1), |mut params| {
                params.set_after(after);
            }))
            .await?;
            let answer = line.answer(question).await?;
            let results = answer.results::<session::users_results::Owned>()?;
            for user in results.get_users()? {
                all.push(user.get_id());
            }
            if !results.get_more() {
                return Ok(all);
            }
        }
    }
}

/// The code of a refusal.
pub(crate) fn told(refusal: refusal::Reader<'_>) -> String {
    refusal.get_code().map_or_else(|unknown| unknown.to_string(), |code| format!("{code:?}"))
}

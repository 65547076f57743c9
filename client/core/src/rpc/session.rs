//! What a session is asked for besides acts: who there is, which conversations, the feed, and the account itself. Knows
//! nothing of what is said.

use std::time::Duration;

use raftchat_schema::command::{OtherSessions, OwnMessages};
use raftchat_schema::generated::client_capnp::{conversation, receiver, session, subscription};
use raftchat_schema::id::{ConversationId, NodeId, RequestNumber, SessionId, UserId, Username};
use raftchat_schema::view::{ConversationView, SessionEntry, UserView};
use raftchat_schema::wire::{read_conversation, read_session_entry, read_user};

use super::parts::{Part, stamp};
use crate::options::Target;
use crate::rpc::failure::Failure;

/// The user, the session, and the node that says so.
pub(crate) async fn whoami(session: &session::Client) -> Result<(UserView, SessionId, NodeId), Failure> {
    let response = ask!(session, whoami_request);
    let results = unless_refused!(response);
    Ok((read_user(results.get_user()?)?, SessionId(results.get_session_id()), NodeId(results.get_node())))
}

pub(crate) async fn users(session: &session::Client, after: UserId) -> Result<Part<UserView>, Failure> {
    let response = ask!(session, users_request, |params| params.set_after(after.0));
    let results = unless_refused!(response);
    Ok((read_all!(results.get_users(), read_user), results.get_more()))
}

/// Who has, or once had, that name.
pub(crate) async fn user(session: &session::Client, username: &Username) -> Result<UserView, Failure> {
    let response = ask!(session, user_request, |params| params.set_username(username.as_str()));
    Ok(read_user(unless_refused!(response).get_user()?)?)
}

pub(crate) async fn blocked(session: &session::Client) -> Result<Vec<UserView>, Failure> {
    let response = ask!(session, blocked_request);
    Ok(read_all!(unless_refused!(response).get_users(), read_user))
}

pub(crate) async fn sessions(session: &session::Client) -> Result<Vec<SessionEntry>, Failure> {
    let response = ask!(session, sessions_request);
    Ok(read_all!(unless_refused!(response).get_sessions(), read_session_entry))
}

pub(crate) async fn conversations(
    session: &session::Client,
    after: ConversationId,
) -> Result<Part<ConversationView>, Failure> {
    let response = ask!(session, conversations_request, |params| params.set_after(after.0));
    let results = unless_refused!(response);
    Ok((read_all!(results.get_conversations(), read_conversation), results.get_more()))
}

/// The capability of a conversation, and the conversation as it is now.
pub(crate) async fn open(
    session: &session::Client,
    target: &Target,
) -> Result<(conversation::Client, ConversationView), Failure> {
    // Three methods with the same results, which are three types to the compiler.
    macro_rules! opened {
        ($response:expr) => {{
            let response = $response;
            let results = unless_refused!(response);
            Ok((results.get_conversation()?, read_conversation(results.get_state()?)?))
        }};
    }
    match target {
        Target::User(username) => {
            opened!(ask!(session, direct_request, |params| params.set_username(username.as_str())))
        }
        Target::Person(user) => opened!(ask!(session, direct_with_request, |params| params.set_user(user.0))),
        Target::Conversation(id) => opened!(ask!(session, conversation_request, |params| params.set_id(id.0))),
    }
}

/// When a node begins to push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// At once.
    Now,
    /// When it is told to, or suspects that node.
    When(NodeId),
}

/// Has `receiver` called with every change after `from`; an empty cursor is the beginning.
pub(crate) async fn subscribe(
    session: &session::Client,
    from: &[u8],
    receiver: receiver::Client,
    begin: Begin,
) -> Result<subscription::Client, Failure> {
    let response = ask!(session, subscribe_request, |params| {
        params.reborrow().init_from().set_bytes(from);
        params.set_receiver(receiver);
        if let Begin::When(node) = begin {
            params.set_armed(true);
            params.set_watching(node.0);
        }
    });
    Ok(unless_refused!(response).get_subscription()?)
}

/// Tells the node of an armed subscription that this device holds everything up to there.
pub(crate) async fn advance(subscription: &subscription::Client, upto: &[u8]) -> Result<(), Failure> {
    ask!(subscription, advance_request, |params| params.reborrow().init_upto().set_bytes(upto));
    Ok(())
}

/// Has the node of an armed subscription push what comes after `from`.
pub(crate) async fn activate(subscription: &subscription::Client, from: &[u8]) -> Result<(), Failure> {
    ask!(subscription, activate_request, |params| params.reborrow().init_from().set_bytes(from));
    Ok(())
}

/// Asks the node to be heard at least each `beat`, zero: not at all; gives what it will do.
pub(crate) async fn attend(session: &session::Client, beat: Duration) -> Result<Duration, Failure> {
    let asked = u32::try_from(beat.as_millis()).unwrap_or(u32::MAX);
    let response = ask!(session, attend_request, |params| params.set_beat_ms(asked));
    Ok(Duration::from_millis(u64::from(unless_refused!(response).get_beat_ms())))
}

/// Tells the node that this device was shown everything up to there. Sent before this returns: it holds for what is asked
/// after it, whether or not its answer was awaited.
pub(crate) fn have_seen(
    session: &session::Client,
    upto: &[u8],
) -> impl Future<Output = Result<(), capnp::Error>> + 'static {
    let mut request = session.have_seen_request();
    request.get().init_upto().set_bytes(upto);
    let sent = request.send().promise;
    async move { sent.await.map(drop) }
}

/// How far a node has applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The cursor after the last change.
    pub cursor: Vec<u8>,
    /// A majority has confirmed that nothing acknowledged to anybody before the question is missing.
    pub fresh: bool,
}

/// Asks once everything acknowledged before this call is applied, or no majority answers in time.
pub(crate) async fn catch_up(session: &session::Client) -> Result<Applied, Failure> {
    let response = ask!(session, catch_up_request);
    let results = unless_refused!(response);
    Ok(Applied { cursor: results.get_seen()?.get_bytes()?.to_vec(), fresh: results.get_fresh() })
}

pub(crate) async fn delete_account(
    session: &session::Client,
    number: RequestNumber,
    password: &str,
    messages: OwnMessages,
) -> Result<(), Failure> {
    let response = ask!(session, delete_account_request, |params| {
        stamp(params.reborrow().init_request(), number);
        params.set_password(password);
        params.set_erase_messages(messages == OwnMessages::Erase);
    });
    unless_refused!(response);
    Ok(())
}

/// An old and a new password, and what becomes of the user's other sessions.
pub(crate) struct PasswordChange<'a> {
    pub(crate) old: &'a str,
    pub(crate) new: &'a str,
    pub(crate) others: OtherSessions,
}

pub(crate) async fn change_password(
    session: &session::Client,
    number: RequestNumber,
    change: &PasswordChange<'_>,
) -> Result<(), Failure> {
    let response = ask!(session, change_password_request, |params| {
        stamp(params.reborrow().init_request(), number);
        params.set_old_password(change.old);
        params.set_new_password(change.new);
        params.set_keep_other_sessions(change.others == OtherSessions::Keep);
    });
    unless_refused!(response);
    Ok(())
}

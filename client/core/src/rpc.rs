//! The calls of the client interface, one function each: plain values in, plain values and capabilities out. Knows
//! nothing of repeating them.

use raftchat_schema::generated::client_capnp::{
    Freshness, conversation, gateway, granted, receiver, request_stamp, session, subscription,
};
use raftchat_schema::id::{
    ConversationId, MessageId, NodeId, Position, RequestNumber, SessionId, Stamp, UserId, Username,
};
use raftchat_schema::view::{ConversationView, MessageView, NodeStatus, UserView};
use raftchat_schema::wire::{read_conversation, read_message, read_refusal, read_status, read_user, write_message_id};

use crate::call::Failure;
use crate::client::Target;
use crate::profile::NodeEntry;
use crate::session_file::SessionToken;

/// Where a message was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// In which conversation.
    pub conversation: ConversationId,
    /// At which position.
    pub position: Position,
    /// When the leader took it.
    pub sent_at: Stamp,
    /// The node that answered.
    pub node: NodeId,
}

/// A session as a node grants it.
pub(crate) struct Granted {
    pub(crate) client: session::Client,
    pub(crate) session: SessionId,
    pub(crate) user: UserView,
    /// A majority confirmed that nothing acknowledged before is missing.
    pub(crate) fresh: bool,
    /// As far as the node has applied.
    pub(crate) seen: Vec<u8>,
}

/// A part of a list, and whether there is more.
pub(crate) type Page<T> = (Vec<T>, bool);

/// The results of a call, or the refusal in them as the failure of the function that asks.
macro_rules! unless_refused {
    ($response:expr) => {{
        let results = $response.get()?;
        if results.has_refused() {
            return Err(read_refusal(results.get_refused()?).into());
        }
        results
    }};
}

fn stamp(mut builder: request_stamp::Builder<'_>, number: RequestNumber) {
    builder.set_number(number.0);
    // Several programs may use the session: none knows what the others have outstanding.
    builder.set_acknowledged_below(0);
}

/// The nodes that a node tells of.
pub(crate) async fn hello(gateway: &gateway::Client) -> Result<Vec<NodeEntry>, capnp::Error> {
    let response = gateway.hello_request().send().promise.await?;
    let nodes = response.get()?.get_nodes()?;
    let entry = |node: raftchat_schema::generated::client_capnp::node_address::Reader<'_>| {
        Ok(NodeEntry { node: node.get_id(), address: node.get_address()?.to_str()?.to_owned() })
    };
    nodes.iter().map(entry).collect()
}

/// What a session is asked for with.
pub(crate) struct Account<'a> {
    pub(crate) username: &'a Username,
    pub(crate) password: &'a str,
    pub(crate) token: &'a SessionToken,
    pub(crate) device_name: &'a str,
}

pub(crate) async fn register(
    gateway: &gateway::Client,
    account: &Account<'_>,
    display_name: &str,
) -> Result<Granted, Failure> {
    let mut request = gateway.register_request();
    let mut params = request.get();
    params.set_username(account.username.as_str());
    params.set_display_name(display_name);
    params.set_password(account.password);
    params.set_token(account.token.bytes());
    params.set_device_name(account.device_name);
    let response = request.send().promise.await?;
    read_granted(unless_refused!(response).get_granted()?)
}

pub(crate) async fn login(gateway: &gateway::Client, account: &Account<'_>) -> Result<Granted, Failure> {
    let mut request = gateway.login_request();
    let mut params = request.get();
    params.set_username(account.username.as_str());
    params.set_password(account.password);
    params.set_token(account.token.bytes());
    params.set_device_name(account.device_name);
    let response = request.send().promise.await?;
    read_granted(unless_refused!(response).get_granted()?)
}

/// Takes the session up, with everything that was acknowledged to anybody if a majority answers.
pub(crate) async fn resume(gateway: &gateway::Client, token: &SessionToken, seen: &[u8]) -> Result<Granted, Failure> {
    let mut request = gateway.resume_request();
    let mut params = request.get();
    params.set_token(token.bytes());
    params.reborrow().init_seen().set_bytes(seen);
    params.set_freshness(Freshness::Linearizable);
    let response = request.send().promise.await?;
    read_granted(unless_refused!(response).get_granted()?)
}

fn read_granted(granted: granted::Reader<'_>) -> Result<Granted, Failure> {
    Ok(Granted {
        client: granted.get_session()?,
        session: SessionId(granted.get_session_id()),
        user: read_user(granted.get_user()?)?,
        fresh: granted.get_fresh(),
        seen: granted.get_seen()?.get_bytes()?.to_vec(),
    })
}

pub(crate) async fn status(gateway: &gateway::Client) -> Result<NodeStatus, Failure> {
    let response = gateway.status_request().send().promise.await?;
    Ok(read_status(response.get()?.get_status()?)?)
}

/// The user, the session, and the node that says so.
pub(crate) async fn whoami(session: &session::Client) -> Result<(UserView, SessionId, NodeId), Failure> {
    let response = session.whoami_request().send().promise.await?;
    let results = response.get()?;
    Ok((read_user(results.get_user()?)?, SessionId(results.get_session_id()), NodeId(results.get_node())))
}

pub(crate) async fn users(session: &session::Client, after: UserId) -> Result<Page<UserView>, Failure> {
    let mut request = session.users_request();
    request.get().set_after(after.0);
    let response = request.send().promise.await?;
    let results = unless_refused!(response);
    let users = results.get_users()?.iter().map(read_user).collect::<Result<_, _>>()?;
    Ok((users, results.get_more()))
}

pub(crate) async fn conversations(
    session: &session::Client,
    after: ConversationId,
) -> Result<Page<ConversationView>, Failure> {
    let mut request = session.conversations_request();
    request.get().set_after(after.0);
    let response = request.send().promise.await?;
    let results = unless_refused!(response);
    let conversations = results.get_conversations()?.iter().map(read_conversation).collect::<Result<_, _>>()?;
    Ok((conversations, results.get_more()))
}

/// The capability of a conversation, and the conversation as it is now.
pub(crate) async fn open(
    session: &session::Client,
    target: &Target,
) -> Result<(conversation::Client, ConversationView), Failure> {
    match target {
        Target::User(username) => {
            let mut request = session.direct_request();
            request.get().set_username(username.as_str());
            let response = request.send().promise.await?;
            let results = unless_refused!(response);
            Ok((results.get_conversation()?, read_conversation(results.get_state()?)?))
        }
        Target::Conversation(id) => {
            let mut request = session.conversation_request();
            request.get().set_id(id.0);
            let response = request.send().promise.await?;
            let results = unless_refused!(response);
            Ok((results.get_conversation()?, read_conversation(results.get_state()?)?))
        }
    }
}

/// Has `receiver` called with every change after `from`; an empty cursor is the beginning.
pub(crate) async fn subscribe(
    session: &session::Client,
    from: &[u8],
    receiver: receiver::Client,
) -> Result<subscription::Client, Failure> {
    let mut request = session.subscribe_request();
    let mut params = request.get();
    params.reborrow().init_from().set_bytes(from);
    params.set_receiver(receiver);
    let response = request.send().promise.await?;
    Ok(unless_refused!(response).get_subscription()?)
}

/// As far as the node has applied, after it has applied everything acknowledged before this call, if a majority answers.
pub(crate) async fn catch_up(session: &session::Client) -> Result<Vec<u8>, Failure> {
    let response = session.catch_up_request().send().promise.await?;
    Ok(response.get()?.get_seen()?.get_bytes()?.to_vec())
}

pub(crate) async fn logout(session: &session::Client, number: RequestNumber) -> Result<(), Failure> {
    let mut request = session.logout_request();
    stamp(request.get().init_request(), number);
    let response = request.send().promise.await?;
    unless_refused!(response);
    Ok(())
}

pub(crate) async fn delete_account(
    session: &session::Client,
    number: RequestNumber,
    password: &str,
) -> Result<(), Failure> {
    let mut request = session.delete_account_request();
    let mut params = request.get();
    stamp(params.reborrow().init_request(), number);
    params.set_password(password);
    let response = request.send().promise.await?;
    unless_refused!(response);
    Ok(())
}

pub(crate) async fn send(
    conversation: &conversation::Client,
    message_id: MessageId,
    payload: &[u8],
) -> Result<Sent, Failure> {
    let mut request = conversation.send_request();
    let mut params = request.get();
    write_message_id(params.reborrow().init_message_id(), message_id);
    params.set_payload(payload);
    let response = request.send().promise.await?;
    let results = unless_refused!(response);
    Ok(Sent {
        conversation: ConversationId(results.get_conversation()),
        position: Position(results.get_position()),
        sent_at: Stamp(results.get_sent_at_ms()),
        node: NodeId(results.get_node()),
    })
}

/// The newest messages below `before` (0: the newest of all), ascending; fewer than `limit` where they are large.
pub(crate) async fn history(
    conversation: &conversation::Client,
    before: Position,
    limit: u32,
) -> Result<Vec<MessageView>, Failure> {
    let mut request = conversation.history_request();
    let mut params = request.get();
    params.set_before(before.0);
    params.set_limit(limit);
    let response = request.send().promise.await?;
    let messages = unless_refused!(response).get_messages()?;
    Ok(messages.iter().map(read_message).collect::<Result<_, _>>()?)
}

pub(crate) async fn delete(
    conversation: &conversation::Client,
    number: RequestNumber,
    position: Position,
) -> Result<(), Failure> {
    let mut request = conversation.delete_request();
    let mut params = request.get();
    stamp(params.reborrow().init_request(), number);
    params.set_position(position.0);
    let response = request.send().promise.await?;
    unless_refused!(response);
    Ok(())
}

/// Moves the read mark to `position`; 0: to the last message.
pub(crate) async fn mark_read(
    conversation: &conversation::Client,
    number: RequestNumber,
    position: Position,
) -> Result<(), Failure> {
    let mut request = conversation.mark_read_request();
    let mut params = request.get();
    stamp(params.reborrow().init_request(), number);
    params.set_position(position.0);
    let response = request.send().promise.await?;
    unless_refused!(response);
    Ok(())
}

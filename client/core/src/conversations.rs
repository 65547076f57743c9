//! Reading and doing in conversations, and who there is. Knows nothing of how one logs in.

use std::rc::Rc;

use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::conversation;
use raftchat_schema::id::{ConversationId, MessageId, Position, UserId};
use raftchat_schema::limits::{HISTORY_PAGE_MAX, PAYLOAD_BYTES_MAX};
use raftchat_schema::view::{ConversationView, MessageView, UserView};

use crate::call::Failure;
use crate::client::Target;
use crate::error::ClientError;
use crate::repeat::Call;
use crate::rpc::{self, Sent};
use crate::worker::{Connected, Worker};

const SEND_ADVICE: &str = "; nothing was confirmed. It is safe to repeat with the same --message-id";
const CHANGE_ADVICE: &str = "; nothing was confirmed. It is safe to repeat";

pub(crate) async fn users(worker: Rc<Worker>) -> Result<Vec<UserView>, ClientError> {
    let call = Call::begin(&worker, "");
    let mut users: Vec<UserView> = Vec::new();
    loop {
        let after = users.last().map_or(UserId(0), |user| user.id);
        let (page, more) = call
            .repeat(async |connected| rpc::users(&worker.session(connected).await?.granted.client, after).await)
            .await?;
        goes_on(&page, more, |user| user.id > after)?;
        users.extend(page);
        if !more {
            return Ok(users);
        }
    }
}

pub(crate) async fn all(worker: Rc<Worker>) -> Result<Vec<ConversationView>, ClientError> {
    let call = Call::begin(&worker, "");
    let mut conversations: Vec<ConversationView> = Vec::new();
    loop {
        let after = conversations.last().map_or(ConversationId(0), |conversation| conversation.id);
        let (page, more) = call
            .repeat(async |connected| rpc::conversations(&worker.session(connected).await?.granted.client, after).await)
            .await?;
        goes_on(&page, more, |conversation| conversation.id > after)?;
        conversations.extend(page);
        if !more {
            return Ok(conversations);
        }
    }
}

/// A list that promises more must come nearer to its end with each page.
fn goes_on<T>(page: &[T], more: bool, is_further: impl Fn(&T) -> bool) -> Result<(), ClientError> {
    if page.iter().all(is_further) && !(more && page.is_empty()) {
        return Ok(());
    }
    Err(ClientError::Program("the node's list does not go on where it was".to_owned()))
}

pub(crate) async fn one(worker: Rc<Worker>, target: Target) -> Result<ConversationView, ClientError> {
    Call::begin(&worker, "").repeat(async |connected| Ok(open(&worker, connected, &target).await?.1)).await
}

pub(crate) async fn history(
    worker: Rc<Worker>,
    target: Target,
    before: Option<Position>,
    limit: u32,
) -> Result<Vec<MessageView>, ClientError> {
    // For a node 0 is the end of the conversation; for who asks, nothing is before the first message.
    if limit == 0 || before.is_some_and(|before| before <= Position(1)) {
        return Ok(Vec::new());
    }
    let call = Call::begin(&worker, "");
    let mut before = before;
    let mut remaining = limit;
    let mut pages: Vec<Vec<MessageView>> = Vec::new();
    loop {
        let (upto, most) = (before.unwrap_or_default(), remaining.min(HISTORY_PAGE_MAX));
        let page = call
            .repeat(async |connected| rpc::history(&conversation(&worker, connected, &target).await?, upto, most).await)
            .await?;
        let Some(oldest) = page.first().map(|message| message.position) else { break };
        goes_on(&page, true, |message| before.is_none_or(|before| message.position < before))?;
        remaining = remaining.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
        pages.push(page);
        before = Some(oldest);
        // A page of large messages is shorter than asked for, so that only the first message is the end.
        if remaining == 0 || oldest <= Position(1) {
            break;
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

pub(crate) async fn send(
    worker: Rc<Worker>,
    target: Target,
    message_id: MessageId,
    payload: Vec<u8>,
) -> Result<Sent, ClientError> {
    // Every node would refuse it, and a frame beyond the link's limit would end the link instead.
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(ClientError::Refused(ErrorCode::TooLarge.into()));
    }
    Call::begin(&worker, SEND_ADVICE)
        .repeat(async |connected| {
            rpc::send(&conversation(&worker, connected, &target).await?, message_id, &payload).await
        })
        .await
}

pub(crate) async fn delete(worker: Rc<Worker>, target: Target, position: Position) -> Result<(), ClientError> {
    let number = worker.numbers.next();
    Call::begin(&worker, CHANGE_ADVICE)
        .repeat(async |connected| {
            rpc::delete(&conversation(&worker, connected, &target).await?, number, position).await
        })
        .await
}

pub(crate) async fn mark_read(
    worker: Rc<Worker>,
    target: Target,
    position: Option<Position>,
) -> Result<(), ClientError> {
    let number = worker.numbers.next();
    let position = position.unwrap_or_default();
    Call::begin(&worker, CHANGE_ADVICE)
        .repeat(async |connected| {
            rpc::mark_read(&conversation(&worker, connected, &target).await?, number, position).await
        })
        .await
}

/// The conversation's capability on this link; asked for once.
async fn conversation(
    worker: &Worker,
    connected: &Connected,
    target: &Target,
) -> Result<conversation::Client, Failure> {
    let held = worker.session(connected).await?.conversations.borrow().get(target).cloned();
    match held {
        Some(conversation) => Ok(conversation),
        None => Ok(open(worker, connected, target).await?.0),
    }
}

async fn open(
    worker: &Worker,
    connected: &Connected,
    target: &Target,
) -> Result<(conversation::Client, ConversationView), Failure> {
    let session = worker.session(connected).await?;
    let (conversation, view) = rpc::open(&session.granted.client, target).await?;
    session.conversations.borrow_mut().insert(target.clone(), conversation.clone());
    Ok((conversation, view))
}

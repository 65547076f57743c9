//! Reading conversations, and who there is. Knows nothing of how one logs in, and changes nothing.

use std::cmp::Reverse;
use std::rc::Rc;
use std::time::Duration;

use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, UserId, Username};
use raftchat_schema::limits::HISTORY_PAGE_MAX;
use raftchat_schema::view::{ConversationView, MemberView, MessageView, RevisionView, SessionEntry, UserView};
use tokio::time::{Instant, timeout};

use crate::call::pager::Pager;
use crate::call::repeat::Call;
use crate::error::ClientError;
use crate::link::node_link::NodeLink;
use crate::link::worker::Worker;
use crate::options::{Page, Target};
use crate::rpc::failure::Failure;
use crate::rpc::{self, Applied, Part};

/// A majority that takes longer to confirm a read is of no use to who waits for an answer.
const MAJORITY_ANSWERS_WITHIN: Duration = Duration::from_millis(700);
/// Beyond all messages.
const END: Position = Position(u64::MAX);

pub(crate) async fn users(worker: Rc<Worker>) -> Result<Vec<UserView>, ClientError> {
    let part = async |connected: &Rc<NodeLink>, after| {
        rpc::users(&worker.session(connected).await?.granted.client, after).await
    };
    every(&Call::begin(&worker, ""), UserId(0), |user: &UserView| user.id, part).await
}

pub(crate) async fn all(worker: Rc<Worker>) -> Result<Vec<ConversationView>, ClientError> {
    let part = async |connected: &Rc<NodeLink>, after| {
        rpc::conversations(&worker.session(connected).await?.granted.client, after).await
    };
    every(&Call::begin(&worker, ""), ConversationId(0), |conversation: &ConversationView| conversation.id, part).await
}

pub(crate) async fn members(worker: Rc<Worker>, target: Target) -> Result<Vec<MemberView>, ClientError> {
    let part = async |connected: &Rc<NodeLink>, after| {
        rpc::members(&worker.conversation(connected, &target).await?, after).await
    };
    every(&Call::begin(&worker, ""), UserId(0), |member: &MemberView| member.user.id, part).await
}

/// All of a list that nodes give in parts: those after the last of what is there, until there is no more.
async fn every<T, Id: Copy + Ord>(
    call: &Call,
    begin: Id,
    id: impl Fn(&T) -> Id,
    part: impl AsyncFn(&Rc<NodeLink>, Id) -> Result<Part<T>, Failure>,
) -> Result<Vec<T>, ClientError> {
    let (mut all, mut list) = (Vec::new(), Pager::after(begin));
    while let Some(after) = list.next() {
        let (some, more) = call.repeat(async |connected| part(connected, after).await).await?;
        list.take(some.iter().map(&id), more)?;
        all.extend(some);
    }
    Ok(all)
}

pub(crate) async fn user(worker: Rc<Worker>, username: Username) -> Result<UserView, ClientError> {
    Call::begin(&worker, "")
        .repeat(async |connected| rpc::user(&worker.session(connected).await?.granted.client, &username).await)
        .await
}

pub(crate) async fn blocked(worker: Rc<Worker>) -> Result<Vec<UserView>, ClientError> {
    Call::begin(&worker, "")
        .repeat(async |connected| rpc::blocked(&worker.session(connected).await?.granted.client).await)
        .await
}

pub(crate) async fn sessions(worker: Rc<Worker>) -> Result<Vec<SessionEntry>, ClientError> {
    Call::begin(&worker, "")
        .repeat(async |connected| rpc::sessions(&worker.session(connected).await?.granted.client).await)
        .await
}

pub(crate) async fn applied(worker: Rc<Worker>) -> Result<Applied, ClientError> {
    Call::begin(&worker, "")
        .repeat(async |connected| rpc::catch_up(&worker.session(connected).await?.granted.client).await)
        .await
}

/// A node that answers other questions, and this one not in time, has no majority: a follower of a leader that is cut off
/// does not know that by itself.
pub(crate) async fn has_majority(worker: Rc<Worker>) -> Result<bool, ClientError> {
    Call::begin(&worker, "")
        .repeat(async |connected| {
            let session = worker.session(connected).await?;
            if let Ok(applied) = timeout(MAJORITY_ANSWERS_WITHIN, rpc::catch_up(&session.granted.client)).await {
                return Ok(applied?.fresh);
            }
            rpc::status(&connected.gateway).await.map(|_| false)
        })
        .await
}

pub(crate) async fn one(worker: Rc<Worker>, target: Target) -> Result<ConversationView, ClientError> {
    Call::begin(&worker, "")
        .repeat(async |connected| match worker.held(connected, &target).await? {
            Some(conversation) => rpc::state(&conversation).await,
            None => Ok(worker.open(connected, &target).await?.1),
        })
        .await
}

pub(crate) async fn revisions(
    worker: Rc<Worker>,
    target: Target,
    position: Position,
) -> Result<Part<RevisionView>, ClientError> {
    Call::begin(&worker, "")
        .repeat(async |connected| rpc::revisions(&worker.conversation(connected, &target).await?, position).await)
        .await
}

pub(crate) async fn typing(worker: Rc<Worker>, target: Target, active: bool) -> Result<(), ClientError> {
    worker.announced.borrow_mut().typing(&target, active, Instant::now());
    Call::begin(&worker, "")
        .repeat(async |connected| rpc::typing(&worker.conversation(connected, &target).await?, active).await)
        .await
}

pub(crate) async fn history(
    worker: Rc<Worker>,
    target: Target,
    page: Page,
    limit: u32,
) -> Result<Vec<MessageView>, ClientError> {
    let reading = Reading { call: Call::begin(&worker, ""), worker: Rc::clone(&worker), target };
    match page {
        Page::Before(before) => reading.backwards(before, limit).await,
        Page::After(after) => reading.forwards(after, limit).await,
    }
}

/// Reading a conversation page by page.
struct Reading {
    call: Call,
    worker: Rc<Worker>,
    target: Target,
}

impl Reading {
    /// The newest `limit` messages below `before`, ascending.
    async fn backwards(&self, before: Option<Position>, limit: u32) -> Result<Vec<MessageView>, ClientError> {
        let mut remaining = limit;
        let mut pages: Vec<Vec<MessageView>> = Vec::new();
        let mut reading = Pager::after(Reverse(before.unwrap_or(END)));
        // For a node 0 is the end of the conversation; for who asks, nothing is before the first message.
        while let Some(Reverse(before)) = reading.next().filter(|before| remaining > 0 && before.0 > Position(1)) {
            let from = if before == END { Position(0) } else { before };
            let page = self.page(from, Position(0), remaining).await?;
            // A page of large messages is shorter than asked for, so that only an empty one is the end.
            reading.take(page.iter().map(|message| Reverse(message.position)), !page.is_empty())?;
            remaining = remaining.saturating_sub(rows(&page));
            pages.push(page);
        }
        Ok(pages.into_iter().rev().flatten().collect())
    }

    /// The oldest `limit` messages above `after`, ascending.
    async fn forwards(&self, mut after: Position, limit: u32) -> Result<Vec<MessageView>, ClientError> {
        let mut messages: Vec<MessageView> = Vec::new();
        if limit > 0 && after == Position(0) {
            // For a node 0 is no position to begin at: what is above it begins with the first message.
            messages = self.page(Position(2), Position(0), 1).await?;
            after = Position(1);
        }
        let mut reading = Pager::after(after);
        while let Some(after) = reading.next().filter(|_| rows(&messages) < limit) {
            let page = self.page(Position(0), after, limit.saturating_sub(rows(&messages))).await?;
            reading.take(page.iter().map(|message| message.position), !page.is_empty())?;
            messages.extend(page);
        }
        Ok(messages)
    }

    async fn page(&self, before: Position, after: Position, limit: u32) -> Result<Vec<MessageView>, ClientError> {
        let most = limit.min(HISTORY_PAGE_MAX);
        self.call
            .repeat(async |connected| {
                rpc::history(&self.worker.conversation(connected, &self.target).await?, before, after, most).await
            })
            .await
    }
}

fn rows(messages: &[MessageView]) -> u32 {
    u32::try_from(messages.len()).unwrap_or(u32::MAX)
}

/// The id of a conversation that has come into being.
pub(crate) async fn existing(worker: Rc<Worker>, target: Target) -> Result<ConversationId, ClientError> {
    if let Target::Conversation(id) = target {
        return Ok(id);
    }
    let id = async |connected: &Rc<NodeLink>| Ok::<_, Failure>(worker.open(connected, &target).await?.1.id);
    let call = Call::begin(&worker, "");
    let found = call.repeat(&id).await?;
    if found != ConversationId(0) {
        return Ok(found);
    }
    // Perhaps its first message came over another node a moment ago.
    let found = call
        .repeat(async |connected| {
            rpc::catch_up(&worker.session(connected).await?.granted.client).await?;
            id(connected).await
        })
        .await?;
    if found == ConversationId(0) { Err(ClientError::Refused(ErrorCode::NoSuchConversation.into())) } else { Ok(found) }
}

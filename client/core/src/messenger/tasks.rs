//! What the model wants from the nodes, each as a task that reports what came of it. Knows nothing of why.

use std::time::Duration;

use raftchat_model::{Input, OutboxId, OutcomeResult, PageRange, PageRequest, rules};
use raftchat_schema::command::{Act, Done, Switch};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{ConversationId, RequestNumber};
use raftchat_schema::limits::MEMBERS_TOLD_MAX;
use raftchat_schema::pause::Pause;
use raftchat_transport::lot;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::error::ClientError;
use crate::options::{Page, Target};

/// How long to wait where time may help.
const A_MOMENT: Duration = Duration::from_secs(1);
/// How long to wait where somebody has to do something first.
const A_WHILE: Duration = Duration::from_secs(30);
/// The pauses between questions for something that is not had.
const PAUSE: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(30));
/// A hint that has not arrived by then is of no use.
const HINT_MAX: Duration = Duration::from_secs(2);

/// What a task has to tell.
pub(super) enum Report {
    /// Something for the model.
    Input(Box<Input>),
    /// Whether there is a majority; none: no node has answered.
    Asked(Option<bool>),
    /// The session is over.
    SessionOver(Refusal),
    /// A fetch has ended, one way or the other.
    Ended(Fetch),
}

/// A fetch that is under way at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fetch {
    Everything,
    People,
    Conversation(ConversationId),
    Members(ConversationId),
}

/// Why something was not had, as far as it matters what to do next.
pub(super) enum Trouble {
    /// Do not ask again.
    Refused(Refusal),
    /// Log in again.
    SessionOver(Refusal),
    /// Ask again after this time.
    Passing(Duration),
}

impl Trouble {
    pub(super) fn of(error: ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => match refusal.code {
                ErrorCode::SessionEnded | ErrorCode::DeviceRevoked => Self::SessionOver(refusal),
                ErrorCode::RateLimited if refusal.retry_after_ms > 0 => {
                    Self::Passing(Duration::from_millis(refusal.retry_after_ms))
                }
                _ => Self::Refused(refusal),
            },
            ClientError::NoSession => Self::SessionOver(ErrorCode::SessionEnded.into()),
            ClientError::Unreachable { .. } => Self::Passing(A_MOMENT),
            ClientError::NotAccepted(_) | ClientError::Profile(_) | ClientError::Program(_) => {
                tracing::warn!(%error, "the nodes and this device do not get on");
                Self::Passing(A_WHILE)
            }
        }
    }
}

/// Where tasks report to.
#[derive(Clone)]
pub(super) struct Reports(mpsc::UnboundedSender<Report>);

impl Reports {
    pub(super) fn channel() -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (sender, reports) = mpsc::unbounded_channel();
        (Self(sender), reports)
    }

    pub(super) fn tell(&self, input: Input) {
        self.send(Report::Input(Box::new(input)));
    }

    pub(super) fn send(&self, report: Report) {
        // A messenger that has ended needs no report.
        let _ = self.0.send(report);
    }
}

/// Does an act of the outbox. Whatever is not known for sure is reported as unknown, after a pause.
pub(super) async fn perform(client: Client, reports: Reports, id: OutboxId, number: RequestNumber, act: Act) {
    let echoes = rules(&act).echoes;
    let result = match client.perform(number, act).await.map_err(Trouble::of) {
        Ok(done) => OutcomeResult::Done(done),
        // It was done before this program was started again.
        Err(Trouble::Refused(refusal)) if echoes.contains(&refusal.code) => OutcomeResult::Done(Done::Nothing),
        Err(Trouble::Refused(refusal)) => OutcomeResult::Refused(refusal),
        Err(Trouble::SessionOver(refusal)) => {
            reports.send(Report::SessionOver(refusal));
            OutcomeResult::Unknown
        }
        Err(Trouble::Passing(wait)) => {
            ask_for_majority(client, reports.clone()).await;
            sleep(wait).await;
            OutcomeResult::Unknown
        }
    };
    reports.tell(Input::Outcome { id, result });
}

/// Asks whether the node at the other end has a majority.
pub(super) async fn ask_for_majority(client: Client, reports: Reports) {
    let report = match client.has_majority().await.map_err(Trouble::of) {
        Ok(has_majority) => Report::Asked(Some(has_majority)),
        Err(Trouble::SessionOver(refusal)) => Report::SessionOver(refusal),
        Err(Trouble::Refused(_) | Trouble::Passing(_)) => Report::Asked(None),
    };
    reports.send(report);
}

/// Fetches a page of a conversation.
pub(super) async fn fetch_history(
    client: Client,
    reports: Reports,
    request: PageRequest,
    conversation: ConversationId,
    range: PageRange,
) {
    let count = range.last.0.saturating_sub(range.first.0).saturating_add(1);
    let (page, limit) = (Page::Before(Some(range.last.next())), u32::try_from(count).unwrap_or(u32::MAX));
    match client.history(&Target::Conversation(conversation), page, limit).await {
        Ok(mut messages) => {
            messages.retain(|message| message.position >= range.first);
            reports.tell(Input::FetchedPage { request, messages });
        }
        Err(error) => {
            tracing::debug!(%error, %conversation, "a page of history was not had");
            reports.tell(Input::FetchFailed { request });
        }
    }
}

/// Fetches a conversation, and all its members where the feed tells of each.
pub(super) async fn fetch_conversation(client: Client, reports: Reports, conversation: ConversationId) {
    let target = Target::Conversation(conversation);
    if let Some(view) = until_answered(&reports, async || client.conversation(&target).await).await {
        let told = usize::try_from(view.member_count).is_ok_and(|count| count <= MEMBERS_TOLD_MAX);
        reports.tell(Input::Roster(vec![view]));
        if told && let Some(members) = until_answered(&reports, async || client.members(&target).await).await {
            reports.tell(Input::Members { conversation, members });
        }
    }
    reports.send(Report::Ended(Fetch::Conversation(conversation)));
}

/// Fetches all members of a conversation.
pub(super) async fn fetch_members(client: Client, reports: Reports, conversation: ConversationId) {
    let target = Target::Conversation(conversation);
    if let Some(members) = until_answered(&reports, async || client.members(&target).await).await {
        reports.tell(Input::Members { conversation, members });
    }
    reports.send(Report::Ended(Fetch::Members(conversation)));
}

/// Fetches everybody.
pub(super) async fn fetch_people(client: Client, reports: Reports) {
    if let Some(people) = until_answered(&reports, async || client.users().await).await {
        reports.tell(Input::People(people));
    }
    reports.send(Report::Ended(Fetch::People));
}

/// Asks until there is an answer; none if it is a refusal.
pub(super) async fn until_answered<T>(reports: &Reports, ask: impl AsyncFn() -> Result<T, ClientError>) -> Option<T> {
    let mut pause = PAUSE;
    loop {
        match ask().await.map_err(Trouble::of) {
            Ok(answer) => return Some(answer),
            Err(Trouble::Refused(refusal)) => {
                tracing::debug!(%refusal, "something was not to be had");
                return None;
            }
            Err(Trouble::SessionOver(refusal)) => {
                reports.send(Report::SessionOver(refusal));
                return None;
            }
            Err(Trouble::Passing(wait)) => sleep(pause.grow_to(wait, lot())).await,
        }
    }
}

/// Tells others, as a hint, that the person is writing, or no longer.
pub(super) async fn hint_typing(client: Client, conversation: ConversationId, switch: Switch) {
    let target = Target::Conversation(conversation);
    // A hint may be lost.
    let _ = timeout(HINT_MAX, client.typing(&target, switch.is_on())).await;
}

//! What the user does: refused here if every node would refuse it, and else asked for until it has an outcome. Knows nothing of
//! who wants it done, and of an act no more than its rules.

use std::borrow::Cow;
use std::rc::Rc;

use raftchat_model::rules;
use raftchat_schema::command::{Act, ConversationAct, Done};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{MessageId, RequestNumber, UserId};
use raftchat_schema::limits::check_message;
use uuid::Uuid;

use crate::call::conversations::existing;
use crate::call::idempotent::{Attempt, Repeatable};
use crate::call::repeat::Call;
use crate::error::ClientError;
use crate::link::node_link::NodeLink;
use crate::link::worker::Worker;
use crate::options::Target;
use crate::rpc::failure::Failure;
use crate::rpc::{self, Sent};

const CHANGE_ADVICE: &str = "; nothing was confirmed. It is safe to repeat";

/// A message to be sent.
pub(crate) struct Outgoing {
    pub(crate) message_id: MessageId,
    pub(crate) payload: Vec<u8>,
    pub(crate) mentions: Vec<UserId>,
}

/// Sends a message, and tells besides its place which node has answered.
pub(crate) async fn send(worker: Rc<Worker>, target: Target, message: Outgoing) -> Result<Sent, ClientError> {
    let Outgoing { message_id, payload, mentions } = message;
    check_message(&payload, &mentions).map_err(refused)?;
    Call::begin(&worker, send_advice(message_id))
        .repeat(async |connected| {
            rpc::send(&worker.conversation(connected, &target).await?, message_id, &payload, &mentions).await
        })
        .await
}

/// Does `act` once, over as many nodes as it takes.
pub(crate) async fn perform(worker: Rc<Worker>, number: Option<RequestNumber>, act: Act) -> Result<Done, ClientError> {
    // A frame beyond the link's limit would end the link instead of being refused.
    act.check_limits().map_err(refused)?;
    let advice = if let Act::Send(message) = &act { send_advice(message.message_id) } else { CHANGE_ADVICE.into() };
    let call = Repeatable::new(number);
    Call::begin(&worker, advice)
        .repeat(async |connected| {
            let asking = call.attempt();
            match attempt(&worker, connected, &asking, &act).await {
                // Another attempt, whose outcome was unknown, has done it.
                Err(Failure::Refused(refusal))
                    if asking.may_be_an_echo() && rules(&act).echoes.contains(&refusal.code) =>
                {
                    Ok(Done::Nothing)
                }
                outcome => outcome,
            }
        })
        .await
}

/// Whoever left the id to the program has to learn which it was, as only with it a repetition is the same message.
fn send_advice(message_id: MessageId) -> Cow<'static, str> {
    format!("; nothing was confirmed. It is safe to repeat with --message-id {}", Uuid::from_bytes(message_id.0)).into()
}

async fn attempt(worker: &Worker, connected: &NodeLink, asking: &Attempt<'_>, act: &Act) -> Result<Done, Failure> {
    let session = worker.session(connected).await?;
    rpc::perform(&session.granted.client, asking.ask(|| worker.clock.next_number()), act).await
}

/// Does `act` in a conversation that is perhaps known by who else is in it.
pub(crate) async fn perform_in(worker: Rc<Worker>, target: Target, act: ConversationAct) -> Result<(), ClientError> {
    match existing(worker.clone(), target).await {
        Ok(conversation) => perform(worker, None, Act::In(conversation, act)).await.map(drop),
        // Where nothing was said there is nothing to read.
        Err(ClientError::Refused(Refusal { code: ErrorCode::NoSuchConversation, .. }))
            if matches!(act, ConversationAct::MarkRead { .. }) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn refused(code: ErrorCode) -> ClientError {
    ClientError::Refused(code.into())
}

/// Refuses, as a node would, what is longer than it may be.
pub(crate) fn at_most(length: usize, max: usize, refusal: ErrorCode) -> Result<(), ClientError> {
    if length <= max { Ok(()) } else { Err(refused(refusal)) }
}

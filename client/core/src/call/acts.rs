//! What the user does: which capability each act is done with, what is refused before a node is asked, and repeating it.
//! Knows nothing of who wants it done.

use std::rc::Rc;

use raftchat_schema::command::{Act, Done, Recipient, Send};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{MessageId, RequestNumber, UserId};
use raftchat_schema::limits::{
    DISPLAY_NAME_BYTES_MAX, EMOJI_BYTES_MAX, GROUP_MEMBERS_MAX, MENTIONS_MAX, PAYLOAD_BYTES_MAX, TITLE_BYTES_MAX,
};

use crate::call::idempotent::{Attempt, Repeatable};
use crate::call::repeat::Call;
use crate::error::ClientError;
use crate::link::node_link::NodeLink;
use crate::link::worker::Worker;
use crate::options::Target;
use crate::rpc::failure::Failure;
use crate::rpc::{self, Sent};

const SEND_ADVICE: &str = "; nothing was confirmed. It is safe to repeat with the same --message-id";
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
    fits_a_message(&payload, &mentions)?;
    Call::begin(&worker, SEND_ADVICE)
        .repeat(async |connected| {
            rpc::send(&worker.conversation(connected, &target).await?, message_id, &payload, &mentions).await
        })
        .await
}

/// The capability that an act is done with.
pub(crate) enum Place {
    /// The session.
    Session,
    /// A conversation.
    Conversation(Target),
}

/// Where `act` is done; an error for what takes a password besides.
pub(crate) fn place_of(act: &Act) -> Result<Place, ClientError> {
    let conversation = match act {
        Act::Send(Send { to: Recipient::Direct(user), .. }) => return Ok(Place::Conversation(Target::Person(*user))),
        Act::Send(Send { to: Recipient::Conversation(conversation), .. })
        | Act::DeleteMessage { conversation, .. }
        | Act::MarkRead { conversation, .. }
        | Act::EditMessage { conversation, .. }
        | Act::React { conversation, .. }
        | Act::PinMessage { conversation, .. }
        | Act::MarkUnread(conversation)
        | Act::Mute { conversation, .. }
        | Act::PinConversation { conversation, .. }
        | Act::SaveDraft { conversation, .. }
        | Act::AddMembers { conversation, .. }
        | Act::RemoveMember { conversation, .. }
        | Act::SetRole { conversation, .. }
        | Act::Leave(conversation)
        | Act::Rename { conversation, .. } => *conversation,
        Act::EndSession(_)
        | Act::EndOtherSessions
        | Act::Block { .. }
        | Act::SetProfile(_)
        | Act::CreateGroup { .. } => {
            return Ok(Place::Session);
        }
        Act::DeleteAccount { .. } | Act::ChangePassword { .. } => {
            return Err(ClientError::Program("that takes the password, which an act does not carry".to_owned()));
        }
    };
    Ok(Place::Conversation(Target::Conversation(conversation)))
}

/// Does `act` at `place`, once, over as many nodes as it takes.
pub(crate) async fn perform(
    worker: Rc<Worker>,
    place: Place,
    number: Option<RequestNumber>,
    act: Act,
) -> Result<Done, ClientError> {
    fits(&act)?;
    let advice = if matches!(act, Act::Send(_)) { SEND_ADVICE } else { CHANGE_ADVICE };
    let call = Repeatable::new(number);
    Call::begin(&worker, advice)
        .repeat(async |connected| {
            let asking = call.attempt();
            match attempt(&worker, connected, &place, &asking, &act).await {
                Err(Failure::Refused(refusal)) if asking.may_be_an_echo() && is_fulfilled(&act, &refusal) => {
                    Ok(Done::Nothing)
                }
                outcome => outcome,
            }
        })
        .await
}

async fn attempt(
    worker: &Worker,
    connected: &NodeLink,
    place: &Place,
    asking: &Attempt<'_>,
    act: &Act,
) -> Result<Done, Failure> {
    match place {
        Place::Session => {
            let session = worker.session(connected).await?;
            rpc::in_session(&session.granted.client, asking.ask(|| worker.clock.next_number()), act).await
        }
        Place::Conversation(target) => {
            let conversation = worker.conversation(connected, target).await?;
            rpc::in_conversation(&conversation, asking.ask(|| worker.clock.next_number()), act).await
        }
    }
}

/// Whether the refusal of a repeat says that another attempt, whose outcome was unknown, has done it.
fn is_fulfilled(act: &Act, refusal: &Refusal) -> bool {
    match act {
        Act::Leave(_) => matches!(refusal.code, ErrorCode::NotAMember | ErrorCode::NoSuchConversation),
        Act::EndSession(_) => refusal.code == ErrorCode::SessionEnded,
        _ => false,
    }
}

/// Refuses here what every node would refuse: a frame beyond the link's limit would end the link instead.
fn fits(act: &Act) -> Result<(), ClientError> {
    match act {
        Act::Send(Send { payload, mentions, .. }) => fits_a_message(payload, mentions),
        Act::EditMessage { payload: bytes, .. } | Act::SaveDraft { draft: bytes, .. } => {
            at_most(bytes.len(), PAYLOAD_BYTES_MAX, ErrorCode::TooLarge)
        }
        Act::CreateGroup { title, members } => {
            at_most(title.len(), TITLE_BYTES_MAX, ErrorCode::TooLarge)?;
            at_most(members.len(), GROUP_MEMBERS_MAX, ErrorCode::TooMany)
        }
        Act::AddMembers { members, .. } => at_most(members.len(), GROUP_MEMBERS_MAX, ErrorCode::TooMany),
        Act::Rename { title, .. } => at_most(title.len(), TITLE_BYTES_MAX, ErrorCode::TooLarge),
        Act::SetProfile(profile) => {
            let name = profile.display_name.as_deref().unwrap_or_default();
            at_most(name.len(), DISPLAY_NAME_BYTES_MAX, ErrorCode::TooLarge)
        }
        Act::React { emoji, .. } => at_most(emoji.len(), EMOJI_BYTES_MAX, ErrorCode::MalformedReaction),
        _ => Ok(()),
    }
}

fn fits_a_message(payload: &[u8], mentions: &[UserId]) -> Result<(), ClientError> {
    at_most(payload.len(), PAYLOAD_BYTES_MAX, ErrorCode::TooLarge)?;
    at_most(mentions.len(), MENTIONS_MAX, ErrorCode::TooMany)
}

/// Refuses, as a node would, what is longer than it may be.
pub(crate) fn at_most(length: usize, max: usize, refusal: ErrorCode) -> Result<(), ClientError> {
    if length <= max { Ok(()) } else { Err(ClientError::Refused(refusal.into())) }
}

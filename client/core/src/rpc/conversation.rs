//! What a conversation is asked for: reading, sending, and the hint that somebody writes. Knows nothing of who may be in it.

use raftchat_schema::generated::client_capnp::conversation;
use raftchat_schema::id::{ConversationId, MessageId, NodeId, Position, Stamp, UserId};
use raftchat_schema::view::{ConversationView, MemberView, MessageView, RevisionView};
use raftchat_schema::wire::{read_conversation, read_member_view, read_message, read_revision, write_message_id};

use super::parts::{Part, count, write_users};
use crate::rpc::failure::Failure;

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

pub(crate) async fn send(
    conversation: &conversation::Client,
    message_id: MessageId,
    payload: &[u8],
    mentions: &[UserId],
) -> Result<Sent, Failure> {
    let response = ask!(conversation, send_request, |params| {
        write_message_id(params.reborrow().init_message_id(), message_id);
        params.set_payload(payload);
        write_users(params.reborrow().init_mentions(count(mentions.len())), mentions);
    });
    let results = unless_refused!(response);
    Ok(Sent {
        conversation: ConversationId(results.get_conversation()),
        position: Position(results.get_position()),
        sent_at: Stamp(results.get_sent_at_ms()),
        node: NodeId(results.get_node()),
    })
}

/// The newest messages below `before` (0: the newest of all), or, where `after` is not 0, the oldest above it; ascending,
/// and fewer than `limit` where they are large.
pub(crate) async fn history(
    conversation: &conversation::Client,
    before: Position,
    after: Position,
    limit: u32,
) -> Result<Vec<MessageView>, Failure> {
    let response = ask!(conversation, history_request, |params| {
        params.set_before(before.0);
        params.set_after(after.0);
        params.set_limit(limit);
    });
    Ok(read_all!(unless_refused!(response).get_messages(), read_message))
}

/// What the message said before its edits, oldest first; true if older ones are left out.
pub(crate) async fn revisions(
    conversation: &conversation::Client,
    position: Position,
) -> Result<Part<RevisionView>, Failure> {
    let response = ask!(conversation, revisions_request, |params| params.set_position(position.0));
    let results = unless_refused!(response);
    Ok((read_all!(results.get_revisions(), read_revision), results.get_more()))
}

pub(crate) async fn members(conversation: &conversation::Client, after: UserId) -> Result<Part<MemberView>, Failure> {
    let response = ask!(conversation, members_request, |params| params.set_after(after.0));
    let results = unless_refused!(response);
    Ok((read_all!(results.get_members(), read_member_view), results.get_more()))
}

pub(crate) async fn state(conversation: &conversation::Client) -> Result<ConversationView, Failure> {
    let response = ask!(conversation, state_request);
    Ok(read_conversation(unless_refused!(response).get_state()?)?)
}

pub(crate) async fn typing(conversation: &conversation::Client, active: bool) -> Result<(), Failure> {
    let mut request = conversation.typing_request();
    request.get().set_active(active);
    request.send().promise.await?;
    Ok(())
}

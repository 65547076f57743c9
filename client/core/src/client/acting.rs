//! What a program does with a client. Knows nothing of how it is done.

use raftchat_schema::command::{Act, Done, MemberRole, Switch};
use raftchat_schema::id::{ConversationId, MessageId, Position, RequestNumber, Stamp, UserId};
use raftchat_schema::view::ConversationView;

use super::Client;
use crate::call::acts::{self, Outgoing, Place};
use crate::call::conversations;
use crate::error::ClientError;
use crate::options::Target;
use crate::rpc::Sent;

impl Client {
    /// A number for a new request; its repeats take the same.
    pub fn request_number(&self) -> RequestNumber {
        self.inner.clock.next_number()
    }

    /// Does what `act` says. Doing it again with the same number, also much later and with another client of the same
    /// session, has the first outcome. What takes a password besides is not done so.
    pub async fn perform(&self, number: RequestNumber, act: Act) -> Result<Done, ClientError> {
        self.perform_as(Some(number), act).await
    }

    /// The same, once for each call: under a number that is new when a node is asked.
    pub(super) async fn perform_once(&self, act: Act) -> Result<Done, ClientError> {
        self.perform_as(None, act).await
    }

    async fn perform_as(&self, number: Option<RequestNumber>, act: Act) -> Result<Done, ClientError> {
        let place = acts::place_of(&act)?;
        self.run(move |worker| acts::perform(worker, place, number, act)).await
    }

    /// Does something in a conversation; which one is known by `target` alone.
    async fn act_in(&self, target: &Target, act: impl FnOnce(ConversationId) -> Act) -> Result<(), ClientError> {
        let act = act(target.conversation());
        let place = Place::Conversation(target.clone());
        self.run(move |worker| acts::perform(worker, place, None, act)).await.map(drop)
    }

    /// Sends a message that asks for nobody's attention. Done means that it is on the disks of a majority. Sending the
    /// same `message_id` again has the first outcome and stores nothing.
    pub async fn send(&self, target: &Target, message_id: MessageId, payload: Vec<u8>) -> Result<Sent, ClientError> {
        self.send_mentioning(target, message_id, payload, Vec::new()).await
    }

    /// Sends a message that asks for the attention of these members.
    pub async fn send_mentioning(
        &self,
        target: &Target,
        message_id: MessageId,
        payload: Vec<u8>,
        mentions: Vec<UserId>,
    ) -> Result<Sent, ClientError> {
        let (target, message) = (target.clone(), Outgoing { message_id, payload, mentions });
        self.run(move |worker| acts::send(worker, target, message)).await
    }

    /// Replaces what one's own message says.
    pub async fn edit(&self, target: &Target, position: Position, payload: Vec<u8>) -> Result<(), ClientError> {
        self.act_in(target, |conversation| Act::EditMessage { conversation, position, payload }).await
    }

    /// Leaves a tombstone where one's own message was. Deleting again is no error.
    pub async fn delete(&self, target: &Target, position: Position) -> Result<(), ClientError> {
        self.act_in(target, |conversation| Act::DeleteMessage { conversation, position }).await
    }

    /// Puts a reaction to a message, or takes it away.
    pub async fn react(
        &self,
        target: &Target,
        position: Position,
        emoji: String,
        switch: Switch,
    ) -> Result<(), ClientError> {
        self.act_in(target, |conversation| Act::React { conversation, position, emoji, switch }).await
    }

    /// Pins a message for all members, or lets it go.
    pub async fn pin_message(&self, target: &Target, position: Position, switch: Switch) -> Result<(), ClientError> {
        self.act_in(target, |conversation| Act::PinMessage { conversation, position, switch }).await
    }

    /// Moves the read mark forward to `position`, or to the last message there is.
    pub async fn mark_read(&self, target: &Target, position: Option<Position>) -> Result<(), ClientError> {
        let position = position.unwrap_or_default();
        self.act_in(target, |conversation| Act::MarkRead { conversation, position }).await
    }

    /// Marks a conversation as unread until it is read again.
    pub async fn mark_unread(&self, target: &Target) -> Result<(), ClientError> {
        self.act_in(target, Act::MarkUnread).await
    }

    /// Lets a conversation not call for attention until that time; 0: lets it call again.
    pub async fn mute(&self, target: &Target, until: Stamp) -> Result<(), ClientError> {
        self.act_in(target, |conversation| Act::Mute { conversation, until }).await
    }

    /// Keeps a conversation on top of the user's list, or no longer.
    pub async fn pin(&self, target: &Target, switch: Switch) -> Result<(), ClientError> {
        self.act_in(target, |conversation| Act::PinConversation { conversation, switch }).await
    }

    /// Keeps a payload that is not to be sent yet; no bytes: none.
    pub async fn save_draft(&self, target: &Target, draft: Vec<u8>) -> Result<(), ClientError> {
        self.act_in(target, |conversation| Act::SaveDraft { conversation, draft }).await
    }

    /// Tells the other members, as a hint, that the user is writing, or no longer.
    pub async fn typing(&self, target: &Target, active: bool) -> Result<(), ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::typing(worker, target, active)).await
    }

    /// Lets somebody not write to the user directly, or again.
    pub async fn block(&self, user: UserId, switch: Switch) -> Result<(), ClientError> {
        self.perform_once(Act::Block { user, switch }).await.map(drop)
    }

    /// Makes a group of the user, who owns it, and `members`.
    pub async fn group_create(&self, title: String, members: Vec<UserId>) -> Result<ConversationView, ClientError> {
        match self.perform_once(Act::CreateGroup { title, members }).await? {
            Done::GroupCreated { conversation } => self.conversation(&Target::Conversation(conversation)).await,
            other => Err(ClientError::Program(format!("the node made no group but answered {other:?}"))),
        }
    }

    /// Adds members to a group.
    pub async fn group_add(&self, group: ConversationId, members: Vec<UserId>) -> Result<(), ClientError> {
        self.perform_once(Act::AddMembers { conversation: group, members }).await.map(drop)
    }

    /// Takes somebody else out of a group.
    pub async fn group_remove(&self, group: ConversationId, user: UserId) -> Result<(), ClientError> {
        self.perform_once(Act::RemoveMember { conversation: group, user }).await.map(drop)
    }

    /// Gives a member of a group a role.
    pub async fn group_set_role(
        &self,
        group: ConversationId,
        user: UserId,
        role: MemberRole,
    ) -> Result<(), ClientError> {
        self.perform_once(Act::SetRole { conversation: group, user, role }).await.map(drop)
    }

    /// Leaves a group.
    pub async fn group_leave(&self, group: ConversationId) -> Result<(), ClientError> {
        self.perform_once(Act::Leave(group)).await.map(drop)
    }

    /// Calls a group otherwise.
    pub async fn group_rename(&self, group: ConversationId, title: String) -> Result<(), ClientError> {
        self.perform_once(Act::Rename { conversation: group, title }).await.map(drop)
    }
}

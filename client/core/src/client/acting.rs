//! What a program does with a client. Knows nothing of how it is done, and has no method for each act: what there is to do is
//! said by the act.

use raftchat_schema::command::{AccountAct, Act, ConversationAct, Done};
use raftchat_schema::id::{MessageId, RequestNumber, UserId};
use raftchat_schema::view::ConversationView;

use super::Client;
use crate::call::acts::{self, Outgoing};
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
    /// session, has the first outcome.
    pub async fn perform(&self, number: RequestNumber, act: Act) -> Result<Done, ClientError> {
        self.run(move |worker| acts::perform(worker, Some(number), act)).await
    }

    /// Does something in a conversation, once for each call. In a direct one in which nothing was said there is nothing to do.
    pub async fn act(&self, target: &Target, act: ConversationAct) -> Result<(), ClientError> {
        let target = target.clone();
        self.run(move |worker| acts::perform_in(worker, target, act)).await
    }

    /// Does something to the account, or beside all conversations, once for each call.
    pub async fn act_on_account(&self, act: AccountAct) -> Result<Done, ClientError> {
        self.run(move |worker| acts::perform(worker, None, Act::Account(act))).await
    }

    /// Makes a group of the user, who owns it, and `members`.
    pub async fn group_create(&self, title: String, members: Vec<UserId>) -> Result<ConversationView, ClientError> {
        match self.act_on_account(AccountAct::CreateGroup { title, members }).await? {
            Done::GroupCreated { conversation } => self.conversation(&Target::Conversation(conversation)).await,
            other => Err(ClientError::Program(format!("the node made no group but answered {other:?}"))),
        }
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

    /// Tells the other members, as a hint, that the user is writing, or no longer.
    pub async fn typing(&self, target: &Target, active: bool) -> Result<(), ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::typing(worker, target, active)).await
    }
}

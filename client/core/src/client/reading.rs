//! What a program reads with a client. Knows nothing of how it is read.

use raftchat_schema::id::{Position, Username};
use raftchat_schema::view::{ConversationView, MemberView, MessageView, RevisionView, UserView};

use super::Client;
use crate::call::conversations;
use crate::error::ClientError;
use crate::options::{Page, Target};
use crate::rpc::Applied;

impl Client {
    /// Everybody with an account, in order of id.
    pub async fn users(&self) -> Result<Vec<UserView>, ClientError> {
        self.run(conversations::users).await
    }

    /// Who has, or once had, that name.
    pub async fn user(&self, username: Username) -> Result<UserView, ClientError> {
        self.run(move |worker| conversations::user(worker, username)).await
    }

    /// The user's conversations, in order of id.
    pub async fn conversations(&self) -> Result<Vec<ConversationView>, ClientError> {
        self.run(conversations::all).await
    }

    /// One conversation as it now is. Its id is 0 where it is a direct one in which nothing was said yet.
    pub async fn conversation(&self, target: &Target) -> Result<ConversationView, ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::one(worker, target)).await
    }

    /// All members of a conversation, in order of user id.
    pub async fn members(&self, target: &Target) -> Result<Vec<MemberView>, ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::members(worker, target)).await
    }

    /// At most `limit` messages of a part of a conversation, in ascending order, none left out between them.
    pub async fn history(&self, target: &Target, page: Page, limit: u32) -> Result<Vec<MessageView>, ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::history(worker, target, page, limit)).await
    }

    /// What a message said before its edits, oldest first; true if some older ones are too many to be told.
    pub async fn revisions(
        &self,
        target: &Target,
        position: Position,
    ) -> Result<(Vec<RevisionView>, bool), ClientError> {
        let target = target.clone();
        self.run(move |worker| conversations::revisions(worker, target, position)).await
    }

    /// How far the node at the other end has applied, and whether a majority says that this is all. A subscription after
    /// that cursor tells what changes from here on.
    pub async fn applied(&self) -> Result<Applied, ClientError> {
        self.run(conversations::applied).await
    }

    /// Whether the node at the other end has a majority behind it: known within a second, also where it has none.
    pub async fn has_majority(&self) -> Result<bool, ClientError> {
        self.run(conversations::has_majority).await
    }
}

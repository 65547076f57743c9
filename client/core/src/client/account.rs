//! The client's account and sessions, as a program asks for them. Knows nothing of how it is done.

use raftchat_schema::command::{OtherSessions, OwnMessages};
use raftchat_schema::id::Username;
use raftchat_schema::view::{SessionEntry, UserView};
use zeroize::Zeroizing;

use super::Client;
use crate::call::account::{self, Passwords};
use crate::call::conversations;
use crate::error::ClientError;
use crate::options::{SessionInfo, WhoAmI};

impl Client {
    /// Makes an account and logs in with it. An empty display name stands for the username.
    pub async fn register(
        &self,
        username: Username,
        display_name: String,
        password: Zeroizing<String>,
    ) -> Result<SessionInfo, ClientError> {
        self.run(move |worker| account::register(worker, username, display_name, password)).await
    }

    /// Logs in; the profile's session is from now on this one.
    pub async fn login(&self, username: Username, password: Zeroizing<String>) -> Result<SessionInfo, ClientError> {
        self.run(move |worker| account::login(worker, username, password)).await
    }

    /// Ends the session everywhere and forgets it. A session that has ended already is no error.
    pub async fn logout(&self) -> Result<(), ClientError> {
        self.run(account::logout).await
    }

    /// Deletes the account, ends all its sessions and forgets this one.
    pub async fn delete_account(&self, password: Zeroizing<String>, messages: OwnMessages) -> Result<(), ClientError> {
        self.run(move |worker| account::delete(worker, password, messages)).await
    }

    /// Lets another password open the account.
    pub async fn change_password(
        &self,
        old: Zeroizing<String>,
        new: Zeroizing<String>,
        others: OtherSessions,
    ) -> Result<(), ClientError> {
        self.run(move |worker| account::change_password(worker, Passwords { old, new }, others)).await
    }

    /// Who is logged in, and which node says so.
    pub async fn whoami(&self) -> Result<WhoAmI, ClientError> {
        self.run(account::whoami).await
    }

    /// The user's own sessions, in order of id.
    pub async fn sessions(&self) -> Result<Vec<SessionEntry>, ClientError> {
        self.run(conversations::sessions).await
    }

    /// Whom the user has blocked, in order of id.
    pub async fn blocked(&self) -> Result<Vec<UserView>, ClientError> {
        self.run(conversations::blocked).await
    }
}

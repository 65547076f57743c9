//! The client's account and sessions, as a program asks for them. Knows nothing of how it is done.

use raftchat_schema::command::{Act, OtherSessions, OwnMessages, Profile};
use raftchat_schema::id::{SessionId, Username};
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

    /// Changes what others see of the user; what is not given stays.
    pub async fn set_profile(&self, profile: Profile) -> Result<(), ClientError> {
        self.perform_once(Act::SetProfile(profile)).await.map(drop)
    }

    /// The user's own sessions, in order of id.
    pub async fn sessions(&self) -> Result<Vec<SessionEntry>, ClientError> {
        self.run(conversations::sessions).await
    }

    /// Ends one of the user's own sessions. One that is gone already is no error.
    pub async fn end_session(&self, session: SessionId) -> Result<(), ClientError> {
        self.perform_once(Act::EndSession(session)).await.map(drop)
    }

    /// Ends all of the user's sessions but this one.
    pub async fn end_other_sessions(&self) -> Result<(), ClientError> {
        self.perform_once(Act::EndOtherSessions).await.map(drop)
    }

    /// Whom the user has blocked, in order of id.
    pub async fn blocked(&self) -> Result<Vec<UserView>, ClientError> {
        self.run(conversations::blocked).await
    }
}

//! What user ids are called. Knows nothing of what they are shown for.

use std::collections::BTreeMap;

use raftchat_client::Client;
use raftchat_model::DELETED_ACCOUNT;
use raftchat_schema::id::{UserId, Username};
use raftchat_schema::view::UserView;

use crate::failure::Failure;

/// The usernames of the users that are known so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: BTreeMap<UserId, Username>,
    asked: bool,
}

impl Names {
    /// Learns the name of one more user.
    pub(super) fn learn(&mut self, user: &UserView) {
        self.learn_name(user.id, &user.username);
    }

    /// One more, of whom nothing but the name is known.
    pub(super) fn learn_name(&mut self, user: UserId, name: &Username) {
        self.known.entry(user).or_insert_with(|| name.clone());
    }

    /// Asks who there is, if one of these is not known; once is enough, for who comes later is told by the feed.
    pub(super) async fn find(
        &mut self,
        client: &Client,
        mut users: impl Iterator<Item = UserId>,
    ) -> Result<(), Failure> {
        if self.asked || users.all(|user| self.known.contains_key(&user)) {
            return Ok(());
        }
        client.users().await?.iter().for_each(|user| self.learn(user));
        self.asked = true;
        Ok(())
    }

    /// The username; of who is not among all there are, that the account is gone; the id before that was asked.
    pub(super) fn name(&self, user: UserId) -> String {
        match self.known.get(&user) {
            Some(name) => name.to_string(),
            None if self.asked => DELETED_ACCOUNT.to_owned(),
            None => user.to_string(),
        }
    }
}

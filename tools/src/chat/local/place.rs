//! Where a device keeps what it keeps, and whose it is. Knows nothing of what is done with it.

use std::path::PathBuf;

use raftchat_client::store::{Head, Store, move_aside};
use raftchat_client::{
    ClientError, ClientOptions, Messenger, MessengerOptions, Profile, StoredSession, Target, Updates,
};
use raftchat_model::{ChatId, StoredConversation};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, UserId};
use raftchat_schema::view::ConversationKind;

use crate::chat::names::Names;
use crate::failure::Failure;

/// A device on which somebody is logged in.
pub(in crate::chat) struct Device {
    profile: Profile,
    session: StoredSession,
}

impl Device {
    /// The device of that profile.
    pub(in crate::chat) fn of(profile: Profile) -> Result<Self, Failure> {
        let session = profile.session().ok_or(ClientError::NoSession)?;
        Ok(Self { profile, session })
    }

    /// Who is logged in.
    pub(in crate::chat) fn me(&self) -> UserId {
        self.session.user
    }

    /// The store's directory.
    fn directory(&self) -> PathBuf {
        let home = self.profile.directory().map(PathBuf::from).unwrap_or_default();
        home.join("store").join(format!("{}-{}", self.profile.config().cluster, self.session.user))
    }

    /// What is kept, without speaking with anybody.
    pub(in crate::chat) fn open(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.directory(), self.session.user)?)
    }

    /// Puts a store aside that is damaged; gives where it went, if there was one.
    pub(in crate::chat) fn set_aside(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(move_aside(&self.directory())?)
    }

    /// Where it is kept, if anything is.
    pub(in crate::chat) fn kept(&self) -> Option<PathBuf> {
        Some(self.directory()).filter(|directory| directory.exists())
    }

    /// Removes all that is kept; not while another program has it open.
    pub(in crate::chat) fn erase(&self) -> Result<(), Failure> {
        let Some(directory) = self.kept() else { return Ok(()) };
        move_aside(&directory)?;
        std::fs::remove_dir_all(&directory).map_err(Failure::file(&directory, "removed"))
    }

    /// Opens what is kept and goes on to speak with the cluster.
    pub(in crate::chat) fn messenger(&self, options: ClientOptions) -> Result<(Messenger, Updates), Failure> {
        let options = MessengerOptions { client: options, ..MessengerOptions::default() };
        Ok(Messenger::open(&self.profile, options)?)
    }
}

/// What everybody is called, as far as this device knows.
pub(super) fn names_of(head: &Head) -> Names {
    let mut names = Names::default();
    head.stored.people.iter().for_each(|person| names.learn(person));
    names
}

/// The conversation that is meant, as this device knows it.
pub(super) fn chat_of(head: &Head, me: UserId, target: &Target) -> Result<ChatId, Failure> {
    let person = |is_meant: &dyn Fn(&raftchat_schema::view::UserView) -> bool| {
        let person = head.stored.people.iter().find(|person| is_meant(person));
        person.map(|person| person.id).ok_or_else(|| Failure::from(ErrorCode::NoSuchUser))
    };
    let other = match target {
        Target::Conversation(conversation) => return known(head, *conversation),
        Target::User(username) => person(&|person| person.username == *username)?,
        Target::Person(user) => person(&|person| person.id == *user)?,
    };
    let is_with = |stored: &&StoredConversation| {
        let members = [me, other];
        stored.conversation.kind == ConversationKind::Direct
            && stored.members.iter().all(|member| members.contains(&member.user))
            && stored.members.iter().any(|member| member.user == other)
    };
    let direct = head.stored.conversations.iter().find(is_with);
    Ok(direct.map_or(ChatId::Direct(other), |stored| ChatId::Known(stored.conversation.id)))
}

fn known(head: &Head, conversation: ConversationId) -> Result<ChatId, Failure> {
    let known = head.stored.conversations.iter().any(|stored| stored.conversation.id == conversation);
    if known { Ok(ChatId::Known(conversation)) } else { Err(ErrorCode::NoSuchConversation.into()) }
}

//! People with real clients, on devices of their own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use raftchat_client::{
    Client, ClientError, ClientOptions, Event, Following, Page, Profile, Sent, Subscription, Target,
};
use raftchat_schema::command::ConversationAct;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{MessageId, Position, UserId};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{Change, ChangedRow, ConversationView, MessageView};
use raftchat_schema::wire::{decode_payload, encode_payload};
use zeroize::Zeroizing;

use crate::soon;

/// What everybody types.
pub const PASSWORD: &str = "correct horse battery";

/// Somebody on a device.
pub struct Person {
    /// Their username.
    pub name: String,
    /// The device's profile directory.
    pub profile: PathBuf,
    /// The device's client.
    pub client: Client,
}

/// A password as it is typed.
pub fn typed(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.to_owned())
}

/// A message id that was never used.
pub fn fresh_id() -> MessageId {
    MessageId(uuid::Uuid::now_v7().into_bytes())
}

/// The direct conversation with somebody.
pub fn with(name: &str) -> Target {
    Target::User(name.parse().unwrap())
}

/// A text as a payload.
pub fn says(text: &str) -> Vec<u8> {
    encode_payload(&Payload::text(text))
}

/// Why it was refused.
///
/// # Panics
///
/// If it was not.
pub fn code<T: std::fmt::Debug>(refused: Result<T, ClientError>) -> ErrorCode {
    match refused {
        Err(ClientError::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

/// The text of a message; none for a tombstone.
pub fn text_of(message: &MessageView) -> Option<String> {
    (!message.payload.is_empty()).then(|| decode_payload(&message.payload).unwrap().text)
}

impl Person {
    /// Somebody with the device in `profile`, whose client tries the node at `first` before others.
    pub fn on(name: &str, profile: &Path, first: Option<String>) -> Self {
        let options = ClientOptions { first, timeout: Duration::from_secs(30), ..ClientOptions::default() };
        let client = Client::start(Profile::open(profile).unwrap(), options).unwrap();
        Self { name: name.to_owned(), profile: profile.to_owned(), client }
    }

    /// Makes the account.
    pub async fn register(&self) {
        let name = self.name.parse().unwrap();
        soon("registering", self.client.register(name, String::new(), typed(PASSWORD))).await.unwrap();
    }

    /// Logs in.
    pub async fn login(&self) {
        soon("logging in", self.client.login(self.name.parse().unwrap(), typed(PASSWORD))).await.unwrap();
    }

    /// Who they are to the cluster.
    pub async fn id(&self) -> UserId {
        soon("asking who I am", self.client.whoami()).await.unwrap().user.id
    }

    /// Says something in a conversation.
    pub async fn say_in(&self, place: &Target, text: &str) -> Sent {
        soon("sending", self.client.send(place, fresh_id(), says(text))).await.unwrap()
    }

    /// What was said in a conversation, as [`Person::read`].
    pub async fn read_in(&self, place: &Target) -> Vec<(u64, Option<String>)> {
        let messages = soon("reading", self.client.history(place, Page::Before(None), u32::MAX)).await.unwrap();
        messages.iter().map(|message| (message.position.0, text_of(message))).collect()
    }

    /// One message of a conversation.
    pub async fn message(&self, place: &Target, position: Position) -> MessageView {
        let page = Page::Before(Some(position.next()));
        soon("reading", self.client.history(place, page, 1)).await.unwrap().remove(0)
    }

    /// Makes a group of oneself and others.
    pub async fn group(&self, title: &str, others: &[&Person]) -> Target {
        let members = futures::future::join_all(others.iter().map(|other| other.id())).await;
        let group = soon("making a group", self.client.group_create(title.to_owned(), members)).await.unwrap();
        Target::Conversation(group.id)
    }

    /// Says something to somebody.
    pub async fn say(&self, to: &str, text: &str) -> Sent {
        soon("sending", self.try_say(to, text)).await.unwrap()
    }

    /// Says something that may be refused.
    pub async fn try_say(&self, to: &str, text: &str) -> Result<Sent, ClientError> {
        self.client.send(&with(to), fresh_id(), says(text)).await
    }

    /// Everything that was said with somebody, as far as this person's node has applied it: positions and texts, no text
    /// for a tombstone. Who compares what two people read lets the nodes agree first.
    pub async fn read(&self, other: &str) -> Vec<(u64, Option<String>)> {
        self.read_in(&with(other)).await
    }

    /// The conversation with somebody.
    pub async fn conversation(&self, other: &str) -> ConversationView {
        soon("looking", self.client.conversation(&with(other))).await.unwrap()
    }

    /// Deletes a message.
    pub async fn delete(&self, other: &str, position: u64) -> Result<(), ClientError> {
        soon("deleting", self.client.act(&with(other), ConversationAct::DeleteMessage { position: Position(position) }))
            .await
    }

    /// Follows what changes, from the beginning.
    pub fn follow(&self) -> Follower {
        Follower { subscription: self.client.subscribe(Following::FromStart), last: 0 }
    }
}

/// Somebody who listens, and checks that numbers only go up.
pub struct Follower {
    subscription: Subscription,
    last: u64,
}

impl Follower {
    /// The next change.
    ///
    /// # Panics
    ///
    /// If the subscription ends, or a change comes twice or out of order.
    pub async fn change(&mut self) -> Change {
        loop {
            let event = soon("a change", self.subscription.next()).await.expect("the subscription goes on");
            match event {
                Event::Change { change, .. } => {
                    assert!(change.number.0 > self.last, "change {} came after {}", change.number, self.last);
                    self.last = change.number.0;
                    return change;
                }
                Event::Ended(error) => panic!("the subscription ended: {error}"),
                _ => {}
            }
        }
    }

    /// The next message.
    pub async fn message(&mut self) -> MessageView {
        loop {
            if let ChangedRow::Message(message) = self.change().await.row {
                return message;
            }
        }
    }

    /// The next event of any kind.
    pub async fn event(&mut self) -> Option<Event> {
        soon("an event", self.subscription.next()).await
    }
}

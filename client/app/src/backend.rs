//! The client as the window needs it, and the updates that it sends. Knows nothing of how that client works.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use raftchat_model::{ChatId, Intent, Notification, Shown};
use raftchat_schema::command::{OtherSessions, OwnMessages};
use raftchat_schema::id::{NodeId, Position, SessionId, Stamp};
use raftchat_schema::view::{NodeStatus, SessionEntry};

/// The client. Neither call waits: what comes of them is posted to the [`Mailbox`].
pub trait Backend {
    /// Does what the person wants with their conversations.
    fn act(&self, intent: Intent);
    /// Does what concerns the account, the device or the cluster.
    fn ask(&self, request: Request);
}

/// Requests that the model does not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Log in; answered by [`Update::SignedIn`] or [`Update::Refused`].
    LogIn {
        /// The username, as it was typed.
        username: String,
        /// The password, as it was typed.
        password: String,
    },
    /// Make an account and log in.
    Register {
        /// The username, as it was typed.
        username: String,
        /// The name to show; may be empty.
        display_name: String,
        /// The password, as it was typed.
        password: String,
    },
    /// End this device's session.
    LogOut,
    /// Name the sessions; answered by [`Update::Sessions`].
    Sessions,
    /// End one of the person's sessions; answered by [`Update::Sessions`].
    EndSession(SessionId),
    /// End all of them but this; answered by [`Update::Sessions`].
    EndOtherSessions,
    /// Take another password; answered by [`Update::Done`] or [`Update::Refused`].
    ChangePassword {
        /// The present one.
        old: String,
        /// The password from now on.
        new: String,
        /// Whether the other sessions end.
        others: OtherSessions,
    },
    /// Delete the account; answered by [`Update::SignedOut`] or [`Update::Refused`].
    DeleteAccount {
        /// The account's present password.
        password: String,
        /// Whether what was said stays.
        messages: OwnMessages,
    },
    /// Look for words in what the device holds; answered by [`Update::Hits`].
    Search {
        /// The words, the last may be a beginning.
        query: String,
        /// At most so many.
        limit: usize,
    },
    /// Ask for the earlier versions of a message; answered by [`Update::Revisions`].
    Revisions {
        /// The conversation it stands in.
        chat: ChatId,
        /// The message's position.
        position: Position,
    },
    /// Tell how the cluster is, about once a second, by [`Update::Cluster`].
    WatchCluster,
    /// Tell it no longer.
    UnwatchCluster,
}

/// Updates that the window is told.
#[derive(Clone, Debug)]
pub enum Update {
    /// The model has decided what is drawn.
    Shown(Shown),
    /// Call the person's attention.
    Notify(Notification),
    /// Take back what called attention to a conversation.
    ClearNotification(ChatId),
    /// There is a session; what is stored on the device follows as [`Update::Shown`].
    SignedIn,
    /// There is none.
    SignedOut {
        /// The reason, as a sentence; empty if that is no news.
        reason: String,
    },
    /// A request was not fulfilled.
    Refused {
        /// The request that was refused.
        request: Asked,
        /// The reason, as a sentence that a person can act on.
        sentence: String,
    },
    /// A request was fulfilled.
    Done(Asked),
    /// The person's sessions, this one too.
    Sessions(Vec<SessionEntry>),
    /// The messages that were found.
    Hits {
        /// The query that was asked.
        query: String,
        /// The hits, newest first.
        hits: Vec<Hit>,
    },
    /// The versions of a message, oldest first, each with its time.
    Revisions(Vec<(Stamp, String)>),
    /// The state of the cluster's nodes.
    Cluster(Vec<NodeReport>),
    /// So many things that were to be done cannot be read any more: the person has to look what is missing.
    Lost(usize),
    /// From then on no node lets this device in.
    CertificateEnds(Stamp),
    /// The client has stopped, for this reason, which says what to do.
    Stopped(String),
}

/// Names a request in its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// [`Request::LogIn`] or [`Request::Register`].
    SignIn,
    /// The request [`Request::ChangePassword`].
    ChangePassword,
    /// The request [`Request::DeleteAccount`].
    DeleteAccount,
    /// Any of the others.
    Other,
}

/// A message with words that were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The conversation it stands in.
    pub chat: ChatId,
    /// The message's position.
    pub position: Position,
    /// The sender's name.
    pub sender_name: String,
    /// The time when it was sent.
    pub at: Stamp,
    /// The text of the message.
    pub text: String,
}

/// A node, as seen from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// The node's number.
    pub node: NodeId,
    /// The node's own report; none if it does not answer.
    pub status: Option<NodeStatus>,
}

/// The place where updates wait until the window takes them, all at once and in order. Posting never blocks for long.
#[derive(Clone, Default)]
pub struct Mailbox {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    waiting: VecDeque<Update>,
    announced: bool,
    ring: Option<Box<dyn Fn() + Send>>,
}

impl Mailbox {
    /// A mailbox that nobody listens to yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `ring` when something waits: once, until it is taken.
    pub fn on_mail(&self, ring: impl Fn() + Send + 'static) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if !shared.waiting.is_empty() {
            shared.announced = true;
            ring();
        }
        shared.ring = Some(Box::new(ring));
    }

    /// Adds an update.
    pub fn post(&self, update: Update) {
        self.post_together([update]);
    }

    /// Adds updates that are taken together: between them there is nothing to be seen.
    pub fn post_together(&self, updates: impl IntoIterator<Item = Update>) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.waiting.extend(updates);
        if shared.announced || shared.waiting.is_empty() {
            return;
        }
        if let Some(ring) = &shared.ring {
            ring();
            shared.announced = true;
        }
    }

    /// Takes all that waits.
    pub fn take(&self) -> VecDeque<Update> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.announced = false;
        std::mem::take(&mut shared.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_posted_together_is_taken_together() {
        const PAIRS: usize = 10_000;
        let mailbox = Mailbox::new();
        std::thread::scope(|threads| {
            threads.spawn(|| (0..PAIRS).for_each(|_| mailbox.post_together([Update::Lost(1), Update::Lost(2)])));
            let mut taken = 0;
            while taken < 2 * PAIRS {
                let updates = mailbox.take();
                assert!(updates.len().is_multiple_of(2), "half of a pair");
                taken += updates.len();
            }
        });
    }
}

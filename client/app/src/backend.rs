//! What the window needs of the client behind it, and what it is told. Knows nothing of how that client works.

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

/// What the model does not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Log in; answered by [`Update::SignedIn`] or [`Update::Refused`].
    LogIn {
        /// Who.
        username: String,
        /// The password.
        password: String,
    },
    /// Make an account and log in.
    Register {
        /// Who.
        username: String,
        /// The name to show; may be empty.
        display_name: String,
        /// The password.
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
        /// The other.
        new: String,
        /// What becomes of the other sessions.
        others: OtherSessions,
    },
    /// Delete the account; answered by [`Update::SignedOut`] or [`Update::Refused`].
    DeleteAccount {
        /// The password.
        password: String,
        /// What becomes of what was said.
        messages: OwnMessages,
    },
    /// Look for words in what the device holds; answered by [`Update::Hits`].
    Search {
        /// The words, the last may be a beginning.
        query: String,
        /// At most so many.
        limit: usize,
    },
    /// What a message said before; answered by [`Update::Revisions`].
    Revisions {
        /// In which conversation.
        chat: ChatId,
        /// Which message.
        position: Position,
    },
    /// Tell how the cluster is, about once a second, by [`Update::Cluster`].
    WatchCluster,
    /// No longer.
    UnwatchCluster,
}

/// What the window is told.
#[derive(Clone, Debug)]
pub enum Update {
    /// The model has decided what is drawn.
    Shown(Shown),
    /// Call the person's attention.
    Notify(Notification),
    /// No longer.
    ClearNotification(ChatId),
    /// There is a session; what is stored on the device follows as [`Update::Shown`].
    SignedIn,
    /// There is none.
    SignedOut {
        /// Why, as a sentence; empty if that is no news.
        reason: String,
    },
    /// What was asked for was not done.
    Refused {
        /// What.
        request: Asked,
        /// Why, as a sentence that a person can act on.
        sentence: String,
    },
    /// What was asked for was done.
    Done(Asked),
    /// The person's sessions.
    Sessions(Vec<SessionEntry>),
    /// What was found.
    Hits {
        /// For which query.
        query: String,
        /// Best first.
        hits: Vec<Hit>,
    },
    /// What a message said, oldest first: when, and what.
    Revisions(Vec<(Stamp, String)>),
    /// How the cluster is.
    Cluster(Vec<NodeReport>),
    /// So many things that were to be done cannot be read any more: the person has to look what is missing.
    Lost(usize),
    /// The client has stopped, for this reason, which says what to do.
    Stopped(String),
}

/// Names a request in its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// [`Request::LogIn`] or [`Request::Register`].
    SignIn,
    /// [`Request::ChangePassword`].
    ChangePassword,
    /// [`Request::DeleteAccount`].
    DeleteAccount,
    /// Any of the others.
    Other,
}

/// A message with words that were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// In which conversation.
    pub chat: ChatId,
    /// Where.
    pub position: Position,
    /// Who said it.
    pub sender_name: String,
    /// When.
    pub at: Stamp,
    /// What it says.
    pub text: String,
}

/// A node, as seen from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// Which.
    pub node: NodeId,
    /// How it is; none if it does not answer.
    pub status: Option<NodeStatus>,
}

/// Where updates wait until the window takes them, all at once and in order. Posting never blocks for long.
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

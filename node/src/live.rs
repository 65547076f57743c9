//! The sessions that are live on this node: told at once when they end, wherever that was decided. Knows nothing of what
//! they do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftchat_schema::id::SessionId;
use tokio::sync::watch;

/// All of them. One session may be live on several connections.
#[derive(Debug, Default)]
pub(crate) struct LiveSessions {
    sessions: Mutex<HashMap<SessionId, Vec<watch::Sender<bool>>>>,
}

/// A live session on a connection; dropping it takes it off the list.
#[derive(Debug)]
pub(crate) struct LiveSession {
    sessions: Arc<LiveSessions>,
    id: SessionId,
    ended: watch::Receiver<bool>,
}

impl LiveSessions {
    pub(crate) fn join(self: &Arc<Self>, id: SessionId) -> LiveSession {
        let (sender, ended) = watch::channel(false);
        self.lock().entry(id).or_default().push(sender);
        LiveSession { sessions: self.clone(), id, ended }
    }

    /// The session is over.
    pub(crate) fn end(&self, id: SessionId) {
        for sender in self.lock().remove(&id).unwrap_or_default() {
            // Its connection may have gone.
            let _heard = sender.send(true);
        }
    }

    /// Every session is over but those that `lives` knows.
    pub(crate) fn end_unless(&self, lives: impl Fn(SessionId) -> bool) {
        let here: Vec<_> = self.lock().keys().copied().collect();
        for id in here.into_iter().filter(|id| !lives(*id)) {
            self.end(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Vec<watch::Sender<bool>>>> {
        // The map is whole after every step, whoever panicked meanwhile.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveSession {
    /// Whether it is over.
    pub(crate) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Becomes true when it is over.
    pub(crate) fn watch(&self) -> watch::Receiver<bool> {
        self.ended.clone()
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        let mut sessions = self.sessions.lock();
        if let Some(senders) = sessions.get_mut(&self.id) {
            senders.retain(|sender| !sender.subscribe().same_channel(&self.ended));
            if senders.is_empty() {
                sessions.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_ends_is_told_on_all_its_connections() {
        let sessions = Arc::new(LiveSessions::default());
        let (desk, phone, other) =
            (sessions.join(SessionId(1)), sessions.join(SessionId(1)), sessions.join(SessionId(2)));
        drop(phone);
        let again = sessions.join(SessionId(1));
        sessions.end(SessionId(1));
        assert!(desk.has_ended() && again.has_ended() && !other.has_ended());
        sessions.end_unless(|id| id != SessionId(2));
        assert!(other.has_ended());
        drop((desk, again, other));
        assert!(sessions.lock().is_empty());
    }
}

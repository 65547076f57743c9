//! The session on a link, and the conversations that are opened with it. Knows nothing of which link serves.

use std::rc::Rc;

use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::conversation;
use raftchat_schema::view::ConversationView;

use super::Worker;
use crate::error::ClientError;
use crate::link::node_link::{AskedSession, NodeLink, OpenSession};
use crate::options::Target;
use crate::profile::session::{SessionToken, StoredSession};
use crate::rpc::failure::Failure;
use crate::rpc::{self, Granted};

impl Worker {
    /// The session on `connected`; taken up there if it is not yet.
    pub(crate) async fn session(&self, connected: &NodeLink) -> Result<Rc<OpenSession>, Failure> {
        let mut slot = connected.session.lock().await;
        if let Some(open) = &*slot {
            self.tell_seen(connected, open);
            return Ok(Rc::clone(open));
        }
        let stored = self.profile.session().ok_or(ClientError::NoSession)?;
        let granted = self.resume(connected, &stored).await;
        connected.ask_for(None);
        let granted = granted?;
        if !granted.fresh {
            let node = connected.node;
            tracing::warn!(%node, "no majority confirms that this node is up to date: what it shows may be old");
        }
        self.clock.hear(granted.time, Some(granted.highest));
        connected.knows(&granted.seen);
        self.note_seen(&granted.seen);
        self.keep_seen_meanwhile();
        Ok(Rc::clone(slot.insert(OpenSession::new(granted, stored.token))))
    }

    /// Where more was shown than this node is known to have: what is asked of it next is to be no older.
    fn tell_seen(&self, connected: &NodeLink, open: &OpenSession) {
        let seen = self.seen.borrow();
        if let Some(seen) = seen.as_deref().filter(|seen| connected.knows(seen)) {
            // A node that does not know this answers as it did before there was such a thing.
            tokio::task::spawn_local(rpc::have_seen(&open.granted.client, seen));
        }
    }

    async fn resume(&self, connected: &NodeLink, stored: &StoredSession) -> Result<Granted, Failure> {
        let seen = self.seen.borrow().clone().unwrap_or_default();
        let (client, granted) = rpc::resume(&connected.gateway, &stored.token, &seen);
        connected.ask_for(Some(AskedSession { client, session: stored.session }));
        match granted.await {
            // The cluster was restored from a backup: what was seen before it is of no meaning any more.
            Err(Failure::Refused(refusal)) if refusal.code == ErrorCode::ForeignCursor && !seen.is_empty() => {
                self.seen.replace(None);
                rpc::resume(&connected.gateway, &stored.token, &[]).1.await
            }
            outcome => outcome,
        }
    }

    /// Takes a session that was just granted over `connected` as the one of this device, and keeps it.
    pub(crate) async fn adopt(
        &self,
        connected: &NodeLink,
        granted: Granted,
        token: SessionToken,
    ) -> Result<(), ClientError> {
        self.clock.hear(granted.time, Some(granted.highest));
        connected.knows(&granted.seen);
        self.seen.replace((!granted.seen.is_empty()).then(|| granted.seen.clone()));
        let stored = StoredSession {
            username: granted.user.username.clone(),
            user: granted.user.id,
            session: granted.session,
            token: token.clone(),
            seen: self.seen.borrow().clone(),
        };
        connected.session.lock().await.replace(OpenSession::new(granted, token));
        self.profile.store(stored)?;
        Ok(())
    }

    /// Forgets the session with this token, here and in the profile.
    pub(crate) async fn forget(&self, token: &SessionToken) -> Result<(), ClientError> {
        for connected in self.all_links() {
            connected.session.lock().await.take_if(|open| open.token == *token);
        }
        self.profile.forget(token)?;
        Ok(())
    }

    /// The conversation's capability on this link; asked for once.
    pub(crate) async fn conversation(
        &self,
        connected: &NodeLink,
        target: &Target,
    ) -> Result<conversation::Client, Failure> {
        match self.held(connected, target).await? {
            Some(conversation) => Ok(conversation),
            None => Ok(self.open(connected, target).await?.0),
        }
    }

    /// The conversation's capability where it was asked for on this link.
    pub(crate) async fn held(
        &self,
        connected: &NodeLink,
        target: &Target,
    ) -> Result<Option<conversation::Client>, Failure> {
        Ok(self.session(connected).await?.conversations.borrow().get(target).cloned())
    }

    /// Asks for the conversation on this link: its capability, and how it is now.
    pub(crate) async fn open(
        &self,
        connected: &NodeLink,
        target: &Target,
    ) -> Result<(conversation::Client, ConversationView), Failure> {
        let session = self.session(connected).await?;
        let (conversation, view) = rpc::open(&session.granted.client, target).await?;
        session.conversations.borrow_mut().insert(target.clone(), conversation.clone());
        Ok((conversation, view))
    }

    /// Tells over one link that the person is still writing.
    pub(super) async fn announce_typing(&self, over: &NodeLink, target: &Target) -> Result<(), Failure> {
        rpc::typing(&self.conversation(over, target).await?, true).await
    }
}

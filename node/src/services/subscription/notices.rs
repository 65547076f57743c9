//! Tells a device how this node stands, and the node that it watches, beside its changes. Never reads a row.

use std::sync::Arc;
use std::time::Instant;

use capnp::capability::Promise;
use futures::FutureExt as _;
use raftchat_schema::budgets::HINTS_UNANSWERED_MAX;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::receiver;
use raftchat_schema::id::NodeId;
use raftchat_schema::view::Notice;
use raftchat_schema::wire;
use raftchat_transport::Meter;
use tokio::sync::watch;

use crate::health::node_health::Health;
use crate::services::context::SessionContext;

/// Tells a receiver how this node stands, and of the node that its device watches.
pub(super) struct NoticeSender {
    pub(super) receiver: receiver::Client,
    watching: Option<NodeId>,
    health: watch::Receiver<Health>,
    told: Health,
    /// Hints and notices that are not answered yet.
    unanswered: Arc<Meter>,
    hints: Arc<Meter>,
}

impl NoticeSender {
    pub(super) fn new(context: &SessionContext, watching: Option<NodeId>, receiver: receiver::Client) -> Self {
        let mut health = context.services.health.watch();
        // How it stands now is news to this receiver.
        health.mark_changed();
        let hints = context.services.meters.hints.clone();
        Self { receiver, watching, health, told: Health::default(), unanswered: Arc::default(), hints }
    }

    /// Sends what `call` makes, unless the receiver has as many such calls to answer as there may be. Whether it arrives is not
    /// looked at: that the receiver is gone shows elsewhere.
    pub(super) fn hint<R: 'static>(&self, call: impl FnOnce(&receiver::Client) -> Promise<R, capnp::Error>) {
        let Some(unanswered) = self.unanswered.try_hold(1, HINTS_UNANSWERED_MAX) else {
            self.hints.refuse();
            return;
        };
        let held = (unanswered, self.hints.hold(1));
        let answered = call(&self.receiver);
        tokio::task::spawn_local(answered.map(|_| drop(held)));
    }

    /// Waits until there may be something to tell.
    pub(super) async fn has_news(&mut self) {
        if self.health.changed().await.is_err() {
            // The node stops; the connection will say so.
            std::future::pending::<()>().await;
        }
        // It was only waited for: telling it is what takes it.
        self.health.mark_changed();
    }

    /// Tells what was not told yet. Says whether the node that is watched has just become suspect.
    pub(super) fn tell_news(&mut self) -> bool {
        if !self.health.has_changed().unwrap_or_default() {
            return false;
        }
        let now = self.health.borrow_and_update().clone();
        let news = now.news_since(&self.told, self.watching, Instant::now());
        self.told = now;
        for notice in &news {
            self.hint(|receiver| {
                let mut call = receiver.notice_request();
                wire::write_notice(call.get().init_notice(), *notice);
                call.send().promise
            });
        }
        news.iter().any(|notice| matches!(notice, Notice::Suspect(_)))
    }

    /// The last call there is.
    pub(super) async fn tell_end(&self, code: ErrorCode) {
        let mut call = self.receiver.ended_request();
        wire::write_refusal(call.get().init_refusal(), &code.into());
        // Whether it is heard or not, this is the end.
        let _heard = call.send().promise.await;
    }
}

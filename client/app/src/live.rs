//! The client behind the window: a messenger while somebody is logged in, a bare client before. Knows no window.

mod asked;
mod desk;

use raftchat_client::{ClientOptions, Profile};
use raftchat_model::Intent;
use tokio::sync::{mpsc, oneshot};

use crate::backend::{Backend, Mailbox, Request, Update};
use desk::Desk;

/// Reasons why the client behind the window does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    /// The store on this device cannot be used, or another window holds it; the sentence says what to do.
    #[error(transparent)]
    Open(#[from] raftchat_client::OpenError),
    /// The client does not start.
    #[error(transparent)]
    Start(#[from] raftchat_client::StartError),
    /// The system gives no thread or no event queue.
    #[error("the system gives no thread for the client: {0}")]
    System(#[from] std::io::Error),
}

/// Orders to the client's thread.
enum Order {
    Act(Intent),
    Ask(Request),
    Close(oneshot::Sender<()>),
}

/// A client on a thread of its own.
pub(crate) struct Live {
    orders: mpsc::UnboundedSender<Order>,
}

impl Live {
    /// Opens the profile's store if somebody is logged in. All that comes of it is posted to `mailbox`.
    pub(crate) fn start(profile: Profile, options: ClientOptions, mailbox: Mailbox) -> Result<Self, LiveError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (orders, ordered) = mpsc::unbounded_channel();
        mailbox.post(Update::CertificateEnds(profile.ends_at()));
        let desk = runtime.block_on(async { Desk::open(profile, options, mailbox) })?;
        std::thread::Builder::new().name("desk".to_owned()).spawn(move || runtime.block_on(desk.run(ordered)))?;
        Ok(Self { orders })
    }

    /// Puts everything on the disk.
    pub(crate) fn close(&self) {
        let (done, closed) = oneshot::channel();
        self.order(Order::Close(done));
        // A thread that is gone has closed already.
        drop(closed.blocking_recv());
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::warn!("the client has stopped");
        }
    }
}

impl Backend for Live {
    fn act(&self, intent: Intent) {
        self.order(Order::Act(intent));
    }

    fn ask(&self, request: Request) {
        self.order(Order::Ask(request));
    }
}

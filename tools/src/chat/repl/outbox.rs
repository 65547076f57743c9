//! What goes out while the person goes on typing: messages one after the other, and how far was read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use raftchat_client::{Client, Target};
use raftchat_schema::id::{ConversationId, MessageId, Position};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::console::Screen;

/// Messages on their way, in the order they were typed.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: mpsc::UnboundedSender<Outgoing>,
    task: JoinHandle<()>,
    sent: Arc<Mutex<BTreeSet<MessageId>>>,
}

#[derive(Debug)]
struct Outgoing {
    target: Target,
    message_id: MessageId,
    payload: Vec<u8>,
}

impl Outbox {
    pub(super) fn open(client: Client, screen: Screen) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let task = tokio::spawn(deliver(client, screen, waiting));
        Self { queue, task, sent: Arc::default() }
    }

    /// Sends after all that is waiting; the screen tells what comes of it.
    pub(super) fn send(&self, target: Target, payload: Vec<u8>) {
        let message_id = MessageId(Uuid::now_v7().into_bytes());
        self.lock().insert(message_id);
        // The task ends only when the screen is gone, and then there is nobody to tell.
        let _ = self.queue.send(Outgoing { target, message_id, payload });
    }

    /// Whether this message was typed here.
    pub(super) fn has_sent(&self, message_id: MessageId) -> bool {
        self.lock().contains(&message_id)
    }

    /// Waits until all is sent.
    pub(super) async fn close(self) {
        drop(self.queue);
        // Fails only by a panic, which has been told.
        let _ = self.task.await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<MessageId>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver(client: Client, screen: Screen, mut waiting: mpsc::UnboundedReceiver<Outgoing>) {
    while let Some(Outgoing { target, message_id, payload }) = waiting.recv().await {
        let told = match client.send(&target, message_id, payload).await {
            Ok(sent) => format!("#{}", sent.position),
            Err(error) => format!("not sent: {error}"),
        };
        if screen.aside(&told).is_err() {
            return;
        }
    }
}

/// How far was read, told to the service when there is time for it.
#[derive(Debug)]
pub(super) struct ReadMarks {
    newest: watch::Sender<Option<(ConversationId, Position)>>,
    task: JoinHandle<()>,
}

impl ReadMarks {
    pub(super) fn open(client: Client) -> Self {
        let (newest, seen) = watch::channel(None);
        Self { newest, task: tokio::spawn(tell(client, seen)) }
    }

    /// The conversation was shown up to here.
    pub(super) fn read(&self, conversation: ConversationId, position: Position) {
        self.newest.send_replace(Some((conversation, position)));
    }

    /// Waits until it is told.
    pub(super) async fn close(self) {
        drop(self.newest);
        // Fails only by a panic, which has been told.
        let _ = self.task.await;
    }
}

async fn tell(client: Client, mut newest: watch::Receiver<Option<(ConversationId, Position)>>) {
    while newest.changed().await.is_ok() {
        let Some((conversation, position)) = *newest.borrow_and_update() else { continue };
        if let Err(error) = client.mark_read(&Target::Conversation(conversation), Some(position)).await {
            tracing::debug!(%conversation, %position, %error, "what was read is not marked");
        }
    }
}

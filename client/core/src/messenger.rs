//! What a window holds: the model, the local store and a client, joined on a thread of their own. Knows no window.
//!
//! A [`Messenger`] opens on what is stored on this device, also where no node can be reached, and is in contact with the
//! cluster for as long as it is open. What the person wants is told to it as an [`Intent`]; what is to be drawn comes out
//! of [`Updates`].

mod bootstrap;
mod cleaning;
mod contact;
mod driver;
mod effects;
pub(crate) mod open;
mod tasks;

use std::path::PathBuf;
use std::time::Duration;

use raftchat_model::{ChatId, Codec, Content, Intent, Notification, Shown};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position};
use raftchat_schema::view::MessageView;
use raftchat_schema::wire::{decode_payload, encode_payload};
use tokio::sync::{mpsc, oneshot};

use crate::client::Client;
use crate::error::ClientError;
use crate::export::{self, ExportError, ExportFormat, Exported, Head, Source};
use crate::options::ClientOptions;
use crate::profile::Profile;
use crate::store::StoreError;

/// How many messages are read from the store at once.
const READ_MESSAGES: usize = 100;

/// How a messenger behaves.
#[derive(Clone, Debug, Default)]
pub struct MessengerOptions {
    /// How its client does.
    pub client: ClientOptions,
    /// Where local stores are kept, one for each user; none: in the profile's directory.
    pub stores: Option<PathBuf>,
    /// How long what somebody deleted may stay in the files of the store before they are written anew.
    pub clean_after: CleanAfter,
}

/// How long deleted words may stay on a device that runs; one that does not run cleans up at its next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanAfter(pub Duration);

impl Default for CleanAfter {
    /// So that they are gone within ten minutes, however slow the disk.
    fn default() -> Self {
        Self(Duration::from_mins(8))
    }
}

/// Something for the window to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Draw this.
    Show(Shown),
    /// Call the person's attention.
    Notify(Notification),
    /// Take back what called attention to that conversation.
    ClearNotification(ChatId),
    /// So many things that were to be done can no longer be read on this device: they are lost, and the person has to look
    /// what is missing.
    OutboxDamaged(usize),
    /// The last update: the store has failed, and the messenger has stopped. The sentence says what to do.
    Stopped(String),
}

/// What a messenger has for its window.
#[derive(Debug)]
pub struct Updates {
    turns: mpsc::UnboundedReceiver<Vec<Update>>,
}

impl Updates {
    /// What came of the next thing that happened, to be applied together and in this order; none when the messenger is
    /// closed. May be given up at any await without losing anything.
    pub async fn next(&mut self) -> Option<Vec<Update>> {
        self.turns.recv().await
    }

    /// The same, if it is there already.
    pub fn try_next(&mut self) -> Option<Vec<Update>> {
        self.turns.try_recv().ok()
    }
}

/// Something asked of the messenger's thread.
enum Order {
    Act(Intent),
    Search { query: String, limit: usize, answer: oneshot::Sender<Result<Vec<MessageView>, StoreError>> },
    Waiting { answer: oneshot::Sender<usize> },
    Head { chat: ChatId, answer: oneshot::Sender<Option<Head>> },
    Read { conversation: ConversationId, after: Position, answer: oneshot::Sender<Vec<MessageView>> },
}

/// One person's conversations on this device. Dropping it closes it, as [`Messenger::close`] does, without waiting.
#[derive(Debug)]
pub struct Messenger {
    client: Client,
    orders: mpsc::UnboundedSender<Order>,
    closed: oneshot::Receiver<Result<(), StoreError>>,
}

impl Messenger {
    /// Opens the store of the user who is logged in, and shows what is in it; goes on to find a node by itself. After
    /// [`Shown::SessionEnded`] it stays as it is: whoever has logged in again opens a new one.
    pub fn open(profile: &Profile, options: MessengerOptions) -> Result<(Self, Updates), open::OpenError> {
        open::open(profile, options)
    }

    /// Tells what the person wants. What it leads to comes as updates.
    pub fn act(&self, intent: Intent) {
        self.order(Order::Act(intent));
    }

    /// How much of what was told to it is still to be done at the nodes; what was refused is not counted. What has become
    /// of everything before is among the updates by then.
    pub async fn waiting(&self) -> usize {
        let (answer, waiting) = oneshot::channel();
        self.order(Order::Waiting { answer });
        // A messenger that has stopped does nothing any more, and it has said why.
        waiting.await.unwrap_or(0)
    }

    /// Messages on this device in which all these words are, the last one perhaps only begun; newest first.
    pub async fn search(&self, query: &str, limit: usize) -> Result<Vec<MessageView>, StoreError> {
        let (answer, hits) = oneshot::channel();
        self.order(Order::Search { query: query.to_owned(), limit, answer });
        // Only a messenger that has stopped answers nothing, and it has said why.
        hits.await.unwrap_or_else(|_| Ok(Vec::new()))
    }

    /// Writes a whole conversation: what is on this device from there, the rest from the nodes.
    pub async fn export(
        &self,
        chat: ChatId,
        format: ExportFormat,
        out: &mut (dyn std::io::Write + Send),
    ) -> Result<Exported, ExportError> {
        let (answer, head) = oneshot::channel();
        self.order(Order::Head { chat, answer });
        let head = head.await.ok().flatten().ok_or(ErrorCode::NoSuchConversation).map_err(ClientError::refused)?;
        let (orders, conversation) = (self.orders.clone(), head.conversation);
        let stored = move |after| {
            let (answer, messages) = oneshot::channel();
            // A messenger that has stopped answers nothing: then all is asked of the nodes.
            let _ = orders.send(Order::Read { conversation, after, answer });
            messages
        };
        let source = Source::stored(self.client.clone(), conversation, Box::new(stored));
        export::write(&head, source, format, out).await
    }

    /// The client that it speaks with, for what is no part of a conversation: sessions, the password, the account.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Puts everything on the disk and lets go of the store.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self { client, orders, closed } = self;
        drop(orders);
        let outcome = closed.await;
        drop(client);
        // A thread that is gone without a word has said why in the log.
        outcome.unwrap_or(Ok(()))
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::warn!("the messenger has stopped");
        }
    }
}

/// How payloads are written and read.
fn codec() -> Codec {
    Codec { encode: encode_payload, decode: |bytes| decode_payload(bytes).map_or(Content::Newer, Content::Said) }
}

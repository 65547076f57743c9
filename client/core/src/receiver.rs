//! The capability that a node calls with changes: hands each call on, in the order of arrival, and answers it when what
//! it brought has found room. Knows nothing of links and of who listens.

use std::rc::Rc;

use capnp::Error;
use raftchat_schema::error::Refusal;
use raftchat_schema::generated::client_capnp::receiver;
use raftchat_schema::id::{ConversationId, UserId, Username};
use raftchat_schema::view::{Change, Counts};
use raftchat_schema::wire::{read_change, read_counts, read_refusal};
use tokio::sync::{mpsc, oneshot};

/// What a node has called with.
pub(crate) enum Push {
    Changes {
        changes: Vec<Change>,
        /// What the user has to read in the conversations that they are in.
        counts: Vec<(ConversationId, Counts)>,
        /// Nothing is left of what was missed: the node's word for it is an empty list.
        nothing_left: bool,
        /// Where the changes end.
        cursor: Vec<u8>,
        /// Acknowledges.
        taken: oneshot::Sender<()>,
    },
    Presence {
        user: UserId,
        username: Username,
        online: bool,
    },
    Typing {
        conversation: ConversationId,
        user: UserId,
        username: Username,
        active: bool,
    },
    Ended(Refusal),
}

/// Implements [`receiver`]. The queue behind it is bounded by what a node may leave unacknowledged.
struct Forwarder {
    pushes: mpsc::UnboundedSender<Push>,
}

/// A receiver for one subscription, and what it is called with.
pub(crate) fn receiver() -> (receiver::Client, mpsc::UnboundedReceiver<Push>) {
    let (pushes, queue) = mpsc::unbounded_channel();
    (capnp_rpc::new_client(Forwarder { pushes }), queue)
}

fn not_listening<T>(_: T) -> Error {
    Error::disconnected("nobody listens to this subscription any more".to_owned())
}

fn read_username(text: capnp::text::Reader<'_>) -> Result<Username, Error> {
    text.to_str()?.parse().map_err(|_| Error::failed("`username` is no username".to_owned()))
}

impl Forwarder {
    fn take_changes(&self, params: &receiver::ChangesParams) -> Result<oneshot::Receiver<()>, Error> {
        let params = params.get()?;
        let mut changes = Vec::new();
        let list = params.get_changes()?;
        let nothing_left = list.is_empty();
        for change in list {
            match read_change(change) {
                Ok(change) => changes.push(change),
                Err(error) => tracing::warn!(%error, "a change that this program cannot read is passed over"),
            }
        }
        let counts = params.get_counts()?.iter().map(read_counts).collect();
        let cursor = params.get_cursor()?.get_bytes()?.to_vec();
        let (taken, acknowledged) = oneshot::channel();
        self.pushes.send(Push::Changes { changes, counts, nothing_left, cursor, taken }).map_err(not_listening)?;
        Ok(acknowledged)
    }

    fn take_presence(&self, params: &receiver::PresenceParams) -> Result<(), Error> {
        let params = params.get()?;
        let username = read_username(params.get_username()?)?;
        let (user, online) = (UserId(params.get_user()), params.get_online());
        self.pushes.send(Push::Presence { user, username, online }).map_err(not_listening)
    }

    fn take_typing(&self, params: &receiver::TypingParams) -> Result<(), Error> {
        let params = params.get()?;
        let username = read_username(params.get_username()?)?;
        let (conversation, user) = (ConversationId(params.get_conversation()), UserId(params.get_user()));
        let active = params.get_active();
        self.pushes.send(Push::Typing { conversation, user, username, active }).map_err(not_listening)
    }

    fn take_end(&self, params: &receiver::EndedParams) -> Result<(), Error> {
        let refusal = read_refusal(params.get()?.get_refusal()?);
        self.pushes.send(Push::Ended(refusal)).map_err(not_listening)
    }
}

/// Each method takes what it was called with before it returns its future: calls are begun in order, and only so
/// are the changes of several unanswered calls.
impl receiver::Server for Forwarder {
    fn changes(
        self: Rc<Self>,
        params: receiver::ChangesParams,
        _: receiver::ChangesResults,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        let acknowledged = self.take_changes(&params);
        async move { acknowledged?.await.map_err(not_listening) }
    }

    fn presence(
        self: Rc<Self>,
        params: receiver::PresenceParams,
        _: receiver::PresenceResults,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        std::future::ready(self.take_presence(&params))
    }

    fn typing(
        self: Rc<Self>,
        params: receiver::TypingParams,
        _: receiver::TypingResults,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        std::future::ready(self.take_typing(&params))
    }

    fn ended(
        self: Rc<Self>,
        params: receiver::EndedParams,
        _: receiver::EndedResults,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        std::future::ready(self.take_end(&params))
    }
}

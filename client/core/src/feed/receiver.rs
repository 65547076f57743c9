//! The capability that a node calls with changes: hands each call on, in the order of arrival, and answers it when what
//! it brought has found room. Knows nothing of links and of who listens.

use std::rc::Rc;

use capnp::Error;
use raftchat_schema::error::Refusal;
use raftchat_schema::generated::client_capnp::receiver;
use raftchat_schema::id::{ConversationId, UserId, Username};
use raftchat_schema::view::{Change, Counts, Notice};
use raftchat_schema::wire::{read_change, read_counts, read_notice, read_refusal};
use tokio::sync::{mpsc, oneshot};

use super::Hint;

/// Tells the subscriptions of a feed apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionId(pub(super) u64);

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
    Hint(Hint),
    Ended(Refusal),
    /// The node has let go of the receiver.
    Dropped,
}

/// What is heeded at once.
pub(crate) enum Heard {
    /// The node has said what the client should do about its link.
    Notice(Notice),
    /// A change was of no kind that this program knows: the cluster is at a higher feature level.
    NewerThanKnown,
}

/// Implements [`receiver`]. The queue behind it is bounded by what nodes may leave unacknowledged.
struct Forwarder {
    subscription: SubscriptionId,
    pushes: mpsc::UnboundedSender<(SubscriptionId, Push)>,
    heed: Box<dyn Fn(Heard)>,
}

/// A receiver for this subscription. What it is called with goes into `pushes`; notices, which wait for nobody, are
/// heeded at once.
pub(crate) fn receiver(
    subscription: SubscriptionId,
    pushes: mpsc::UnboundedSender<(SubscriptionId, Push)>,
    heed: impl Fn(Heard) + 'static,
) -> receiver::Client {
    capnp_rpc::new_client(Forwarder { subscription, pushes, heed: Box::new(heed) })
}

fn not_listening<T>(_: T) -> Error {
    Error::disconnected("nobody listens to this subscription any more".to_owned())
}

fn read_username(text: capnp::text::Reader<'_>) -> Result<Username, Error> {
    text.to_str()?.parse().map_err(|_| Error::failed("`username` is no username".to_owned()))
}

impl Forwarder {
    fn push(&self, push: Push) -> Result<(), Error> {
        self.pushes.send((self.subscription, push)).map_err(not_listening)
    }

    fn take_changes(&self, params: &receiver::ChangesParams) -> Result<oneshot::Receiver<()>, Error> {
        let params = params.get()?;
        let mut changes = Vec::new();
        let list = params.get_changes()?;
        let nothing_left = list.is_empty();
        for change in list {
            match read_change(change) {
                Ok(change) => changes.push(change),
                Err(error) => {
                    tracing::warn!(%error, "a change that this program cannot read is passed over");
                    (self.heed)(Heard::NewerThanKnown);
                }
            }
        }
        let counts = params.get_counts()?.iter().map(read_counts).collect();
        let cursor = params.get_cursor()?.get_bytes()?.to_vec();
        let (taken, acknowledged) = oneshot::channel();
        self.push(Push::Changes { changes, counts, nothing_left, cursor, taken })?;
        Ok(acknowledged)
    }

    fn take_presence(&self, params: &receiver::PresenceParams) -> Result<(), Error> {
        let params = params.get()?;
        let username = read_username(params.get_username()?)?;
        let (user, online) = (UserId(params.get_user()), params.get_online());
        self.push(Push::Hint(Hint::Presence { user, username, online }))
    }

    fn take_typing(&self, params: &receiver::TypingParams) -> Result<(), Error> {
        let params = params.get()?;
        let username = read_username(params.get_username()?)?;
        let (conversation, user) = (ConversationId(params.get_conversation()), UserId(params.get_user()));
        let active = params.get_active();
        self.push(Push::Hint(Hint::Typing { conversation, user, username, active }))
    }

    fn take_end(&self, params: &receiver::EndedParams) -> Result<(), Error> {
        let refusal = read_refusal(params.get()?.get_refusal()?);
        self.push(Push::Ended(refusal))
    }

    fn take_notice(&self, params: &receiver::NoticeParams) -> Result<(), Error> {
        match read_notice(params.get()?.get_notice()?) {
            Ok(notice) => (self.heed)(Heard::Notice(notice)),
            Err(error) => tracing::debug!(%error, "a notice that this program does not know is passed over"),
        }
        Ok(())
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        // Nobody may listen any more, which is why it was let go.
        let _ = self.push(Push::Dropped);
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

    fn notice(
        self: Rc<Self>,
        params: receiver::NoticeParams,
        _: receiver::NoticeResults,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        std::future::ready(self.take_notice(&params))
    }
}

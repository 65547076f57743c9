//! A feed's subscription on one link. Knows nothing of its other links.

use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures::{join, poll};
use raftchat_schema::generated::client_capnp::{receiver, subscription};
use raftchat_schema::id::SessionId;
use raftchat_schema::level::Level;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::receiver::{Heard, Push, SubscriptionId, receiver};
use super::resume::{Advance, ResumePoint};
use crate::call::repeat::{ATTEMPT_MAX, bounded};
use crate::error::ClientError;
use crate::link::node_link::{NodeLink, OpenSession};
use crate::link::worker::Worker;
use crate::rpc::failure::Failure;
use crate::rpc::{self, Begin};

/// A subscription on one link.
pub(super) struct LinkSubscription {
    pub(super) id: SubscriptionId,
    pub(super) connected: Rc<NodeLink>,
    pub(super) begin: Begin,
    /// None until it is established. Ends by being dropped.
    subscription: Option<subscription::Client>,
    /// The node has let go of the receiver, before it had answered.
    pub(super) is_dropped: bool,
    /// How far the node was told; none once it pushes.
    armed: Option<Advance>,
    /// It pushes since then.
    serves_since: Option<Instant>,
}

/// What a node has granted.
pub(super) struct Established {
    pub(super) session: SessionId,
    /// Where the subscription begins.
    pub(super) from: Vec<u8>,
    subscription: subscription::Client,
}

/// What a subscription is asked for with.
type Wish<'a> = (&'a [u8], &'a receiver::Client, Begin);

/// The session on a link; and where that has to be asked for, the subscription that was asked for together with it, which
/// spares a round trip.
async fn session_and_subscription(
    worker: &Worker,
    connected: &NodeLink,
    whose: Option<SessionId>,
    wish: Option<Wish<'_>>,
) -> Result<(Rc<OpenSession>, Option<subscription::Client>), Failure> {
    let mut session = pin!(worker.session(connected));
    if let Poll::Ready(session) = poll!(session.as_mut()) {
        return Ok((session?, None));
    }
    let asked = connected.asked().filter(|asked| whose.is_none_or(|whose| whose == asked.session));
    let (Some(asked), Some((from, receiver, begin))) = (asked, wish) else { return Ok((session.await?, None)) };
    match join!(session, rpc::subscribe(&asked.client, from, receiver.clone(), begin)) {
        (Ok(session), Ok(subscription)) => Ok((session, Some(subscription))),
        // The session was asked for once more, in another way.
        (Ok(session), Err(Failure::Exception(_))) => Ok((session, None)),
        (Ok(_), Err(failure)) | (Err(failure), _) => Err(failure),
    }
}

impl LinkSubscription {
    pub(super) fn new(id: SubscriptionId, connected: Rc<NodeLink>, begin: Begin) -> Self {
        Self { id, connected, begin, subscription: None, is_dropped: false, armed: None, serves_since: None }
    }

    pub(super) fn is_established(&self) -> bool {
        self.subscription.is_some()
    }

    pub(super) fn has_served_for(&self, time: Duration) -> bool {
        self.serves_since.is_some_and(|since| since.elapsed() >= time)
    }

    /// Subscribes where the feed stands; what is pushed goes into `pushes` from then on.
    pub(super) fn establish(
        &self,
        worker: &Rc<Worker>,
        point: &ResumePoint,
        pushes: mpsc::UnboundedSender<(SubscriptionId, Push)>,
    ) -> impl Future<Output = Result<Established, Failure>> + 'static {
        let (id, begin) = (self.id, self.begin);
        let (worker, connected) = (Rc::clone(worker), Rc::clone(&self.connected));
        let (whose, cursor) = (point.session(), point.cursor().map(<[u8]>::to_vec));
        let (heeding, heard) = (Rc::downgrade(&worker), Rc::downgrade(&connected));
        let heed = move |told| {
            let (Some(worker), Some(connected)) = (heeding.upgrade(), heard.upgrade()) else { return };
            match told {
                Heard::Notice(notice) => worker.heed(&connected, notice),
                Heard::NewerThanKnown => worker.hear_level(Level::newest().next()),
            }
        };
        async move {
            let attempt = async {
                let receiver = receiver(id, pushes, heed);
                let early = cursor.as_deref().map(|from| (from, &receiver, begin));
                let (session, subscription) = session_and_subscription(&worker, &connected, whose, early).await?;
                let granted = &session.granted;
                if whose.is_some_and(|whose| whose != granted.session) {
                    // Somebody else is logged in on this device now.
                    return Err(ClientError::NoSession.into());
                }
                let from = match cursor {
                    Some(cursor) => cursor,
                    None => rpc::catch_up(&granted.client).await?.cursor,
                };
                let subscription = match subscription {
                    Some(subscription) => subscription,
                    None => rpc::subscribe(&granted.client, &from, receiver, begin).await?,
                };
                Ok(Established { session: granted.session, from, subscription })
            };
            bounded(&worker, &connected, ATTEMPT_MAX, attempt).await
        }
    }

    /// The node has granted it. True if it is armed.
    pub(super) fn establish_as(&mut self, established: Established) -> bool {
        let Established { from, subscription, .. } = established;
        self.subscription = Some(subscription);
        let now = Instant::now();
        self.armed = (self.begin != Begin::Now).then(|| Advance::new(from, now));
        self.serves_since = self.armed.is_none().then_some(now);
        self.armed.is_some()
    }

    /// Has the node push what comes after `from`, if it does not yet.
    pub(super) fn activate(&mut self, worker: &Rc<Worker>, from: Option<&[u8]>) {
        let Some(subscription) = &self.subscription else { return };
        if self.armed.take().is_none() {
            return;
        }
        self.serves_since = Some(Instant::now());
        let (worker, connected) = (Rc::clone(worker), Rc::clone(&self.connected));
        let (subscription, from) = (subscription.clone(), from.unwrap_or_default().to_vec());
        tokio::task::spawn_local(async move {
            match rpc::activate(&subscription, &from).await {
                Ok(()) => worker.arrived(&connected),
                // The end of the link is seen elsewhere.
                Err(failure) => tracing::debug!(cause = %failure.sentence(), "a subscription was not activated"),
            }
        });
    }

    /// Tells an armed node where the feed stands, when it is time.
    pub(super) fn advance(&mut self, cursor: &[u8], now: Instant) {
        let (Some(armed), Some(subscription)) = (&mut self.armed, &self.subscription) else { return };
        let Some(upto) = armed.due(cursor, now) else { return };
        let subscription = subscription.clone();
        tokio::task::spawn_local(async move {
            if let Err(failure) = rpc::advance(&subscription, &upto).await {
                tracing::debug!(cause = %failure.sentence(), "an armed subscription was not told where the feed stands");
            }
        });
    }
}

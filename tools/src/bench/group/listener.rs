//! Somebody who listens to the group: how long each message took to come.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use capnp::capability::Rc as CapnpRc;
use hdrhistogram::Histogram;
use raftchat_schema::generated::client_capnp::receiver;
use raftchat_schema::generated::types_capnp::change;
use raftchat_schema::wire::decode_payload;
use tokio::sync::watch;

use crate::bench::stamp::sent_at;
use crate::bench::tally::{Tally, record};
use crate::failure::Failure;

/// Everything that all listeners have heard.
pub(super) struct Heard {
    tally: Tally,
    count: watch::Sender<u64>,
}

impl Heard {
    /// A count of nothing yet.
    pub(super) fn new() -> Result<Self, Failure> {
        let tally = Tally::new().map_err(|error| Failure::System(error.to_string()))?;
        Ok(Self { tally, count: watch::Sender::new(0) })
    }

    /// The number of times that a message has come.
    pub(super) fn count(&self) -> u64 {
        *self.count.borrow()
    }

    /// From sending to each coming.
    pub(super) fn latencies(&self) -> &Histogram<u64> {
        &self.tally.deliveries
    }

    /// Waits until messages have come so often.
    pub(super) fn reached(&self, wanted: u64) -> impl Future<Output = ()> + 'static {
        let mut count = self.count.subscribe();
        async move {
            // The sender goes only once nobody waits any more.
            let _ = count.wait_for(|count| *count >= wanted).await;
        }
    }
}

/// Implements [`receiver`] for one session.
pub(super) struct Listener {
    pub(super) heard: Rc<RefCell<Heard>>,
    pub(super) clock: Instant,
}

impl Listener {
    fn hear(&self, params: &receiver::ChangesParams) -> Result<(), capnp::Error> {
        let now = self.clock.elapsed();
        let heard = &mut *self.heard.borrow_mut();
        for changed in params.get()?.get_changes()? {
            let Ok(change::Message(message)) = changed.which() else { continue };
            let payload = decode_payload(message?.get_payload()?).ok();
            if let Some(sent) = payload.and_then(|payload| sent_at(&payload.text)) {
                record(&mut heard.tally.deliveries, now.saturating_sub(sent));
                heard.count.send_modify(|count| *count += 1);
            }
        }
        Ok(())
    }
}

impl receiver::Server for Listener {
    async fn changes(
        self: CapnpRc<Self>,
        params: receiver::ChangesParams,
        _: receiver::ChangesResults,
    ) -> Result<(), capnp::Error> {
        self.hear(&params)
    }

    async fn presence(
        self: CapnpRc<Self>,
        _: receiver::PresenceParams,
        _: receiver::PresenceResults,
    ) -> Result<(), capnp::Error> {
        Ok(())
    }
}

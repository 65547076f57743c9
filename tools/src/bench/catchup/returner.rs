//! The device that comes back: what came to it, until nothing is left.

use std::cell::RefCell;
use std::collections::BTreeSet;

use capnp::capability::Rc as CapnpRc;
use raftchat_schema::generated::client_capnp::receiver;
use raftchat_schema::generated::types_capnp::change;
use tokio::sync::oneshot;

/// Counts of what came to the device that returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// Rows of all kinds.
    pub(super) changes: u64,
    /// Different messages that were not there before.
    pub(super) messages: u64,
    /// Messages that had come before.
    pub(super) repeated: u64,
    /// Of all calls.
    pub(super) bytes: u64,
}

/// Implements [`receiver`] until it has caught up.
pub(super) struct Returner {
    progress: RefCell<Progress>,
}

struct Progress {
    account: Account,
    /// Positions above what was there before.
    seen: BTreeSet<u64>,
    last_before: u64,
    caught_up: Option<oneshot::Sender<Account>>,
}

impl Returner {
    /// Of a device that has the messages up to a position; and its account once nothing is left.
    pub(super) fn after(last_before: u64) -> (Self, oneshot::Receiver<Account>) {
        let (caught_up, account) = oneshot::channel();
        let (seen, caught_up) = (BTreeSet::new(), Some(caught_up));
        let progress = Progress { account: Account::default(), seen, last_before, caught_up };
        (Self { progress: RefCell::new(progress) }, account)
    }

    fn take(&self, params: &receiver::ChangesParams) -> Result<(), capnp::Error> {
        const WORD_BYTES: u64 = 8;
        let params = params.get()?;
        let mut progress = self.progress.borrow_mut();
        progress.account.bytes += params.total_size()?.word_count * WORD_BYTES;
        let changes = params.get_changes()?;
        if changes.is_empty()
            && let Some(caught_up) = progress.caught_up.take()
        {
            // Whoever waited may have given up.
            let _ = caught_up.send(progress.account);
        }
        for changed in changes {
            progress.account.changes += 1;
            if let Ok(change::Message(message)) = changed.which() {
                progress.take_message(message?.get_position());
            }
        }
        Ok(())
    }
}

impl Progress {
    fn take_message(&mut self, position: u64) {
        if position > self.last_before && self.seen.insert(position) {
            self.account.messages += 1;
        } else {
            self.account.repeated += 1;
        }
    }
}

impl receiver::Server for Returner {
    async fn changes(
        self: CapnpRc<Self>,
        params: receiver::ChangesParams,
        _: receiver::ChangesResults,
    ) -> Result<(), capnp::Error> {
        self.take(&params)
    }

    async fn presence(
        self: CapnpRc<Self>,
        _: receiver::PresenceParams,
        _: receiver::PresenceResults,
    ) -> Result<(), capnp::Error> {
        Ok(())
    }
}

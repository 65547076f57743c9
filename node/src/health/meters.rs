//! The meters of one node, one for each budget that its callers share, by the names that `cluster status --json` shows.
//! Never knows the bounds: those are in `schema/src/budgets.rs`.

use std::sync::Arc;

use raftchat_schema::view::BudgetView;
use raftchat_transport::{LinkMeters, Meter};

/// How full each budget of this node is. Clones share the meters.
///
/// Whoever adds a budget adds a field here and a line in [`Meters::readings`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Meters {
    /// Password hashes that run.
    pub(crate) hashes_running: Arc<Meter>,
    /// Those that wait for their turn.
    pub(crate) hashes_waiting: Arc<Meter>,
    /// Calls that were refused because their device or account asks too fast; nothing is held.
    pub(crate) rates: Arc<Meter>,
    /// Attempts at a password that were refused because too many were wrong; nothing is held.
    pub(crate) guesses: Arc<Meter>,
    /// Calls that wait until this node has applied what their caller has seen.
    pub(crate) calls_behind: Arc<Meter>,
    /// Rows that the newest batch of commands writes, as far as can be told before.
    pub(crate) batch_rows: Arc<Meter>,
    /// Subscriptions that devices have here.
    pub(crate) subscriptions: Arc<Meter>,
    /// Hints and notices that devices have not answered yet.
    pub(crate) hints: Arc<Meter>,
    /// What devices' links hold, in six meters.
    pub(crate) links: LinkMeters,
}

impl Meters {
    /// What each meter shows, in order of name.
    pub(crate) fn readings(&self) -> Vec<BudgetView> {
        let meters = [
            ("hashes-running", &self.hashes_running),
            ("hashes-waiting", &self.hashes_waiting),
            ("rates", &self.rates),
            ("guesses", &self.guesses),
            ("calls-behind", &self.calls_behind),
            ("batch-rows", &self.batch_rows),
            ("hints", &self.hints),
            ("subscriptions", &self.subscriptions),
            ("links", &self.links.links),
            ("links-closed", &self.links.closed),
            ("link-handshakes", &self.links.handshakes),
            ("link-initials", &self.links.initials),
            ("link-open-calls", &self.links.open_calls),
            ("link-unread-bytes", &self.links.unread_bytes),
        ];
        let mut readings = meters.map(|(name, meter)| view(name, meter));
        readings.sort_by(|one, other| one.name.cmp(&other.name));
        readings.into()
    }
}

fn view(name: &str, meter: &Meter) -> BudgetView {
    let reading = meter.reading();
    BudgetView { name: name.to_owned(), held: reading.held, most: reading.most, refused: reading.refused }
}

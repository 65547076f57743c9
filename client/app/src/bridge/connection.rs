//! How the connection and the cluster stand. Knows nothing of what travels over it.

use std::rc::Rc;
use std::time::Duration;

use raftchat_model::Connection as Standing;
use raftchat_schema::id::{NodeId, Stamp};
use raftchat_schema::view::Role;
use slint::{ComponentHandle, Model, ModelRc, SharedString, TimerMode, VecModel};

use super::view::{Shared, View};
use crate::backend::{NodeReport, Request};
use crate::ui::{AppWindow, Connection, LinkState, NodeRow};

/// So many moves are remembered.
const MOVES_SHOWN: usize = 5;

/// So long it is said where the streams went on.
const NEWS_SEEN: Duration = Duration::from_secs(5);

/// So many days before this device's certificate ends it is said where one looks for trouble: as long as commands say it.
const ENDING_SAID_DAYS: i32 = 60;

/// So many days before it is said to whoever opens the window.
const ENDING_TOLD_DAYS: i32 = 14;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A node that knows that it is further behind is not healthy.
const LAG_MS_HEALTHY: u64 = 1000;

/// Joins the callbacks.
pub(super) fn connect(window: &AppWindow, view: &Shared) {
    let shared = Rc::clone(view);
    window.global::<Connection<'_>>().on_watch(move |on| {
        if on {
            shared.borrow().draw_ending();
        }
        shared.borrow().ask(if on { Request::WatchCluster } else { Request::UnwatchCluster });
    });
}

impl View {
    /// Draws how the connection stands.
    pub(super) fn draw_connection(&mut self, standing: Standing) {
        self.connection = standing;
        let text = self.phrases.connection(standing);
        let (state, at) = match standing {
            Standing::Offline => (LinkState::Offline, None),
            Standing::Connecting => (LinkState::Connecting, None),
            Standing::CatchingUp { node, rtt_ms } => (LinkState::CatchingUp, Some((node, rtt_ms))),
            Standing::Online { node, rtt_ms } => (LinkState::Online, Some((node, rtt_ms))),
            Standing::ReadOnly { node, rtt_ms } => (LinkState::ReadOnly, Some((node, rtt_ms))),
        };
        let node = at.map(|(node, _)| self.phrases.say(|words| words.invoke_node(node.to_string().into())));
        self.with_window(|window| {
            let connection = window.global::<Connection<'_>>();
            connection.set_state(state);
            connection.set_text(text);
            connection.set_node(node.unwrap_or_default());
            connection.set_round_trip(at.map(|(_, rtt_ms)| format!("{rtt_ms} ms")).unwrap_or_default().into());
        });
    }

    /// Remembers and says that the streams went on elsewhere.
    pub(super) fn draw_move(&self, to: NodeId, ms: u32) {
        let node = to.to_string().into();
        let sentence = self.phrases.say(|words| words.invoke_moved_in(node, i32::try_from(ms).unwrap_or(i32::MAX)));
        let at = self.phrases.clock.time(self.phrases.clock.now());
        self.moves.insert(0, format!("{at}  {sentence}").into());
        while self.moves.row_count() > MOVES_SHOWN {
            self.moves.remove(MOVES_SHOWN);
        }
        self.with_window(|window| window.global::<Connection<'_>>().set_news(sentence));
        let window = self.window.clone();
        self.news.start(TimerMode::SingleShot, NEWS_SEEN, move || {
            if let Some(window) = window.upgrade() {
                window.global::<Connection<'_>>().set_news(SharedString::default());
            }
        });
    }

    /// Remembers when this device's certificate ends, and says so if that is soon.
    pub(super) fn certificate_ends(&mut self, at: Stamp) {
        self.certificate_ends = Some(at);
        let days_left = self.draw_ending();
        if days_left.is_some_and(|days| days < ENDING_TOLD_DAYS) {
            self.toast(&self.phrases.certificate(days_left));
        }
    }

    /// Draws that this device's certificate ends soon, and gives the days that are left; `None` if there are many.
    pub(super) fn draw_ending(&self) -> Option<i32> {
        let left = self.certificate_ends?.0.saturating_sub(self.phrases.clock.now().0);
        let days_left = i32::try_from(left.div_ceil(DAY_MS)).ok().filter(|days| *days < ENDING_SAID_DAYS);
        let sentence = self.phrases.certificate(days_left);
        self.with_window(|window| window.global::<Connection<'_>>().set_warning(sentence));
        days_left
    }

    /// Draws the nodes.
    pub(super) fn draw_cluster(&self, mut nodes: Vec<NodeReport>) {
        nodes.sort_by_key(|report| report.node);
        let here = match self.connection {
            Standing::CatchingUp { node, .. } | Standing::Online { node, .. } | Standing::ReadOnly { node, .. } => {
                Some(node)
            }
            Standing::Offline | Standing::Connecting => None,
        };
        let rows: Vec<NodeRow> = nodes.iter().map(|report| self.node_row(report, here)).collect();
        self.with_window(|window| window.global::<Connection<'_>>().set_nodes(ModelRc::new(VecModel::from(rows))));
    }

    fn node_row(&self, report: &NodeReport, here: Option<NodeId>) -> NodeRow {
        let status = report.status.as_ref();
        let role = match status.map(|status| status.role) {
            Some(Role::Leader) => 0,
            Some(Role::Follower) => 1,
            Some(Role::Learner) => 2,
            Some(Role::Candidate) => 3,
            None => 4,
        };
        let lag_ms = status.map_or(0, |status| status.lag_ms);
        NodeRow {
            name: self.phrases.say(|words| words.invoke_node(report.node.to_string().into())),
            role: self.phrases.say(|words| words.invoke_node_role(role)),
            leader: role == 0,
            term: status.map(|status| status.term.to_string()).unwrap_or_default().into(),
            applied: status.map(|status| status.applied.to_string()).unwrap_or_default().into(),
            lag: if lag_ms == 0 {
                self.phrases.say(|words| words.invoke_up_to_date())
            } else {
                self.phrases.say(|words| words.invoke_lag(lag_ms.to_string().into()))
            },
            healthy: status.is_some() && lag_ms < LAG_MS_HEALTHY && role != 3,
            reachable: status.is_some(),
            here: here == Some(report.node),
        }
    }
}

//! How this node stands, as far as the devices it serves have to know: whom it suspects, whether it is behind, whether it is
//! about to stop. Never knows how that is found out or told.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use raftchat_schema::id::NodeId;
use raftchat_schema::view::Notice;
use tokio::sync::watch;

/// A node that is behind for longer than this serves no sessions.
pub(crate) const BEHIND_MAX: Duration = Duration::from_secs(10);

/// How it stands at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Not heard from for longer than it should be.
    pub(crate) suspects: BTreeSet<NodeId>,
    /// For how long it has had no contact with a majority; none while it has.
    pub(crate) behind: Option<Duration>,
    /// It is about to stop.
    pub(crate) draining: Option<Draining>,
}

/// A node that is about to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draining {
    /// Its links end then at the latest.
    pub(crate) deadline: Instant,
    /// Where its devices are to go; none: to any other.
    pub(crate) to: Option<NodeId>,
}

impl Health {
    /// Whether sessions are opened and taken up here.
    pub(crate) fn takes_sessions(&self) -> bool {
        self.draining.is_none() && self.behind.is_none_or(|behind| behind < BEHIND_MAX)
    }

    /// What a device that goes by `watching` has to be told, of what it was not told at `before`.
    pub(crate) fn news_since(&self, before: &Self, watching: Option<NodeId>, now: Instant) -> Vec<Notice> {
        let mut news = Vec::new();
        let suspects = |health: &Self| watching.filter(|node| health.suspects.contains(node));
        if let Some(node) = suspects(self)
            && suspects(before).is_none()
        {
            news.push(Notice::Suspect(node));
        }
        match (before.behind, self.behind) {
            (before, Some(behind)) if before != Some(behind) => {
                news.push(Notice::Behind(u64::try_from(behind.as_millis()).unwrap_or(u64::MAX)));
            }
            (Some(_), None) => news.push(Notice::Fresh),
            _ => {}
        }
        if let Some(Draining { deadline, to }) = self.draining
            && before.draining.is_none()
        {
            let left = deadline.saturating_duration_since(now).as_millis();
            news.push(Notice::Drain { deadline_ms: u32::try_from(left).unwrap_or(u32::MAX), to });
        }
        news
    }
}

/// Where it is noted. Whoever looks sees the newest.
#[derive(Debug, Default)]
pub(crate) struct NodeHealth {
    now: watch::Sender<Health>,
}

impl NodeHealth {
    /// How the node stands, and whenever that changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Health> {
        self.now.subscribe()
    }

    pub(crate) fn takes_sessions(&self) -> bool {
        self.now.borrow().takes_sessions()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.now.borrow().draining.is_some()
    }

    pub(crate) fn suspect(&self, nodes: BTreeSet<NodeId>) {
        self.change(|health| health.suspects = nodes);
    }

    pub(crate) fn behind(&self, behind: Option<Duration>) {
        self.change(|health| health.behind = behind);
    }

    /// What was said first holds.
    pub(crate) fn drain(&self, draining: Draining) {
        self.change(|health| health.draining = health.draining.or(Some(draining)));
    }

    fn change(&self, change: impl FnOnce(&mut Health)) {
        self.now.send_if_modified(|health| {
            let before = health.clone();
            change(health);
            *health != before
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_told_what_concerns_it_and_once() {
        let (now, watched) = (Instant::now(), Some(NodeId(2)));
        let fine = Health::default();
        let worried = Health {
            suspects: [NodeId(2), NodeId(3)].into(),
            behind: Some(Duration::from_millis(1500)),
            draining: Some(Draining { deadline: now + Duration::from_secs(5), to: None }),
        };
        let told = [Notice::Suspect(NodeId(2)), Notice::Behind(1500), Notice::Drain { deadline_ms: 5000, to: None }];
        assert_eq!(worried.news_since(&fine, watched, now), told);
        assert_eq!(worried.news_since(&worried, watched, now), []);
        assert_eq!(worried.news_since(&fine, None, now), told[1..], "who watches nobody");
        let longer = Health { behind: Some(Duration::from_millis(2500)), ..worried.clone() };
        assert_eq!(longer.news_since(&worried, watched, now), [Notice::Behind(2500)]);
        let again = Health { behind: None, suspects: BTreeSet::new(), ..worried.clone() };
        assert_eq!(again.news_since(&worried, watched, now), [Notice::Fresh]);
    }

    #[test]
    fn sessions_are_taken_by_who_is_fresh_enough_and_stays() {
        let behind = |ms| Health { behind: Some(Duration::from_millis(ms)), ..Health::default() };
        assert!(Health::default().takes_sessions() && behind(9_999).takes_sessions());
        assert!(!behind(10_000).takes_sessions());
        let board = NodeHealth::default();
        board.drain(Draining { deadline: Instant::now(), to: None });
        assert!(!board.takes_sessions());
    }
}

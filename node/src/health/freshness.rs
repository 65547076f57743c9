//! For how long this node may be behind: since a majority last confirmed to it, or to the leader it follows, that it is not. A
//! follower of a leader that is itself cut off is behind like that leader.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, sleep};

use crate::health::node_health::{BEHIND_MAX, NodeHealth};
use crate::proposer::read_index::ReadIndex;

/// Who is behind for less says nothing.
const FRESH_MAX: Duration = Duration::from_secs(1);
/// How long a majority may take to confirm.
const CONFIRM_LIMIT: Duration = Duration::from_secs(1);
/// Who asks for what a majority has to do is given so long by a node that has none: a leader may just have been elected.
const GRACE: Duration = Duration::from_millis(250);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(300);
/// How often it is looked how long it is by now.
const LOOK: Duration = Duration::from_millis(100);
/// How often devices are told how long it is by now.
const SAY: Duration = Duration::from_secs(1);

/// When this node was last known to be up to date.
#[derive(Debug)]
pub(crate) struct Freshness {
    start: Instant,
    /// Milliseconds after `start`.
    confirmed: AtomicU64,
}

impl Freshness {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), confirmed: AtomicU64::new(0) }
    }

    /// For how long this node may have been behind; none if that is no longer than it takes to ask.
    pub(crate) fn behind(&self) -> Option<Duration> {
        let confirmed = self.start + Duration::from_millis(self.confirmed.load(Ordering::Relaxed));
        Some(confirmed.elapsed()).filter(|behind| *behind > FRESH_MAX)
    }

    /// Returns once this node has no contact with a majority, in a moment at the earliest. Who waits for a majority is told then,
    /// as another node may have one.
    pub(crate) async fn lost(&self) {
        sleep(GRACE).await;
        while self.behind().is_none() {
            sleep(LOOK).await;
        }
    }

    fn confirm(&self, asked: Instant) {
        let after = asked.saturating_duration_since(self.start).as_millis();
        self.confirmed.fetch_max(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Asks again and again, for as long as the node runs.
pub(crate) async fn keep_asking(freshness: Arc<Freshness>, read_index: ReadIndex) {
    loop {
        let asked = Instant::now();
        if read_index.confirm(CONFIRM_LIMIT).await {
            freshness.confirm(asked);
        }
        sleep(PAUSE).await;
    }
}

/// Notes how long it is by now: at first, each second, and when it is over. Once it is too long for any session, calls
/// `end_links`.
pub(crate) async fn keep_noting(freshness: Arc<Freshness>, board: Arc<NodeHealth>, end_links: impl Fn()) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said: Option<Duration> = None;
    loop {
        ticks.tick().await;
        let behind = freshness.behind();
        let due = match (said, behind) {
            (None, None) => false,
            (Some(said), Some(behind)) => behind >= said.saturating_add(SAY) || behind < said,
            (None, Some(_)) | (Some(_), None) => true,
        };
        if !due {
            continue;
        }
        let was_too_long = said.is_some_and(|said| said >= BEHIND_MAX);
        said = behind;
        board.behind(behind);
        if behind.is_some_and(|behind| behind >= BEHIND_MAX) && !was_too_long {
            tracing::warn!("no contact with a majority for {BEHIND_MAX:?}: no sessions are served");
            end_links();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_majority_is_told_soon_that_there_is_none() {
        let (freshness, begun) = (Freshness::new(), Instant::now());
        freshness.lost().await;
        assert!(begun.elapsed() > FRESH_MAX, "not before it takes longer than to elect a leader");
        let asked = Instant::now();
        freshness.lost().await;
        let told = asked.elapsed();
        assert!(told >= GRACE && told < FRESH_MAX, "and at once where it is known: {told:?}");
    }

    #[tokio::test]
    async fn nobody_is_told_so_while_a_majority_confirms() {
        let freshness = Freshness::new();
        let confirms = async {
            let begun = Instant::now();
            while begun.elapsed() < FRESH_MAX * 2 {
                freshness.confirm(Instant::now());
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = freshness.lost() => panic!("a majority is there"),
            () = confirms => {}
        }
    }
}

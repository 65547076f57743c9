//! Says in time that a certificate of this node ends. Knows nothing of how it is renewed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use raftchat_certs::Ending;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::clock::{NodeClock, moment};

/// How often it is said, and looked.
const EVERY: Duration = Duration::from_hours(24);
/// How often it is looked whether this node has agreed with the others what time it is.
const LOOK: Duration = Duration::from_secs(1);

/// Whole days until the first of the node's certificates ends.
pub(crate) fn days_left(ending: &Ending, now: SystemTime) -> i32 {
    i32::try_from(ending.days_left(now)).unwrap_or(i32::MAX)
}

/// Warns once the node knows what time it is, and then once a day, from sixty days before the end on. By the cluster's time: this
/// machine's may be wrong.
pub(crate) async fn keep_warning(ending: Ending, clock: Arc<NodeClock>) {
    while !clock.is_agreed() {
        sleep(LOOK).await;
    }
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(warning) = ending.warning(moment(clock.time().0)) {
            tracing::warn!(
                "{warning} (`raftchatctl certs node`). When it has ended nobody is let in here, and no link is made"
            );
        }
    }
}

//! Asks again and again until an answer will do. Knows nothing of what is asked.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// How often something outside is looked at that does not tell by itself.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks until `look` finds something; `None` if it has not within `patience`.
pub(crate) async fn until_found<T>(patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let search = async {
        loop {
            ticks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    timeout_at(deadline, search).await.ok()
}

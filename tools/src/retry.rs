//! Asks again and again until an answer will do. Knows nothing of what is asked.

use std::time::Duration;

use raftchat_schema::pause::Pause;
use raftchat_transport::lot;
use tokio::time::{Instant, sleep, timeout_at};

/// The pauses between looks at something outside that does not tell by itself.
const PAUSE: Pause = Pause::between(Duration::from_millis(50), Duration::from_millis(500));

/// Looks until `look` finds something; `None` if it has not within `patience`.
pub(crate) async fn until_found<T>(patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let (deadline, mut pause) = (Instant::now() + patience, PAUSE);
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(pause.grow(lot())).await;
        }
    };
    timeout_at(deadline, search).await.ok()
}

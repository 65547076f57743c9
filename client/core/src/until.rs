//! Waiting for a moment that may never come, as an arm of a `select!`. Knows nothing of what happens then.

use tokio::time::{Instant, sleep_until};

/// Waits until then; for ever, if that is never.
pub(crate) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

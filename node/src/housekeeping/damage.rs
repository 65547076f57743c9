//! A node whose state is damaged ends, so that its next start makes the state anew. Never knows what was read.

use std::time::Duration;

use crate::store::{StoreError, Stores};

/// How often it is looked whether a row could not be read.
const LOOK: Duration = Duration::from_secs(1);

/// Waits until the state was found to be damaged, and reports it.
pub(crate) async fn stop_if_damaged(stores: Stores) {
    while !stores.state.is_damaged() {
        tokio::time::sleep(LOOK).await;
    }
    let reason = "a row could not be read".to_owned();
    stores.failures.report(&StoreError::StateDatabase { doing: "reading", reason });
}

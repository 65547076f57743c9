//! The one place where a part of the node says that it cannot go on. Knows nothing of what failed.

use std::sync::Arc;

use tokio::sync::watch;

/// Where failures are reported and heard of. The first one stays: it is the cause of those that follow.
#[derive(Clone, Debug)]
pub struct Failures(Arc<watch::Sender<Option<Arc<str>>>>);

impl Default for Failures {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Failures {
    /// The node must stop, for this reason.
    pub fn report(&self, reason: &dyn std::fmt::Display) {
        self.0.send_if_modified(|first| {
            if first.is_some() {
                return false;
            }
            tracing::error!(%reason, "the node cannot go on");
            *first = Some(reason.to_string().into());
            true
        });
    }

    /// Why the node must stop; none while all is well.
    pub fn reason(&self) -> Option<Arc<str>> {
        self.0.borrow().clone()
    }

    /// Waits until something has failed and says what.
    pub async fn failed(&self) -> Arc<str> {
        let mut watched = self.0.subscribe();
        // The sender lives as long as `self`, so that waiting cannot fail.
        match watched.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_gone) => std::future::pending().await,
        }
    }
}

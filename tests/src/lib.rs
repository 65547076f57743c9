//! What the stories share: clusters of real processes, people with real clients, and waiting for what must come.
//!
//! Only tests import this crate. Every process started here is ended by its own id, every file lies in a temporary
//! directory, nodes listen where nobody else does, and nobody sleeps for a fixed time.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

pub mod clocks;
pub mod cluster;
pub mod ctl;
pub mod cuts;
pub mod devices;
pub mod disks;
pub mod draw;
pub mod history;
pub mod measure;
pub mod network;
pub mod people;
pub mod places;
pub mod process;
pub mod stream;

use std::time::Duration;

use tokio::time::Instant;

/// How long anything may take before it is taken for broken. Two loaded cores are slow; a hang is for ever.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until `condition` gives something.
///
/// # Panics
///
/// If it does not within [`PATIENCE`].
pub async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it took too long: {what}");
        // Not a wait for a time to pass but a pause between two looks.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for what must come.
///
/// # Panics
///
/// If it does not within [`PATIENCE`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let in_time = tokio::time::timeout(PATIENCE, future).await;
    in_time.unwrap_or_else(|_elapsed| panic!("it took too long: {what}"))
}

//! Between two attempts at what only a leader can do: a pause that grows, and ends when another leads. Never knows what is asked.

use std::time::Duration;

use raftchat_schema::pause::Pause;
use raftchat_transport::lot;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::raft::Leadership;

/// A leader that was just elected is sure of it in a moment; one that says no again and again has its reasons.
pub(crate) const PAUSE: Pause = Pause::between(Duration::from_millis(20), Duration::from_millis(320));

/// Waits until the next attempt is worth making.
pub(crate) async fn wait(pause: &mut Pause, leadership: &mut watch::Receiver<Leadership>) {
    let news = async {
        if leadership.changed().await.is_err() {
            // The node is stopping: there will be none.
            std::future::pending::<()>().await;
        }
    };
    if timeout(pause.grow(lot()), news).await.is_ok() {
        pause.reset();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use raftchat_schema::id::NodeId;
    use tokio::time::Instant;

    use super::*;
    use crate::raft::Role;

    #[tokio::test]
    async fn a_leader_that_always_refuses_is_asked_more_and_more_rarely() {
        let led_by = |node| Leadership { term: 3, leader: Some(NodeId(node)), role: Role::Follower };
        let (sender, mut leadership) = watch::channel(led_by(2));
        let (begun, mut pause) = (Instant::now(), PAUSE);
        for _attempt in 0..8 {
            wait(&mut pause, &mut leadership).await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(10 + 20 + 40 + 80 + 4 * 160), "{:?}", begun.elapsed());

        sender.send(led_by(3)).unwrap();
        wait(&mut pause, &mut leadership).await;
        assert_eq!(pause.failures(), 0, "another leads");
        drop(sender);
        let ended = Instant::now();
        wait(&mut pause, &mut leadership).await;
        assert!(ended.elapsed() >= Duration::from_millis(10), "nobody will ever: that is no news");
    }
}

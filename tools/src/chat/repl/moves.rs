//! What a person is told of the link: where it moved and how long that took, and nothing while all is well.

use std::time::Instant;

use raftchat_client::LinkState;
use raftchat_schema::id::NodeId;

/// Where the link was and since when it is none.
#[derive(Debug, Default)]
pub(super) struct Moves {
    here: Option<NodeId>,
    lost_at: Option<Instant>,
}

impl Moves {
    /// Takes note of a change, and gives the sentence that is worth telling, if any.
    pub(super) fn hear(&mut self, state: &LinkState, now: Instant) -> Option<String> {
        match state {
            LinkState::Connecting => None,
            LinkState::Lost { .. } => {
                self.lost_at.get_or_insert(now);
                None
            }
            LinkState::Connected { node, .. } => {
                let gone_for = self.lost_at.take().map(|lost| now.saturating_duration_since(lost).as_millis());
                let before = self.here.replace(*node);
                match (before, gone_for) {
                    (Some(before), Some(ms)) if before != *node => {
                        Some(format!("node {before} is gone; moved to node {node} in {ms} ms"))
                    }
                    (Some(_), Some(ms)) => Some(format!("back on node {node} after {ms} ms")),
                    (Some(before), None) if before != *node => Some(format!("moved from node {before} to node {node}")),
                    (Some(_), None) => None,
                    (None, _) => Some(format!("connected to node {node}")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn connected(node: u64) -> LinkState {
        LinkState::Connected { node: NodeId(node), address: "127.0.0.1:7400".to_owned(), rtt: Duration::ZERO }
    }

    #[test]
    fn a_move_is_told_once_with_what_it_took() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let lost = LinkState::Lost { cause: "silence".to_owned() };
        let mut moves = Moves::default();
        let mut told = |state: &LinkState, ms| moves.hear(state, at(ms));
        assert_eq!(told(&LinkState::Connecting, 0), None);
        assert_eq!(told(&connected(2), 5).as_deref(), Some("connected to node 2"));
        assert_eq!(told(&lost, 100), None);
        assert_eq!(told(&lost, 150), None);
        assert_eq!(told(&connected(4), 184).as_deref(), Some("node 2 is gone; moved to node 4 in 84 ms"));
        assert_eq!(told(&connected(4), 190), None);
        assert_eq!(told(&lost, 200), None);
        assert_eq!(told(&connected(4), 250).as_deref(), Some("back on node 4 after 50 ms"));
    }
}

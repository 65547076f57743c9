//! What a person is told of the connection while it does not stand where it did: where it is, and for how long there was none.
//! That the session went on over another node is told by who knows how long that took.

use std::time::Instant;

use raftchat_model::Connection;
use raftchat_schema::id::NodeId;

/// Where the link was and since when it is none.
#[derive(Debug, Default)]
pub(super) struct Moves {
    here: Option<NodeId>,
    lost_at: Option<Instant>,
    read_only: bool,
}

impl Moves {
    /// Takes note of a change, and gives the sentence that is worth telling, if any.
    pub(super) fn hear(&mut self, connection: Connection, now: Instant) -> Option<String> {
        match connection {
            Connection::Offline | Connection::Connecting => {
                if self.here.is_some() {
                    self.lost_at.get_or_insert(now);
                }
                None
            }
            Connection::ReadOnly { .. } => {
                let told = "no majority of the nodes answers: everything can be read, and what you type waits";
                (!std::mem::replace(&mut self.read_only, true)).then(|| told.to_owned())
            }
            Connection::CatchingUp { node, .. } | Connection::Online { node, .. } => {
                let again = std::mem::take(&mut self.read_only).then(|| "a majority answers again".to_owned());
                self.arrive(node, now).or(again)
            }
        }
    }

    fn arrive(&mut self, node: NodeId, now: Instant) -> Option<String> {
        let gone_for = self.lost_at.take().map(|lost| now.saturating_duration_since(lost).as_millis());
        let before = self.here.replace(node);
        match (before, gone_for) {
            (Some(before), Some(ms)) if before == node => Some(format!("back on node {node} after {ms} ms")),
            (Some(_), _) => None,
            (None, _) => Some(format!("connected to node {node}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_does_not_stand_where_it_did_is_told_once() {
        let online = |node| Connection::Online { node: NodeId(node), rtt_ms: 1 };
        let catching_up = |node| Connection::CatchingUp { node: NodeId(node), rtt_ms: 1 };
        let start = Instant::now();
        let mut moves = Moves::default();
        let mut told = |connection, ms| moves.hear(connection, start + Duration::from_millis(ms));
        assert_eq!(told(Connection::Connecting, 0), None);
        assert_eq!(told(catching_up(2), 5).as_deref(), Some("connected to node 2"));
        assert_eq!(told(online(2), 6), None);
        assert_eq!(told(Connection::Connecting, 100), None);
        assert_eq!(told(Connection::Connecting, 150), None);
        assert_eq!(told(catching_up(4), 184), None, "the move itself is told elsewhere");
        assert_eq!(told(Connection::Offline, 200), None);
        assert_eq!(told(online(4), 250).as_deref(), Some("back on node 4 after 50 ms"));
        let read_only = Connection::ReadOnly { node: NodeId(4), rtt_ms: 1 };
        assert!(told(read_only, 300).is_some_and(|told| told.starts_with("no majority")));
        assert_eq!(told(read_only, 310), None);
        assert_eq!(told(online(4), 320).as_deref(), Some("a majority answers again"));
    }
}

//! What is wrong with a node, by what it says of itself. Knows nothing of how it is asked or shown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use raftchat_certs::EXPIRY_WARNING_DAYS;
use raftchat_schema::view::NodeStatus;

use crate::shell::text::counted;

/// A clock that is off by more than this is not believed by the others (`node/src/clock/model.rs`).
const CLOCK_APART_MS: u64 = 5_000;
/// A node that has known for so long that it is behind serves nobody.
const BEHIND_MS: u64 = 10_000;
/// By then what was deleted is gone from the disk, and an hour for the clocks.
const ERASED_WITHIN: Duration = Duration::from_hours(24 + 1);

/// Sentences, each of one thing and what helps; none if all is well.
pub(super) fn wrong(status: &NodeStatus, now: SystemTime) -> Vec<String> {
    let mut wrong = Vec::new();
    if status.leader.is_none() {
        wrong.push(
            "it knows no leader: see that a majority of the nodes runs and that they reach each other".to_owned(),
        );
    }
    if status.clock_offset_ms.unsigned_abs() > CLOCK_APART_MS {
        let (off, way) = (status.clock_offset_ms.unsigned_abs() / 1000, ahead_or_behind(status.clock_offset_ms));
        wrong.push(format!("its machine's clock is {off} s {way}: set it (NTP). Until then it does not lead"));
    }
    if i64::from(status.certificate_days) < EXPIRY_WARNING_DAYS {
        wrong.push(match status.certificate_days {
            0.. => {
                format!("one of its certificates ends in {}: issue a new one", counted(status.certificate_days, "day"))
            }
            _ => "one of its certificates has ended: issue a new one".to_owned(),
        });
    }
    if status.refuses_words {
        wrong.push("too many nodes are short of disk, and what adds to it is refused: free some".to_owned());
    }
    if status.lag_ms > BEHIND_MS {
        wrong.push(format!("it may be behind the others, since {} s", status.lag_ms / 1000));
    }
    let unclean = status.unclean_since.map(|since| UNIX_EPOCH + Duration::from_millis(since.0));
    if unclean.is_some_and(|since| now.duration_since(since).is_ok_and(|left| left > ERASED_WITHIN)) {
        wrong.push("what was deleted is still on its disk after a day: see its log".to_owned());
    }
    wrong
}

const fn ahead_or_behind(offset_ms: i64) -> &'static str {
    if offset_ms < 0 { "behind" } else { "ahead" }
}

#[cfg(test)]
pub(super) mod tests {
    use raftchat_schema::id::{NodeId, Stamp, StateHash};
    use raftchat_schema::level::Level;
    use raftchat_schema::view::{BudgetView, Role};

    use super::*;

    /// A node with which all is well.
    pub(crate) fn well() -> NodeStatus {
        NodeStatus {
            node: NodeId(1),
            role: Role::Candidate,
            term: 3,
            leader: Some(NodeId(2)),
            applied: 120,
            last_log: 121,
            sessions: 2,
            lag_ms: 0,
            state_hash: StateHash([0xab; 32]),
            address: "127.0.0.1:7400".to_owned(),
            version: "0.1.0".to_owned(),
            clock_offset_ms: -3,
            disk_free_bytes: 1 << 30,
            sync_ms: 2,
            budgets: vec![BudgetView { name: "hashes".to_owned(), held: 1, most: 2, refused: 3 }],
            refuses_words: false,
            unclean_since: None,
            certificate_days: 397,
            level: Level::FIRST,
            newest_level: Level::FIRST,
        }
    }

    #[test]
    fn each_thing_that_is_wrong_is_told_and_nothing_else() {
        let day = Duration::from_hours(24);
        let now = UNIX_EPOCH + 100 * day;
        let since = |days: u64| Some(Stamp(days * 24 * 60 * 60 * 1000));
        assert_eq!(wrong(&well(), now), Vec::<String>::new());
        let cases: [(NodeStatus, &str); 7] = [
            (NodeStatus { leader: None, ..well() }, "no leader"),
            (NodeStatus { clock_offset_ms: 3_600_000, ..well() }, "3600 s ahead"),
            (NodeStatus { certificate_days: 59, ..well() }, "in 59 days"),
            (NodeStatus { certificate_days: -1, ..well() }, "has ended"),
            (NodeStatus { refuses_words: true, ..well() }, "short of disk"),
            (NodeStatus { lag_ms: 60_000, ..well() }, "since 60 s"),
            (NodeStatus { unclean_since: since(98), ..well() }, "after a day"),
        ];
        for (status, told) in cases {
            let wrong = wrong(&status, now);
            assert!(matches!(wrong.as_slice(), [one] if one.contains(told)), "{told}: {wrong:?}");
        }
        assert_eq!(wrong(&NodeStatus { unclean_since: since(99), ..well() }, now), Vec::<String>::new());
    }
}

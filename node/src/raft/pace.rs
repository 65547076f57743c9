//! How long this node waits for disks and paths: the one place where that is decided, from what was measured of them. Pure:
//! knows what it is told.
//!
//! | what waits | for how long |
//! | --- | --- |
//! | a voter before it stands itself | three syncs of the slowest disk and up to one more by lot; 10 s at the most |
//! | the same, after elections that came to nothing | from the third on at least 100 ms, and twice as long after each |
//! | a candidate for votes | so long, and the longest election time |
//! | a node for an answer that takes no disk | three times the way there and back, at least the shortest election time, 1 s at the most |
//! | a leader for the answer to a heartbeat | three times the way there and back, at least half the shortest election time |
//! | a leader for the answer to entries | eight syncs of the slowest disk, 5 s at least, 30 s at the most |
//! | a follower for the leader's answer to what it hands on | the same |
//!
//! A leader that is silent is still missed by openraft's own times: heartbeats wait for no disk (`receive.rs`).

use std::time::Duration;

use raftchat_schema::pause::Pause;

/// The most that is waited for votes.
pub(crate) const VOTE_MAX: Duration = Duration::from_secs(10);
/// Who was voted for writes that down, that it leads, and its first entry, before it is heard as the leader.
const SYNCS_OF_AN_ELECTION: u32 = 3;
/// From the second election that came to nothing on.
const AGAIN: Pause = Pause::between(Duration::from_millis(100), VOTE_MAX);
/// Entries stand behind a batch that is being written, on this node and the other, and may have to be cut and written again.
const SYNCS_OF_ENTRIES: u32 = 8;
/// The most that is waited for entries to be written.
const ENTRIES_MAX: Duration = Duration::from_secs(30);
/// Once to the other node and back, and as much again twice for a path on which something is lost.
const WAYS_OF_A_WORD: u32 = 3;
/// The most that is waited for an answer that takes no disk: what arrives later was asked by who may be somebody else by now.
const WORD_MAX: Duration = Duration::from_secs(1);
/// No disk is taken to be slower: what another node says of its own is its word alone.
pub(crate) const SYNC_MAX: Duration = Duration::from_secs(5);

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How long a sync may well take on the slowest of the nodes' disks.
    pub(crate) sync: Duration,
}

impl Pace {
    /// For how long nobody else should stand for election after a vote was written, with `lot` from 0 to 1 and after so many
    /// elections of this node's own that came to nothing.
    pub(crate) fn election(self, failed: u32, lot: f64) -> Duration {
        let sync = self.sync.min(SYNC_MAX);
        let syncs = sync.saturating_mul(SYNCS_OF_AN_ELECTION);
        let again = match failed.checked_sub(2) {
            Some(further) => AGAIN.after(further),
            None => Duration::ZERO,
        };
        let least = syncs.max(again);
        let spread = if again > syncs { again } else { sync };
        (least + spread.mul_f64(lot.clamp(0.0, 1.0))).min(VOTE_MAX)
    }

    /// How long another node may take to answer for entries that it has to write, and no less than `least`.
    pub(crate) fn entries(self, least: Duration) -> Duration {
        self.sync.min(SYNC_MAX).saturating_mul(SYNCS_OF_ENTRIES).min(ENTRIES_MAX).max(least)
    }
}

/// How long a node at that distance may take to answer what takes no disk, and no less than `least`.
pub(crate) fn word(way: Option<Duration>, least: Duration) -> Duration {
    way.unwrap_or_default().saturating_mul(WAYS_OF_A_WORD).min(WORD_MAX).max(least)
}

/// How long a node at that distance may take to answer a heartbeat. The next is sent after that: more than a few of them must fit
/// into the time after which the leader is missed.
pub(crate) fn heartbeat(way: Option<Duration>, election_min: Duration, heartbeat: Duration) -> Duration {
    let ways = way.unwrap_or_default().saturating_mul(WAYS_OF_A_WORD);
    // A follower misses the leader after the lease and the shortest election time, which is twice this at least.
    let most = election_min.saturating_mul(2).saturating_sub(heartbeat);
    ways.clamp(election_min / 2, most.max(election_min / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_election_is_given_the_time_that_the_disks_need() {
        let waits = |sync, failed, lot| Pace { sync: ms(sync) }.election(failed, lot).as_millis();
        let table = [
            // ms of a sync, failed before, lot, waits
            (2, 0, 0.0, 6),
            (2, 1, 1.0, 8),
            (2, 2, 0.0, 100),
            (2, 3, 0.5, 300),
            (2, 99, 1.0, 10_000),
            (200, 0, 0.0, 600),
            (200, 0, 1.0, 800),
            (1000, 1, 0.5, 3500),
            (1000, 6, 0.0, 3000),
            (60_000, 0, 1.0, 10_000),
        ];
        for (sync, failed, lot, expected) in table {
            assert_eq!(waits(sync, failed, lot), expected, "{sync} ms, {failed} failed, lot {lot}");
        }
    }

    #[test]
    fn entries_and_heartbeats_are_waited_for_within_bounds() {
        let least = Duration::from_secs(5);
        let entries = |sync| Pace { sync: ms(sync) }.entries(least);
        assert_eq!([entries(1), entries(1000), entries(9000)], [least, ms(8000), ENTRIES_MAX]);
        let beat = |way: Option<u64>| heartbeat(way.map(ms), ms(150), ms(50)).as_millis();
        assert_eq!([beat(None), beat(Some(1)), beat(Some(60)), beat(Some(900))], [75, 75, 180, 250]);
        let asks = |way: Option<u64>| word(way.map(ms), ms(150)).as_millis();
        assert_eq!([asks(None), asks(Some(20)), asks(Some(100)), asks(Some(4000))], [150, 150, 300, 1000]);
    }
}

//! What another node says of terms, votes and places in the log, held against what can be at all: one node's call must not stop
//! the others but as Raft itself allows. Pure: knows what it is shown. Never knows how calls travel.
//!
//! Raft trusts its members: who claims a term one higher is believed, and so is who claims to lead it. What is refused here is
//! what no node that keeps to Raft ever says, and what would end a cluster for good.

use raftchat_schema::budgets::{
    FIRST_TERM_MAX, INDEX_MAX, MEMBERS_MAX, SNAPSHOT_BYTES_MAX, SNAPSHOT_ID_BYTES_MAX, TERMS_AHEAD_MAX,
};
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::{AppendRequest, AppendResponse, SnapshotRequest, TransferRequest, VoteRequest};
use raftchat_schema::stored::{LogId, Membership, SnapshotHeader, Vote};
use raftchat_schema::wire;

/// What is claimed and cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Absurd {
    /// In another's name.
    #[error("a node speaks in its own name only, not in that of node {claimed}")]
    OtherName {
        /// In whose.
        claimed: NodeId,
    },
    /// No cluster comes to that term.
    #[error("the term {term} is further ahead than any election leads: the newest known here is {known}")]
    Term {
        /// What is claimed.
        term: u64,
        /// What is known.
        known: u64,
    },
    /// A candidate claims that it was elected already, or a leader that it was not.
    #[error("a candidate is not elected yet, and a leader is")]
    Elected,
    /// It does not lead.
    #[error("only the leader may do that, and this node follows another")]
    NotLeader,
    /// Places in the log that no log has.
    #[error(
        "the place {index} in the log cannot be there: it contradicts the term, the entry before it, or what is committed"
    )]
    Place {
        /// Which.
        index: u64,
    },
    /// What an entry holds cannot be read by this node. In the log it would stop it.
    #[error("the entry {index} cannot be read")]
    Unreadable {
        /// Which.
        index: u64,
    },
    /// A membership that nobody can decide anything with, or with more than a cluster has.
    #[error("the membership at {index} is none")]
    Membership {
        /// Where.
        index: u64,
    },
    /// A snapshot without a name or an end.
    #[error("a snapshot has a short name, and from 1 to {SNAPSHOT_BYTES_MAX} bytes")]
    Snapshot,
}

/// What this node knows for itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// The newest term that it has seen, or that others than the caller have told.
    pub(crate) term: u64,
    /// Whom it follows, or votes for.
    pub(crate) vote: Option<Vote>,
    /// Up to where its log is committed.
    pub(crate) committed: Option<LogId>,
}

impl Known {
    /// Somebody stands, or asks whether it may.
    pub(crate) fn candidate(&self, from: NodeId, request: &VoteRequest) -> Result<(), Absurd> {
        own_name(from, &request.vote)?;
        if request.vote.committed {
            return Err(Absurd::Elected);
        }
        self.term(&request.vote)?;
        not_after(request.last_log, &request.vote)
    }

    /// Somebody leads and has entries, or none.
    pub(crate) fn leader(&self, from: NodeId, request: &AppendRequest) -> Result<(), Absurd> {
        self.leads(from, &request.vote)?;
        not_after(request.previous, &request.vote)?;
        not_after(request.committed, &request.vote)?;
        self.fits(request.previous)?;
        self.fits(request.committed)
    }

    /// The leader has a snapshot.
    pub(crate) fn snapshot(&self, from: NodeId, request: &SnapshotRequest) -> Result<(), Absurd> {
        self.leads(from, &request.vote)?;
        if self.vote.is_some_and(|own| order(&own) > order(&request.vote)) {
            return Err(Absurd::NotLeader);
        }
        let named = (1..=SNAPSHOT_ID_BYTES_MAX).contains(&request.id.len());
        if named && (1..=SNAPSHOT_BYTES_MAX).contains(&request.length) { Ok(()) } else { Err(Absurd::Snapshot) }
    }

    /// What is in a snapshot that has arrived whole.
    pub(crate) fn installed(&self, vote: &Vote, header: &SnapshotHeader) -> Result<(), Absurd> {
        let last = header.last_applied.ok_or(Absurd::Snapshot)?;
        not_after(Some(last), vote)?;
        self.fits(Some(last))?;
        not_after(header.membership.log_id, vote)?;
        membership(last.index, &header.membership.membership)
    }

    /// The leader hands on.
    pub(crate) fn transfer(&self, from: NodeId, request: &TransferRequest) -> Result<(), Absurd> {
        self.leads(from, &request.from)?;
        if self.vote != Some(request.from) {
            return Err(Absurd::NotLeader);
        }
        not_after(request.last_log, &request.from)
    }

    /// The entries of a request that was let pass: each after the other, none against what is committed, all readable.
    pub(crate) fn entries(
        &self,
        vote: &Vote,
        previous: Option<LogId>,
        entries: impl IntoIterator<Item = (LogId, Payload)>,
    ) -> Result<(), Absurd> {
        let mut before = previous;
        for (id, payload) in entries {
            let next = before.map_or(0, |before| before.index.saturating_add(1));
            let follows = id.index == next && before.is_none_or(|before| before < id);
            if !follows {
                return Err(Absurd::Place { index: id.index });
            }
            not_after(Some(id), vote)?;
            self.fits(Some(id))?;
            match payload {
                Payload::Good => {}
                Payload::Unreadable => return Err(Absurd::Unreadable { index: id.index }),
                Payload::NoMembership => return Err(Absurd::Membership { index: id.index }),
            }
            before = Some(id);
        }
        Ok(())
    }

    /// A vote in an answer to this node.
    pub(crate) fn term(&self, vote: &Vote) -> Result<(), Absurd> {
        let known = self.term.max(self.vote.map_or(0, |own| own.term));
        // Who has never voted may come to a cluster that is old.
        let most = known.saturating_add(TERMS_AHEAD_MAX).max(if known == 0 { FIRST_TERM_MAX } else { 0 });
        if vote.term <= most { Ok(()) } else { Err(Absurd::Term { term: vote.term, known }) }
    }

    fn leads(&self, from: NodeId, vote: &Vote) -> Result<(), Absurd> {
        own_name(from, vote)?;
        if !vote.committed {
            return Err(Absurd::Elected);
        }
        self.term(vote)
    }

    /// Nothing contradicts what is committed here: of two places in one log, the later has the later id.
    fn fits(&self, place: Option<LogId>) -> Result<(), Absurd> {
        match (place, self.committed) {
            (Some(place), Some(committed)) if place.index.cmp(&committed.index) != place.cmp(&committed) => {
                Err(Absurd::Place { index: place.index })
            }
            _ => Ok(()),
        }
    }
}

/// What came of looking at the payload of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Good,
    Unreadable,
    NoMembership,
}

/// Whether this node can read all of a batch: in the log it would stop it otherwise, and every other node too.
pub(crate) fn look_into_batch(batch: &[u8]) -> Payload {
    let commands = wire::decode_batch(batch).and_then(|batch| wire::decode_proposals(&batch));
    if commands.is_ok() { Payload::Good } else { Payload::Unreadable }
}

/// Whether anybody could decide anything then.
pub(crate) fn look_into_members(plain: &Membership) -> Payload {
    membership(0, plain).map_or(Payload::NoMembership, |()| Payload::Good)
}

/// An answer to a request to append what ends with `last`.
pub(crate) fn answer(
    known: &Known,
    previous: Option<LogId>,
    last: Option<LogId>,
    response: &AppendResponse,
) -> Result<(), Absurd> {
    match response {
        AppendResponse::Success | AppendResponse::Conflict => Ok(()),
        AppendResponse::HigherVote(vote) => known.term(vote),
        AppendResponse::PartialSuccess(matching) if (previous..=last).contains(matching) => Ok(()),
        AppendResponse::PartialSuccess(matching) => {
            Err(Absurd::Place { index: matching.map_or(0, |matching| matching.index) })
        }
    }
}

fn own_name(from: NodeId, vote: &Vote) -> Result<(), Absurd> {
    if vote.node == from { Ok(()) } else { Err(Absurd::OtherName { claimed: vote.node }) }
}

/// Nobody has entries of a later leader than it knows of.
fn not_after(place: Option<LogId>, vote: &Vote) -> Result<(), Absurd> {
    let Some(place) = place else { return Ok(()) };
    if place.index < INDEX_MAX && (place.term, place.leader) <= (vote.term, vote.node) {
        return Ok(());
    }
    Err(Absurd::Place { index: place.index })
}

fn membership(index: u64, plain: &Membership) -> Result<(), Absurd> {
    let configs = (1..=2).contains(&plain.configs.len()) && plain.configs.iter().all(|voters| !voters.is_empty());
    if configs && plain.members.len() <= MEMBERS_MAX { Ok(()) } else { Err(Absurd::Membership { index }) }
}

fn order(vote: &Vote) -> (u64, NodeId, bool) {
    (vote.term, vote.node, vote.committed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: NodeId = NodeId(2);
    const CAROL: NodeId = NodeId(3);

    fn vote(term: u64, node: NodeId, committed: bool) -> Vote {
        Vote { term, node, committed }
    }

    fn place(term: u64, index: u64) -> LogId {
        LogId { term, leader: BOB, index }
    }

    /// Follows bob in term 7; committed up to 40.
    fn known() -> Known {
        Known { term: 7, vote: Some(vote(7, BOB, true)), committed: Some(place(7, 40)) }
    }

    fn stands(vote: Vote, last_log: Option<LogId>) -> Result<(), Absurd> {
        known().candidate(BOB, &VoteRequest { vote, last_log, leadership_transfer: false })
    }

    #[test]
    fn who_stands_does_so_in_its_own_name_and_in_a_term_that_can_be() {
        assert_eq!(stands(vote(8, BOB, false), Some(place(7, 41))), Ok(()));
        assert_eq!(stands(vote(8, CAROL, false), None), Err(Absurd::OtherName { claimed: CAROL }));
        assert_eq!(stands(vote(8, BOB, true), None), Err(Absurd::Elected));
        assert_eq!(stands(vote(7 + TERMS_AHEAD_MAX, BOB, false), None), Ok(()));
        for term in [8 + TERMS_AHEAD_MAX, u64::MAX - 1, u64::MAX] {
            assert_eq!(stands(vote(term, BOB, false), None), Err(Absurd::Term { term, known: 7 }));
        }
        for last in [place(9, 41), place(8, u64::MAX)] {
            assert_eq!(stands(vote(8, BOB, false), Some(last)), Err(Absurd::Place { index: last.index }));
        }
    }

    #[test]
    fn who_comes_to_an_old_cluster_takes_its_term_and_who_was_away_what_others_know() {
        let newcomer = Known::default();
        assert_eq!(newcomer.term(&vote(FIRST_TERM_MAX, BOB, true)), Ok(()));
        assert!(newcomer.term(&vote(u64::MAX, BOB, true)).is_err());
        let far = 3 * TERMS_AHEAD_MAX;
        assert!(known().term(&vote(far, BOB, true)).is_err());
        assert_eq!(Known { term: far, ..known() }.term(&vote(far + 1, BOB, true)), Ok(()));
    }

    #[test]
    fn who_leads_contradicts_nothing_that_is_committed() {
        let append = |vote, previous, committed| {
            known().leader(BOB, &AppendRequest { vote, previous, entries: Vec::new(), committed })
        };
        let leads = vote(8, BOB, true);
        assert_eq!(append(leads, Some(place(7, 40)), Some(place(7, 39))), Ok(()));
        assert_eq!(append(leads, Some(place(8, 41)), Some(place(8, 41))), Ok(()));
        assert_eq!(append(vote(8, BOB, false), None, None), Err(Absurd::Elected));
        assert_eq!(append(vote(8, CAROL, true), None, None), Err(Absurd::OtherName { claimed: CAROL }));
        for wrong in [place(8, 40), place(8, 3), place(6, 41), place(8, u64::MAX), place(9, 50)] {
            let refused = Err(Absurd::Place { index: wrong.index });
            assert_eq!(append(leads, Some(wrong), None), refused, "{wrong:?}");
            assert_eq!(append(leads, None, Some(wrong)), refused, "{wrong:?}");
        }
    }

    #[test]
    fn entries_follow_on_each_other_and_can_be_read() {
        let leads = vote(8, BOB, true);
        let entries = |entries: &[(LogId, Payload)]| known().entries(&leads, Some(place(7, 40)), entries.to_vec());
        let good = |term, index| (place(term, index), Payload::Good);
        assert_eq!(entries(&[good(7, 41), good(8, 42)]), Ok(()));
        for wrong in [&[good(7, 42)][..], &[good(7, 41), good(7, 43)], &[good(8, 41), good(7, 42)], &[good(9, 41)]] {
            assert!(matches!(entries(wrong), Err(Absurd::Place { .. })), "{wrong:?}");
        }
        assert_eq!(entries(&[(place(8, 41), Payload::Unreadable)]), Err(Absurd::Unreadable { index: 41 }));
        assert_eq!(look_into_batch(b"no batch"), Payload::Unreadable);
        assert_eq!(look_into_members(&Membership::default()), Payload::NoMembership);
    }

    #[test]
    fn the_leader_alone_hands_on_and_sends_snapshots() {
        let hand_on = |from| known().transfer(BOB, &TransferRequest { from, to: CAROL, last_log: Some(place(7, 41)) });
        assert_eq!(hand_on(vote(7, BOB, true)), Ok(()));
        assert_eq!(hand_on(vote(8, BOB, true)), Err(Absurd::NotLeader));
        assert_eq!(hand_on(vote(7, CAROL, true)), Err(Absurd::OtherName { claimed: CAROL }));
        let send = |vote, length| known().snapshot(BOB, &SnapshotRequest { vote, id: "0-1".to_owned(), length });
        assert_eq!(send(vote(7, BOB, true), 1000), Ok(()));
        assert_eq!(send(vote(6, BOB, true), 1000), Err(Absurd::NotLeader));
        for length in [0, 1 << 63, u64::MAX] {
            assert_eq!(send(vote(7, BOB, true), length), Err(Absurd::Snapshot));
        }
    }

    #[test]
    fn a_follower_has_no_more_than_it_was_sent() {
        let say = |response| answer(&known(), Some(place(7, 40)), Some(place(7, 45)), &response);
        assert_eq!(say(AppendResponse::PartialSuccess(Some(place(7, 42)))), Ok(()));
        assert!(say(AppendResponse::PartialSuccess(Some(place(7, 46)))).is_err());
        assert!(say(AppendResponse::PartialSuccess(None)).is_err());
        assert!(say(AppendResponse::HigherVote(vote(u64::MAX, CAROL, false))).is_err());
        assert_eq!(say(AppendResponse::HigherVote(vote(9, CAROL, false))), Ok(()));
    }
}

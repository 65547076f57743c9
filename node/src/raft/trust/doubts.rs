//! Whether this node's data is what it was: an older copy is whole in itself, and only the others know that it goes back behind
//! what was promised. A node gives no vote before it has asked them, and none as long as something is missing. Pure: knows
//! what it is told.

use std::collections::BTreeSet;

use raftchat_schema::id::NodeId;
use raftchat_schema::peer::{Mark, VoteRequest};
use raftchat_schema::stored::{LogId, Vote};

/// What this node holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holds {
    /// Which data directory.
    pub(crate) data: String,
    /// The vote on disk.
    pub(crate) vote: Option<Vote>,
    /// The end of the log.
    pub(crate) last: Option<LogId>,
}

/// Something to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The data is older than it was.
    Older {
        /// Up to where it was applied.
        was: Option<LogId>,
        /// Where it ends.
        is: Option<LogId>,
        /// It is another directory altogether.
        replaced: bool,
    },
    /// What was missing is here.
    CaughtUp,
    /// All is well.
    Sure,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Stand {
    /// Nobody was asked, or nobody need be.
    #[default]
    Sure,
    /// Nobody has answered yet.
    Unasked,
    /// Something is missing.
    Behind(Floor),
}

/// What this node has promised at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Floor {
    vote: Option<Vote>,
    applied: Option<LogId>,
}

impl Floor {
    fn of(mark: &Mark) -> Self {
        Self { vote: mark.vote, applied: mark.applied }
    }

    fn raise(&mut self, other: Self) {
        self.applied = self.applied.max(other.applied);
        if order(other.vote) > order(self.vote) {
            self.vote = other.vote;
        }
    }

    fn is_reached(&self, holds: &Holds) -> bool {
        // Who follows a leader of that term, or a later one, has promised that, and the former vote is void.
        let led = |floor: Vote| holds.vote.is_some_and(|vote| vote.committed && vote.term >= floor.term);
        let voted = order(holds.vote) >= order(self.vote) || self.vote.is_some_and(led);
        holds.last >= self.applied && voted
    }
}

/// Where a node stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubts {
    stand: Stand,
    /// Who has told what it knows.
    told: BTreeSet<NodeId>,
    /// What this run of the program is called, and what it found when it began.
    start: u64,
    found: Holds,
    /// It has been told already that this was less than it had been.
    confessed: bool,
}

impl Doubts {
    /// At a start, where there are others to be asked: the name of this run, and what it has found.
    pub(crate) fn begin(&mut self, start: u64, found: Holds) {
        *self = Self { stand: Stand::Unasked, start, found, ..Self::default() };
    }

    /// The same where it is known that something is missing, and what: this node had to begin anew.
    pub(crate) fn begin_owing(&mut self, start: u64, found: Holds, vote: Option<Vote>, last: Option<LogId>) {
        let stand = Stand::Behind(Floor { vote, applied: last });
        *self = Self { stand, start, found, confessed: true, ..Self::default() };
    }

    /// What another knows of this node; each mark is one that this node has made itself. What a run before this one has said
    /// must have been found: a leader may have sent it since.
    pub(crate) fn hear(&mut self, from: NodeId, known: &[Mark], holds: &Holds) -> Option<News> {
        self.told.insert(from);
        let (mut floor, mut before) = (Floor::default(), Floor::default());
        for mark in known {
            floor.raise(Floor::of(mark));
            if mark.start != self.start {
                before.raise(Floor::of(mark));
            }
        }
        let was_older = !self.confessed && !before.is_reached(&self.found);
        if floor.is_reached(holds) && !was_older {
            return (self.stand == Stand::Unasked).then(|| {
                self.stand = Stand::Sure;
                News::Sure
            });
        }
        if let Stand::Behind(known) = &mut self.stand {
            known.raise(floor);
            return None;
        }
        self.stand = Stand::Behind(floor);
        self.confessed = true;
        let replaced = known.iter().any(|mark| mark.data != holds.data);
        let is = if was_older { self.found.last } else { holds.last };
        Some(News::Older { was: floor.applied, is, replaced })
    }

    /// Looks whether what was missing has come.
    pub(crate) fn look(&mut self, holds: &Holds) -> Option<News> {
        match &self.stand {
            Stand::Behind(floor) if floor.is_reached(holds) => {
                self.stand = Stand::Sure;
                Some(News::CaughtUp)
            }
            _ => None,
        }
    }

    /// Whether this node may stand, and give its vote to anybody.
    pub(crate) fn is_sure(&self) -> bool {
        self.stand == Stand::Sure
    }

    /// Whether others still have to be asked.
    pub(crate) fn is_unasked(&self) -> bool {
        self.stand == Stand::Unasked
    }

    /// Up to where this node must come first.
    pub(crate) fn behind(&self) -> Option<LogId> {
        match &self.stand {
            Stand::Behind(floor) => Some(floor.applied.unwrap_or(LogId { term: 0, leader: NodeId(0), index: 0 })),
            Stand::Sure | Stand::Unasked => None,
        }
    }

    /// Whether that candidate may have this node's vote. Where something is missing: only one who has all of it, and only when
    /// every other voter has told what it knows, so that nobody is left who could know of more.
    pub(crate) fn may_vote(&self, request: &VoteRequest, others: &BTreeSet<NodeId>) -> bool {
        match &self.stand {
            Stand::Sure => true,
            Stand::Unasked => false,
            Stand::Behind(floor) => {
                let all_told = others.is_subset(&self.told);
                all_told
                    && request.last_log >= floor.applied
                    && floor.vote.is_none_or(|promised| request.vote.term > promised.term)
            }
        }
    }

    /// The vote that this node has promised, if that one is older: whoever leads by it was replaced.
    pub(crate) fn promised_later(&self, vote: &Vote) -> Option<Vote> {
        let Stand::Behind(Floor { vote: Some(promised), .. }) = &self.stand else { return None };
        (vote.term < promised.term).then_some(Vote { committed: false, ..*promised })
    }
}

fn order(vote: Option<Vote>) -> Option<(u64, NodeId, bool)> {
    vote.map(|vote| (vote.term, vote.node, vote.committed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: NodeId = NodeId(2);
    const CAROL: NodeId = NodeId(3);

    fn vote(term: u64) -> Vote {
        Vote { term, node: BOB, committed: true }
    }

    fn place(term: u64, index: u64) -> LogId {
        LogId { term, leader: BOB, index }
    }

    fn mark(term: u64, index: u64) -> Mark {
        Mark {
            data: "disk".to_owned(),
            vote: Some(vote(term)),
            applied: Some(place(term, index)),
            start: 1,
            seal: [0; 32],
        }
    }

    fn holds(term: u64, index: u64) -> Holds {
        Holds { data: "disk".to_owned(), vote: Some(vote(term)), last: Some(place(term, index)) }
    }

    fn stands(term: u64, last: Option<LogId>) -> VoteRequest {
        let vote = Vote { term, node: CAROL, committed: false };
        VoteRequest { vote, last_log: last, leadership_transfer: false }
    }

    /// The second run of the program, which has found that.
    fn started(found: Holds) -> Doubts {
        let mut doubts = Doubts::default();
        doubts.begin(2, found);
        doubts
    }

    #[test]
    fn who_had_to_begin_anew_votes_for_nobody_before_it_has_come_as_far_as_it_was() {
        let (mut doubts, others) = (Doubts::default(), [BOB, CAROL].into());
        doubts.begin_owing(2, Holds::default(), Some(vote(7)), Some(place(7, 60)));
        assert!(!doubts.is_sure() && !doubts.is_unasked());
        assert_eq!(doubts.hear(BOB, &[mark(7, 40)], &holds(7, 44)), None, "what the others know is less");
        assert_eq!(doubts.hear(CAROL, &[mark(7, 44)], &holds(7, 44)), None);
        assert_eq!(doubts.look(&holds(7, 59)), None);
        assert!(!doubts.may_vote(&stands(9, Some(place(7, 59))), &others));
        assert!(doubts.may_vote(&stands(9, Some(place(7, 60))), &others));
        assert_eq!(doubts.look(&holds(7, 60)), Some(News::CaughtUp));
    }

    #[test]
    fn what_a_leader_has_sent_before_anybody_was_asked_was_missing_all_the_same() {
        let mut doubts = started(holds(5, 12));
        let older = doubts.hear(BOB, &[mark(7, 40)], &holds(7, 44));
        assert_eq!(older, Some(News::Older { was: Some(place(7, 40)), is: Some(place(5, 12)), replaced: false }));
        assert_eq!(doubts.look(&holds(7, 44)), Some(News::CaughtUp));
        assert_eq!(doubts.hear(CAROL, &[mark(7, 41)], &holds(7, 44)), None, "told once");
        let own = Mark { start: 2, ..mark(7, 44) };
        assert_eq!(doubts.hear(BOB, &[own, mark(7, 40)], &holds(7, 44)), None);
        let mut sound = started(holds(7, 40));
        let own = Mark { start: 2, ..mark(7, 43) };
        assert_eq!(sound.hear(BOB, &[mark(7, 40), own], &holds(7, 44)), Some(News::Sure), "it has said more since");
    }

    #[test]
    fn nobody_votes_before_it_has_asked() {
        let (mut doubts, others) = (started(holds(7, 41)), [BOB, CAROL].into());
        assert!(!doubts.may_vote(&stands(9, Some(place(7, 99))), &others));
        assert_eq!(doubts.hear(BOB, &[mark(7, 40)], &holds(7, 41)), Some(News::Sure));
        assert!(doubts.is_sure() && doubts.may_vote(&stands(9, Some(place(7, 99))), &others));
        assert_eq!(doubts.hear(CAROL, &[], &holds(7, 41)), None, "who has never heard of it has nothing against it");
    }

    #[test]
    fn an_older_copy_gives_no_vote_until_it_has_caught_up() {
        let (mut doubts, others) = (started(holds(5, 12)), [BOB, CAROL].into());
        let older = doubts.hear(BOB, &[mark(7, 40)], &holds(5, 12));
        assert_eq!(older, Some(News::Older { was: Some(place(7, 40)), is: Some(place(5, 12)), replaced: false }));
        assert_eq!(doubts.behind(), Some(place(7, 40)));
        assert!(!doubts.may_vote(&stands(9, Some(place(7, 99))), &others), "carol has not told what she knows");
        assert_eq!(
            doubts.promised_later(&Vote { term: 6, node: CAROL, committed: true }).map(|vote| vote.term),
            Some(7)
        );
        assert_eq!(doubts.promised_later(&Vote { term: 7, node: BOB, committed: true }), None);
        assert_eq!(doubts.look(&holds(7, 39)), None);
        assert_eq!(doubts.look(&holds(7, 40)), Some(News::CaughtUp));
        assert!(doubts.is_sure());
        assert_eq!(doubts.hear(CAROL, &[mark(7, 40)], &holds(7, 41)), None);
    }

    #[test]
    fn copies_of_different_moments_on_all_nodes_still_find_a_leader() {
        let (mut doubts, others) = (started(holds(5, 12)), [BOB, CAROL].into());
        assert!(doubts.hear(BOB, &[mark(7, 40)], &holds(5, 12)).is_some());
        assert_eq!(doubts.hear(CAROL, &[mark(7, 44)], &holds(5, 12)), None, "told once");
        assert!(!doubts.may_vote(&stands(9, Some(place(7, 43))), &others), "it lacks what was promised");
        assert!(!doubts.may_vote(&stands(7, Some(place(7, 44))), &others), "in that term a vote was given");
        assert!(doubts.may_vote(&stands(9, Some(place(7, 44))), &others));
    }

    #[test]
    fn a_vote_alone_can_be_what_is_missing_and_so_can_the_whole_disk() {
        let mut doubts = started(holds(7, 40));
        let voted = Mark { vote: Some(vote(9)), ..mark(7, 40) };
        assert!(doubts.hear(BOB, &[voted], &holds(7, 40)).is_some());
        assert_eq!(doubts.look(&holds(8, 44)), None);
        assert_eq!(
            doubts.look(&Holds { vote: Some(Vote { term: 9, node: NodeId(1), committed: true }), ..holds(9, 45) }),
            Some(News::CaughtUp)
        );
        let mut fresh = started(Holds::default());
        let wiped = fresh.hear(BOB, &[mark(7, 40)], &Holds { data: "new disk".to_owned(), ..Holds::default() });
        assert_eq!(wiped, Some(News::Older { was: Some(place(7, 40)), is: None, replaced: true }));
    }
}

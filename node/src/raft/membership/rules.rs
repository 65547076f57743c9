//! Which changes of the membership a leader carries out, and which it refuses. Pure: knows what it is shown and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use raftchat_schema::budgets::MEMBERS_MAX;
use raftchat_schema::peer::MembershipRefusal;
use raftchat_schema::stored::Member;

/// A node that is further behind gets no vote. So few entries are sent in a moment; with more, the next majority that needs
/// the newcomer would have to wait for it.
const PROMOTION_LAG_MAX: u64 = 256;

/// A host's name of 253 bytes, the most that DNS has, and a port.
const ADDRESS_BYTES_MAX: usize = 253 + 6;

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A learner more.
    Add(u64, Member),
    /// A learner's vote.
    Promote(u64),
    /// A node less.
    Remove(u64),
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(node, member) => write!(f, "add node {node} at {}", member.peer_address),
            Self::Promote(node) => write!(f, "promote node {node}"),
            Self::Remove(node) => write!(f, "remove node {node}"),
        }
    }
}

/// What the leader is to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: it is so already.
    AlreadySo,
    /// Add this learner.
    AddLearner(u64, Member),
    /// Give this one its vote.
    AddVoter(u64),
    /// Remove this one, which does not vote.
    RemoveLearner(u64),
    /// Remove this one, which does.
    RemoveVoter(u64),
    /// Hand leadership on: it is the leader itself that is to go.
    HandOn,
}

/// The cluster as its leader sees it. The membership is that of no change under way.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// The leader.
    pub(super) own: u64,
    /// Who votes.
    pub(super) voters: BTreeSet<u64>,
    /// Voters and learners.
    pub(super) members: BTreeMap<u64, Member>,
    /// From whom the leader has just heard.
    pub(super) reached: BTreeSet<u64>,
    /// Up to where each one's log is known to be the leader's.
    pub(super) matched: BTreeMap<u64, u64>,
    /// The index of the last entry of the leader's log.
    pub(super) last_log: u64,
}

impl View {
    /// What to do about a wish.
    pub(super) fn judge(&self, wish: Wish) -> Result<Verdict, MembershipRefusal> {
        match wish {
            Wish::Add(node, member) => self.add(node, member),
            Wish::Promote(node) => self.promote(node),
            Wish::Remove(node) => self.remove(node),
        }
    }

    fn add(&self, node: u64, member: Member) -> Result<Verdict, MembershipRefusal> {
        if self.members.get(&node) == Some(&member) {
            return Ok(Verdict::AlreadySo);
        }
        let Member { peer_address, client_address, fingerprint } = &member;
        let dialled = is_address(peer_address) && is_address(client_address) && peer_address != client_address;
        if node == 0 || !dialled || *fingerprint == [0; 32] {
            return Err(MembershipRefusal::Malformed);
        }
        let clashes = |other: &Member| {
            let theirs = [&other.peer_address, &other.client_address];
            other.fingerprint == *fingerprint || theirs.contains(&peer_address) || theirs.contains(&client_address)
        };
        if self.members.contains_key(&node) || self.members.values().any(clashes) {
            return Err(MembershipRefusal::Taken);
        }
        if self.members.len() >= MEMBERS_MAX {
            return Err(MembershipRefusal::Malformed);
        }
        self.majority_of(&self.voters)?;
        Ok(Verdict::AddLearner(node, member))
    }

    fn promote(&self, node: u64) -> Result<Verdict, MembershipRefusal> {
        self.must_be_member(node)?;
        if self.voters.contains(&node) {
            return Ok(Verdict::AlreadySo);
        }
        let matched = self.matched.get(&node).filter(|_| self.reached.contains(&node));
        let behind = matched.map(|matched| self.last_log.saturating_sub(*matched));
        if behind.is_none_or(|behind| behind > PROMOTION_LAG_MAX) {
            return Err(MembershipRefusal::NotCaughtUp { behind });
        }
        let mut voters = self.voters.clone();
        voters.insert(node);
        self.majority_of(&self.voters)?;
        self.majority_of(&voters)?;
        Ok(Verdict::AddVoter(node))
    }

    fn remove(&self, node: u64) -> Result<Verdict, MembershipRefusal> {
        self.must_be_member(node)?;
        self.majority_of(&self.voters)?;
        if !self.voters.contains(&node) {
            return Ok(Verdict::RemoveLearner(node));
        }
        let mut rest = self.voters.clone();
        rest.remove(&node);
        if rest.is_empty() {
            return Err(MembershipRefusal::LastVoter);
        }
        self.majority_of(&rest)?;
        Ok(if node == self.own { Verdict::HandOn } else { Verdict::RemoveVoter(node) })
    }

    fn must_be_member(&self, node: u64) -> Result<(), MembershipRefusal> {
        if self.members.contains_key(&node) { Ok(()) } else { Err(MembershipRefusal::NoSuchNode) }
    }

    /// Without it a change would not be committed, or nothing after it.
    fn majority_of(&self, voters: &BTreeSet<u64>) -> Result<(), MembershipRefusal> {
        let reached = voters.iter().filter(|node| **node == self.own || self.reached.contains(node)).count();
        if reached > voters.len() / 2 { Ok(()) } else { Err(MembershipRefusal::NoMajority) }
    }
}

/// `host:port`; whether there is such a host is found out by who dials.
fn is_address(text: &str) -> bool {
    if text.len() > ADDRESS_BYTES_MAX {
        return false;
    }
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u8) -> Member {
        Member {
            peer_address: format!("127.0.0.1:{}", 7401 + 2 * u16::from(node)),
            client_address: format!("127.0.0.1:{}", 7400 + 2 * u16::from(node)),
            fingerprint: [node; 32],
        }
    }

    /// 1 leads, 2 and 3 vote, 4 learns; all are reached and nearly level.
    fn view() -> View {
        View {
            own: 1,
            voters: [1, 2, 3].into(),
            members: [1, 2, 3, 4].map(|node| (u64::from(node), member(node))).into(),
            reached: [2, 3, 4].into(),
            matched: [(2, 1000), (3, 1000), (4, 900)].into(),
            last_log: 1000,
        }
    }

    fn reaching(reached: &[u64]) -> View {
        View { reached: reached.iter().copied().collect(), ..view() }
    }

    #[test]
    fn a_newcomer_brings_a_number_a_key_and_addresses_of_its_own() {
        let add = |node, member| view().judge(Wish::Add(node, member));
        assert_eq!(add(5, member(5)), Ok(Verdict::AddLearner(5, member(5))));
        assert_eq!(add(4, member(4)), Ok(Verdict::AlreadySo));
        let same_key = Member { fingerprint: [2; 32], ..member(5) };
        let same_address = Member { client_address: member(3).peer_address, ..member(5) };
        for (node, taken) in [(4, member(5)), (5, same_key), (5, same_address)] {
            assert_eq!(add(node, taken), Err(MembershipRefusal::Taken));
        }
        let no_port = Member { peer_address: "anna".to_owned(), ..member(5) };
        let one_address = Member { peer_address: member(5).client_address, ..member(5) };
        let no_key = Member { fingerprint: [0; 32], ..member(5) };
        for (node, malformed) in [(0, member(5)), (5, no_port), (5, one_address), (5, no_key)] {
            assert_eq!(add(node, malformed), Err(MembershipRefusal::Malformed));
        }
        assert_eq!(reaching(&[4]).judge(Wish::Add(5, member(5))), Err(MembershipRefusal::NoMajority));
    }

    #[test]
    fn a_learner_votes_once_it_is_near_the_end_of_the_log() {
        let promote = |view: View, node| view.judge(Wish::Promote(node));
        assert_eq!(promote(view(), 4), Ok(Verdict::AddVoter(4)));
        assert_eq!(promote(view(), 2), Ok(Verdict::AlreadySo));
        assert_eq!(promote(view(), 9), Err(MembershipRefusal::NoSuchNode));
        let far = View { last_log: 1157, ..view() };
        assert_eq!(promote(far, 4), Err(MembershipRefusal::NotCaughtUp { behind: Some(257) }));
        let silent = MembershipRefusal::NotCaughtUp { behind: None };
        assert_eq!(promote(reaching(&[2, 3]), 4), Err(silent), "it was there and is gone");
        assert_eq!(promote(View { matched: BTreeMap::new(), ..view() }, 4), Err(silent), "it was never there");
        // Three of four are needed with it, two of three without.
        assert_eq!(promote(reaching(&[2, 4]), 4), Ok(Verdict::AddVoter(4)));
        assert_eq!(promote(reaching(&[4]), 4), Err(MembershipRefusal::NoMajority));
    }

    #[test]
    fn who_stays_must_be_able_to_decide() {
        let remove = |view: View, node| view.judge(Wish::Remove(node));
        assert_eq!(remove(view(), 3), Ok(Verdict::RemoveVoter(3)));
        assert_eq!(remove(view(), 4), Ok(Verdict::RemoveLearner(4)));
        assert_eq!(remove(view(), 1), Ok(Verdict::HandOn));
        assert_eq!(remove(view(), 9), Err(MembershipRefusal::NoSuchNode));
        assert_eq!(remove(reaching(&[2]), 3), Ok(Verdict::RemoveVoter(3)), "the one that is dead");
        assert_eq!(remove(reaching(&[2]), 2), Err(MembershipRefusal::NoMajority), "the one that lives");
        assert_eq!(remove(reaching(&[]), 4), Err(MembershipRefusal::NoMajority), "nothing would be committed");
        let alone = View { voters: [1].into(), ..view() };
        assert_eq!(remove(alone.clone(), 1), Err(MembershipRefusal::LastVoter));
        assert_eq!(remove(alone, 4), Ok(Verdict::RemoveLearner(4)));
    }
}

//! In which order nodes are tried, and what all their refusals together mean. Pure: knows no network and no clock.

use std::time::Duration;

use raftchat_transport::{AuthRefusal, LinkFailure};

use super::nodes::{Nodes, as_good_as};
use crate::rpc::failure::ConnectFailure;

/// A node to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// `host:port` of its client endpoint.
    pub(crate) address: String,
    /// Who must answer there; none: any node of the cluster.
    pub(crate) node: Option<u64>,
}

/// What is known about whom to try.
#[derive(Debug, Default)]
pub(crate) struct Preferences<'a> {
    /// The address that the person asked for.
    pub(crate) first: Option<&'a str>,
    /// The address that served last.
    pub(crate) last_good: Option<&'a str>,
    /// Addresses that were just left or have just refused, the latest last.
    pub(crate) avoid: Vec<&'a str>,
}

/// When a node is tried: by class, and in a class by what the class is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The one asked for.
    First,
    /// The one that served last.
    Good,
    /// Those as near as the nearest, so that a node that dies does not send all of its devices to one other; and those that
    /// were never measured, as they may be near: where one is not, the next is tried a moment later, and is faster.
    Near,
    /// The others, by how far they are.
    Far(Duration),
    /// The ones to avoid, the latest last.
    Avoided(usize),
}

/// The nodes in the order to try them, those of equal rank by lot.
pub(crate) fn candidates(nodes: &Nodes, preferences: &Preferences<'_>, mut lot: impl FnMut() -> u32) -> Vec<Candidate> {
    let mut all: Vec<Candidate> =
        nodes.entries().map(|entry| Candidate { address: entry.address.clone(), node: Some(entry.node) }).collect();
    if let Some(first) = preferences.first
        && !all.iter().any(|candidate| candidate.address == first)
    {
        all.push(Candidate { address: first.to_owned(), node: None });
    }
    let ordinary = all.iter().map(|candidate| candidate.address.as_str()).filter(|address| !preferences.name(address));
    let nearest = ordinary.filter_map(|address| nodes.rtt(address)).min();
    all.sort_by_cached_key(|candidate| (preferences.rank(nodes, nearest, &candidate.address), lot()));
    all
}

impl Preferences<'_> {
    fn avoids(&self, address: &str) -> Option<usize> {
        self.avoid.iter().position(|avoided| *avoided == address)
    }

    /// Whether something is preferred or avoided about that address.
    fn name(&self, address: &str) -> bool {
        [self.first, self.last_good].contains(&Some(address)) || self.avoids(address).is_some()
    }

    fn rank(&self, nodes: &Nodes, nearest: Option<Duration>, address: &str) -> Rank {
        if let Some(avoided) = self.avoids(address) {
            return Rank::Avoided(avoided);
        }
        if self.first == Some(address) {
            return Rank::First;
        }
        if self.last_good == Some(address) {
            return Rank::Good;
        }
        match (nodes.rtt(address), nearest) {
            (Some(rtt), Some(nearest)) if rtt > nearest + as_good_as(nearest) => Rank::Far(rtt),
            _ => Rank::Near,
        }
    }
}

/// What it means that every node failed like this.
///
/// A node that refuses this device has proved itself first, and the others would say the same: one is enough. But one that says
/// that the certificate is out of its time speaks for its own clock alone, and more than half have to say so; and a server that is
/// not the expected node counts only where there is no other.
pub(crate) fn judge(failures: &[(Candidate, LinkFailure)]) -> ConnectFailure {
    let told = |(candidate, failure): &(Candidate, LinkFailure)| format!("{}: {failure}", candidate.address);
    let refused = |failure: &LinkFailure| matches!(failure, LinkFailure::Refused { .. });
    let by_its_clock = failures.iter().filter(|(_, failure)| is_by_its_clock(failure)).count();
    let is_final =
        |failure: &LinkFailure| refused(failure) && (!is_by_its_clock(failure) || by_its_clock * 2 > failures.len());
    if let Some(refused) = failures.iter().find(|(_, failure)| is_final(failure)) {
        return ConnectFailure::NotAccepted(told(refused));
    }
    let misfit =
        |failure: &LinkFailure| matches!(failure, LinkFailure::WrongServer { .. } | LinkFailure::VersionMismatch);
    let misfits = failures.iter().filter(|(_, failure)| misfit(failure)).count();
    match failures.iter().find(|(_, failure)| misfit(failure)).or(failures.first()) {
        Some(one) if misfits == failures.len() => ConnectFailure::NotAccepted(told(one)),
        Some(one) => ConnectFailure::Unreachable(format!("no node can be reached ({})", told(one))),
        None => ConnectFailure::Unreachable("no node is known".to_owned()),
    }
}

/// Whether a node with another clock might say something else.
pub(crate) fn is_by_its_clock(failure: &LinkFailure) -> bool {
    matches!(failure, LinkFailure::Refused { reason: AuthRefusal::Expired })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
    use std::collections::BTreeMap;

    use super::*;
    use crate::profile::NodeEntry;
    use raftchat_schema::id::NodeId;

    fn node(node: u64) -> NodeEntry {
        NodeEntry { node, address: format!("n{node}:7400") }
    }

    fn order(nodes: &Nodes, preferences: &Preferences<'_>) -> Vec<String> {
        // Draws that put what is equal in reverse.
        let mut lots = (0..100).rev();
        let tried = candidates(nodes, preferences, || lots.next().unwrap_or(0));
        tried.into_iter().map(|candidate| candidate.address).collect()
    }

    #[test]
    fn preferred_nodes_come_first_and_the_ones_to_avoid_come_last() {
        let nodes = Nodes::load(&[node(1), node(2), node(3), node(4)], None);
        let preferences =
            Preferences { first: Some("n3:7400"), last_good: Some("n2:7400"), avoid: vec!["n4:7400", "n1:7400"] };
        assert_eq!(order(&nodes, &preferences), ["n3:7400", "n2:7400", "n4:7400", "n1:7400"]);
        let lost = Preferences { first: Some("n3:7400"), last_good: Some("n3:7400"), avoid: vec!["n3:7400"] };
        assert_eq!(order(&nodes, &lost), ["n4:7400", "n2:7400", "n1:7400", "n3:7400"]);
        assert_eq!(order(&nodes, &Preferences::default()), ["n4:7400", "n3:7400", "n2:7400", "n1:7400"]);
    }

    #[test]
    fn the_near_and_the_unknown_come_before_the_far() {
        let mut nodes = Nodes::load(&[node(1), node(2), node(3), node(4), node(5)], None);
        nodes.measured(NodeId(1), "n1:7400", Duration::from_millis(90));
        nodes.measured(NodeId(2), "n2:7400", Duration::from_millis(2));
        nodes.measured(NodeId(4), "n4:7400", Duration::from_millis(4));
        nodes.measured(NodeId(5), "n5:7400", Duration::from_millis(8));
        let expected = ["n4:7400", "n3:7400", "n2:7400", "n5:7400", "n1:7400"];
        assert_eq!(order(&nodes, &Preferences::default()), expected);
    }

    #[test]
    fn how_near_the_node_is_that_serves_says_nothing_of_the_others() {
        let mut nodes = Nodes::load(&[node(1), node(2), node(3)], None);
        nodes.measured(NodeId(1), "n1:7400", Duration::from_millis(1));
        nodes.measured(NodeId(2), "n2:7400", Duration::from_millis(40));
        nodes.measured(NodeId(3), "n3:7400", Duration::from_millis(48));
        let served = Preferences { last_good: Some("n1:7400"), ..Preferences::default() };
        assert_eq!(order(&nodes, &served), ["n1:7400", "n3:7400", "n2:7400"], "both are as good");
    }

    #[test]
    fn a_node_that_dies_sends_its_devices_to_all_that_are_as_near() {
        let mut nodes = Nodes::load(&[node(1), node(2), node(3)], None);
        // As one device after the other would find it: what the first measured is known to the next.
        let mut seconds = BTreeMap::<_, u32>::new();
        let mut drawn = 2_463_534_242_u32;
        // Marsaglia's xorshift.
        let mut lot = || {
            drawn ^= drawn << 13;
            drawn ^= drawn >> 17;
            drawn ^= drawn << 5;
            drawn
        };
        for _device in 0..1_000 {
            let served = Preferences { first: Some("n1:7400"), ..Preferences::default() };
            let second = candidates(&nodes, &served, &mut lot)[1].clone();
            nodes.measured(NodeId(second.node.unwrap_or(0)), &second.address, Duration::from_micros(800));
            *seconds.entry(second.address).or_default() += 1;
        }
        assert!(seconds.values().all(|many| *many > 400) && seconds.len() == 2, "{seconds:?}");
    }

    #[test]
    fn an_address_that_nobody_listed_may_be_any_node() {
        let asked = Preferences { first: Some("elsewhere:7400"), ..Preferences::default() };
        let tried = candidates(&Nodes::load(&[node(1)], None), &asked, || 0);
        let any = Candidate { address: "elsewhere:7400".to_owned(), node: None };
        let listed = Candidate { address: "n1:7400".to_owned(), node: Some(1) };
        assert_eq!(tried, [any, listed]);
    }

    #[test]
    fn a_refusal_is_final_and_a_wrong_server_only_where_there_is_no_other() {
        let refused = || LinkFailure::Refused { reason: AuthRefusal::Revoked };
        let expired = || LinkFailure::Refused { reason: AuthRefusal::Expired };
        let wrong = || LinkFailure::WrongServer { detail: "another cluster".to_owned() };
        let away = || LinkFailure::Unreachable { cause: "silence".to_owned() };
        let cases = [
            (vec![away(), away()], false),
            (vec![refused(), refused()], true),
            (vec![away(), refused()], true),
            (vec![wrong(), wrong()], true),
            (vec![wrong(), LinkFailure::VersionMismatch], true),
            (vec![wrong(), away()], false),
            (vec![expired(), away(), away()], false),
            (vec![expired(), expired(), away()], true),
            (vec![expired(), refused(), away()], true),
            (vec![], false),
        ];
        for (failures, is_final) in cases {
            let failures: Vec<_> = failures
                .into_iter()
                .map(|failure| (Candidate { address: "n1:7400".to_owned(), node: Some(1) }, failure))
                .collect();
            let judged = matches!(judge(&failures), ConnectFailure::NotAccepted(_));
            assert_eq!(judged, is_final, "{failures:?}");
        }
    }
}

//! In which order nodes are tried, and what all their refusals together mean. Pure: knows no network and no clock.

use raftchat_transport::LinkFailure;

use crate::nodes::Nodes;

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

/// The nodes in the order to try them: the one asked for, the one that served last, the others from the nearest to the
/// farthest and the unknown, those alike by lot; the ones to avoid come last.
pub(crate) fn candidates(nodes: &Nodes, preferences: &Preferences<'_>, mut lot: impl FnMut() -> u32) -> Vec<Candidate> {
    let rank = |address: &str| {
        let avoided = preferences.avoid.iter().position(|avoided| *avoided == address);
        let class = match Some(address) {
            _ if avoided.is_some() => 3,
            address if address == preferences.first => 0,
            address if address == preferences.last_good => 1,
            _ => 2,
        };
        (class, avoided)
    };
    let mut all: Vec<Candidate> =
        nodes.entries().map(|entry| Candidate { address: entry.address.clone(), node: Some(entry.node) }).collect();
    if let Some(first) = preferences.first
        && !all.iter().any(|candidate| candidate.address == first)
    {
        all.push(Candidate { address: first.to_owned(), node: None });
    }
    all.sort_by_cached_key(|candidate| (rank(&candidate.address), nodes.distance(&candidate.address), lot()));
    all
}

/// Why no node was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectFailure {
    /// Certificates or versions do not fit. Trying again is of no use.
    NotAccepted(String),
    /// Trying again may help.
    Unreachable(String),
}

/// What it means that every node failed like this.
///
/// A node that refuses this device has proved itself first, and the others would say the same: one is enough. A server
/// that is not the expected node speaks for itself alone, and counts only where there is no other.
pub(crate) fn judge(failures: &[(Candidate, LinkFailure)]) -> ConnectFailure {
    let told = |(candidate, failure): &(Candidate, LinkFailure)| format!("{}: {failure}", candidate.address);
    let refused = failures.iter().find(|(_, failure)| matches!(failure, LinkFailure::Refused { .. }));
    if let Some(refused) = refused {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use raftchat_schema::id::NodeId;
    use raftchat_transport::AuthRefusal;

    use super::*;
    use crate::profile::NodeEntry;

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
    fn the_nearest_come_before_the_far_and_the_unknown() {
        let mut nodes = Nodes::load(&[node(1), node(2), node(3), node(4)], None);
        nodes.measured(NodeId(1), "n1:7400", Duration::from_millis(90));
        nodes.measured(NodeId(2), "n2:7400", Duration::from_millis(2));
        nodes.measured(NodeId(4), "n4:7400", Duration::from_millis(3));
        assert_eq!(order(&nodes, &Preferences::default()), ["n4:7400", "n2:7400", "n1:7400", "n3:7400"]);
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
        let wrong = || LinkFailure::WrongServer { detail: "another cluster".to_owned() };
        let away = || LinkFailure::Unreachable { cause: "silence".to_owned() };
        let cases = [
            (vec![away(), away()], false),
            (vec![refused(), refused()], true),
            (vec![away(), refused()], true),
            (vec![wrong(), wrong()], true),
            (vec![wrong(), LinkFailure::VersionMismatch], true),
            (vec![wrong(), away()], false),
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

//! In which order nodes are tried, and what all their refusals together mean. Pure: knows no network and no clock.

use raftchat_transport::LinkFailure;

use crate::profile::NodeEntry;

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
    /// The address that was just left.
    pub(crate) avoid: Option<&'a str>,
}

/// The nodes in the order to try them: the one asked for, the one that served last, the others by lot; the one that was
/// just left comes last.
pub(crate) fn candidates(
    known: &[NodeEntry],
    preferences: &Preferences<'_>,
    mut lot: impl FnMut() -> u32,
) -> Vec<Candidate> {
    let rank = |address: &str| match Some(address) {
        address if address == preferences.avoid => 3,
        address if address == preferences.first => 0,
        address if address == preferences.last_good => 1,
        _ => 2,
    };
    let mut all: Vec<Candidate> =
        known.iter().map(|entry| Candidate { address: entry.address.clone(), node: Some(entry.node) }).collect();
    if let Some(first) = preferences.first
        && !known.iter().any(|entry| entry.address == first)
    {
        all.push(Candidate { address: first.to_owned(), node: None });
    }
    all.sort_by_cached_key(|candidate| (rank(&candidate.address), lot()));
    all
}

/// Adds the nodes that a node told of. Where a known one is said to be is not changed: what the person wrote stands.
pub(crate) fn merge(known: &mut Vec<NodeEntry>, told: Vec<NodeEntry>) {
    for entry in told {
        if entry.node != 0 && !entry.address.is_empty() && !known.iter().any(|other| other.node == entry.node) {
            known.push(entry);
        }
    }
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
    use raftchat_transport::AuthRefusal;

    use super::*;

    fn node(node: u64) -> NodeEntry {
        NodeEntry { node, address: format!("n{node}:7400") }
    }

    fn order(preferences: &Preferences<'_>) -> Vec<String> {
        let known = [node(1), node(2), node(3), node(4)];
        // Draws that put what is equal in reverse.
        let mut lots = (0..100).rev();
        let tried = candidates(&known, preferences, || lots.next().unwrap_or(0));
        tried.into_iter().map(|candidate| candidate.address).collect()
    }

    #[test]
    fn preferred_nodes_come_first_and_the_one_just_left_comes_last() {
        let preferences = Preferences { first: Some("n3:7400"), last_good: Some("n2:7400"), avoid: Some("n4:7400") };
        assert_eq!(order(&preferences), ["n3:7400", "n2:7400", "n1:7400", "n4:7400"]);
        let lost = Preferences { first: Some("n3:7400"), last_good: Some("n3:7400"), avoid: Some("n3:7400") };
        assert_eq!(order(&lost), ["n4:7400", "n2:7400", "n1:7400", "n3:7400"]);
        assert_eq!(order(&Preferences::default()), ["n4:7400", "n3:7400", "n2:7400", "n1:7400"]);
    }

    #[test]
    fn an_address_that_nobody_listed_may_be_any_node() {
        let asked = Preferences { first: Some("elsewhere:7400"), ..Preferences::default() };
        let tried = candidates(&[node(1)], &asked, || 0);
        let any = Candidate { address: "elsewhere:7400".to_owned(), node: None };
        let listed = Candidate { address: "n1:7400".to_owned(), node: Some(1) };
        assert_eq!(tried, [any, listed]);
    }

    #[test]
    fn a_node_that_is_told_of_is_added_once() {
        let mut known = vec![node(1)];
        let moved = NodeEntry { node: 1, address: "moved:7400".to_owned() };
        let nameless = NodeEntry { node: 9, address: String::new() };
        merge(&mut known, vec![moved, node(2), node(2), nameless]);
        assert_eq!(known, [node(1), node(2)]);
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

//! Whether the nodes that would begin a cluster mean the same one. Pure: knows what it is told.
//!
//! Each of them writes the first entry of the log by itself. Two lists would be two clusters under one id, or the wrong
//! addresses in the log of one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use raftchat_schema::id::NodeId;
use raftchat_schema::stored::Member;

/// How long a majority waits for a word of the others: one that starts at the same time and differs is so heard in time.
const SILENT_FOR: Duration = Duration::from_secs(5);

/// What another node of the list has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It would begin the same.
    Same,
    /// It would begin something else.
    Other(Vec<String>),
    /// It is in a cluster already.
    Founded,
}

/// A cluster that is to be.
#[derive(Clone, Debug)]
pub(crate) struct Founding {
    own: NodeId,
    list: Vec<(NodeId, Member)>,
    words: BTreeMap<NodeId, Word>,
    /// When a majority first agreed.
    agreed: Option<Instant>,
}

impl Founding {
    /// Of these nodes, the one itself among them.
    pub(crate) fn new(own: NodeId, list: Vec<(NodeId, Member)>) -> Self {
        Self { own, list, words: BTreeMap::new(), agreed: None }
    }

    /// The list.
    pub(crate) fn list(&self) -> &[(NodeId, Member)] {
        &self.list
    }

    /// Another says what it would begin; nothing if it is in a cluster already. Gives its word.
    pub(crate) fn hear(&mut self, from: NodeId, theirs: Option<&[(NodeId, Member)]>) -> Word {
        let word = match theirs {
            None => Word::Founded,
            Some(theirs) => {
                let differences = differences(&self.list, theirs);
                if differences.is_empty() { Word::Same } else { Word::Other(differences) }
            }
        };
        if self.list.iter().any(|(node, _)| *node == from) {
            self.words.insert(from, word.clone());
        }
        word
    }

    /// Whether this node may write the first entry: all of the list mean the same; or a majority does, nobody who has spoken
    /// means anything else, and those who have not spoken had some time. And nobody is further already.
    pub(crate) fn may_begin(&mut self, now: Instant) -> bool {
        let agree = self.words.values().filter(|word| **word == Word::Same).count();
        let is_listed = self.list.iter().any(|(node, _)| *node == self.own);
        if !is_listed || agree != self.words.len() || agree < self.list.len() / 2 {
            self.agreed = None;
            return false;
        }
        let agreed = *self.agreed.get_or_insert(now);
        agree + 1 == self.list.len() || now.saturating_duration_since(agreed) >= SILENT_FOR
    }
}

/// In what the other's list differs from this node's, a sentence for each node.
pub(crate) fn differences(own: &[(NodeId, Member)], theirs: &[(NodeId, Member)]) -> Vec<String> {
    let (own, theirs): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (own.iter().cloned().collect(), theirs.iter().cloned().collect());
    let mut told = Vec::new();
    for (node, here) in &own {
        match theirs.get(node) {
            None => told.push(format!("node {node} is only in the list here")),
            Some(there) => told.extend(difference(*node, here, there)),
        }
    }
    told.extend(
        theirs
            .keys()
            .filter(|node| !own.contains_key(node))
            .map(|node| format!("node {node} is only in the list there")),
    );
    told
}

fn difference(node: NodeId, here: &Member, there: &Member) -> Vec<String> {
    let mut told = Vec::new();
    for (what, here, there) in [
        ("peer_address", &here.peer_address, &there.peer_address),
        ("client_address", &here.client_address, &there.client_address),
    ] {
        if here != there {
            // Another's words, cut and in quotes.
            let there: String = there.chars().take(100).collect();
            told.push(format!("the {what} of node {node} is {here:?} here and {there:?} there"));
        }
    }
    if here.fingerprint != there.fingerprint {
        told.push(format!("the fingerprint of node {node} differs"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(nodes: &[u8]) -> Vec<(NodeId, Member)> {
        let member = |node: u8| Member {
            peer_address: format!("node-{node}:2"),
            client_address: format!("node-{node}:1"),
            fingerprint: [node; 32],
        };
        nodes.iter().map(|node| (NodeId(u64::from(*node)), member(*node))).collect()
    }

    #[test]
    fn a_cluster_begins_when_a_majority_means_the_same() {
        let (mut founding, start) = (Founding::new(NodeId(1), list(&[1, 2, 3])), Instant::now());
        assert!(!founding.may_begin(start), "nobody has spoken");
        assert_eq!(founding.hear(NodeId(2), Some(&list(&[3, 2, 1]))), Word::Same);
        assert!(!founding.may_begin(start), "the third may yet speak");
        let later = start + SILENT_FOR;
        assert!(founding.may_begin(later));
        assert_eq!(
            founding.hear(NodeId(9), Some(&list(&[9]))),
            Word::Other(vec![
                "node 1 is only in the list here".to_owned(),
                "node 2 is only in the list here".to_owned(),
                "node 3 is only in the list here".to_owned(),
                "node 9 is only in the list there".to_owned(),
            ])
        );
        assert!(founding.may_begin(later), "who is not in the list has no say");
        founding.hear(NodeId(3), Some(&list(&[1, 2, 3])));
        assert!(founding.may_begin(start), "all agree");
        assert!(Founding::new(NodeId(1), list(&[1])).may_begin(start), "alone");
    }

    #[test]
    fn who_differs_is_told_in_what_and_holds_the_others_back() {
        let mut founding = Founding::new(NodeId(1), list(&[1, 2, 3]));
        founding.hear(NodeId(2), Some(&list(&[1, 2, 3])));
        let mut moved = list(&[1, 2, 3]);
        if let Some((_, member)) = moved.get_mut(1) {
            member.peer_address = "elsewhere:2".to_owned();
            member.fingerprint = [9; 32];
        }
        assert_eq!(
            founding.hear(NodeId(3), Some(&moved)),
            Word::Other(vec![
                r#"the peer_address of node 2 is "node-2:2" here and "elsewhere:2" there"#.to_owned(),
                "the fingerprint of node 2 differs".to_owned(),
            ])
        );
        let late = Instant::now() + 10 * SILENT_FOR;
        assert!(!founding.may_begin(late));
        assert_eq!(founding.hear(NodeId(3), Some(&list(&[1, 2, 3]))), Word::Same);
        assert!(founding.may_begin(late), "it was put right");
    }

    #[test]
    fn nobody_begins_what_is_there_already() {
        let mut founding = Founding::new(NodeId(3), list(&[1, 2, 3]));
        founding.hear(NodeId(1), Some(&list(&[1, 2, 3])));
        founding.hear(NodeId(2), None);
        assert!(!founding.may_begin(Instant::now() + 10 * SILENT_FOR));
    }
}

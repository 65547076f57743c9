//! Who may call as a node: the members, each by the one key that the membership lists for it. Knows nothing of devices.

use std::sync::Arc;

use raftchat_schema::budgets::MEMBERS_MAX;
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::{Member, Membership, StoredMembership};
use raftchat_transport::{Admission, AuthRefusal, Identity};
use tokio::sync::watch;

/// The newest membership that this node has heard of and belongs to, or the nodes that it was told of for as long as there is
/// none.
///
/// One without this node is passed over. It is from before this node joined, and to follow it would be to shut out whoever
/// sends the rest of the log; or from after it was removed, when it does not matter.
#[derive(Debug)]
pub(crate) struct Members {
    own: NodeId,
    newest: watch::Sender<Arc<StoredMembership>>,
}

/// So many nodes at most are let in on another's word.
const HEARD_MAX: usize = MEMBERS_MAX;

impl Members {
    /// What was applied before, or else what the node is told.
    pub(crate) fn new(own: NodeId, applied: StoredMembership, told: &[(NodeId, Member)]) -> Arc<Self> {
        let told = Membership { configs: Vec::new(), members: told.to_vec() };
        let told = Arc::new(StoredMembership { log_id: None, membership: told });
        let members = Self { own, newest: watch::Sender::new(told) };
        members.learn(applied);
        Arc::new(members)
    }

    /// The membership at present.
    pub(crate) fn now(&self) -> Arc<StoredMembership> {
        self.newest.borrow().clone()
    }

    /// The membership at present and whenever it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<StoredMembership>> {
        self.newest.subscribe()
    }

    /// Takes over a committed membership, if it is newer and this node's.
    pub(crate) fn learn(&self, heard: StoredMembership) {
        let ours = heard.membership.members.iter().any(|(node, _)| *node == self.own);
        self.newest.send_if_modified(|newest| {
            let newer = ours && heard.log_id > newest.log_id;
            if newer {
                *newest = Arc::new(heard);
            }
            newer
        });
    }
}

impl Members {
    /// Takes another node's word for who has joined while this one was away: the leader may be among them, and what would make
    /// it known is in the log that it alone can send. Nobody is left out, moved or given another key on one node's word:
    /// only the log does that, and what it says next takes the place of all this.
    pub(crate) fn hear(&self, heard: &StoredMembership) {
        let ours = heard.membership.members.iter().any(|(node, _)| *node == self.own);
        self.newest.send_if_modified(|newest| {
            if !ours || heard.log_id <= newest.log_id {
                return false;
            }
            let is_known = |node: &NodeId| newest.membership.members.iter().any(|(known, _)| known == node);
            let joined: Vec<_> =
                heard.membership.members.iter().filter(|(node, _)| !is_known(node)).take(HEARD_MAX).cloned().collect();
            if joined.is_empty() || newest.membership.members.len() + joined.len() > HEARD_MAX {
                return false;
            }
            let mut more = StoredMembership::clone(newest);
            more.membership.members.extend(joined);
            *newest = Arc::new(more);
            true
        });
    }
}

impl Admission for Members {
    fn admit(&self, identity: &Identity) -> Result<(), AuthRefusal> {
        let Identity::Node { id, spki, .. } = identity else { return Err(AuthRefusal::WrongRole) };
        let now = self.now();
        let listed = now.membership.members.iter().find(|(node, _)| node.0 == *id);
        match listed {
            Some((_, member)) if member.fingerprint == spki.0 => Ok(()),
            _ => Err(AuthRefusal::NotAMember),
        }
    }
}

#[cfg(test)]
mod tests {
    use raftchat_schema::stored::LogId;
    use raftchat_transport::Spki;

    use super::*;

    fn node(id: u64, key: u8) -> Identity {
        Identity::Node { cluster: "ship".to_owned(), id, spki: Spki([key; 32]) }
    }

    fn member(key: u8) -> Member {
        Member { fingerprint: [key; 32], ..Member::default() }
    }

    /// The membership at an index of the log: nodes with the keys 6 + their number.
    fn at(index: u64, nodes: &[u8]) -> StoredMembership {
        let members = nodes.iter().map(|id| (NodeId(u64::from(*id)), member(6 + id))).collect();
        let log_id = Some(LogId { term: 1, leader: NodeId(1), index });
        StoredMembership { log_id, membership: Membership { configs: Vec::new(), members } }
    }

    #[test]
    fn a_node_is_let_in_with_the_key_that_the_membership_lists_for_it() {
        let told = [(NodeId(1), member(7)), (NodeId(2), member(8))];
        let members = Members::new(NodeId(1), StoredMembership::default(), &told);
        assert_eq!(members.admit(&node(1, 7)), Ok(()));
        assert_eq!(members.admit(&node(1, 8)), Err(AuthRefusal::NotAMember), "the key of another");
        assert_eq!(members.admit(&node(3, 7)), Err(AuthRefusal::NotAMember));
        let device = Identity::Device { cluster: "ship".to_owned(), name: "alice".to_owned(), spki: Spki([7; 32]) };
        assert_eq!(members.admit(&device), Err(AuthRefusal::WrongRole));
        members.learn(at(5, &[1]));
        assert_eq!(members.admit(&node(2, 8)), Err(AuthRefusal::NotAMember));
    }

    #[test]
    fn who_joins_is_not_led_astray_by_the_log_from_before() {
        let told = [(NodeId(3), member(9)), (NodeId(4), member(10)), (NodeId(5), member(11))];
        let members = Members::new(NodeId(4), at(0, &[1, 2, 3]), &told);
        for (index, nodes) in [(0, &[1, 2, 3][..]), (9, &[1, 3, 5])] {
            members.learn(at(index, nodes));
            assert_eq!(members.admit(&node(5, 11)), Ok(()), "after entry {index} the leader still gets in");
        }
        members.learn(at(12, &[1, 3, 4]));
        assert_eq!(members.admit(&node(5, 11)), Err(AuthRefusal::NotAMember));
        members.learn(at(11, &[3, 4, 5]));
        assert_eq!(members.admit(&node(1, 7)), Ok(()), "an older word changes nothing");
    }

    #[test]
    fn one_nodes_word_lets_in_who_has_joined_and_shuts_nobody_out() {
        let members = Members::new(NodeId(1), at(5, &[1, 2, 3]), &[]);
        members.hear(&at(u64::MAX, &[1, 2, 4]));
        for (id, key) in [(2, 8), (3, 9), (4, 10)] {
            assert_eq!(members.admit(&node(id, key)), Ok(()), "node {id}");
        }
        let mut other_key = at(u64::MAX, &[1]);
        other_key.membership.members.push((NodeId(3), member(99)));
        members.hear(&other_key);
        assert_eq!(members.admit(&node(3, 99)), Err(AuthRefusal::NotAMember), "a key is changed by the log alone");
        let all: Vec<u8> = (1..=200).collect();
        members.hear(&at(u64::MAX, &all));
        assert_eq!(members.now().membership.members.len(), 4, "more than a cluster has");
        members.hear(&at(7, &[2, 5]));
        assert_eq!(members.admit(&node(5, 11)), Err(AuthRefusal::NotAMember), "this node is none of those");
        members.learn(at(6, &[1, 2, 3]));
        assert_eq!(members.admit(&node(4, 10)), Err(AuthRefusal::NotAMember), "the log has the last word");
    }
}

//! Who may call as a node: the members, each by the one key that the membership lists for it. Knows nothing of devices.

use std::sync::{Arc, PoisonError, RwLock};

use raftchat_schema::id::NodeId;
use raftchat_schema::stored::{Member, Membership};
use raftchat_transport::{Admission, AuthRefusal, Identity};

/// The membership as it was last applied, or as the node was told for as long as it has applied none.
#[derive(Debug)]
pub(crate) struct Members(RwLock<Arc<Membership>>);

impl Members {
    /// What was applied before, or the nodes that the cluster begins with.
    pub(crate) fn new(applied: Membership, bootstrap: &[(NodeId, Member)]) -> Arc<Self> {
        let first = if applied.members.is_empty() {
            Membership { configs: Vec::new(), members: bootstrap.to_vec() }
        } else {
            applied
        };
        Arc::new(Self(RwLock::new(Arc::new(first))))
    }

    /// The membership at present.
    pub(crate) fn now(&self) -> Arc<Membership> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over a new one; gives the one before.
    pub(crate) fn replace(&self, membership: Membership) -> Arc<Membership> {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut now, Arc::new(membership))
    }
}

impl Admission for Members {
    fn admit(&self, identity: &Identity) -> Result<(), AuthRefusal> {
        let Identity::Node { id, spki, .. } = identity else { return Err(AuthRefusal::WrongRole) };
        let now = self.now();
        let listed = now.members.iter().find(|(node, _)| node.0 == *id);
        match listed {
            Some((_, member)) if member.fingerprint == spki.0 => Ok(()),
            _ => Err(AuthRefusal::NotAMember),
        }
    }
}

#[cfg(test)]
mod tests {
    use raftchat_transport::Spki;

    use super::*;

    fn node(id: u64, key: u8) -> Identity {
        Identity::Node { cluster: "ship".to_owned(), id, spki: Spki([key; 32]) }
    }

    #[test]
    fn a_node_is_let_in_with_the_key_that_the_membership_lists_for_it() {
        let member = |key| Member { fingerprint: [key; 32], ..Member::default() };
        let members = Members::new(Membership::default(), &[(NodeId(1), member(7)), (NodeId(2), member(8))]);
        assert_eq!(members.admit(&node(1, 7)), Ok(()));
        assert_eq!(members.admit(&node(1, 8)), Err(AuthRefusal::NotAMember), "the key of another");
        assert_eq!(members.admit(&node(3, 7)), Err(AuthRefusal::NotAMember));
        let device = Identity::Device { cluster: "ship".to_owned(), name: "alice".to_owned(), spki: Spki([7; 32]) };
        assert_eq!(members.admit(&device), Err(AuthRefusal::WrongRole));
        let without_2 = Membership { configs: Vec::new(), members: vec![(NodeId(1), member(7))] };
        members.replace(without_2);
        assert_eq!(members.admit(&node(2, 8)), Err(AuthRefusal::NotAMember));
    }
}

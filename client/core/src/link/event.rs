//! What happens to a client's links, for the person and for scripts. Knows nothing of why it is done.

use std::time::Duration;

use raftchat_schema::id::NodeId;
use raftchat_transport::LinkFailure;

/// Something that has happened to a link. None of it interrupts a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkEvent {
    /// What.
    pub kind: LinkEventKind,
    /// The node at the other end.
    pub node: NodeId,
    /// The node that was left for it.
    pub from: Option<NodeId>,
    /// Why.
    pub cause: Option<LinkCause>,
    /// How long it took, or has lasted.
    pub took: Option<Duration>,
}

impl LinkEvent {
    pub(crate) fn of(kind: LinkEventKind, node: NodeId) -> Self {
        Self { kind, node, from: None, cause: None, took: None }
    }

    pub(crate) fn because(kind: LinkEventKind, node: NodeId, cause: LinkCause) -> Self {
        Self { cause: Some(cause), ..Self::of(kind, node) }
    }
}

/// What can happen to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEventKind {
    /// It was made, and serves.
    Linked,
    /// It goes another way through the network; nothing is lost.
    PathChanged,
    /// The node may be gone.
    Suspected,
    /// Everything goes over the link to this node now. Told with its first word.
    Moved,
    /// A second link stands by.
    Standby,
    /// The node has no contact with a majority: what it shows may be old.
    Behind,
    /// It has again.
    Fresh,
    /// The node is going to stop.
    Drain,
    /// It has ended, and no other is there.
    Lost,
}

impl LinkEventKind {
    /// The name that scripts see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::PathChanged => "path-changed",
            Self::Suspected => "suspected",
            Self::Moved => "moved",
            Self::Standby => "standby",
            Self::Behind => "behind",
            Self::Fresh => "fresh",
            Self::Drain => "drain",
            Self::Lost => "lost",
        }
    }
}

/// Why a link is suspected, moved or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkCause {
    /// Nothing was heard for too long.
    Silence,
    /// The node is heard, and does not acknowledge what this device sends.
    Unheard,
    /// The network says that nobody listens there.
    Icmp,
    /// Another node has not heard from it.
    Hint,
    /// It is going to stop.
    Drain,
    /// It has no contact with a majority.
    Behind,
    /// The link has ended.
    Lost,
    /// This device's addresses or routes have changed.
    Addresses,
    /// A call over it was not answered, or not done.
    Hedge,
}

impl LinkCause {
    /// The name that scripts see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Unheard => "unheard",
            Self::Icmp => "icmp",
            Self::Hint => "hint",
            Self::Drain => "drain",
            Self::Behind => "behind",
            Self::Lost => "lost",
            Self::Addresses => "addresses",
            Self::Hedge => "hedge",
        }
    }

    /// Whether it is only thought that the node is gone.
    pub(crate) fn is_a_guess(self) -> bool {
        matches!(self, Self::Silence | Self::Unheard | Self::Icmp | Self::Hint)
    }

    /// Why a link was left that has ended like this.
    pub(crate) fn of(failure: &LinkFailure) -> Self {
        match failure {
            LinkFailure::Draining { .. } => Self::Drain,
            _ => Self::Lost,
        }
    }
}

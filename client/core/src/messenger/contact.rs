//! How the contact with the cluster stands, out of what the client and the nodes say of it. Knows nothing of who is told.

use std::time::Duration;

use raftchat_model::Link;
use raftchat_schema::id::NodeId;

use crate::link::state::LinkState;
use crate::options::Attention;

/// How long after a question for a majority the next is asked, while there is none.
const WITHOUT_MAJORITY: Duration = Duration::from_secs(1);
/// The same while all is well and somebody looks, who is told within about that time.
const LOOKED_AT: Duration = Duration::from_secs(1);
/// The same while nobody looks: an act that is not done asks at once.
const LEFT_ALONE: Duration = Duration::from_secs(10);

/// How often no node may be found, one time after the other, until those are taken for gone of which one was there a moment ago
/// and had no majority: it sends its devices away, and is left alone for a while then.
const UNFOUND_MAX: u32 = 3;

/// What is known of the contact.
#[derive(Debug)]
pub(super) struct Contact {
    node: Option<(NodeId, u32)>,
    /// What the last node that was asked has said, whether its link still is or not.
    has_majority: bool,
    /// How often no node was found since one was.
    unfound: u32,
    attention: Attention,
    link: Link,
}

impl Contact {
    pub(super) fn new() -> Self {
        Self { node: None, has_majority: true, unfound: 0, attention: Attention::Away, link: Link::Connecting }
    }

    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// Takes in what the client says; the link if it is another now. A person is told what lasts: while no majority is there, not
    /// each link that comes and goes.
    pub(super) fn notice(&mut self, state: &LinkState) -> Option<Link> {
        let was_linked = self.node.is_some();
        self.node = None;
        match state {
            LinkState::Connected { node, rtt, .. } => {
                self.node = Some((*node, u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX)));
                self.unfound = 0;
            }
            LinkState::Lost { .. } if !was_linked => self.unfound = self.unfound.saturating_add(1),
            LinkState::Connecting | LinkState::Lost { .. } => {}
        }
        self.change(match (self.link, self.unfound) {
            (Link::ReadOnly { node, rtt_ms } | Link::SentAway { node, rtt_ms }, 0..UNFOUND_MAX) => {
                Link::SentAway { node, rtt_ms }
            }
            // A link that was just lost is about to be replaced; one that was not made shows that no node is there.
            (_, 0) => Link::Connecting,
            _ => Link::Offline,
        })
    }

    /// Takes in whether the node at the other end has a majority; the link if it is another now.
    pub(super) fn note_majority(&mut self, has_majority: bool) -> Option<Link> {
        self.has_majority = has_majority;
        self.change(self.link)
    }

    /// The session is over: no link is of use.
    pub(super) fn end(&mut self) -> Option<Link> {
        self.node = None;
        self.change(Link::Offline)
    }

    /// Takes in whether somebody looks.
    pub(super) fn attend(&mut self, attention: Attention) {
        self.attention = attention;
    }

    /// When to ask next whether there is a majority; never without a link.
    pub(super) fn ask_again_after(&self) -> Option<Duration> {
        self.node?;
        Some(match (self.has_majority, self.attention) {
            (false, _) => WITHOUT_MAJORITY,
            (true, Attention::Focused) => LOOKED_AT,
            (true, Attention::Away) => LEFT_ALONE,
        })
    }

    fn change(&mut self, without_node: Link) -> Option<Link> {
        let link = match self.node {
            Some((node, rtt_ms)) if self.has_majority => Link::Online { node, rtt_ms },
            Some((node, rtt_ms)) => Link::ReadOnly { node, rtt_ms },
            None => without_node,
        };
        (std::mem::replace(&mut self.link, link) != link).then_some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(node: u64) -> LinkState {
        LinkState::Connected { node: NodeId(node), address: "n".to_owned(), rtt: Duration::from_millis(3) }
    }

    fn lost() -> LinkState {
        LinkState::Lost { cause: "silence".to_owned() }
    }

    #[test]
    fn a_lost_link_is_about_to_be_replaced_until_no_node_is_found() {
        let mut contact = Contact::new();
        assert_eq!(contact.link(), Link::Connecting);
        assert_eq!(contact.notice(&linked(2)), Some(Link::Online { node: NodeId(2), rtt_ms: 3 }));
        assert_eq!(contact.notice(&lost()), Some(Link::Connecting));
        assert_eq!(contact.notice(&lost()), Some(Link::Offline));
        assert_eq!(contact.notice(&lost()), None);
        assert_eq!(contact.notice(&linked(3)), Some(Link::Online { node: NodeId(3), rtt_ms: 3 }));
    }

    #[test]
    fn a_node_without_a_majority_is_one_to_read_from() {
        let mut contact = Contact::new();
        assert_eq!(contact.ask_again_after(), None);
        contact.notice(&linked(2));
        assert_eq!(contact.note_majority(true), None);
        assert_eq!(contact.ask_again_after(), Some(LEFT_ALONE));
        contact.attend(Attention::Focused);
        assert_eq!(contact.ask_again_after(), Some(LOOKED_AT));
        assert_eq!(contact.note_majority(false), Some(Link::ReadOnly { node: NodeId(2), rtt_ms: 3 }));
        assert_eq!(contact.ask_again_after(), Some(WITHOUT_MAJORITY));
        assert_eq!(contact.note_majority(true), Some(Link::Online { node: NodeId(2), rtt_ms: 3 }));
        assert_eq!(contact.end(), Some(Link::Offline));
    }

    #[test]
    fn without_a_majority_the_line_stands_still_while_links_come_and_go() {
        let (node, rtt_ms) = (NodeId(2), 3);
        let (read_only, sent_away) = (Link::ReadOnly { node, rtt_ms }, Link::SentAway { node, rtt_ms });
        let mut contact = Contact::new();
        contact.notice(&linked(2));
        contact.note_majority(false);
        for _ in 0..5 {
            assert_eq!(contact.notice(&lost()), Some(sent_away));
            assert_eq!(contact.notice(&lost()), None, "the node is left alone for a moment");
            assert_eq!(contact.notice(&lost()), None);
            assert_eq!(
                contact.notice(&linked(2)),
                Some(read_only),
                "what it has said holds until it says something else"
            );
        }
        assert_eq!(contact.note_majority(true), Some(Link::Online { node, rtt_ms }));
        contact.note_majority(false);
        let told: Vec<_> = (0..5).filter_map(|_| contact.notice(&lost())).collect();
        assert_eq!(told, [sent_away, Link::Offline], "in the end no node is there");
        assert_eq!(contact.notice(&linked(3)), Some(Link::ReadOnly { node: NodeId(3), rtt_ms }));
    }
}

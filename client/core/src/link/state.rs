//! How a client's link is, for the person. Knows nothing of how it came to be so.

use std::time::Duration;

use raftchat_schema::id::NodeId;

/// How the client's link is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// There is none yet; it is made when something is asked.
    Connecting,
    /// There is one.
    Connected {
        /// To which node.
        node: NodeId,
        /// Where that node is.
        address: String,
        /// The round trip measured when the link was made.
        rtt: Duration,
    },
    /// It was lost or left. Another is made when something is asked, or at once while a subscription lives.
    Lost {
        /// Why, as a sentence.
        cause: String,
    },
}

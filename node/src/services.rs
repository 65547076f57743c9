//! What a device can ask of this node, as capabilities: see `client.capnp`. One file for each interface.

mod answer;
mod conversation;
mod gateway;
mod session;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::id::Cursor;
use raftchat_schema::view::{ConversationView, UserView};
use raftchat_state::change_number;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::fanout::Fanout;
use crate::live::LiveSessions;
use crate::passwords::Passwords;
use crate::presence::Presence;
use crate::proposer::Proposer;
use crate::raft::RaftHandle;
use crate::read_index::ReadIndex;
use crate::store::StateView;
use answer::Denied;

pub(crate) use gateway::GatewayService;

/// How long a command may take to be committed before its caller is told that nobody knows.
const PROPOSE_LIMIT: Duration = Duration::from_secs(5);
/// How long a read may wait until this node has applied what its caller has seen.
const SEEN_LIMIT: Duration = Duration::from_secs(2);
/// How long a majority may take to confirm that this node is up to date.
const FRESH_LIMIT: Duration = Duration::from_secs(2);

/// What all services need.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    pub(crate) raft: RaftHandle,
    pub(crate) proposer: Proposer,
    pub(crate) read_index: ReadIndex,
    pub(crate) presence: Arc<Presence>,
    pub(crate) live: Arc<LiveSessions>,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) passwords: Passwords,
    /// True once this node has applied at least what it had before it was started.
    pub(crate) recovered: watch::Receiver<bool>,
}

impl Services {
    /// The rows as they are now.
    fn view(&self) -> StateView {
        self.raft.stores().state.view()
    }

    /// Where a client stands that has seen all that is in these rows.
    fn cursor(&self, rows: &StateView) -> Result<Cursor, Denied> {
        Ok(Cursor { cluster: self.cluster_number(), epoch: EPOCH, change: change_number(rows)? })
    }

    /// Which cluster a cursor is of.
    fn cluster_number(&self) -> u64 {
        let digest = Sha256::digest(self.raft.stores().identity.cluster.as_bytes());
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// Fills in who is online.
    fn online(&self, user: UserView) -> UserView {
        UserView { online: self.presence.is_online(user.id), ..user }
    }

    fn online_members(&self, conversation: ConversationView) -> ConversationView {
        let members = conversation.members.into_iter().map(|member| self.online(member)).collect();
        ConversationView { members, ..conversation }
    }
}

/// Raised when a cluster is begun from a backup; none has been so far.
const EPOCH: u32 = 0;

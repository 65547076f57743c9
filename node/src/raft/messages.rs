//! What nodes ask each other for Raft's sake, as a trait that whoever carries the calls implements. Never knows how they
//! travel.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use raftchat_schema::id::NodeId;
pub use raftchat_schema::peer::{
    AppendRequest, AppendResponse, SnapshotRequest, TransferRequest, VoteRequest, VoteResponse,
};
use raftchat_schema::stored::{Member, Vote};

/// Whom a call goes to: the id, and where the membership says that node is and what key it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The node.
    pub node: NodeId,
    /// Its addresses and the fingerprint that its certificate must have.
    pub member: Arc<Member>,
}

/// Which of the streams to a peer a call takes, so that none waits behind what has more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Entries.
    Log,
    /// Heartbeats, votes, transfers of leadership.
    Urgent,
    /// Snapshots; a connection of its own.
    Snapshot,
}

/// Why a call to a peer brought no answer. Whether it was carried out is unknown, but for one case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerCallError {
    /// There is no connection: the peer has not seen the call. Worth a pause.
    #[error("the peer cannot be reached: {0}")]
    NotSent(String),
    /// The connection was lost. Worth a pause.
    #[error("the peer is gone: {0}")]
    Unreachable(String),
    /// Nothing came in time.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The peer answered with an error, or not as it should.
    #[error("the peer refused: {0}")]
    Remote(String),
}

/// Calls to peers. Dropping the future gives the call up.
///
/// [`PeerCalls::append`] is called many times before the first answer: calls of one target and lane must arrive in the order in
/// which they were made, and each hands itself to the transport before its future is first awaited.
pub trait PeerCalls: Send + Sync + 'static {
    /// How long a word takes to that node and back, as far as that was measured.
    fn way(&self, to: &Target) -> Option<Duration> {
        let _ = to;
        None
    }

    /// Raft `AppendEntries`.
    fn append(
        &self,
        to: &Target,
        lane: Lane,
        request: AppendRequest,
        limit: Duration,
    ) -> BoxFuture<'static, Result<AppendResponse, PeerCallError>>;

    /// Raft `RequestVote`.
    fn vote(
        &self,
        to: &Target,
        request: VoteRequest,
        limit: Duration,
    ) -> BoxFuture<'static, Result<VoteResponse, PeerCallError>>;

    /// The same without consequences.
    fn pre_vote(
        &self,
        to: &Target,
        request: VoteRequest,
        limit: Duration,
    ) -> BoxFuture<'static, Result<VoteResponse, PeerCallError>>;

    /// Opens a transfer of a snapshot.
    fn open_snapshot(
        &self,
        to: &Target,
        request: SnapshotRequest,
        limit: Duration,
    ) -> BoxFuture<'static, Result<Box<dyn OutgoingSnapshot>, PeerCallError>>;

    /// Asks the follower to stand for election.
    fn transfer_leadership(
        &self,
        to: &Target,
        request: TransferRequest,
        limit: Duration,
    ) -> BoxFuture<'static, Result<(), PeerCallError>>;
}

/// A snapshot on its way out. Dropping it gives the transfer up; what has arrived stays there.
pub trait OutgoingSnapshot: Send {
    /// How many bytes the receiver has: where to go on.
    fn have(&self) -> u64;

    /// Sends the next bytes, at most 256 KiB; done when the receiver has them.
    fn block(&mut self, offset: u64, bytes: Bytes, limit: Duration) -> BoxFuture<'_, Result<(), PeerCallError>>;

    /// All is sent: the receiver checks, installs, and answers with its vote.
    fn finish(self: Box<Self>, limit: Duration) -> BoxFuture<'static, Result<Vote, PeerCallError>>;
}

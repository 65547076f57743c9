//! The calls to peers as openraft wants them: appends pipelined, heartbeats on a lane of their own, snapshots resumed where they
//! ended. Every call has a time limit, and what makes no progress is given up. Never knows how calls travel.

pub(crate) mod progress;

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::{self, BoxFuture, Either};
use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption, RaftNetworkFactory,
};
use openraft::raft::{
    AppendEntriesRequest, SnapshotResponse, StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RPCTypes};
use raftchat_schema::id::NodeId;
use raftchat_schema::pause::Pause;
use raftchat_schema::stored::{Member, Vote};
use raftchat_transport::{Damped, lot};

use super::elections::Elections;
use super::machine::MachineSnapshot;
use super::messages::{
    AppendResponse, Lane, OutgoingSnapshot, PeerCallError, PeerCalls, SnapshotRequest, Target, TransferRequest,
};
use super::pace;
use super::settings::RaftSettings;
use super::trust::claims::{self, Absurd, Known};
use super::types::convert;
use super::types::{RaftLogId, RaftVote, TypeConfig};
use crate::store::{SnapshotFile, SnapshotShelf};
use progress::Progress;

/// Requests on their way to a follower at once.
const IN_FLIGHT_MAX: usize = 64;
/// The pauses before a follower is sent more that did not take what it was sent.
const PAUSE: Pause = Pause::between(Duration::from_millis(50), Duration::from_millis(500));
/// How much of a snapshot is sent at once.
const BLOCK_BYTES: u64 = 256 << 10;

/// Makes a client for each peer and purpose.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) own: u64,
    pub(crate) calls: Arc<dyn PeerCalls>,
    pub(crate) settings: Arc<RaftSettings>,
    pub(crate) snapshots: SnapshotShelf,
    pub(crate) progress: Arc<Progress>,
    pub(crate) told: Arc<Damped<(u64, &'static str)>>,
    pub(crate) elections: Arc<Elections>,
}

impl Network {
    fn client(&self, node: u64, member: &Member, lane: Lane) -> PeerClient {
        let target = Target { node: NodeId(node), member: Arc::new(member.clone()) };
        PeerClient { network: self.clone(), target, lane }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = PeerClient;

    async fn new_client(&mut self, target: u64, node: &Member) -> PeerClient {
        self.client(target, node, Lane::Log)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &Member) -> PeerClient {
        self.client(target, node, Lane::Urgent)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &Member) -> PeerClient {
        self.client(target, node, Lane::Snapshot)
    }
}

/// Calls one peer for one purpose.
pub(crate) struct PeerClient {
    network: Network,
    target: Target,
    lane: Lane,
}

impl PeerClient {
    /// openraft's limit follows the heartbeat; paths and disks may take longer.
    fn append_limit(&self) -> Duration {
        let settings = &self.network.settings;
        match self.lane {
            Lane::Urgent => {
                let way = self.network.calls.way(&self.target);
                pace::heartbeat(way, settings.election_min, settings.heartbeat)
            }
            Lane::Log | Lane::Snapshot => self.network.elections.pace().entries(settings.append_limit),
        }
    }

    fn error(&self, action: RPCTypes, limit: Duration, error: PeerCallError) -> RPCError<TypeConfig> {
        rpc_error(self.network.own, self.target.node.0, action, limit, error)
    }
}

fn rpc_error(id: u64, target: u64, action: RPCTypes, timeout: Duration, error: PeerCallError) -> RPCError<TypeConfig> {
    match error {
        // openraft pauses at once after what it takes for unreachable; after other errors it sends the same twenty times first.
        // Who refuses is no more likely to take it when it is sent again at once.
        PeerCallError::NotSent(reason) | PeerCallError::Unreachable(reason) | PeerCallError::Remote(reason) => {
            Unreachable::from_string(reason).into()
        }
        PeerCallError::Timeout => Timeout { action, id, target, timeout }.into(),
    }
}

impl NetBackoff<TypeConfig> for PeerClient {
    fn backoff(&self) -> Option<Backoff> {
        let mut pause = PAUSE;
        Some(Backoff::new(std::iter::repeat_with(move || pause.grow(lot()))))
    }
}

type Answer = Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>;

impl NetStreamAppend<TypeConfig> for PeerClient {
    fn stream_append<S>(
        &mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<'_, Result<BoxStream<'_, Answer>, RPCError<TypeConfig>>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        let limit = self.append_limit();
        let (own, target, lane, calls) = (self.network.own, self.target.clone(), self.lane, self.network.calls.clone());
        let (progress, told) = (self.network.progress.clone(), self.network.told.clone());
        let answers = input
            .map(move |request| {
                let previous = request.prev_log_id;
                let last = request.entries.last().map(|entry| entry.id).or(previous);
                let (vote, known) = (convert::from_vote(request.vote), known_by(request.vote));
                let (progress, told) = (progress.clone(), told.clone());
                // The call is made here, in order; only its answer is waited for side by side with others.
                let answer = calls.append(&target, lane, convert::from_append(&request), limit);
                let node = target.node.0;
                async move {
                    let answer = match tokio::time::timeout(limit, answer).await {
                        Ok(answer) => answer,
                        Err(_elapsed) => Err(PeerCallError::Timeout),
                    };
                    let answer = answer.and_then(|response| checked(&known, response, previous, last));
                    let response =
                        answer.map_err(|error| rpc_error(own, node, RPCTypes::AppendEntries, limit, error))?;
                    note(&progress, &told, node, vote, &response, previous, last);
                    Ok(convert::to_append_response(&response).into_stream_result(previous, last)).map(|answer| {
                        let whole = answer.as_ref().is_ok_and(|matching| *matching == last);
                        (answer, whole)
                    })
                }
            })
            .buffered(IN_FLIGHT_MAX);
        Box::pin(future::ready(Ok(until_broken(answers).boxed())))
    }
}

/// Notes how far the follower is, and tells when it is less far than it was.
fn note(
    progress: &Progress,
    told: &Damped<(u64, &'static str)>,
    node: u64,
    vote: Vote,
    response: &AppendResponse,
    previous: Option<RaftLogId>,
    last: Option<RaftLogId>,
) {
    match response {
        AppendResponse::Success => progress.acknowledged(node, vote, last.map(convert::from_log_id)),
        AppendResponse::PartialSuccess(upto) => progress.acknowledged(node, vote, *upto),
        AppendResponse::HigherVote(_) => {}
        AppendResponse::Conflict => {
            let Some(was) = progress.lacks(node, vote, previous.map(convert::from_log_id)) else { return };
            if let Some(left_out) = told.tell((node, "gone back"), Instant::now()) {
                tracing::error!(
                    node,
                    acknowledged = was.index,
                    left_out,
                    "the log of a node goes back behind what it has acknowledged: its data is an older copy, or its disk has lost \
                     what it said was written. It is sent all that is missing"
                );
            }
        }
    }
}

/// Refuses an answer that no Raft node gives.
fn checked(
    known: &Known,
    response: AppendResponse,
    previous: Option<RaftLogId>,
    last: Option<RaftLogId>,
) -> Result<AppendResponse, PeerCallError> {
    if matches!(response, AppendResponse::Conflict) && previous.is_none() {
        return Err(PeerCallError::Remote("a conflict before the first entry".into()));
    }
    let (previous, last) = (previous.map(convert::from_log_id), last.map(convert::from_log_id));
    claims::answer(known, previous, last, &response).map_err(absurd)?;
    Ok(response)
}

/// What an answer to this node's own vote is held against.
fn known_by(vote: RaftVote) -> Known {
    Known { term: vote.leader_id.term, vote: Some(convert::from_vote(vote)), committed: None }
}

/// The answer, if the vote in it can be.
fn answered<T>(known: &Known, vote: Vote, answer: T) -> Result<T, PeerCallError> {
    known.term(&vote).map_err(absurd)?;
    Ok(answer)
}

fn absurd(absurd: Absurd) -> PeerCallError {
    PeerCallError::Remote(absurd.to_string())
}

/// Ends after the first answer that is not a whole success: what was sent after it does not follow on anything.
fn until_broken(
    answers: impl Stream<Item = Result<(StreamAppendResult<TypeConfig>, bool), RPCError<TypeConfig>>> + Send,
) -> impl Stream<Item = Answer> + Send {
    stream::unfold(Some(Box::pin(answers)), |answers| async move {
        let mut answers = answers?;
        match answers.next().await? {
            Ok((answer, true)) => Some((Ok(answer), Some(answers))),
            Ok((answer, false)) => Some((Ok(answer), None)),
            Err(error) => Some((Err(error), None)),
        }
    })
}

impl NetVote<TypeConfig> for PeerClient {
    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        // The voter writes it first. Once this node stands again, the answer no longer counts.
        let limit = self.network.elections.left() + self.network.settings.election_max;
        let known = known_by(request.vote);
        let call = self.network.calls.vote(&self.target, convert::from_vote_request(&request), limit);
        let answer = within(limit, call).await.and_then(|answer| answered(&known, answer.vote, answer));
        let answer = answer.map_err(|error| self.error(RPCTypes::Vote, limit, error))?;
        Ok(convert::to_vote_response(&answer))
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let limit = pace::word(self.network.calls.way(&self.target), self.network.settings.election_min);
        let known = known_by(request.vote);
        let call = self.network.calls.pre_vote(&self.target, convert::from_vote_request(&request), limit);
        let answer = within(limit, call).await.and_then(|answer| answered(&known, answer.vote, answer));
        let answer = answer.map_err(|error| self.error(RPCTypes::Vote, limit, error))?;
        Ok(convert::to_vote_response(&answer))
    }
}

impl NetTransferLeader<TypeConfig> for PeerClient {
    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let limit = pace::word(self.network.calls.way(&self.target), self.network.settings.election_min);
        let plain = TransferRequest {
            from: convert::from_vote(*request.from_leader()),
            to: NodeId(*request.to_node_id()),
            last_log: request.last_log_id().copied().map(convert::from_log_id),
        };
        let call = self.network.calls.transfer_leadership(&self.target, plain, limit);
        within(limit, call).await.map_err(|error| self.error(RPCTypes::TransferLeader, limit, error))?;
        Ok(Ok(()))
    }
}

impl NetSnapshot<TypeConfig> for PeerClient {
    type SnapshotData = SnapshotFile;

    async fn full_snapshot(
        &mut self,
        vote: RaftVote,
        snapshot: MachineSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let settings = self.network.settings.clone();
        let sending = Box::pin(self.try_to_send(vote, snapshot.snapshot));
        match future::select(sending, Box::pin(cancel)).await {
            Either::Left((Ok(vote), _)) => Ok(SnapshotResponse::new(convert::to_vote(vote))),
            Either::Left((Err(error), _)) => {
                Err(self.error(RPCTypes::InstallSnapshot, settings.snapshot_progress_limit, error).into())
            }
            Either::Right((closed, _)) => Err(closed.into()),
        }
    }
}

impl PeerClient {
    /// Sends it, if it is whole. What fails is told now and then, and followed by a pause.
    async fn try_to_send(&self, vote: RaftVote, file: SnapshotFile) -> Result<Vote, PeerCallError> {
        let (progress, node, id) = (self.network.progress.clone(), self.target.node.0, file.id.clone());
        let sending = progress.snapshot_begins(node, Instant::now());
        let sent = match self.must_be_whole(&file).await {
            Ok(()) => self.send_snapshot(vote, file).await,
            Err(error) => Err(error),
        };
        match &sent {
            Ok(_) => progress.snapshot_arrived(node, Instant::now()),
            Err(error) => {
                drop(sending);
                let pause = progress.snapshot_failed(node);
                if let Some(left_out) = self.network.told.tell((node, "snapshot"), Instant::now()) {
                    tracing::warn!(node, %id, %error, next_in = ?pause, left_out, "a snapshot was not taken over");
                }
                tokio::time::sleep(pause).await;
            }
        }
        sent
    }

    /// A snapshot that is damaged on this node's own disk would be refused again and again: it is made anew.
    async fn must_be_whole(&self, file: &SnapshotFile) -> Result<(), PeerCallError> {
        let (shelf, file) = (self.network.snapshots.clone(), file.clone());
        let checked = tokio::task::spawn_blocking(move || shelf.must_be_whole(&file)).await;
        let own = |error: &dyn std::fmt::Display| PeerCallError::Remote(format!("our own snapshot: {error}"));
        checked.map_err(|error| own(&error))?.map_err(|error| own(&error))
    }

    async fn send_snapshot(&self, vote: RaftVote, file: SnapshotFile) -> Result<Vote, PeerCallError> {
        let limit = self.network.settings.snapshot_progress_limit;
        let request = SnapshotRequest { vote: convert::from_vote(vote), id: file.id.clone(), length: file.length };
        let opened = self.network.calls.open_snapshot(&self.target, request, limit);
        let mut transfer: Box<dyn OutgoingSnapshot> = within(limit, opened).await?;
        let unreadable = |error: std::io::Error| PeerCallError::Remote(format!("our own snapshot: {error}"));
        let source = Arc::new(std::fs::File::open(&file.path).map_err(unreadable)?);
        let mut offset = transfer.have().min(file.length);
        while offset < file.length {
            let length = BLOCK_BYTES.min(file.length.saturating_sub(offset));
            let block = read_block(source.clone(), offset, length).await.map_err(unreadable)?;
            within(limit, transfer.block(offset, block, limit)).await?;
            offset = offset.saturating_add(length);
        }
        let limit = self.network.settings.install_limit;
        let answer = within(limit, transfer.finish(limit)).await?;
        answered(&known_by(vote), answer, answer)
    }
}

async fn read_block(file: Arc<std::fs::File>, offset: u64, length: u64) -> Result<Bytes, std::io::Error> {
    let read = move || {
        let mut bytes = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(Bytes::from(bytes))
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}

async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, PeerCallError>>) -> Result<T, PeerCallError> {
    tokio::time::timeout(limit, call).await.unwrap_or(Err(PeerCallError::Timeout))
}

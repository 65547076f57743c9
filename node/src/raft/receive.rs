//! What a peer's calls do here. The caller has made sure that the peer is a member, and says which; what it claims is held
//! against what can be (`trust/claims.rs`) before openraft hears of it. Never knows how calls arrive.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use openraft::EntryPayload;
use openraft::raft::StreamAppendError;
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::Vote;
use raftchat_schema::wire::WireError;
use tokio::sync::{mpsc, oneshot};

use super::handle::RaftHandle;
use super::machine;
use super::messages::{AppendRequest, AppendResponse, SnapshotRequest, TransferRequest, VoteRequest, VoteResponse};
use super::trust::claims::{self, Absurd, Payload};
use super::types::convert;
use super::types::{LogEntry, RaftLogId, TypeConfig};
use crate::store::StoreError;
use crate::store::snapshot::Reception;

/// Why a peer's call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// No node that keeps to Raft says that.
    #[error(transparent)]
    Absurd(#[from] Absurd),
    /// The node is stopping.
    #[error("the node is stopping: {0}")]
    Stopped(String),
    /// An earlier request of the stream was refused, so that this one follows on nothing. Begin again from there.
    #[error("an earlier request of the stream was refused")]
    StreamEnded,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The transfer of leadership was not accepted.
    #[error("the transfer of leadership was not accepted: {0}")]
    TransferRefused(String),
}

fn stopped(error: impl std::fmt::Display) -> ReceiveError {
    ReceiveError::Stopped(error.to_string())
}

impl RaftHandle {
    /// One request with entries, or a heartbeat. Requests that arrive as a stream belong in [`RaftHandle::append_stream`].
    pub async fn append(&self, from: NodeId, request: AppendRequest) -> Result<AppendResponse, ReceiveError> {
        if let Some(vote) = self.promised_later(&request.vote) {
            return Ok(AppendResponse::HigherVote(vote));
        }
        let request = self.checked(from, request)?;
        let response = self.raft.append_entries(request).await.map_err(stopped)?;
        let response = convert::from_append_response(&response);
        self.note_contact(&response);
        Ok(response)
    }

    /// A heartbeat: the leader asks whether this node still follows it. For that no entry need be durable, so it is answered as
    /// soon as openraft has taken it in, however long the disk takes for what came before.
    pub async fn heartbeat(&self, from: NodeId, request: AppendRequest) -> Result<AppendResponse, ReceiveError> {
        let vote = request.vote;
        let mut durable = Box::pin(self.append(from, request));
        // It is handed over first, then asked for what came of it: openraft takes both in that order.
        if let Some(answer) = (&mut durable).now_or_never() {
            return answer;
        }
        let followed = self.raft.with_raft_state(|state| *state.vote_ref());
        let known = tokio::select! {
            biased;
            answer = &mut durable => return answer,
            known = followed => known.map_err(stopped)?,
        };
        if convert::from_vote(known) != vote {
            return durable.await;
        }
        // Refusals are given at once, and so are here by now.
        let answer = (&mut durable).now_or_never().unwrap_or(Ok(AppendResponse::Success));
        if let Ok(response) = &answer {
            self.note_contact(response);
        }
        answer
    }

    /// A stream of requests from one peer.
    pub fn append_stream(&self, from: NodeId) -> AppendStream {
        AppendStream { handle: self.clone(), from, running: None }
    }

    /// A candidate asks for this node's vote.
    pub async fn vote(&self, from: NodeId, mut request: VoteRequest) -> Result<VoteResponse, ReceiveError> {
        self.known(from).candidate(from, &request)?;
        if !self.may_vote(&request) {
            return Ok(self.no_vote());
        }
        // Whose word alone it is that the leader has asked it, waits for the leader's lease as everybody does.
        let asked = request.leadership_transfer;
        request.leadership_transfer =
            asked && (self.has_believed(from, request.vote.term) || self.is_handed_to(from, asked).await);
        let response = self.raft.vote(convert::to_vote_request(&request)).await.map_err(stopped)?;
        Ok(convert::from_vote_response(&response))
    }

    /// A node asks whether it would get this node's vote.
    pub async fn pre_vote(&self, from: NodeId, request: VoteRequest) -> Result<VoteResponse, ReceiveError> {
        self.known(from).candidate(from, &request)?;
        // Whoever was voted for, or has come to lead, is given the time that disks need for it.
        if self.elections.is_under_way() || !self.may_vote(&request) {
            return Ok(self.no_vote());
        }
        if let Some(answer) = self.believe(from, &request).await {
            return Ok(answer);
        }
        let response = self.raft.pre_vote(convert::to_vote_request(&request)).await.map_err(stopped)?;
        Ok(convert::from_vote_response(&response))
    }

    /// The leader asks this node, or tells it that another is asked, to stand for election.
    pub async fn transfer_leadership(&self, from: NodeId, request: TransferRequest) -> Result<(), ReceiveError> {
        self.known(from).transfer(from, &request)?;
        if request.to == self.stores.identity.node && !self.is_sure() {
            return Err(ReceiveError::TransferRefused(
                "it is not known whether this node's data is what it was".to_owned(),
            ));
        }
        self.note_handing_to(request.to);
        let TransferRequest { from, to: NodeId(to), last_log } = request;
        let request =
            openraft::raft::TransferLeaderRequest::new(convert::to_vote(from), to, last_log.map(convert::to_log_id));
        let answer = self.raft.handle_transfer_leader(request).await.map_err(stopped)?;
        answer.map_err(|refused| ReceiveError::TransferRefused(refused.to_string()))
    }

    /// The leader announces a snapshot; goes on where an earlier attempt at the same one ended.
    pub async fn receive_snapshot(
        &self,
        from: NodeId,
        request: SnapshotRequest,
    ) -> Result<IncomingSnapshot, ReceiveError> {
        self.known(from).snapshot(from, &request)?;
        let SnapshotRequest { vote, id, length } = request;
        let shelf = self.stores.snapshots.clone();
        let reception = blocking(move || shelf.receive(&id, length)).await?;
        let have = reception.have();
        let reception = Arc::new(Mutex::new(Some(reception)));
        Ok(IncomingSnapshot { handle: self.clone(), from, vote, have, reception })
    }

    /// What a node answers that gives no vote to anybody.
    fn no_vote(&self) -> VoteResponse {
        let own = Vote { term: 0, node: NodeId(0), committed: false };
        let log = &self.stores.log;
        VoteResponse { vote: log.vote().unwrap_or(own), granted: false, last_log: log.bounds().last }
    }

    /// A request that openraft can take: what it says can be, and this node can read all of it.
    fn checked(&self, from: NodeId, request: AppendRequest) -> Result<RaftAppend, ReceiveError> {
        let known = self.known(from);
        known.leader(from, &request)?;
        let (vote, previous) = (request.vote, request.previous);
        let request = convert::to_append(request)?;
        let entries = request.entries.iter().map(|entry| (convert::from_log_id(entry.id), look_into(entry)));
        known.entries(&vote, previous, entries)?;
        Ok(request)
    }
}

/// Whether every node can apply that. The leader that sends it has let it pass, if it is one that keeps to the rules.
fn look_into(entry: &LogEntry) -> Payload {
    match &entry.payload {
        EntryPayload::Blank => Payload::Good,
        EntryPayload::Normal(batch) => claims::look_into_batch(&batch.0),
        EntryPayload::Membership(membership) => claims::look_into_members(&convert::from_membership(membership)),
    }
}

type Waiting = oneshot::Sender<Result<AppendResponse, ReceiveError>>;
type RaftAppend = openraft::raft::AppendEntriesRequest<TypeConfig>;
type Submitted = (RaftAppend, Waiting);

/// Requests of one peer, handled in the order they were submitted, many under way at once.
pub struct AppendStream {
    handle: RaftHandle,
    from: NodeId,
    running: Option<mpsc::UnboundedSender<Submitted>>,
}

impl std::fmt::Debug for AppendStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppendStream").finish_non_exhaustive()
    }
}

impl AppendStream {
    /// Hands over a request, now; the future brings the answer. After a refusal the requests already submitted get
    /// [`ReceiveError::StreamEnded`], and the next one begins anew. At most as many as the peer's window are submitted
    /// unanswered: bounding that is the caller's part.
    pub fn submit(
        &mut self,
        request: AppendRequest,
    ) -> impl Future<Output = Result<AppendResponse, ReceiveError>> + Send + use<> {
        let (waiting, answer) = oneshot::channel();
        if let Some(vote) = self.handle.promised_later(&request.vote) {
            // The receiver is right below.
            let _heard = waiting.send(Ok(AppendResponse::HigherVote(vote)));
            return answered(answer);
        }
        match self.handle.checked(self.from, request) {
            Ok(request) => self.pass_on((request, waiting)),
            Err(error) => {
                // The receiver is right below.
                let _heard = waiting.send(Err(error));
            }
        }
        answered(answer)
    }

    fn pass_on(&mut self, submitted: Submitted) {
        let submitted = match &self.running {
            Some(running) => match running.send(submitted) {
                Ok(()) => return,
                Err(mpsc::error::SendError(submitted)) => submitted,
            },
            None => submitted,
        };
        let (running, requests) = mpsc::unbounded_channel();
        // The receiver is right here.
        let _heard = running.send(submitted);
        self.running = Some(running);
        tokio::spawn(run(self.handle.clone(), requests));
    }
}

async fn answered(
    answer: oneshot::Receiver<Result<AppendResponse, ReceiveError>>,
) -> Result<AppendResponse, ReceiveError> {
    answer.await.unwrap_or(Err(ReceiveError::StreamEnded))
}

/// Feeds requests to openraft until one is refused or no more come.
async fn run(handle: RaftHandle, requests: mpsc::UnboundedReceiver<Submitted>) {
    let (passed, mut pending) = mpsc::unbounded_channel::<(Option<RaftLogId>, Waiting)>();
    let input = stream::unfold(requests, |mut requests| async { Some((requests.recv().await?, requests)) }).map(
        move |(request, waiting)| {
            let last = request.entries.last().map(|entry| entry.id).or(request.prev_log_id);
            // The other end is alive as long as this is polled.
            let _heard = passed.send((last, waiting));
            request
        },
    );
    let mut answers = Box::pin(handle.raft.stream_append(input));
    while let Some(answer) = answers.next().await {
        let Some((last, waiting)) = pending.recv().await else {
            return;
        };
        let response = match answer {
            Ok(Ok(matching)) if matching == last => Ok(AppendResponse::Success),
            Ok(Ok(matching)) => Ok(AppendResponse::PartialSuccess(matching.map(convert::from_log_id))),
            Ok(Err(StreamAppendError::Conflict(_))) => Ok(AppendResponse::Conflict),
            Ok(Err(StreamAppendError::HigherVote(vote))) => Ok(AppendResponse::HigherVote(convert::from_vote(vote))),
            Err(fatal) => Err(stopped(fatal)),
        };
        if let Ok(response) = &response {
            handle.note_contact(response);
        }
        // The peer may have given up.
        let _heard = waiting.send(response);
    }
}

/// A snapshot on its way in. Dropped, it leaves what has arrived for the next attempt.
pub struct IncomingSnapshot {
    handle: RaftHandle,
    from: NodeId,
    vote: Vote,
    have: u64,
    reception: Arc<Mutex<Option<Reception>>>,
}

impl std::fmt::Debug for IncomingSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingSnapshot").field("have", &self.have).finish_non_exhaustive()
    }
}

impl IncomingSnapshot {
    /// How many bytes were here when the transfer was opened: where the sender goes on.
    pub fn have(&self) -> u64 {
        self.have
    }

    /// Takes the next bytes.
    pub async fn block(&self, offset: u64, bytes: Bytes) -> Result<(), ReceiveError> {
        let reception = self.reception.clone();
        blocking(move || match &mut *reception.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(reception) => reception.write(offset, &bytes),
            None => Err(StoreError::SnapshotOffset { offset, have: 0 }),
        })
        .await
    }

    /// All is here: checks and installs it, and gives this node's vote.
    pub async fn finish(&self) -> Result<Vote, ReceiveError> {
        let reception = self.reception.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(reception) = reception else {
            return Err(ReceiveError::StreamEnded);
        };
        let file = blocking(move || reception.finish()).await?;
        self.handle.known(self.from).installed(&self.vote, &file.header)?;
        let snapshot = machine::with_meta(file).map_err(stopped)?;
        let vote = convert::to_vote(self.vote);
        let response = self.handle.raft.install_full_snapshot(vote, snapshot).await.map_err(stopped)?;
        Ok(convert::from_vote(response.vote))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ReceiveError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(stopped)??)
}

//! What a device can ask of this node, as capabilities: see `client.capnp`. One file for each interface.

mod answer;
mod context;
mod conversation;
mod gateway;
mod knocking;
mod link;
mod registered;
mod session;
mod status;
mod subscription;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use raftchat_certs::Ending;
use raftchat_schema::command::Verifier;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{Cursor, DeviceId, UserId, Username};
use raftchat_schema::view::{ConversationView, MemberView, UserView};
use raftchat_state::{ReadError, change_number, member_seen_by, seen_by};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::admission::login_throttle::{LoginThrottle, Source};
use crate::admission::passwords::{Asker, Hasher, PasswordError, Passwords};
use crate::admission::rate_limiter::RateLimiter;
use crate::audience::fanout::Fanout;
use crate::audience::live::LiveSessions;
use crate::audience::presence::Presence;
use crate::audience::typing::Typing;
use crate::clock::NodeClock;
use crate::health::freshness::Freshness;
use crate::health::meters::Meters;
use crate::health::node_health::NodeHealth;
use crate::health::room::Room;
use crate::housekeeping::proposals::Deliveries;
use crate::proposer::Proposer;
use crate::proposer::reaching::{NotReached, Reaching};
use crate::proposer::read_index::ReadIndex;
use crate::raft::RaftHandle;
use crate::store::{StateView, StoreError};
use answer::Denied;
use link::DeviceLink;

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
    pub(crate) typing: Arc<Typing>,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: LoginThrottle,
    pub(crate) rates: Arc<RateLimiter>,
    pub(crate) clock: Arc<NodeClock>,
    /// Which of the node's certificates ends first.
    pub(crate) ending: Ending,
    pub(crate) reaching: Arc<Reaching>,
    pub(crate) room: Arc<Room>,
    pub(crate) health: Arc<NodeHealth>,
    pub(crate) meters: Meters,
    pub(crate) freshness: Arc<Freshness>,
    /// How much one account may have stored.
    pub(crate) account_bytes_max: u64,
    /// Sessions that wait on this node for their active link to fail.
    pub(crate) standing_by: Arc<AtomicUsize>,
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

    /// A cursor that this cluster gave out.
    fn own_cursor(&self, bytes: &[u8]) -> Result<Cursor, Denied> {
        let cursor = Cursor::from_bytes(bytes).ok_or(ErrorCode::MalformedRequest)?;
        if cursor.cluster != self.cluster_number() || cursor.epoch != EPOCH {
            return Err(ErrorCode::ForeignCursor.into());
        }
        Ok(cursor)
    }

    /// Waits until this node has applied as far as the cursor: nobody travels back in time.
    async fn reach(&self, link: &DeviceLink, device: DeviceId, cursor: Cursor) -> Result<(), Denied> {
        let _behind = link.wait_behind().ok_or(NotReached::TooMany)?;
        tokio::select! {
            biased;
            reached = self.reaching.reach(device, cursor.change, SEEN_LIMIT) => Ok(reached?),
            // Another node may be ahead of this one.
            () = self.freshness.lost() => Err(NotReached::Behind.into()),
        }
    }

    /// Whether this node knows all that was acknowledged before the question.
    async fn is_up_to_date(&self) -> bool {
        tokio::select! {
            biased;
            confirmed = self.read_index.confirm(FRESH_LIMIT) => confirmed,
            () = self.freshness.lost() => false,
        }
    }

    /// Refuses a password that is not the one, and whoever has tried too many before it is looked at. Does `more` in the same
    /// turn where it was right.
    async fn must_be_right<T: Send + 'static>(
        &self,
        asker: Asker,
        claim: Claim<'_>,
        more: impl FnOnce(&Hasher) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, Denied> {
        let Claim { username, source, password, verifier } = claim;
        let guess = self.throttle.begin(username, source, Instant::now()).map_err(|wait| {
            self.meters.guesses.refuse();
            Denied::too_fast(wait)
        })?;
        // The guess goes with what looks at it: whoever hangs up meanwhile has guessed.
        let looked = self.passwords.ask(asker, move |hasher| {
            if !hasher.check(&password, verifier.as_ref())? {
                guess.wrong();
                return Ok(None);
            }
            guess.right();
            more(hasher).map(Some)
        });
        looked.await?.ok_or_else(|| ErrorCode::WrongCredentials.into())
    }

    /// Somebody as `viewer` may see them, with whether they are online.
    fn shown(&self, rows: &StateView, viewer: UserId, user: UserView) -> Result<UserView, ReadError<StoreError>> {
        let user = seen_by(rows, viewer, user)?;
        Ok(self.online(viewer, user))
    }

    fn online(&self, viewer: UserId, user: UserView) -> UserView {
        let shown = !user.presence_hidden || user.id == viewer;
        UserView { online: shown && self.presence.is_online(user.id), ..user }
    }

    fn shown_member(
        &self,
        rows: &StateView,
        viewer: UserId,
        member: MemberView,
    ) -> Result<MemberView, ReadError<StoreError>> {
        let member = member_seen_by(rows, viewer, member)?;
        Ok(MemberView { user: self.online(viewer, member.user), ..member })
    }

    /// The conversation with its members as `viewer` may see them.
    fn with_members(
        &self,
        rows: &StateView,
        viewer: UserId,
        conversation: ConversationView,
    ) -> Result<ConversationView, ReadError<StoreError>> {
        let members = conversation.members.into_iter().map(|member| self.shown_member(rows, viewer, member));
        Ok(ConversationView { members: members.collect::<Result<_, _>>()?, ..conversation })
    }
}

/// That somebody knows a password.
struct Claim<'c> {
    username: &'c Username,
    source: Source,
    password: Zeroizing<String>,
    /// None where there is no such account.
    verifier: Option<Verifier>,
}

/// Raised when a cluster is begun from a backup; none has been so far.
const EPOCH: u32 = 0;

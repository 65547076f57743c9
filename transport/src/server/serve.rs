//! One caller's connection, from its first packet to its end, on one RPC
//! thread: handshake, admission, then its RPC streams.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use capnp::capability::{Client, FromClientHook};
use quinn::{Connection, ConnectionError, Incoming};
use raftchat_schema::told::Told;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument as _;

use crate::damped::{Damped, warn_of};
use crate::failure::{AuthRefusal, CloseCode};
use crate::limits::{FIRST_STREAM_DEADLINE, HANDSHAKE_DEADLINE, LinkLimits, PROVED_HANDSHAKE_DEADLINE};
use crate::link::name::LinkName;
use crate::load::{LinkLoad, LinkMeters};
use crate::meter::Held;
use crate::rpc::{Vat, VatEnd};
use crate::server::connection::ConnectionHandle;
use crate::server::doorstep::Origin;
use crate::server::registry::{Registered, Registry};
use crate::tls::check_caller;
use crate::tls::clock::{Clock, time_left};
use crate::tls::identity::{Admission, Role, certificate_of};

/// The interval between two looks at the caller's certificate: what time it is may become known, or change.
const LOOK_AT_CERTIFICATE: Duration = Duration::from_mins(10);

/// How long a caller that was refused keeps one of the places of its address: with all eight of them an address comes to 160
/// refusals a second, for which a node works a tenth of the time.
const REFUSED_KEEPS_PLACE: Duration = Duration::from_millis(50);

/// Gives the capability a caller starts from; called on the caller's thread.
pub(crate) type Bootstrap = Box<dyn Fn(ConnectionHandle) -> Client + Send + Sync>;

/// The state that all connections of a server share.
pub(crate) struct Service {
    pub(crate) role: Role,
    pub(crate) cluster: String,
    pub(crate) limits: LinkLimits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) meters: LinkMeters,
    pub(crate) bootstrap: Bootstrap,
}

/// One handshake under way, for as long as it lives.
pub(crate) struct Handshake {
    origin: Origin,
    told: mpsc::UnboundedSender<(Origin, Over)>,
    /// How it will be over.
    over: Over,
    held: Option<Held>,
}

/// What becomes of the place of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The handshake came to its end.
    Done,
    /// The caller was refused, and keeps its address's place for a while.
    Refused,
    /// That while is over.
    Forgiven,
}

impl Handshake {
    pub(crate) fn begin(meters: &LinkMeters, origin: Origin, told: &mpsc::UnboundedSender<(Origin, Over)>) -> Self {
        Self { origin, told: told.clone(), over: Over::Done, held: Some(meters.handshakes.hold(1)) }
    }

    /// The caller is refused: whoever comes again at once, and again, has each of its places only so often.
    async fn keep_place(mut self) {
        self.tell(Over::Refused);
        self.over = Over::Forgiven;
        sleep(REFUSED_KEEPS_PLACE).await;
    }

    fn tell(&mut self, over: Over) {
        // Before the next begins.
        drop(self.held.take());
        // Nobody listens once the server has stopped.
        let _ = self.told.send((self.origin, over));
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.tell(self.over);
    }
}

/// The interval between two lines about one key: a node that was removed knocks again for as long as it runs.
const CALLERS_LINES_EVERY: Duration = Duration::from_mins(10);

/// The number of lines about that key that were left out before this one; none if this one is to be left out too.
fn callers_line(key: [u8; 32]) -> Option<u64> {
    static LINES: LazyLock<Damped<[u8; 32]>> = LazyLock::new(|| Damped::new(CALLERS_LINES_EVERY));
    LINES.tell(key, std::time::Instant::now())
}

/// Serves one caller to the end.
pub(crate) async fn serve(service: Arc<Service>, incoming: Incoming, handshake: Handshake, thread: usize) {
    let connection = match shake_hands(incoming).await {
        Ok(connection) => connection,
        Err(Unmade::Refused) => return handshake.keep_place().await,
        Err(Unmade::GivenUp) => return,
    };
    let (handle, registered) = match admit(&service, &connection, thread) {
        Ok(admitted) => admitted,
        Err((code, reason)) => {
            service.meters.links.refuse();
            connection.close(code.varint(), reason.as_bytes());
            drop(connection);
            return handshake.keep_place().await;
        }
    };
    drop(handshake);
    let span = tracing::debug_span!("link", name = %LinkName::of(&connection), who = %handle.identity());
    serve_admitted(&service, &connection, &handle, registered).instrument(span).await;
}

/// Serves a caller that is let in.
async fn serve_admitted(service: &Service, connection: &Connection, handle: &ConnectionHandle, registered: Registered) {
    tracing::debug!(from = %handle.remote_address(), "connected");
    let link = service.meters.links.hold(1);
    let ended = serve_streams(service, connection, handle, &registered).await;
    if let Ended::Close(code, reason) = ended {
        handle.close(code, &reason);
    }
    drop((registered, link));
    let cause = handle.closed().await;
    tracing::debug!(cause = %Told(&cause), "disconnected");
}

/// Why there is no connection.
enum Unmade {
    /// One side has found fault with the other.
    Refused,
    /// The caller did not come to the end of it, or not in time.
    GivenUp,
}

/// Completes the handshake. Whoever fails it was told by TLS; the node's log
/// says it too.
async fn shake_hands(incoming: Incoming) -> Result<Connection, Unmade> {
    let from = incoming.remote_address();
    let deadline = if incoming.remote_address_validated() { PROVED_HANDSHAKE_DEADLINE } else { HANDSHAKE_DEADLINE };
    let done = timeout(deadline, async { incoming.accept()?.await }).await;
    match done {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) if is_refusal(&error) => {
            warn_of!("a handshake was refused", %from, error = %Told(&error));
            Err(Unmade::Refused)
        }
        Ok(Err(error)) => {
            tracing::debug!(%from, error = %Told(&error), "a handshake was given up");
            Err(Unmade::GivenUp)
        }
        Err(_) => {
            tracing::debug!(%from, "a handshake took longer than {deadline:?}");
            Err(Unmade::GivenUp)
        }
    }
}

/// True if one side found fault with the other. A caller that has reached another node meanwhile leaves in good order: that
/// is no fault, and no TLS alert.
fn is_refusal(error: &ConnectionError) -> bool {
    match error {
        ConnectionError::TransportError(_) => true,
        ConnectionError::ConnectionClosed(close) => (0x100..0x200).contains(&u64::from(close.error_code)),
        _ => false,
    }
}

/// Registers the connection, then asks whether to let it in: in this order a
/// revocation that comes meanwhile finds either the connection or the answer.
fn admit(
    service: &Service,
    connection: &Connection,
    thread: usize,
) -> Result<(ConnectionHandle, Registered), (CloseCode, String)> {
    let from = connection.remote_address();
    let refused = |reason: AuthRefusal| (reason.close_code(), reason.to_string());
    let certificate = certificate_of(connection).ok_or_else(|| {
        warn_of!("a caller without a usable certificate was refused", %from);
        refused(AuthRefusal::BadCertificate)
    })?;
    let id = service.registry.next_id();
    let load = Arc::new(LinkLoad::new(service.meters.clone()));
    let handle = ConnectionHandle::new(connection.clone(), certificate, id, thread, load);
    let identity = handle.identity();
    let links = service.limits.links;
    let registered = service.registry.add(handle.clone(), links).ok_or_else(|| {
        warn_of!("a caller has too many links", who = %identity, %from, links);
        (CloseCode::TooManyLinks, format!("at most {links} links of one key"))
    })?;
    check_caller(identity, service.role, &service.cluster, &*service.admission).map_err(|reason| {
        if let Some(left_out) = callers_line(identity.spki().0) {
            tracing::warn!(who = %identity, key = %identity.spki(), %from, %reason, left_out, "a caller was refused");
        }
        refused(reason)
    })?;
    Ok((handle, registered))
}

/// Reasons why serving a connection ended.
enum Ended {
    /// It is gone already.
    Gone,
    /// It is to be closed for this reason.
    Close(CloseCode, String),
}

/// Serves streams until the connection ends or has to be ended.
async fn serve_streams(
    service: &Service,
    connection: &Connection,
    handle: &ConnectionHandle,
    registered: &Registered,
) -> Ended {
    let bootstrap = (service.bootstrap)(handle.clone());
    let mut vats = JoinSet::new();
    let mut first_stream = Some(Instant::now() + FIRST_STREAM_DEADLINE);
    let certificate_lasts = || time_left(&*service.clock, handle.certificate());
    let mut look = Instant::now() + certificate_lasts().min(LOOK_AT_CERTIFICATE);
    loop {
        let quiet_until = first_stream.unwrap_or(look).min(look);
        tokio::select! {
            stream = connection.accept_bi() => {
                let Ok((mut send, mut recv)) = stream else {
                    return Ended::Gone;
                };
                if service.role == Role::Device && first_stream.is_none() {
                    // A device has one RPC stream; both fail only if the
                    // stream is over, which is what is wanted.
                    let _ = send.reset(CloseCode::ProtocolViolation.varint());
                    let _ = recv.stop(CloseCode::ProtocolViolation.varint());
                    continue;
                }
                first_stream = None;
                let client = Client::new(bootstrap.as_client_hook().add_ref());
                let room = (service.role == Role::Device).then(|| Arc::clone(&registered.room));
                let vat = Vat::serving((send, recv), &service.limits, client, handle.load(), room);
                vats.spawn_local(vat.run().in_current_span());
            }
            Some(end) = vats.join_next() => {
                if let Some(ended) = after_vat(service, handle, end) {
                    return ended;
                }
            }
            () = sleep_until(quiet_until) => {
                if Instant::now() >= look {
                    if certificate_lasts().is_zero() {
                        return Ended::Close(CloseCode::Expired, AuthRefusal::Expired.to_string());
                    }
                    look = Instant::now() + certificate_lasts().min(LOOK_AT_CERTIFICATE);
                    continue;
                }
                let reason = format!("no stream was opened within {FIRST_STREAM_DEADLINE:?}");
                return beyond(service, handle, CloseCode::ProtocolViolation, reason);
            }
        }
    }
}

/// Does what the end of one RPC stream means for its connection.
fn after_vat(service: &Service, handle: &ConnectionHandle, end: Result<VatEnd, JoinError>) -> Option<Ended> {
    match end {
        Ok(VatEnd::Close(..)) | Err(_) if handle.is_closed() => Some(Ended::Gone),
        Ok(VatEnd::Close(code, cause)) => Some(beyond(service, handle, code, cause)),
        Err(error) => {
            tracing::error!(who = %handle.identity(), error = %Told(&error), "serving a stream panicked");
            let reason = "the node failed while serving this link".to_owned();
            Some(Ended::Close(CloseCode::ProtocolViolation, reason))
        }
        Ok(VatEnd::Done) => match service.role {
            Role::Device => Some(Ended::Close(CloseCode::Done, String::new())),
            Role::Node => None,
        },
    }
}

/// The caller has broken the protocol, or gone beyond what it may have.
fn beyond(service: &Service, handle: &ConnectionHandle, code: CloseCode, cause: String) -> Ended {
    service.meters.closed.refuse();
    let (who, from) = (handle.identity(), handle.remote_address());
    if code == CloseCode::SlowConsumer {
        warn_of!("closed for not reading", %who, %from, cause = %Told(&cause));
    } else {
        warn_of!("closed for breaking the protocol", %who, %from, cause = %Told(&cause));
    }
    Ended::Close(code, cause)
}

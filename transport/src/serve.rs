//! One caller's connection, from its first packet to its end, on one RPC
//! thread: handshake, admission, then its RPC streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use capnp::capability::{Client, FromClientHook};
use quinn::{Connection, ConnectionError, Incoming};
use rustls::pki_types::CertificateDer;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock::{Clock, time_left};
use crate::connection::ConnectionHandle;
use crate::failure::{AuthRefusal, CloseCode};
use crate::identity::{Admission, PeerCertificate, Role};
use crate::limits::{FIRST_STREAM_DEADLINE, HANDSHAKE_DEADLINE, LinkLimits};
use crate::registry::{Registered, Registry};
use crate::rpc::{Vat, VatEnd};
use crate::tls::check_caller;

/// How often it is looked whether the caller's certificate is still good: what time it is may become known, or change.
const LOOK_AT_CERTIFICATE: Duration = Duration::from_mins(10);

/// Gives the capability a caller starts from; called on the caller's thread.
pub(crate) type Bootstrap = Box<dyn Fn(ConnectionHandle) -> Client + Send + Sync>;

/// What all connections of a server share.
pub(crate) struct Service {
    pub(crate) role: Role,
    pub(crate) cluster: String,
    pub(crate) limits: LinkLimits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) bootstrap: Bootstrap,
}

/// Counts one handshake under way for as long as it lives.
pub(crate) struct Handshake(Arc<AtomicUsize>);

impl Handshake {
    pub(crate) fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves one caller to the end.
pub(crate) async fn serve(service: Arc<Service>, incoming: Incoming, handshake: Handshake, thread: usize) {
    let Some(connection) = shake_hands(incoming).await else {
        return;
    };
    drop(handshake);
    let (handle, registered) = match admit(&service, &connection, thread) {
        Ok(admitted) => admitted,
        Err(reason) => {
            connection.close(reason.close_code().varint(), reason.to_string().as_bytes());
            return;
        }
    };
    tracing::debug!(who = %handle.identity(), from = %handle.remote_address(), "connected");
    let ended = serve_streams(&service, &connection, &handle).await;
    if let Ended::Close(code, reason) = ended {
        handle.close(code, &reason);
    }
    drop(registered);
    let cause = handle.closed().await;
    tracing::debug!(who = %handle.identity(), %cause, "disconnected");
}

/// Completes the handshake. Whoever fails it was told by TLS; the node's log
/// says it too.
async fn shake_hands(incoming: Incoming) -> Option<Connection> {
    let from = incoming.remote_address();
    let done = timeout(HANDSHAKE_DEADLINE, async { incoming.accept()?.await }).await;
    match done {
        Ok(Ok(connection)) => Some(connection),
        Ok(Err(error @ (ConnectionError::TransportError(_) | ConnectionError::ConnectionClosed(_)))) => {
            tracing::warn!(%from, %error, "a handshake was refused");
            None
        }
        Ok(Err(error)) => {
            tracing::debug!(%from, %error, "a handshake was given up");
            None
        }
        Err(_) => {
            tracing::debug!(%from, "a handshake took longer than {HANDSHAKE_DEADLINE:?}");
            None
        }
    }
}

/// Registers the connection, then asks whether to let it in: in this order a
/// revocation that comes meanwhile finds either the connection or the answer.
fn admit(
    service: &Service,
    connection: &Connection,
    thread: usize,
) -> Result<(ConnectionHandle, Registered), AuthRefusal> {
    let from = connection.remote_address();
    let certificate = certificate_of(connection).ok_or_else(|| {
        tracing::warn!(%from, "a caller without a usable certificate was refused");
        AuthRefusal::BadCertificate
    })?;
    let id = service.registry.next_id();
    let handle = ConnectionHandle::new(connection.clone(), certificate, id, thread);
    let registered = service.registry.add(handle.clone());
    let identity = handle.identity();
    check_caller(identity, service.role, &service.cluster, &*service.admission)
        .inspect_err(|reason| tracing::warn!(who = %identity, key = %identity.spki(), %from, %reason, "refused"))?;
    Ok((handle, registered))
}

/// The verified leaf certificate of the other side.
pub(crate) fn certificate_of(connection: &Connection) -> Option<PeerCertificate> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    PeerCertificate::from_der(chain.first()?).ok()
}

/// Why serving a connection ended.
enum Ended {
    /// It is gone already.
    Gone,
    /// It is to be closed for this reason.
    Close(CloseCode, String),
}

/// Serves streams until the connection ends or has to be ended.
async fn serve_streams(service: &Service, connection: &Connection, handle: &ConnectionHandle) -> Ended {
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
                vats.spawn_local(Vat::serving((send, recv), &service.limits, client).run());
            }
            Some(end) = vats.join_next() => {
                if let Some(ended) = after_vat(service.role, handle, end) {
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
                return violation(handle, reason);
            }
        }
    }
}

/// What the end of one RPC stream means for its connection.
fn after_vat(role: Role, handle: &ConnectionHandle, end: Result<VatEnd, JoinError>) -> Option<Ended> {
    match end {
        Ok(VatEnd::Violation(_)) | Err(_) if handle.is_closed() => Some(Ended::Gone),
        Ok(VatEnd::Violation(cause)) => Some(violation(handle, cause)),
        Err(error) => {
            tracing::error!(who = %handle.identity(), %error, "serving a stream panicked");
            let reason = "the node failed while serving this link".to_owned();
            Some(Ended::Close(CloseCode::ProtocolViolation, reason))
        }
        Ok(VatEnd::Done) => match role {
            Role::Device => Some(Ended::Close(CloseCode::Done, String::new())),
            Role::Node => None,
        },
    }
}

fn violation(handle: &ConnectionHandle, cause: String) -> Ended {
    tracing::warn!(who = %handle.identity(), from = %handle.remote_address(), %cause, "closed for breaking the protocol");
    Ended::Close(CloseCode::ProtocolViolation, cause)
}

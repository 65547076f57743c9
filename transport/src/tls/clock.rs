//! What time it is, for certificates alone. Who knows better than the machine's clock brings its own.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quinn::TimeSource;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};

use crate::tls::identity::PeerCertificate;

/// A source of the time that certificates are judged by. Must answer from memory.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present time, as far as it is known.
    fn now(&self) -> SystemTime;

    /// Where `now` may be wrong: the time is no earlier than this. A certificate that is out of its time by `now` is then judged
    /// by this, or by its own beginning if that is later: as it was signed, it is no earlier.
    fn at_least(&self) -> Option<SystemTime>;

    /// Somebody was let in whom `now` alone would have refused: it is wrong, by their certificate.
    fn is_doubted(&self) {}
}

/// The clock of the machine, which is believed.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn at_least(&self) -> Option<SystemTime> {
        None
    }
}

/// The clock of the machine, which may be wrong: it is no earlier than this.
#[derive(Clone, Copy, Debug)]
pub struct DoubtfulClock(pub SystemTime);

impl Clock for DoubtfulClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn at_least(&self) -> Option<SystemTime> {
        Some(self.0)
    }

    fn is_doubted(&self) {
        tracing::warn!("by this machine's clock a node's certificate is out of its time: set the clock");
    }
}

/// Judges a leaf by the time that it is, or at least is.
pub(crate) fn judge<T>(
    clock: &dyn Clock,
    leaf: &CertificateDer<'_>,
    judge: impl Fn(UnixTime) -> Result<T, Error>,
) -> Result<T, Error> {
    let error = match judge(unix(clock.now())) {
        Err(error) if is_about_time(&error) => error,
        other => return other,
    };
    let Some(at_least) = clock.at_least() else { return Err(error) };
    let Ok(certificate) = PeerCertificate::from_der(leaf) else { return Err(error) };
    let judged = judge(unix(at_least.max(certificate.not_before))).map_err(|_| error)?;
    clock.is_doubted();
    Ok(judged)
}

/// The time that the certificate lasts, as far as is known.
pub(crate) fn time_left(clock: &dyn Clock, certificate: &PeerCertificate) -> Duration {
    let now = clock.at_least().map_or_else(|| clock.now(), |at_least| at_least.min(clock.now()));
    certificate.not_after.duration_since(now).unwrap_or_default()
}

fn is_about_time(error: &Error) -> bool {
    let Error::InvalidCertificate(error) = error else { return false };
    matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

fn unix(time: SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// For the tokens with which an endpoint asks callers to prove their address: they last for seconds.
#[derive(Debug)]
pub(crate) struct TokenTime(pub(crate) std::sync::Arc<dyn Clock>);

impl TimeSource for TokenTime {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

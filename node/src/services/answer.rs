//! How a service says no: a refusal is an answer; anything else is an exception, which says that the call may be repeated.

use std::time::Duration;

use raftchat_schema::command::{Done, Outcome};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::limits::PASSWORD_BYTES_MAX;
use raftchat_schema::wire::WireError;
use raftchat_state::ReadError;
use zeroize::Zeroizing;

use crate::admission::password_rules;
use crate::admission::passwords::PasswordError;
use crate::admission::rate_limiter::TooFast;
use crate::proposer::Unsettled;
use crate::proposer::reaching::NotReached;
use crate::store::StoreError;

/// When to come back to a node that is busy, or has no leader.
const RETRY_MS: u64 = 250;

/// Why a call was not done.
#[derive(Debug)]
pub(super) enum Denied {
    /// The service says no, and nothing was stored.
    Refused(Refusal),
    /// It failed, and nothing is known.
    Failed(capnp::Error),
}

impl Denied {
    /// Refused, and worth asking again in a moment.
    pub(super) fn later(code: ErrorCode) -> Self {
        Self::Refused(Refusal { code, retry_after_ms: RETRY_MS })
    }

    /// Refused until that much time has passed.
    pub(super) fn too_fast(wait: Duration) -> Self {
        Self::Refused(Refusal { code: ErrorCode::RateLimited, retry_after_ms: millis(wait) })
    }

    /// The code, and for how long it is refused; none for what is refused for good, or has failed.
    pub(super) fn until_later(&self) -> Option<(ErrorCode, Duration)> {
        match self {
            Self::Refused(refusal) if refusal.retry_after_ms > 0 => {
                Some((refusal.code, Duration::from_millis(refusal.retry_after_ms)))
            }
            _ => None,
        }
    }

    /// Refused for so long.
    pub(super) fn until(code: ErrorCode, wait: Duration) -> Self {
        Self::Refused(Refusal { code, retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) })
    }

    /// Refused because this node has too much to do for so long.
    fn busy(wait: Duration) -> Self {
        Self::Refused(Refusal { code: ErrorCode::Busy, retry_after_ms: millis(wait) })
    }

    /// Whether the reason is that something is not here, which on another node it may be.
    pub(super) fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Refused(Refusal {
                code: ErrorCode::NoSuchUser | ErrorCode::NoSuchConversation | ErrorCode::NotAMember,
                ..
            })
        )
    }

    /// The refusal, to be filled in; an exception is handed through.
    pub(super) fn refusal(self) -> Result<Refusal, capnp::Error> {
        match self {
            Self::Refused(refusal) => Ok(refusal),
            Self::Failed(error) => Err(error),
        }
    }
}

/// In whole milliseconds, and not too soon.
fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

impl From<ErrorCode> for Denied {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code.into())
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<capnp::Error> for Denied {
    fn from(error: capnp::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<std::str::Utf8Error> for Denied {
    fn from(_: std::str::Utf8Error) -> Self {
        ErrorCode::MalformedRequest.into()
    }
}

impl From<capnp::NotInSchema> for Denied {
    fn from(_: capnp::NotInSchema) -> Self {
        ErrorCode::MalformedRequest.into()
    }
}

impl From<TooFast> for Denied {
    fn from(too_fast: TooFast) -> Self {
        Self::too_fast(too_fast.wait)
    }
}

impl From<NotReached> for Denied {
    fn from(not_reached: NotReached) -> Self {
        match not_reached {
            NotReached::Behind => Self::later(ErrorCode::Behind),
            NotReached::TooMany => Self::later(ErrorCode::Busy),
        }
    }
}

impl From<WireError> for Denied {
    fn from(error: WireError) -> Self {
        match error {
            // A newer program knows it, so it came with a higher level.
            WireError::UnknownKind(_) => ErrorCode::NotYet.into(),
            WireError::Malformed(_) | WireError::Field(_) => ErrorCode::MalformedRequest.into(),
        }
    }
}

impl From<ReadError<StoreError>> for Denied {
    fn from(error: ReadError<StoreError>) -> Self {
        tracing::error!(%error, "the state cannot be read");
        Self::Failed(capnp::Error::failed("this node cannot read its state: ask another".to_owned()))
    }
}

impl From<PasswordError> for Denied {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy { wait } => Self::busy(wait),
            PasswordError::Failed(reason) => {
                tracing::error!(%reason, "a password could not be hashed");
                Self::Failed(capnp::Error::failed("this node cannot check passwords: ask another".to_owned()))
            }
        }
    }
}

impl From<Unsettled> for Denied {
    fn from(unsettled: Unsettled) -> Self {
        match unsettled {
            Unsettled::Busy => Self::later(ErrorCode::Busy),
            Unsettled::NoLeader => Self::later(ErrorCode::NoLeader),
            Unsettled::Unknown => Self::Failed(capnp::Error::overloaded(unsettled.to_string())),
        }
    }
}

/// What a proposal came to.
pub(super) fn done(outcome: Result<Outcome, Unsettled>) -> Result<Done, Denied> {
    Ok(outcome??)
}

/// An outcome of a kind that the command cannot have.
pub(super) fn impossible() -> Denied {
    Denied::Failed(capnp::Error::failed("an outcome of another command".to_owned()))
}

/// The password of a parameter, in the form in which passwords are compared.
pub(super) fn password(text: capnp::text::Reader<'_>) -> Result<Zeroizing<String>, Denied> {
    if text.len() > PASSWORD_BYTES_MAX {
        return Err(ErrorCode::TooLarge.into());
    }
    Ok(password_rules::prepared(text.to_str()?))
}

/// Ends a method: the refusal into its results, or what was done by `fill`.
macro_rules! answer {
    ($results:ident, $outcome:expr) => {
        answer!($results, $outcome, |()| {})
    };
    ($results:ident, $outcome:expr, |$done:pat_param| $fill:expr) => {{
        match $outcome {
            Ok($done) => $fill,
            Err(denied) => {
                raftchat_schema::wire::write_refusal($results.get().init_refused(), &denied.refusal()?);
            }
        }
        Ok(())
    }};
}

/// Makes a list in results and writes each of the items into it.
macro_rules! fill {
    ($results:ident.$init:ident, $items:expr, $write:path) => {{
        let items = $items;
        let mut list = $results.get().$init(u32::try_from(items.len()).unwrap_or(u32::MAX));
        for (at, item) in (0..).zip(items) {
            $write(list.reborrow().get(at), item);
        }
    }};
}

pub(super) use {answer, fill};

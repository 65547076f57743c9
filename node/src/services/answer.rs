//! How a service says no: a refusal is an answer; anything else is an exception, which says that the call may be repeated.

use raftchat_schema::command::{Done, Outcome};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::wire::WireError;
use raftchat_state::ReadError;

use crate::passwords::PasswordError;
use crate::proposer::Unsettled;
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

    /// The refusal, to be filled in; an exception is handed through.
    pub(super) fn refusal(self) -> Result<Refusal, capnp::Error> {
        match self {
            Self::Refused(refusal) => Ok(refusal),
            Self::Failed(error) => Err(error),
        }
    }
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

impl From<WireError> for Denied {
    fn from(_: WireError) -> Self {
        ErrorCode::MalformedRequest.into()
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
            PasswordError::Busy => Self::later(ErrorCode::Busy),
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

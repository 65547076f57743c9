//! How a client's call can end without what was asked for, and what scripts are told then. Knows nothing of how it came
//! to that.

use std::io;

use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_transport::CredentialError;

use crate::profile::error::ProfileError;

/// Exit status: the service said no, with a reason.
const REFUSED: u8 = 1;
/// Exit status: no node could be reached in time.
const UNREACHABLE: u8 = 3;
/// Exit status: something on this machine is missing or damaged.
const LOCAL: u8 = 4;

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service understood and said no; nothing was stored. Repeating it unchanged is of no use.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing was confirmed in time, by any node. What was asked for may or may not have happened.
    #[error("{cause}")]
    Unreachable {
        /// The most telling thing that was seen, as a sentence.
        cause: String,
    },
    /// The nodes refuse this device's certificate, or cannot prove that they are this cluster's nodes.
    #[error("{0}")]
    NotAccepted(String),
    /// Nobody is logged in on this device: log in first.
    #[error("nobody is logged in on this device: log in first")]
    NoSession,
    /// A file of the profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A node and this program do not understand each other, or the program is at fault.
    #[error("{0}")]
    Program(String),
}

impl ClientError {
    /// A refusal that this program knows of without asking.
    pub(crate) fn refused(code: ErrorCode) -> Self {
        Self::Refused(code.into())
    }

    /// The name that scripts see, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code.name(),
            Self::Unreachable { .. } => "unreachable",
            Self::NotAccepted(_) => "certificate-refused",
            Self::NoSession => ErrorCode::SessionEnded.name(),
            Self::Profile(error) => error.code(),
            Self::Program(_) => "program-error",
        }
    }

    /// The exit status of a program that ends because of this.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::NotAccepted(_) | Self::NoSession | Self::Program(_) => REFUSED,
            Self::Unreachable { .. } => UNREACHABLE,
            Self::Profile(error) => error.exit_status(),
        }
    }
}

/// Why a client cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The profile's certificate, key or anchors are of no use.
    #[error("the certificates of this device cannot be used: {0}")]
    Credentials(#[from] CredentialError),
    /// The system gives no thread or no event queue.
    #[error("the system gives no thread for the client: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// The name that scripts see, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "file-damaged",
            Self::System(_) => "no-resources",
        }
    }

    /// The exit status of a program that ends because of this.
    pub fn exit_status(&self) -> u8 {
        LOCAL
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn scripts_are_told_what_the_contract_says() {
        let refused = |code: ErrorCode| ClientError::Refused(code.into());
        let damaged = ProfileError::Session { path: PathBuf::from("session.toml"), reason: "cut short".to_owned() };
        let cases = [
            (refused(ErrorCode::UsernameTaken), "username-taken", 1),
            (refused(ErrorCode::SessionEnded), "session-ended", 1),
            (ClientError::Unreachable { cause: "no node answers".to_owned() }, "unreachable", 3),
            (ClientError::NotAccepted("revoked".to_owned()), "certificate-refused", 1),
            (ClientError::NoSession, "session-ended", 1),
            (ClientError::Profile(damaged), "file-damaged", 4),
            (ClientError::Program("unknown answer".to_owned()), "program-error", 1),
        ];
        for (error, code, status) in cases {
            assert_eq!((error.code(), error.exit_status()), (code, status), "{error}");
        }
    }
}

//! The one vocabulary in which everything here fails: each failure has a sentence, a code for scripts and an exit status.
//! Knows nothing of how it is shown.

use std::io;
use std::path::{Path, PathBuf};

use raftchat_certs::{FileError, IssueError};
use raftchat_client::store::{StoreError, StoreOpenError};
use raftchat_client::{ClientError, OpenError, ProfileError, StartError};
use raftchat_files::Trouble;
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::peer::MembershipRefusal;

use crate::certs::CertsFailure;

/// Reasons why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line asks for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// Something is there that would have to be overwritten.
    #[error("{} is already there: move it away or name another directory; nothing was changed", .0.display())]
    AlreadyExists(PathBuf),
    /// A configuration file says what cannot be.
    #[error("{0}")]
    Configuration(String),
    /// A local file is missing.
    #[error("{} is missing: {hint}", path.display())]
    Missing {
        /// The path that was looked at.
        path: PathBuf,
        /// The hint where it comes from.
        hint: &'static str,
    },
    /// The system does not give or take a file.
    #[error("{} cannot be {done}: {source}. {}", path.display(), Trouble::of(source, path).unwrap_or(Trouble::Other))]
    File {
        /// The file that it is about.
        path: PathBuf,
        /// The verb in the sentence: "read", "written" …
        done: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Certificates cannot be made, read or used.
    #[error(transparent)]
    Certs(#[from] CertsFailure),
    /// The service refused, or could not be reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The client cannot even begin.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What is kept on this device is damaged.
    #[error("what is kept in {} is damaged ({reason}): `chat sync --set-aside` puts it aside and fetches it again, \
             all but what was not sent", path.display())]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What is kept on this device does not open.
    #[error(transparent)]
    StoreOpen(StoreOpenError),
    /// What is kept on this device cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cluster's leader does not change who belongs to it.
    #[error(transparent)]
    Membership(#[from] MembershipRefusal),
    /// Who belongs to the cluster may have been changed or not.
    #[error("{0}")]
    OutcomeUnknown(String),
    /// No node answered in time.
    #[error("{0}")]
    Unreachable(String),
    /// The answer was given, and says itself that something is wrong.
    #[error("something is wrong, as told above")]
    Told,
    /// A check did not hold, or a node could not go on.
    #[error("{0}")]
    Failed(String),
    /// This machine does not give what is needed.
    #[error("{0}")]
    System(String),
    /// The answer cannot be written.
    #[error("the answer cannot be written: {0}")]
    Output(#[source] io::Error),
}

impl Failure {
    /// For `map_err` after something with the file at `path`.
    pub(crate) fn file(path: &Path, done: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), done, source }
    }

    /// The failure in kebab-case, for scripts.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "wrong-usage",
            Self::AlreadyExists(_) => "already-exists",
            Self::Configuration(_) => "wrong-configuration",
            Self::Missing { .. } => "file-missing",
            Self::File { done: "read", .. } => "file-unreadable",
            Self::File { .. } | Self::Output(_) => "not-writable",
            Self::Certs(failure) => failure.code(),
            Self::Client(error) => error.code(),
            Self::Start(error) => error.code(),
            Self::StoreOpen(StoreOpenError::InUse { .. }) => "store-in-use",
            Self::Damaged { .. } | Self::Store(StoreError::Damaged { .. }) => "store-damaged",
            Self::StoreOpen(_) | Self::Store(_) => "store-unusable",
            Self::Membership(refusal) => membership_code(*refusal),
            Self::OutcomeUnknown(_) => "outcome-unknown",
            Self::Unreachable(_) => "unreachable",
            Self::Told => "something-wrong",
            Self::Failed(_) => "failed",
            Self::System(_) => "system",
        }
    }

    /// The program's exit status: 1 refused, 2 wrong usage or configuration, 3 no node in time, 4 a local file,
    /// 5 answered, and something is wrong.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Membership(_) => 1,
            Self::Usage(_) | Self::AlreadyExists(_) | Self::Configuration(_) => 2,
            Self::Unreachable(_) | Self::OutcomeUnknown(_) => 3,
            Self::Told => 5,
            Self::Missing { .. }
            | Self::File { .. }
            | Self::System(_)
            | Self::Output(_)
            | Self::Damaged { .. }
            | Self::StoreOpen(_)
            | Self::Store(_) => 4,
            Self::Certs(failure) => failure.exit_code(),
            Self::Client(error) => error.exit_status(),
            Self::Start(error) => error.exit_status(),
        }
    }

    /// True if whoever reads has seen enough, as `head` does: that is no failure.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

const fn membership_code(refusal: MembershipRefusal) -> &'static str {
    match refusal {
        MembershipRefusal::Malformed => "malformed-member",
        MembershipRefusal::Taken => "already-member",
        MembershipRefusal::NoSuchNode => "no-such-node",
        MembershipRefusal::NotCaughtUp { .. } => "not-caught-up",
        MembershipRefusal::LastVoter => "last-voter",
        MembershipRefusal::NoMajority => "no-majority",
        MembershipRefusal::UnderWay => "membership-changing",
        MembershipRefusal::NobodyTookOver => "nobody-took-over",
        MembershipRefusal::NotAllowed => "not-a-voter",
        MembershipRefusal::NeedsSecond => "needs-second",
        MembershipRefusal::NotUpgraded { .. } => "not-upgraded",
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        CertsFailure::from(error).into()
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        CertsFailure::from(error).into()
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        ClientError::Refused(Refusal::from(code)).into()
    }
}

impl From<StoreOpenError> for Failure {
    fn from(error: StoreOpenError) -> Self {
        match error {
            StoreOpenError::Damaged { path, reason } => Self::Damaged { path, reason },
            other => Self::StoreOpen(other),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NobodyLoggedIn => ClientError::NoSession.into(),
            OpenError::Store(error) => error.into(),
            OpenError::Unreadable(error) => error.into(),
            OpenError::Start(error) => error.into(),
            OpenError::NoDirectory | OpenError::System(_) => Self::System(error.to_string()),
        }
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        ClientError::Profile(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_the_exit_status_of_the_contract() {
        let path = || PathBuf::from("home");
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let cases = [
            (Failure::Usage("what?".to_owned()), 2, "wrong-usage"),
            (Failure::AlreadyExists(path()), 2, "already-exists"),
            (Failure::Missing { path: path(), hint: "make it" }, 4, "file-missing"),
            (Failure::file(&path(), "read")(denied()), 4, "file-unreadable"),
            (Failure::file(&path(), "written")(denied()), 4, "not-writable"),
            (Failure::Unreachable("nobody".to_owned()), 3, "unreachable"),
            (Failure::OutcomeUnknown("perhaps".to_owned()), 3, "outcome-unknown"),
            (MembershipRefusal::NotCaughtUp { behind: None }.into(), 1, "not-caught-up"),
            (MembershipRefusal::LastVoter.into(), 1, "last-voter"),
            (Failure::Failed("no".to_owned()), 1, "failed"),
            (StoreOpenError::InUse { path: path() }.into(), 4, "store-in-use"),
            (StoreOpenError::Damaged { path: path(), reason: "torn".to_owned() }.into(), 4, "store-damaged"),
            (OpenError::NobodyLoggedIn.into(), 1, "session-ended"),
            (ErrorCode::NoSuchUser.into(), 1, "no-such-user"),
            (ErrorCode::MalformedUsername.into(), 1, "malformed-username"),
        ];
        for (failure, status, code) in cases {
            assert_eq!((failure.exit_status(), failure.code()), (status, code), "{failure}");
        }
    }

    #[test]
    fn only_a_broken_pipe_is_forgiven() {
        assert!(Failure::Output(io::ErrorKind::BrokenPipe.into()).is_broken_pipe());
        assert!(!Failure::Output(io::ErrorKind::StorageFull.into()).is_broken_pipe());
    }
}

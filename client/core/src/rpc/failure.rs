//! How an attempt at a call can fail, and what to do next about it. Pure: knows no link and no clock.

use std::time::Duration;

use capnp::ErrorKind;
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::wire::WireError;
use raftchat_transport::LinkFailure;

use crate::error::ClientError;

/// Why no node was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectFailure {
    /// Certificates or versions do not fit. Trying again is of no use.
    NotAccepted(String),
    /// Trying again may help.
    Unreachable(String),
}

/// How one attempt failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No node was reached.
    Connect(ConnectFailure),
    /// The link was lost; the call may have taken effect.
    Link(LinkFailure),
    /// The node answered with an exception; the call may have taken effect.
    Exception(capnp::Error),
    /// The node did not answer in time; the call may take effect yet.
    NoAnswer(Duration),
    /// The service said no.
    Refused(Refusal),
    /// Nothing that another attempt could change.
    Final(ClientError),
}

impl From<capnp::Error> for Failure {
    fn from(error: capnp::Error) -> Self {
        Self::Exception(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Final(ClientError::Program(format!("the node's answer cannot be read: {error}")))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Final(error)
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Tell the person: another attempt would end the same.
    Stop,
    /// Try again, not before this time has passed.
    Again(Duration),
    /// Try again, not before this time has passed, and over another node if there is one.
    Elsewhere(Duration),
}

/// What to do after `failure`.
pub(crate) fn after(failure: &Failure) -> Next {
    match failure {
        Failure::Connect(ConnectFailure::NotAccepted(_)) | Failure::Final(_) => Next::Stop,
        Failure::Connect(ConnectFailure::Unreachable(_)) => Next::Again(Duration::ZERO),
        // Where every node would say the same, connecting finds that out.
        Failure::Link(_) | Failure::NoAnswer(_) => Next::Elsewhere(Duration::ZERO),
        Failure::Exception(error) => match error.kind {
            ErrorKind::Disconnected | ErrorKind::Overloaded | ErrorKind::Failed => Next::Elsewhere(Duration::ZERO),
            _ => Next::Stop,
        },
        Failure::Refused(refusal) => match refusal.code {
            ErrorCode::NoLeader | ErrorCode::Busy | ErrorCode::Behind => {
                Next::Elsewhere(Duration::from_millis(refusal.retry_after_ms))
            }
            // Every node counts alike: another would say the same.
            ErrorCode::RateLimited if refusal.retry_after_ms > 0 => {
                Next::Again(Duration::from_millis(refusal.retry_after_ms))
            }
            _ => Next::Stop,
        },
    }
}

impl Failure {
    /// The failure as the end of the whole call.
    pub(crate) fn into_error(self) -> ClientError {
        match self {
            Self::Connect(ConnectFailure::NotAccepted(cause)) => ClientError::NotAccepted(cause),
            Self::Refused(refusal) => ClientError::Refused(refusal),
            Self::Final(error) => error,
            Self::Exception(error) if after(&Self::Exception(error.clone())) == Next::Stop => {
                ClientError::Program(format!("the node and this program do not understand each other: {error}"))
            }
            other => ClientError::Unreachable { cause: other.sentence() },
        }
    }

    /// What was seen, for a person.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Connect(ConnectFailure::NotAccepted(cause) | ConnectFailure::Unreachable(cause)) => cause.clone(),
            Self::Link(failure) => failure.to_string(),
            Self::Exception(error) => format!("the node could not do it: {}", error.extra),
            Self::NoAnswer(waited) => format!("the node has not answered within {:.1} s", waited.as_secs_f64()),
            Self::Refused(Refusal { code: ErrorCode::NoLeader | ErrorCode::Behind, .. }) => {
                "no majority of the nodes answers".to_owned()
            }
            Self::Refused(refusal) => refusal.code.sentence().trim_end_matches('.').to_owned(),
            Self::Final(error) => error.to_string(),
        }
    }

    /// How much this tells of why a call was not done, the most telling highest. An unreachable node says nothing of
    /// the cluster; one that answers and cannot does.
    fn weight(&self) -> u8 {
        match self {
            Self::Final(_) => 5,
            Self::Refused(Refusal { code: ErrorCode::NoLeader | ErrorCode::Behind, .. }) => 4,
            Self::Refused(_) => 3,
            Self::Exception(_) => 2,
            Self::NoAnswer(_) | Self::Link(_) => 1,
            Self::Connect(_) => 0,
        }
    }
}

/// The most telling of the failures of a call.
#[derive(Debug, Default)]
pub(crate) struct MostTelling {
    told: Option<Failure>,
    /// An attempt was made whose outcome is not known.
    open: bool,
}

impl MostTelling {
    /// Looks at one more; of two that tell as much the later one counts.
    pub(crate) fn note(&mut self, failure: Failure) {
        self.open |= matches!(failure, Failure::Link(_) | Failure::Exception(_) | Failure::NoAnswer(_));
        if self.told.as_ref().is_none_or(|held| held.weight() <= failure.weight()) {
            self.told = Some(failure);
        }
    }

    /// The end of a call that ran out of time; `advice` says what that means for what was asked.
    pub(crate) fn out_of_time(self, advice: &str) -> ClientError {
        let cause = match self.told {
            Some(Failure::Refused(refusal)) if refusal.code == ErrorCode::RateLimited && !self.open => {
                return ClientError::Refused(refusal);
            }
            Some(failure) => failure.sentence(),
            None => "no node has answered in time".to_owned(),
        };
        ClientError::Unreachable { cause: format!("{cause}{advice}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: ErrorCode, retry_after_ms: u64) -> Failure {
        Failure::Refused(Refusal { code, retry_after_ms })
    }

    fn exception(kind: ErrorKind) -> Failure {
        Failure::Exception(capnp::Error { kind, extra: "so it is".to_owned() })
    }

    fn unreachable() -> Failure {
        Failure::Connect(ConnectFailure::Unreachable("silence".to_owned()))
    }

    #[test]
    fn what_may_pass_is_repeated_and_what_stands_is_told() {
        let elsewhere = Next::Elsewhere(Duration::ZERO);
        let lost = || LinkFailure::NodeGone { cause: "silence".to_owned() };
        let cases = [
            (unreachable(), Next::Again(Duration::ZERO)),
            (Failure::Connect(ConnectFailure::NotAccepted("revoked".to_owned())), Next::Stop),
            (Failure::Link(lost()), elsewhere),
            (Failure::Link(LinkFailure::ClosedHere), elsewhere),
            (Failure::NoAnswer(Duration::from_secs(4)), elsewhere),
            (exception(ErrorKind::Disconnected), elsewhere),
            (exception(ErrorKind::Overloaded), elsewhere),
            (exception(ErrorKind::Failed), elsewhere),
            (exception(ErrorKind::Unimplemented), Next::Stop),
            (refused(ErrorCode::NoLeader, 0), elsewhere),
            (refused(ErrorCode::Busy, 200), Next::Elsewhere(Duration::from_millis(200))),
            (refused(ErrorCode::Behind, 30), Next::Elsewhere(Duration::from_millis(30))),
            (refused(ErrorCode::RateLimited, 1000), Next::Again(Duration::from_secs(1))),
            (refused(ErrorCode::RateLimited, 0), Next::Stop),
            (refused(ErrorCode::SessionEnded, 0), Next::Stop),
            (refused(ErrorCode::Unspecified, 0), Next::Stop),
            (Failure::Final(ClientError::NoSession), Next::Stop),
        ];
        for (failure, next) in cases {
            assert_eq!(after(&failure), next, "{failure:?}");
        }
    }

    #[test]
    fn the_most_telling_cause_is_told_with_what_it_means() {
        let mut causes = MostTelling::default();
        for failure in [unreachable(), refused(ErrorCode::NoLeader, 0), exception(ErrorKind::Failed), unreachable()] {
            causes.note(failure);
        }
        let told = causes.out_of_time("; nothing was confirmed").to_string();
        assert_eq!(told, "no majority of the nodes answers; nothing was confirmed");
        assert_eq!(MostTelling::default().out_of_time("").to_string(), "no node has answered in time");
    }

    #[test]
    fn who_was_too_fast_is_told_so_unless_an_attempt_may_have_had_its_effect() {
        let mut causes = MostTelling::default();
        causes.note(unreachable());
        causes.note(refused(ErrorCode::RateLimited, 60_000));
        assert_eq!(causes.out_of_time("").code(), "rate-limited");
        let mut causes = MostTelling::default();
        causes.note(Failure::NoAnswer(Duration::from_secs(4)));
        causes.note(refused(ErrorCode::RateLimited, 60_000));
        assert_eq!(causes.out_of_time("").code(), "unreachable");
    }

    #[test]
    fn a_call_that_a_node_does_not_know_is_the_programs_error() {
        assert_eq!(exception(ErrorKind::Unimplemented).into_error().code(), "program-error");
        assert_eq!(exception(ErrorKind::Failed).into_error().code(), "unreachable");
    }
}

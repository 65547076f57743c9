//! What can go wrong with a link, in one vocabulary, and what to do then.

use std::fmt::Display;
use std::time::Duration;

use quinn::{ConnectionError, VarInt};
use raftchat_schema::told::Told;

/// Reasons why a connection was closed, as told to the other side. The numbers are
/// part of the protocol and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// The caller is done.
    Done,
    /// The node is going down for good or for a restart.
    Shutdown,
    /// The node asks its callers to move to another.
    Draining,
    /// The peer broke the protocol.
    ProtocolViolation,
    /// The node has no room.
    Overloaded,
    /// The peer did not read what it asked for.
    SlowConsumer,
    /// The node has had no contact with a majority for too long.
    Behind,
    /// The caller has as many links to the node as it may.
    TooManyLinks,
    /// A node's certificate where a device's belongs, or the reverse.
    WrongRole,
    /// The key was revoked.
    Revoked,
    /// The certificate's time is over.
    Expired,
    /// The membership does not list this key for this node id.
    NotAMember,
    /// The certificate is of another cluster.
    WrongCluster,
    /// The certificate's names cannot be used.
    BadCertificate,
}

const CODES: [(CloseCode, u32); 14] = [
    (CloseCode::Done, 0),
    (CloseCode::Shutdown, 1),
    (CloseCode::Draining, 2),
    (CloseCode::ProtocolViolation, 3),
    (CloseCode::Overloaded, 4),
    (CloseCode::SlowConsumer, 5),
    (CloseCode::Behind, 6),
    (CloseCode::TooManyLinks, 7),
    (CloseCode::WrongRole, 16),
    (CloseCode::Revoked, 17),
    (CloseCode::Expired, 18),
    (CloseCode::NotAMember, 19),
    (CloseCode::WrongCluster, 20),
    (CloseCode::BadCertificate, 21),
];

impl CloseCode {
    /// The number on the wire.
    pub fn number(self) -> u32 {
        CODES.iter().find(|(code, _)| *code == self).map_or(0, |(_, number)| *number)
    }

    /// The code of a number on the wire, if this version knows it.
    pub fn from_number(number: u64) -> Option<Self> {
        CODES.iter().find(|(_, known)| u64::from(*known) == number).map(|(code, _)| *code)
    }

    pub(crate) fn varint(self) -> VarInt {
        VarInt::from_u32(self.number())
    }
}

/// Reasons why an identity is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthRefusal {
    /// No certificate was shown.
    #[error("no certificate was shown")]
    NoCertificate,
    /// The certificate comes from an authority this endpoint does not trust.
    #[error("the certificate comes from an authority that is not trusted here")]
    UnknownAuthority,
    /// A device's certificate at the peer endpoint, or a node's at the client
    /// endpoint.
    #[error("the certificate is of the wrong kind for this endpoint")]
    WrongRole,
    /// The key was revoked.
    #[error("the certificate's key was revoked")]
    Revoked,
    /// The certificate is not valid at this time.
    #[error("the certificate is expired or not yet valid: check it and the clock")]
    Expired,
    /// The membership does not list this key for this node id.
    #[error("the cluster's membership does not list this key for this node id")]
    NotAMember,
    /// The certificate is of another cluster.
    #[error("the certificate is of another cluster")]
    WrongCluster,
    /// The certificate's names or signature cannot be used.
    #[error("the certificate cannot be used")]
    BadCertificate,
}

impl AuthRefusal {
    /// The code a connection is closed with for this reason.
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::WrongRole => CloseCode::WrongRole,
            Self::Revoked => CloseCode::Revoked,
            Self::Expired => CloseCode::Expired,
            Self::NotAMember => CloseCode::NotAMember,
            Self::WrongCluster => CloseCode::WrongCluster,
            Self::NoCertificate | Self::UnknownAuthority | Self::BadCertificate => CloseCode::BadCertificate,
        }
    }

    /// The meaning of a TLS alert that ended a handshake, if it is about the
    /// certificate.
    fn from_alert(alert: u64) -> Option<Self> {
        Some(match alert {
            0x29 | 0x74 => Self::NoCertificate,
            0x2b | 0x31 => Self::WrongRole,
            0x2c => Self::Revoked,
            0x2d => Self::Expired,
            0x30 => Self::UnknownAuthority,
            0x2a | 0x2e | 0x33 => Self::BadCertificate,
            _ => return None,
        })
    }
}

/// Ways in which a link fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkFailure {
    /// No link could be made: nothing was handed to the node.
    #[error("the node cannot be reached: {cause}")]
    Unreachable {
        /// The sign of it, for a sentence.
        cause: String,
    },
    /// The link existed and is lost.
    #[error("the node is gone: {cause}")]
    NodeGone {
        /// The sign of it, for a sentence.
        cause: String,
    },
    /// The node does not accept who we are.
    #[error("the node refused this certificate: {reason}")]
    Refused {
        /// The node's reason.
        reason: AuthRefusal,
    },
    /// The server is not the node that was asked for.
    #[error("the server is not the expected node: {detail}")]
    WrongServer {
        /// The part that does not fit.
        detail: String,
    },
    /// The two sides speak no common version of the protocol.
    #[error("the node speaks another version of the protocol: update the older side")]
    VersionMismatch,
    /// The node asks its callers to move to another.
    #[error("the node is going down: {detail}")]
    Draining {
        /// The node's own words.
        detail: String,
    },
    /// The node has had no contact with a majority for too long, and what it
    /// could show may be old.
    #[error("the node has no contact with a majority of the nodes: {detail}")]
    Behind {
        /// The node's own words.
        detail: String,
    },
    /// One side broke the protocol.
    #[error("the link broke the protocol: {detail}")]
    ProtocolViolation {
        /// The fault, for a sentence.
        detail: String,
    },
    /// The node has no room at present.
    #[error(
        "the node takes no more connections, as it is stopping or has too much to do: try again later or elsewhere"
    )]
    Overloaded,
    /// This side did not read fast enough.
    #[error("the node closed the link because this side reads too slowly")]
    SlowConsumer,
    /// The node has as many links of this device as it takes.
    #[error(
        "the node takes no more links of this device: close programs that use the same profile, or raise \
         `limits.device_links` of the nodes"
    )]
    TooManyLinks,
    /// An answer did not come within the deadline.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// This side closed the link.
    #[error("the link was closed on this side")]
    ClosedHere,
    /// This machine could not even try.
    #[error("this machine cannot open the link: {0}")]
    Local(String),
}

impl LinkFailure {
    /// True if trying the same node again, after a wait, makes sense.
    pub fn retry_same_node(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::NodeGone { .. }
                | Self::Overloaded
                | Self::TooManyLinks
                | Self::SlowConsumer
                | Self::Timeout(_)
                | Self::Local(_)
                | Self::Draining { .. }
                | Self::Behind { .. }
        )
    }

    /// True if another node may do better. False where every node would say
    /// the same, so that a person should be told instead.
    pub fn retry_other_node(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::ProtocolViolation { .. } | Self::ClosedHere | Self::Local(_))
    }

    /// True if a call without an answer may have taken effect on the node.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::NodeGone { .. }
            | Self::Draining { .. }
            | Self::Behind { .. }
            | Self::ProtocolViolation { .. }
            | Self::Overloaded
            | Self::SlowConsumer
            | Self::Timeout(_)
            | Self::ClosedHere => true,
            // These two also end live links.
            Self::Refused { reason } => matches!(reason, AuthRefusal::Revoked | AuthRefusal::Expired),
            Self::Unreachable { .. }
            | Self::WrongServer { .. }
            | Self::VersionMismatch
            | Self::TooManyLinks
            | Self::Local(_) => false,
        }
    }

    /// The meaning of the end of a connection this side dialled.
    pub(crate) fn from_quic(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::VersionMismatch => Self::VersionMismatch,
            ConnectionError::TransportError(error) => match alert_of(error.code.into()) {
                Some(0x78) => Self::VersionMismatch,
                Some(_) => Self::WrongServer { detail: told(&error.reason) },
                None => Self::ProtocolViolation { detail: told(error) },
            },
            ConnectionError::ConnectionClosed(close) => Self::from_transport_close(close),
            ConnectionError::ApplicationClosed(close) => Self::from_close_code(
                CloseCode::from_number(close.error_code.into_inner()),
                told(String::from_utf8_lossy(&close.reason)),
            ),
            ConnectionError::Reset => gone("it was restarted and knows this link no more"),
            ConnectionError::TimedOut => gone("nothing was heard within the idle timeout"),
            ConnectionError::LocallyClosed => Self::ClosedHere,
            ConnectionError::CidsExhausted => Self::Overloaded,
        }
    }

    fn from_transport_close(close: &quinn::ConnectionClose) -> Self {
        const CONNECTION_REFUSED: u64 = 2;
        let code = u64::from(close.error_code);
        match alert_of(code) {
            Some(0x78) => Self::VersionMismatch,
            Some(alert) => match AuthRefusal::from_alert(alert) {
                Some(reason) => Self::Refused { reason },
                None => Self::ProtocolViolation { detail: told(close) },
            },
            None if code == CONNECTION_REFUSED => Self::Overloaded,
            None => Self::ProtocolViolation { detail: told(close) },
        }
    }

    fn from_close_code(code: Option<CloseCode>, detail: String) -> Self {
        let refused = |reason| Self::Refused { reason };
        match code {
            Some(CloseCode::Done) | None => Self::NodeGone { cause: format!("it closed the link: {detail}") },
            Some(CloseCode::Shutdown | CloseCode::Draining) => Self::Draining { detail },
            Some(CloseCode::ProtocolViolation) => Self::ProtocolViolation { detail },
            Some(CloseCode::Overloaded) => Self::Overloaded,
            Some(CloseCode::Behind) => Self::Behind { detail },
            Some(CloseCode::SlowConsumer) => Self::SlowConsumer,
            Some(CloseCode::TooManyLinks) => Self::TooManyLinks,
            Some(CloseCode::WrongRole) => refused(AuthRefusal::WrongRole),
            Some(CloseCode::Revoked) => refused(AuthRefusal::Revoked),
            Some(CloseCode::Expired) => refused(AuthRefusal::Expired),
            Some(CloseCode::NotAMember) => refused(AuthRefusal::NotAMember),
            Some(CloseCode::WrongCluster) => refused(AuthRefusal::WrongCluster),
            Some(CloseCode::BadCertificate) => refused(AuthRefusal::BadCertificate),
        }
    }

    /// This failure, as it is when it was seen while no link was made yet: a
    /// lost node is then one that was never reached.
    pub(crate) fn before_link(self) -> Self {
        match self {
            Self::NodeGone { cause } => Self::Unreachable { cause },
            other => other,
        }
    }
}

/// The other side's words, whoever it is: a failure is shown in logs and on terminals.
fn told(words: impl Display) -> String {
    Told(words).to_string()
}

fn gone(cause: &str) -> LinkFailure {
    LinkFailure::NodeGone { cause: cause.to_owned() }
}

/// The TLS alert inside a QUIC error code, if it is one.
fn alert_of(code: u64) -> Option<u64> {
    (0x100..0x200).contains(&code).then_some(code & 0xff)
}

/// Failures of a call: on the way, or at the other side.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallFailure {
    /// The link failed; the other side may not have seen the call.
    #[error(transparent)]
    Link(#[from] LinkFailure),
    /// The other side answered with an exception.
    #[error("the call failed at the node: {0}")]
    Remote(capnp::Error),
}

impl CallFailure {
    /// True if the call may have taken effect. An exception is an answer, but
    /// one that says nothing of effects before it.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Link(failure) => failure.may_have_happened(),
            Self::Remote(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_come_back_from_their_numbers() {
        for (code, number) in CODES {
            assert_eq!(code.number(), number);
            assert_eq!(CloseCode::from_number(u64::from(number)), Some(code));
        }
        assert_eq!(CloseCode::from_number(15), None);
    }

    #[test]
    fn a_refusal_is_not_retried_and_a_lost_node_may_have_acted() {
        let refused = LinkFailure::Refused { reason: AuthRefusal::UnknownAuthority };
        assert!(!refused.retry_same_node() && !refused.retry_other_node());
        assert!(!refused.may_have_happened());
        let lost = LinkFailure::from_quic(&ConnectionError::TimedOut);
        assert!(lost.retry_same_node() && lost.retry_other_node() && lost.may_have_happened());
        assert!(!lost.before_link().may_have_happened());
    }
}

//! Ids as types, so that none can stand where another belongs. Knows nothing of what they name.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub u64);

        impl $name {
            /// The next one; stays at the largest number there is.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                text.strip_prefix($prefix)
                    .and_then(|digits| digits.parse().ok())
                    .map(Self)
                    .ok_or(MalformedId { expected: concat!($prefix, "<number>") })
            }
        }
    )*};
}

numbers! {
    /// A node of the cluster; 1, 2, 3 …, never given again once its disk is lost. 0 names no node.
    NodeId "";
    /// A user, numbered by the state machine. Shown as `u7`.
    UserId "u";
    /// A session: one user on one device. Shown as `s7`.
    SessionId "s";
    /// A conversation, numbered by the state machine. Shown as `c7`.
    ConversationId "c";
    /// A message's place in its conversation: 1, 2, 3 … without a hole. 0 is before the first.
    Position "";
    /// The number of a change in the feed; counts up by one for each, over the whole state machine.
    ChangeNumber "";
    /// A request of a session, chosen by the client, higher for each new one.
    RequestNumber "";
    /// Milliseconds since 1970-01-01T00:00:00Z of the cluster's time, as a leader had it; never runs backwards along the log.
    Stamp "";
}

/// A text that is not an id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind: expected {expected}")]
pub struct MalformedId {
    /// The form that such an id has.
    pub expected: &'static str,
}

macro_rules! digests {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

digests! {
    /// A device: the SHA-256 of its certificate's public key (SPKI).
    DeviceId;
    /// The SHA-256 of a session token. The token itself is on the device alone.
    TokenHash;
    /// The rolling hash of every row ever written, in the order of the log.
    StateHash;
}

/// A message as its sender names it: 128 bits, a `UUIDv7` by custom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct MessageId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A name that people log in with: `[a-z0-9._-]{2,32}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Username(#[n(0)] String);

impl Username {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that cannot be a username.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a username has 2 to 32 characters out of a-z, 0-9, `.`, `_` and `-`")]
pub struct MalformedUsername;

impl FromStr for Username {
    type Err = MalformedUsername;

    fn from_str(text: &str) -> Result<Self, MalformedUsername> {
        let fits = (2..=32).contains(&text.len());
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c);
        if fits && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(MalformedUsername)
    }
}

/// Where a device stands in the change feed: all its synchronisation state.
///
/// Clients treat [`Cursor::to_bytes`] as opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The cluster: the first eight bytes of the SHA-256 of its name.
    pub cluster: u64,
    /// Raised when the cluster is restored from a backup, so that nobody mixes two histories.
    pub epoch: u32,
    /// Everything up to and with this change was received.
    pub change: ChangeNumber,
}

impl Cursor {
    const VERSION: u8 = 1;

    /// 21 bytes: version, cluster, epoch, change, big-endian.
    pub fn to_bytes(self) -> [u8; 21] {
        let mut bytes = [Self::VERSION; 21];
        let fields =
            self.cluster.to_be_bytes().into_iter().chain(self.epoch.to_be_bytes()).chain(self.change.0.to_be_bytes());
        bytes.iter_mut().skip(1).zip(fields).for_each(|(slot, byte)| *slot = byte);
        bytes
    }

    /// The cursor in `bytes`; none if they are no cursor of this version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (cluster, rest) = rest.split_first_chunk::<8>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let change = <[u8; 8]>::try_from(rest).ok()?;
        (*version == Self::VERSION).then_some(Self {
            cluster: u64::from_be_bytes(*cluster),
            epoch: u32::from_be_bytes(*epoch),
            change: ChangeNumber(u64::from_be_bytes(change)),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_what_the_contract_says() {
        for good in ["al", "alice", "a.b_c-9", &"x".repeat(32)] {
            assert_eq!(good.parse::<Username>().unwrap().as_str(), good);
        }
        for bad in ["", "a", "Alice", "al ice", "älice", "a/b", &"x".repeat(33)] {
            assert!(bad.parse::<Username>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cursor_survives_its_bytes_and_nothing_else_is_one() {
        let cursor = Cursor { cluster: 7, epoch: 3, change: ChangeNumber(u64::MAX - 1) };
        let bytes = cursor.to_bytes();
        assert_eq!(Cursor::from_bytes(&bytes), Some(cursor));
        assert_eq!(Cursor::from_bytes(&bytes[..20]), None);
        assert_eq!(Cursor::from_bytes(&[2; 21]), None);
        assert_eq!(Cursor::from_bytes(&[]), None);
    }

    #[test]
    fn ids_read_back_what_they_print_and_refuse_others() {
        assert_eq!("c12".parse(), Ok(ConversationId(12)));
        assert_eq!(ConversationId(12).to_string(), "c12");
        assert!("s12".parse::<ConversationId>().is_err());
        assert!("c".parse::<ConversationId>().is_err());
    }
}

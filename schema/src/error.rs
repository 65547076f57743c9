//! Why the service says no, and the one place where a reason becomes a sentence.

use std::fmt;

use minicbor::{Decode, Encode};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $kebab:literal, $sentence:literal;)*) => {
        /// Reasons why the service refuses. The numbers are those of `ErrorCode` in `types.capnp`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum ErrorCode {
            $($(#[$doc])* #[n($number)] $name = $number,)*
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name that scripts see, in kebab-case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $kebab,)* }
            }

            /// A sentence that a person can act on.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

codes! {
    /// A code that this program is too old to know.
    Unspecified = 0, "unspecified", "The service refused for a reason that this program does not know; a newer raftchat may say more.";
    /// The user or the password is wrong.
    WrongCredentials = 1, "wrong-credentials", "The username or the password is wrong.";
    /// Taken now, or once.
    UsernameTaken = 2, "username-taken", "That username is taken, now or by a deleted account, or reads like one that is; choose another.";
    /// Not a username.
    MalformedUsername = 3, "malformed-username", "A username has 2 to 32 characters out of a-z, 0-9, `.`, `_` and `-`; it begins with a letter, a digit or `_`, and does not end with a dot.";
    /// Nobody of that name.
    NoSuchUser = 4, "no-such-user", "There is nobody of that name; `raftchatctl chat users` lists who there is.";
    /// No conversation of that id that the user is in.
    NoSuchConversation = 5, "no-such-conversation", "There is no such conversation; `raftchatctl chat conversations` lists yours.";
    /// No message at that position.
    NoSuchMessage = 6, "no-such-message", "There is no message at that position.";
    /// Somebody else's message.
    NotYours = 7, "not-yours", "Only the person who sent a message may do that.";
    /// Not in that conversation.
    NotAMember = 8, "not-a-member", "You are not a member of that conversation.";
    /// Above a limit.
    TooLarge = 9, "too-large", "That is too large: a message holds at most 64 KiB, a display name or a title at most 128 bytes.";
    /// No bytes at all.
    EmptyMessage = 10, "empty-message", "A message cannot be empty.";
    /// Too much, too fast.
    RateLimited = 11, "rate-limited", "That was too often; wait a moment and try again.";
    /// Logged out, expired or gone.
    SessionEnded = 12, "session-ended", "This session has ended; log in again.";
    /// The device is no longer welcome.
    DeviceRevoked = 13, "device-revoked", "This device was revoked; ask who runs the cluster for a new certificate.";
    /// Too much to do.
    Busy = 14, "busy", "The node has too much to do just now; try again in a moment.";
    /// No majority answers.
    NoLeader = 15, "no-leader", "No majority of the nodes can be reached, so nothing can be stored; it goes on when enough of them are back.";
    /// Not there yet.
    Behind = 16, "behind", "This node is behind what you have already seen; try another.";
    /// Below the requests that are remembered.
    StaleRequest = 17, "stale-request", "The outcome of that old request is no longer known.";
    /// A password change came between.
    AccountChanged = 18, "account-changed", "The account changed meanwhile; try again with the current password.";
    /// A field that cannot be.
    MalformedRequest = 19, "malformed-request", "The request is malformed; the program that sent it may be of another version.";
    /// One user alone where there must be two.
    ToYourself = 20, "to-yourself", "A direct conversation needs another person.";
    /// Of another cluster or another time.
    ForeignCursor = 21, "foreign-cursor", "That cursor belongs to another cluster or to before a restore; start again without it.";
    /// No password at all.
    EmptyPassword = 22, "empty-password", "A password cannot be empty.";
    /// One more than there can be.
    TooMany = 23, "too-many", "There would be too many: a group has at most 1000 members, of whom 300 are added at once, a person is in 1000 groups, a message 20 kinds of reactions, 5 of them of one person, 64 mentions and 100 edits, a conversation 50 pinned messages.";
    /// Not with that role.
    NotAllowed = 24, "not-allowed", "Members of the group may not do that: it is for its owner and admins, and some things are for the owner alone.";
    /// One has blocked the other.
    Blocked = 25, "blocked", "One of you has blocked the other, so neither can write to or add the other.";
    /// Only groups have that.
    NotAGroup = 26, "not-a-group", "That is a direct conversation; only a group has a title, roles and members to change.";
    /// No title at all.
    EmptyTitle = 27, "empty-title", "A group's title cannot be empty.";
    /// Not a reaction.
    MalformedReaction = 28, "malformed-reaction", "A reaction is one emoji, without spaces.";
    /// Too short, or guessed first.
    WeakPassword = 29, "weak-password", "A password has at least 8 characters and is none of those that are guessed first; choose another.";
    /// The account's quota is used up.
    QuotaExceeded = 30, "quota-exceeded", "This account has stored as much as one may; delete messages to make room.";
    /// No room on the nodes' disks.
    StorageFull = 31, "storage-full", "The disks of the nodes are full, so nothing more can be said; reading and deleting go on. Tell whoever runs the cluster to free space.";
    /// Of a higher feature level than the cluster's.
    NotYet = 32, "not-yet", "The cluster does not take that yet: some of its nodes run an older raftchat. Whoever runs it upgrades all of them, and then runs `raftchatctl cluster finalize`.";
}

impl ErrorCode {
    /// The code with that number; [`ErrorCode::Unspecified`] for one this program does not know.
    pub fn from_number(number: u16) -> Self {
        Self::ALL.iter().copied().find(|code| *code as u16 == number).unwrap_or(Self::Unspecified)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The service understood and said no; nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
#[error("{}", .code.sentence())]
pub struct Refusal {
    /// The reason; it chooses the sentence.
    #[n(0)]
    pub code: ErrorCode,
    /// Milliseconds until it is worth trying again; 0 if repeating is of no use.
    #[n(1)]
    pub retry_after_ms: u64,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, retry_after_ms: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_unique() {
        let names: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn a_number_from_the_future_is_unspecified() {
        assert_eq!(ErrorCode::from_number(9), ErrorCode::TooLarge);
        assert_eq!(ErrorCode::from_number(60_000), ErrorCode::Unspecified);
    }
}

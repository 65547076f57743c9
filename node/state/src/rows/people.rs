//! Users, what their passwords are checked against, their sessions, and whom they have blocked.

use alloc::string::String;

use minicbor::{Decode, Encode};
use raftchat_schema::command::Verifier;
use raftchat_schema::id::{ChangeNumber, DeviceId, RequestNumber, Stamp, TokenHash, UserId, Username};
use raftchat_schema::limits::{SESSION_AGE_MS_MAX, SESSION_IDLE_MS_MAX};

/// A user; stays for ever, for the name and for the messages.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct UserRow {
    #[n(0)]
    pub(crate) username: Username,
    #[n(1)]
    pub(crate) display_name: String,
    #[n(2)]
    pub(crate) created: Stamp,
    /// None while presence is hidden.
    #[n(3)]
    pub(crate) last_seen: Option<Stamp>,
    #[n(4)]
    pub(crate) deleted: bool,
    #[n(5)]
    pub(crate) changed: ChangeNumber,
    #[cbor(n(6), default)]
    pub(crate) presence_hidden: bool,
    /// Tells nobody what they have read and received.
    #[cbor(n(7), default)]
    pub(crate) receipts_off: bool,
}

/// The verifier of a user's password; apart from the user, so that no list ever touches it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct VerifierRow {
    #[n(0)]
    pub(crate) verifier: Verifier,
    #[n(1)]
    pub(crate) version: u32,
}

/// A session. Carries the username so that sending needs no user row.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SessionRow {
    #[n(0)]
    pub(crate) user: UserId,
    #[n(1)]
    pub(crate) username: Username,
    #[n(2)]
    pub(crate) device: DeviceId,
    #[n(3)]
    pub(crate) device_name: String,
    #[n(4)]
    pub(crate) token: TokenHash,
    #[n(5)]
    pub(crate) created: Stamp,
    /// To within [`raftchat_schema::limits::LAST_USED_INTERVAL_MS`].
    #[n(6)]
    pub(crate) last_used: Stamp,
    /// The outcomes of requests below are forgotten.
    #[n(7)]
    pub(crate) floor: RequestNumber,
    /// The IP address it was last used from; empty if not known.
    #[cbor(n(8), default)]
    pub(crate) address: String,
    /// The cluster's age when it was opened, in ms. It ends by ages; stamps are for people.
    #[n(9)]
    pub(crate) created_age: u64,
    /// The cluster's age when it was last used, to within [`raftchat_schema::limits::LAST_USED_INTERVAL_MS`].
    #[n(10)]
    pub(crate) used_age: u64,
}

impl SessionRow {
    /// For how long the session lasts, at that age of the cluster, if it is not used again, in ms; 0: it is over.
    pub(crate) fn left(&self, age: u64) -> u64 {
        let idle = self.used_age.saturating_add(SESSION_IDLE_MS_MAX);
        let old = self.created_age.saturating_add(SESSION_AGE_MS_MAX);
        idle.min(old).saturating_sub(age)
    }
}

/// An account's use of what it may do only so often and store only so much, and by how many it is blocked. There as long as the
/// account is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct AllowanceRow {
    /// The time when as many groups may be made at once as at first.
    #[n(0)]
    pub(crate) groups_full_at: Stamp,
    /// Bytes of what the user said and what that said before, but for what is still counted with their memberships: below 0
    /// where more of that was deleted than was settled here.
    #[cbor(n(1), default)]
    pub(crate) stored: i64,
    /// The number of accounts that have blocked this one: where it is 0, which is nearly always, nobody looks for them.
    #[cbor(n(2), default)]
    pub(crate) blockers: u32,
}

/// That a user has blocked another. Stays when it is taken back, for devices that have yet to hear of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BlockRow {
    #[n(0)]
    pub(crate) changed: ChangeNumber,
    #[n(1)]
    pub(crate) on: bool,
    /// The blocking user's display name then: the other goes on seeing it.
    #[n(2)]
    pub(crate) display_name: Option<String>,
}

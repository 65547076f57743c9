//! What several calls are made of. Knows none of them.

use raftchat_schema::generated::client_capnp::request_stamp;
use raftchat_schema::id::{RequestNumber, UserId};

/// A part of a list, and whether there is more.
pub(crate) type Part<T> = (Vec<T>, bool);

pub(super) fn stamp(mut builder: request_stamp::Builder<'_>, number: RequestNumber) {
    builder.set_number(number.0);
    // Several programs may use the session: none knows what the others have outstanding.
    builder.set_acknowledged_below(0);
}

pub(super) fn write_users(mut list: capnp::primitive_list::Builder<'_, u64>, users: &[UserId]) {
    for (at, user) in (0..).zip(users) {
        list.set(at, user.0);
    }
}

/// A length as Cap'n Proto counts; what does not fit was refused before.
pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

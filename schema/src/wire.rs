//! The only place where the generated Cap'n Proto types meet the plain ones.
//!
//! Writing cannot fail. Reading checks everything: a stranger's bytes become a [`WireError`], never a panic.

mod act;
mod command;
mod message;
mod payload;
mod peer;
mod status;
mod stored;
#[cfg(test)]
mod strangers;
mod view;

use capnp::message::{Builder, HeapAllocator, ReaderOptions};
use capnp::traits::Owned;

pub use act::{decode_act, encode_act, read_act, read_done, write_act, write_done};
pub use command::{
    decode_batch, decode_command, decode_proposals, encode_batch, encode_command, read_proposals, stamp_of_entry,
    write_proposals,
};
pub use message::{decode_message, encode_message, read_change, read_message, write_change, write_message};
pub use payload::{decode_payload, encode_payload};
pub use peer::{
    read_append_request, read_append_response, read_clock_reading, read_greeting, read_members_reply,
    read_membership_reply, read_presence_update, read_propose_reply, read_read_index_reply, read_snapshot_request,
    read_transfer_request, read_vote_request, read_vote_response, read_welcome, write_append_request,
    write_append_response, write_clock_reading, write_greeting, write_members_reply, write_membership_reply,
    write_presence_update, write_propose_reply, write_read_index_reply, write_snapshot_request, write_transfer_request,
    write_vote_request, write_vote_response, write_welcome,
};
pub use status::{read_notice, read_status, write_notice, write_status};
pub use stored::{
    decode_entry, decode_log_id, decode_snapshot_header, decode_stored_membership, decode_vote, encode_entry,
    encode_log_id, encode_snapshot_header, encode_stored_membership, encode_vote, read_log_id, read_member,
    read_optional_log_id, read_stored_membership, read_vote, write_log_id, write_member, write_stored_membership,
    write_vote,
};
pub use view::{
    decode_place, decode_user, encode_place, encode_user, read_conversation, read_counts, read_member_view,
    read_message_id, read_place, read_refusal, read_revision, read_session_entry, read_user, write_conversation,
    write_counts, write_member_view, write_message_id, write_place, write_refusal, write_revision, write_session_entry,
    write_user,
};

use crate::limits;

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not Cap'n Proto, cut short, or beyond a limit.
    #[error("malformed Cap'n Proto: {0}")]
    Malformed(String),
    /// A field that cannot have this value.
    #[error("the field {0} cannot have this value")]
    Field(&'static str),
    /// A kind that a newer program has written.
    #[error("{0} of a kind that this program does not know; a newer raftchat wrote it")]
    UnknownKind(&'static str),
}

impl From<capnp::Error> for WireError {
    fn from(error: capnp::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<capnp::NotInSchema> for WireError {
    fn from(_: capnp::NotInSchema) -> Self {
        Self::UnknownKind("a value")
    }
}

impl From<std::str::Utf8Error> for WireError {
    fn from(error: std::str::Utf8Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// How far a reader of one of our own stored messages follows it.
fn stored_limits() -> ReaderOptions {
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(Some(limits::STORED_WORDS_MAX)).nesting_limit(limits::NESTING_MAX);
    options
}

/// One message as bytes: the segment table and the segments, unpacked.
fn encode<T: Owned>(fill: impl FnOnce(T::Builder<'_>)) -> Vec<u8> {
    let mut message = Builder::new(HeapAllocator::new());
    fill(message.init_root::<T::Builder<'_>>());
    capnp::serialize::write_message_to_words(&message)
}

/// Reads one message from bytes that hold it and nothing else.
fn decode<T: Owned, R>(
    mut bytes: &[u8],
    read: impl FnOnce(T::Reader<'_>) -> Result<R, WireError>,
) -> Result<R, WireError> {
    let message = capnp::serialize::read_message_from_flat_slice(&mut bytes, stored_limits())?;
    if !bytes.is_empty() {
        return Err(WireError::Malformed("bytes follow the message".to_owned()));
    }
    read(message.get_root::<T::Reader<'_>>()?)
}

/// A text field, owned.
fn text(reader: capnp::text::Reader<'_>) -> Result<String, WireError> {
    Ok(reader.to_str()?.to_owned())
}

/// A field of exactly 32 bytes.
fn digest(bytes: &[u8], field: &'static str) -> Result<[u8; 32], WireError> {
    bytes.try_into().map_err(|_| WireError::Field(field))
}

/// A length as the number of elements Cap'n Proto wants; what does not fit is cut by the caller's own limits first.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Fills in a list of numbers.
fn write_numbers(mut list: capnp::primitive_list::Builder<'_, u64>, numbers: impl Iterator<Item = u64>) {
    for (at, number) in (0..).zip(numbers) {
        list.set(at, number);
    }
}

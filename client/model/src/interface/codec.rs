//! How payloads are read and written. Knows nothing of their encoding: whoever makes the model brings it.

use alloc::vec::Vec;

use raftchat_schema::payload::Payload;

/// Payloads as bytes and back.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    /// The bytes that nodes keep.
    pub encode: fn(&Payload) -> Vec<u8>,
    /// Reads such bytes; never fails, whatever they are.
    pub decode: fn(&[u8]) -> Content,
}

/// The content of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A payload that this program can read.
    Said(Payload),
    /// Something that a newer program is needed for.
    Newer,
}

impl Codec {
    /// The draft in those bytes; none if there is nothing in it.
    pub(crate) fn draft(self, bytes: &[u8]) -> Option<Payload> {
        if bytes.is_empty() {
            return None;
        }
        match (self.decode)(bytes) {
            Content::Said(payload) => Some(payload),
            Content::Newer => None,
        }
    }

    /// A draft as bytes; no bytes if it says nothing.
    pub(crate) fn draft_bytes(self, draft: &Payload) -> Vec<u8> {
        if draft.text.is_empty() && draft.reply_to.is_none() {
            return Vec::new();
        }
        (self.encode)(draft)
    }
}

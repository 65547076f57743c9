//! What a message says, between clients.

use super::{WireError, decode, encode, text};
use crate::generated::payload_capnp::payload;
use crate::id::Position;
use crate::payload::Payload;

const VERSION: u16 = 1;

/// A payload as the bytes that nodes keep.
pub fn encode_payload(plain: &Payload) -> Vec<u8> {
    encode::<payload::Owned>(|mut builder| {
        builder.set_version(VERSION);
        builder.set_text(plain.text.as_str());
        builder.set_reply_to(plain.reply_to.map_or(0, |position| position.0));
        if let Some(username) = &plain.forwarded_from {
            builder.set_forwarded_from(username.as_str());
        }
    })
}

/// The payload in `bytes`; [`WireError::UnknownKind`] if a newer client made it.
pub fn decode_payload(bytes: &[u8]) -> Result<Payload, WireError> {
    decode::<payload::Owned, _>(bytes, |reader| {
        if reader.get_version() != VERSION {
            return Err(WireError::UnknownKind("a message"));
        }
        let reply_to = reader.get_reply_to();
        Ok(Payload {
            text: text(reader.get_text()?)?,
            reply_to: (reply_to != 0).then_some(Position(reply_to)),
            // A name is shown, and leads nowhere: one that cannot be is none.
            forwarded_from: text(reader.get_forwarded_from()?)?.parse().ok(),
        })
    })
}

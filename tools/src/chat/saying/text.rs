//! What is said: from the command line or from standard input, as the bytes that nodes keep.

use std::io::{self, Read};
use std::str::FromStr;

use raftchat_model::text::safe;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Position;
use raftchat_schema::limits::TEXT_BYTES_MAX;
use raftchat_schema::payload::Payload;
use raftchat_schema::wire::{decode_payload, encode_payload};

use crate::failure::Failure;

/// A text on the command line, or the word that it comes from standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::chat) enum Text {
    /// A text on the command line.
    Given(String),
    /// All of standard input.
    StandardInput,
}

impl FromStr for Text {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::StandardInput } else { Self::Given(text.to_owned()) })
    }
}

impl Text {
    /// The text itself.
    pub(in crate::chat) fn read(self) -> Result<String, Failure> {
        match self {
            Self::Given(text) => Ok(text),
            Self::StandardInput => standard_input(io::stdin().lock()),
        }
    }
}

/// The text as nodes keep it. One of which nothing would be seen becomes empty, for the service to refuse.
pub(in crate::chat) fn payload(text: String, reply_to: Option<Position>) -> Result<Vec<u8>, Failure> {
    encoded(&Payload { reply_to, ..Payload::text(text) })
}

/// A message's payload with another text. What it answers stays; of what cannot be read nothing does.
pub(super) fn replaced(before: &[u8], text: String) -> Result<Vec<u8>, Failure> {
    let before = decode_payload(before).unwrap_or_default();
    encoded(&Payload { text, ..before })
}

/// The bytes of a payload. What is too large would break the link and is refused here as the service would.
pub(super) fn encoded(payload: &Payload) -> Result<Vec<u8>, Failure> {
    if safe::is_blank(&payload.text) {
        return Ok(Vec::new());
    }
    if payload.text.len() > TEXT_BYTES_MAX {
        return Err(ErrorCode::TooLarge.into());
    }
    Ok(encode_payload(payload))
}

fn standard_input(input: impl Read) -> Result<String, Failure> {
    // More than a text holds is too large, however much follows.
    let most = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(4);
    let mut bytes = Vec::new();
    input
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Usage(format!("standard input cannot be read: {error}")))?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(ErrorCode::TooLarge.into());
    }
    String::from_utf8(bytes).map_err(|_| Failure::Usage("standard input is not UTF-8 text".to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_payload_holds_the_text_and_what_it_answers() {
        let bytes = payload("hello".to_owned(), Some(Position(3))).unwrap();
        let read = decode_payload(&bytes).unwrap();
        assert_eq!((read.text.as_str(), read.reply_to), ("hello", Some(Position(3))));
        let edited = decode_payload(&replaced(&bytes, "hello, Bob".to_owned()).unwrap()).unwrap();
        assert_eq!((edited.text.as_str(), edited.reply_to), ("hello, Bob", Some(Position(3))));
    }

    #[test]
    fn an_empty_text_is_left_to_the_service_and_a_large_one_refused_as_the_service_does() {
        for empty in
            ["", " \n", "\u{200B}", "\u{2060}", "\u{FEFF}", "\u{3164}", "\u{2800}", "\u{AD}", "\u{202E}", "\u{301}"]
        {
            assert_eq!(payload(empty.to_owned(), None).unwrap(), Vec::<u8>::new());
        }
        assert!(payload("x".repeat(TEXT_BYTES_MAX), None).is_ok());
        let failure = payload("x".repeat(TEXT_BYTES_MAX + 1), None).unwrap_err();
        assert_eq!((failure.code(), failure.exit_status()), ("too-large", 1));
    }

    #[test]
    fn standard_input_is_taken_whole_or_not_at_all() {
        assert_eq!(standard_input(&b"two\nlines\n"[..]).unwrap(), "two\nlines\n");
        assert_eq!(standard_input(&b"\xff"[..]).unwrap_err().exit_status(), 2);
        let endless = io::repeat(b'x');
        assert_eq!(standard_input(endless).unwrap_err().code(), "too-large");
        assert_eq!("-".parse(), Ok(Text::StandardInput));
        assert_eq!("--".parse(), Ok(Text::Given("--".to_owned())));
    }
}

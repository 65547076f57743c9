//! Bytes of a terminal as keys. Knows nothing of what a key does.

/// A key that was pressed, or a character that was pasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Something to write.
    Character(char),
    /// The line is complete.
    Enter,
    Backspace,
    Delete,
    Left,
    Right,
    Home,
    End,
    Up,
    Down,
    /// Ctrl-W: erases the word before the cursor.
    EraseWord,
    /// Ctrl-U: erases all before the cursor.
    EraseBefore,
    /// Ctrl-K: erases all after the cursor.
    EraseAfter,
    /// Ctrl-C: gives the line up.
    Interrupt,
    /// Ctrl-D: there is nothing more to type.
    EndOfInput,
}

/// What some bytes mean.
enum Meaning {
    Key(Key),
    PasteBegins,
    PasteEnds,
    /// A key that does nothing here.
    Nothing,
}

/// No sequence of a terminal is longer: what is, is none.
const SEQUENCE_BYTES_MAX: usize = 32;
const ESCAPE: u8 = 0x1b;

/// Puts together what belongs together, however it was cut.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    waiting: Vec<u8>,
    pasting: bool,
}

impl Decoder {
    /// The keys that are complete with these bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.waiting.extend_from_slice(bytes);
        let mut keys = Vec::new();
        let mut rest = self.waiting.as_slice();
        while let Some((taken, meaning)) = first(rest, self.pasting) {
            rest = rest.get(taken..).unwrap_or_default();
            match meaning {
                Meaning::Key(key) => keys.push(key),
                Meaning::PasteBegins => self.pasting = true,
                Meaning::PasteEnds => self.pasting = false,
                Meaning::Nothing => {}
            }
        }
        self.waiting = rest.to_vec();
        keys
    }
}

/// The first key, and how many bytes it has; none while it is not complete.
fn first(bytes: &[u8], pasting: bool) -> Option<(usize, Meaning)> {
    let (first, rest) = bytes.split_first()?;
    let key = match first {
        b'\r' | b'\n' if pasting => Key::Character('\n'),
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Character(' '),
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Interrupt,
        0x04 => Key::EndOfInput,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x08 | 0x7f => Key::Backspace,
        0x0b => Key::EraseAfter,
        0x0e => Key::Down,
        0x10 => Key::Up,
        0x15 => Key::EraseBefore,
        0x17 => Key::EraseWord,
        &ESCAPE => return escape(rest),
        0x00..0x20 => return Some((1, Meaning::Nothing)),
        _ => return character(bytes),
    };
    Some((1, Meaning::Key(key)))
}

/// What follows an escape.
fn escape(rest: &[u8]) -> Option<(usize, Meaning)> {
    match rest.split_first()? {
        (b'[', sequence) => {
            let Some(end) = sequence.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
                return (sequence.len() > SEQUENCE_BYTES_MAX).then_some((rest.len() + 1, Meaning::Nothing));
            };
            let (parameters, last) = (sequence.get(..end)?, *sequence.get(end)?);
            Some((end + 3, named(parameters, last)))
        }
        (b'O', sequence) => Some((3, named(b"", *sequence.first()?))),
        // With Alt a key does what it does without.
        _ => Some((1, Meaning::Nothing)),
    }
}

fn named(parameters: &[u8], last: u8) -> Meaning {
    Meaning::Key(match (parameters, last) {
        (_, b'A') => Key::Up,
        (_, b'B') => Key::Down,
        (_, b'C') => Key::Right,
        (_, b'D') => Key::Left,
        (_, b'H') | (b"1" | b"7", b'~') => Key::Home,
        (_, b'F') | (b"4" | b"8", b'~') => Key::End,
        (b"3", b'~') => Key::Delete,
        (b"200", b'~') => return Meaning::PasteBegins,
        (b"201", b'~') => return Meaning::PasteEnds,
        _ => return Meaning::Nothing,
    })
}

/// A character in UTF-8; what is none is passed over.
fn character(bytes: &[u8]) -> Option<(usize, Meaning)> {
    let length = match bytes.first()? {
        0x00..0x80 => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((1, Meaning::Nothing)),
    };
    let encoded = bytes.get(..length)?;
    let character = std::str::from_utf8(encoded).ok().and_then(|text| text.chars().next());
    Some(character.map_or((1, Meaning::Nothing), |character| (length, Meaning::Key(Key::Character(character)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<Key> {
        text.chars().map(Key::Character).collect()
    }

    #[test]
    fn all_that_comes_at_once_is_read_at_once() {
        let keys = Decoder::default().feed("one\rtwo 👍\r".as_bytes());
        let expected: Vec<_> = [text("one"), vec![Key::Enter], text("two 👍"), vec![Key::Enter]].concat();
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_key_may_come_in_pieces() {
        let bytes = "ä👍\u{1b}[3~\u{1b}OH\u{1b}[1;5Dx".as_bytes();
        let whole = [text("ä👍"), vec![Key::Delete, Key::Home, Key::Left], text("x")].concat();
        for cut in 0..=bytes.len() {
            let (one, other) = bytes.split_at(cut);
            let mut decoder = Decoder::default();
            let keys = [decoder.feed(one), decoder.feed(other)].concat();
            assert_eq!(keys, whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_paste_is_one_text_with_its_lines() {
        let keys = Decoder::default().feed(b"\x1b[200~one\rtwo\x1b[201~\r");
        assert_eq!(keys, [text("one\ntwo"), vec![Key::Enter]].concat());
    }

    #[test]
    fn what_is_no_key_is_passed_over() {
        for noise in [&b"\xff"[..], b"\xc3(", b"\x1b[99~", b"\x00\x1f", b"\xed\xa0\x80"] {
            let keys = Decoder::default().feed(&[noise, b"x"].concat());
            assert_eq!(keys.last(), Some(&Key::Character('x')), "{noise:?}");
        }
        let endless = [b"\x1b[".to_vec(), vec![b'1'; 100]].concat();
        let mut decoder = Decoder::default();
        assert_eq!((decoder.feed(&endless), decoder.feed(b"x")), (vec![], text("x")));
    }
}

//! Text as it is shown: what others wrote made safe for a terminal, bytes as digits. Knows nothing of messages.

use std::fmt::{Display, Write};

/// How the lines after the first are set in, so that none can pass for somebody else's.
const CONTINUED: &str = "\n    ";

/// The text with every control character and every direction override written out, and its further lines set in.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str(CONTINUED),
            '\t' => shown.push(' '),
            deceiving if deceives(deceiving) => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(deceiving));
            }
            plain => shown.push(plain),
        }
    }
    shown
}

/// As [`printable`], for a name or a title, which is on one line whatever is in it.
pub(crate) fn printable_name(name: &str) -> String {
    printable(name).replace(CONTINUED, " ")
}

/// So many of `one`, whose plural ends in an s.
pub(crate) fn counted<T: Copy + Display + PartialEq + From<u8>>(count: T, one: &str) -> String {
    if count == T::from(1) { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Control characters move the cursor or worse; the others turn the direction of what follows.
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "message")), ["0 messages", "1 message", "2 messages"]);
    }

    #[test]
    fn nobody_paints_on_another_persons_terminal() {
        let cases = [
            ("hello, Bob 👩‍🚀 שלום", "hello, Bob 👩‍🚀 שלום"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("a\rb\u{7}\u{9b}1m", "a\\u{d}b\\u{7}\\u{9b}1m"),
            ("tell \u{202e}ecila", "tell \\u{202e}ecila"),
            ("one\nbob: two", "one\n    bob: two"),
            ("a\tb", "a b"),
        ];
        for (written, shown) in cases {
            assert_eq!(printable(written), shown);
        }
        assert_eq!(printable_name("Bob\n\u{1b}[1mand"), "Bob \\u{1b}[1mand");
    }
}

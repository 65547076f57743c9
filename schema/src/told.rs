//! Strangers' words in a line of a log or on a terminal: one line, of a length that can be read, and nothing that a terminal
//! obeys. Never knows what they are about.

use std::fmt::{self, Write as _};

/// So many characters of a stranger's words are told: enough to know what was meant.
pub const TOLD_CHARS_MAX: usize = 120;

/// So many characters of any one field are, whoever filled it.
pub const FIELD_CHARS_MAX: usize = 4096;

/// Shows what a stranger said: without control characters, line breaks and marks that turn the direction of text, and cut.
#[derive(Clone, Copy, Debug)]
pub struct Told<T>(pub T);

impl<T: fmt::Display> fmt::Display for Told<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Plain::new(f, TOLD_CHARS_MAX), "{}", self.0).or_else(|error| cut(f, error))
    }
}

/// Writes a field of a log as `name=value`, the message as it is: whatever is in it, it stays in its line.
///
/// # Errors
/// As the writer.
pub fn write_field(writer: &mut dyn fmt::Write, name: &str, value: &dyn fmt::Debug) -> fmt::Result {
    if name != "message" {
        write!(writer, "{name}=")?;
    }
    let mut plain = Plain { inner: writer, left: FIELD_CHARS_MAX };
    write!(plain, "{value:?}").or_else(|error| if plain.left == 0 { plain.inner.write_char('…') } else { Err(error) })
}

fn cut(f: &mut fmt::Formatter<'_>, _full: fmt::Error) -> fmt::Result {
    f.write_char('…')
}

/// Passes on what stays in its line, and the rest by its number. Fails once so many characters have passed.
struct Plain<'a> {
    inner: &'a mut dyn fmt::Write,
    left: usize,
}

impl<'a> Plain<'a> {
    fn new(inner: &'a mut dyn fmt::Write, left: usize) -> Self {
        Self { inner, left }
    }
}

impl fmt::Write for Plain<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            match character {
                '\n' => self.inner.write_str("\\n")?,
                '\r' => self.inner.write_str("\\r")?,
                '\t' => self.inner.write_str("\\t")?,
                character if obeyed(character) => write!(self.inner, "{}", character.escape_unicode())?,
                character => self.inner.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// True if a terminal or a viewer does something at that character other than show it.
fn obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_by_its_number_and_long_words_are_cut() {
        let forged = "bye\n2026-11-30 INFO raftchat: forged \u{1b}[2J\u{9b}31m\u{202e}\u{200b}\u{2028}\r\0";
        let shown = Told(forged).to_string();
        let plain = "bye\\n2026-11-30 INFO raftchat: forged \\u{1b}[2J\\u{9b}31m\\u{202e}\\u{200b}\\u{2028}\\r\\u{0}";
        assert_eq!(shown, plain);
        assert_eq!(Told("größer — 大きい 👩‍👩").to_string(), "größer — 大きい 👩\\u{200d}👩");
        let long = Told("é".repeat(10_000)).to_string();
        assert_eq!(long, format!("{}…", "é".repeat(TOLD_CHARS_MAX)));
        let fits = "x".repeat(TOLD_CHARS_MAX);
        assert_eq!(Told(&fits).to_string(), fits);
    }

    #[test]
    fn a_field_stays_in_its_line_whatever_is_in_it() {
        let field = |name, value: &dyn fmt::Debug| {
            let mut text = String::new();
            assert!(write_field(&mut text, name, value).is_ok());
            text
        };
        assert_eq!(field("message", &format_args!("a\nb")), "a\\nb");
        assert_eq!(field("error", &format_args!("\u{1b}[2J")), "error=\\u{1b}[2J");
        assert_eq!(field("text", &"a\nb"), "text=\"a\\nb\"");
        assert_eq!(field("path", &format_args!("{}", "x".repeat(5000))).chars().count(), "path=".len() + 4096 + 1);
    }
}

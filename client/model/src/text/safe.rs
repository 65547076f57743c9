//! Text of strangers made safe to show beside our own. Knows nothing of what it says.

mod bidi;
mod lookalike;

use alloc::string::String;

use unicode_segmentation::UnicodeSegmentation;

use super::chars::{is_blank_letter, is_invisible, is_mark, is_unseen};
pub use lookalike::{likeness, looks_like};

/// The most marks that may be stacked on a character: no language needs more, and a tower of them covers other lines.
pub const MARKS_MAX: usize = 4;

/// True if nobody would see anything of `text`: white space, controls, what is not drawn, and marks without a letter.
///
/// Such a message is no message and such a title none. Nodes know a narrower rule for titles and names, which is the
/// same in all their versions: `raftchat_schema::text::blank`.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_unseen)
}

/// `text` on one line, of at most `max_chars` characters, cut between what a reader takes for characters and then
/// ending in `…`.
///
/// For previews, titles and names. Line breaks and white space become single spaces; control characters, changes of
/// direction and what cannot be seen are left out (joiners stay: emoji and some scripts need them). May be empty.
pub fn one_line(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    let mut marks = MarkLimit::default();
    let mut count = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || is_blank_letter(c) {
            gap = !line.is_empty();
            continue;
        }
        if c.is_control() || bidi::is_control(c) || (is_invisible(c) && !keeps_shape(c)) || !marks.allows(c) {
            continue;
        }
        if gap {
            line.push(' ');
            count += 1;
            gap = false;
        }
        line.push(c);
        count += 1;
        if count > max_chars {
            return cut(&line, max_chars);
        }
    }
    line
}

/// `text` with its lines and tabs, so that it can be shown as it is.
///
/// All kinds of line breaks become line feeds, other control characters are left out, and a change of direction ends
/// with its line, so that it cannot turn round what follows. What turns letters round against their nature is left out.
pub fn body(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut marks = MarkLimit::default();
    let mut directions = bidi::Directions::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\r' && chars.peek() == Some(&'\n') {
            continue;
        }
        if ends_line(c) {
            directions.close_all(&mut clean);
            clean.push('\n');
            marks = MarkLimit::default();
            continue;
        }
        let shown = c == '\t' || !c.is_control();
        if shown && marks.allows(c) && directions.admits(c) {
            clean.push(c);
        }
    }
    directions.close_all(&mut clean);
    clean
}

/// Ends each change of direction with its line in `parts`, which are shown one after the other and are parts of a
/// [`body`] from which something may have been left out. An end without a beginning does nothing and stays.
pub(super) fn balance<'a>(parts: impl Iterator<Item = &'a mut String>) {
    let mut directions = bidi::Directions::default();
    let mut last = None;
    for part in parts {
        let mut clean = String::with_capacity(part.len());
        for c in part.chars() {
            if c == '\n' {
                directions.close_all(&mut clean);
            }
            directions.admits(c);
            clean.push(c);
        }
        *part = clean;
        last = Some(part);
    }
    if let Some(last) = last {
        directions.close_all(last);
    }
}

/// True if anything in `text` changes the direction of what follows.
pub(super) fn changes_direction(text: &str) -> bool {
    text.contains(bidi::is_control)
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Not seen, but it changes how its neighbours look: joiners, marks of direction, variation selectors, the tags of
/// flags.
fn keeps_shape(c: char) -> bool {
    matches!(c, '\u{200C}'..='\u{200F}' | '\u{61C}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0020}'..='\u{E007F}')
}

/// `line`, which is longer, cut to `max_chars` with an ellipsis.
fn cut(line: &str, max_chars: usize) -> String {
    let Some(room) = max_chars.checked_sub(1) else { return String::new() };
    let mut kept = String::new();
    let mut count = 0;
    for grapheme in line.graphemes(true) {
        count += grapheme.chars().count();
        if count > room {
            break;
        }
        kept.push_str(grapheme);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// Counts the marks that are stacked on a character.
#[derive(Default)]
struct MarkLimit {
    stacked: usize,
}

impl MarkLimit {
    fn allows(&mut self, c: char) -> bool {
        if is_mark(c) {
            self.stacked += 1;
            return self.stacked <= MARKS_MAX;
        }
        // What is not seen does not part a mark from what carries it.
        if !is_invisible(c) {
            self.stacked = 0;
        }
        true
    }
}

#[cfg(test)]
mod tests;

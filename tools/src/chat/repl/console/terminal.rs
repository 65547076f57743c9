//! The terminal: the line that is being typed stays on the last row, and everything else scrolls by above it. A line that
//! is longer than the row is shown as far as there is room around the cursor.

use std::io::{self, Write};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use unicode_segmentation::UnicodeSegmentation;

use super::keys::Key;
use super::line::{Entered, Line};

const PASTE_ON: &str = "\u{1b}[?2004h";
const PASTE_OFF: &str = "\u{1b}[?2004l";
/// To the beginning of the row, and nothing on it.
const CLEAR_ROW: &str = "\r\u{1b}[K";
const COLUMNS_IF_UNKNOWN: usize = 80;
/// So much of the row is the person's, however long the prompt is.
const ROOM_MIN: usize = 16;

/// The terminal, taken over.
pub(super) struct Terminal {
    before: Termios,
    line: Line,
    /// None until somebody has asked for a line.
    prompt: Option<String>,
}

impl Terminal {
    /// Takes it over: keys come one by one and are not shown by themselves.
    pub(super) fn take() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        raw.output_modes = before.output_modes;
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
        write(PASTE_ON)?;
        Ok(Self { before, line: Line::default(), prompt: None })
    }

    /// Gives it back as it was.
    pub(super) fn give_back(&mut self) {
        // The terminal may be gone, and then needs nothing.
        let _ = write(&format!("{CLEAR_ROW}{PASTE_OFF}"));
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
        self.prompt = None;
    }

    /// From now on the line is typed under this prompt.
    pub(super) fn ask(&mut self, prompt: String) {
        self.prompt = Some(prompt);
        self.redraw("");
    }

    /// A key is pressed; a line that is complete stays where it was typed.
    pub(super) fn press(&mut self, key: Key) -> Option<Entered> {
        let (typed, _) = self.line.halves();
        let typed =
            format!("{CLEAR_ROW}{}{typed}{}\n", self.prompt.as_deref().unwrap_or_default(), self.line.halves().1);
        let entered = self.line.press(key);
        let above = if matches!(entered, Some(Entered::Line(_))) { typed.as_str() } else { "" };
        self.redraw(above);
        entered
    }

    /// A line above the one that is being typed.
    pub(super) fn print(&self, line: &str) -> io::Result<()> {
        write(&format!("{CLEAR_ROW}{line}\n{}", self.row()))
    }

    fn redraw(&self, above: &str) {
        // A terminal that is gone is told by the next line that is read.
        let _ = write(&format!("{above}{}", self.row()));
    }

    /// The row as it is drawn.
    fn row(&self) -> String {
        let Some(prompt) = &self.prompt else { return String::new() };
        let columns = tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
        row(prompt, self.line.halves(), if columns == 0 { COLUMNS_IF_UNKNOWN } else { columns })
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The prompt, what of the line there is room for, and the cursor in its place.
fn row(prompt: &str, (before, after): (&str, &str), columns: usize) -> String {
    let room = columns.saturating_sub(width(prompt)).saturating_sub(1).max(ROOM_MIN);
    let (before, used) = fitting(before.graphemes(true).rev(), room);
    let before: String = before.into_iter().rev().collect();
    let (after, rest) = fitting(after.graphemes(true), room.saturating_sub(used));
    let back = if rest > 0 { format!("\u{1b}[{rest}D") } else { String::new() };
    format!("{CLEAR_ROW}{prompt}{before}{}{back}", after.concat())
}

/// As many as there is room for, as they are drawn, and how many columns they take.
fn fitting<'a>(graphemes: impl Iterator<Item = &'a str>, room: usize) -> (Vec<&'a str>, usize) {
    let (mut taken, mut used) = (Vec::new(), 0_usize);
    for grapheme in graphemes {
        let columns = used.saturating_add(width(grapheme));
        if columns > room {
            break;
        }
        used = columns;
        taken.push(if grapheme.starts_with(['\n', '\r']) { "⏎" } else { grapheme });
    }
    (taken, used)
}

/// The number of columns that a text takes: near enough for where the cursor goes.
fn width(text: &str) -> usize {
    text.graphemes(true).map(|grapheme| if grapheme.chars().next().is_some_and(is_wide) { 2 } else { 1 }).sum()
}

/// Scripts of East Asia and pictures take two columns.
const fn is_wide(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{a960}'..='\u{a97c}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(before: &str, after: &str, columns: usize) -> String {
        let drawn = row("me> ", (before, after), columns);
        drawn.strip_prefix(CLEAR_ROW).unwrap_or_default().to_owned()
    }

    #[test]
    fn the_cursor_stands_where_the_line_is_typed() {
        assert_eq!(drawn("hello", "", 40), "me> hello");
        assert_eq!(drawn("hel", "lo", 40), "me> hello\u{1b}[2D");
        assert_eq!(drawn("", "漢👍", 40), "me> 漢👍\u{1b}[4D");
        assert_eq!(drawn("one\ntwo", "", 40), "me> one⏎two");
    }

    #[test]
    fn a_long_line_is_shown_around_the_cursor() {
        let long = "x".repeat(100);
        assert_eq!(drawn(&long, "", 40), format!("me> {}", "x".repeat(35)));
        assert_eq!(drawn(&format!("{long}end"), "rest", 40), format!("me> {}end", "x".repeat(32)));
        assert_eq!(drawn("ab", &long, 40), format!("me> ab{}\u{1b}[33D", "x".repeat(33)));
        assert_eq!(drawn(&long, "", 5), format!("me> {}", "x".repeat(ROOM_MIN)), "however narrow it is");
    }
}

//! The line that is being typed: what stands before and after the cursor, and the lines from before. Knows nothing of
//! terminals.

use unicode_segmentation::UnicodeSegmentation;

use super::keys::Key;

/// The number of lines that the arrow keys find again.
const REMEMBERED: usize = 100;

/// The result of a key that ends a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// A line that was typed.
    Line(String),
    /// Nothing more will be typed.
    End,
}

/// The line, in two halves.
#[derive(Debug, Default)]
pub(super) struct Line {
    before: String,
    after: String,
    remembered: Vec<String>,
    /// How far back the arrow keys have gone, and what was being typed then.
    back: usize,
    aside: String,
}

impl Line {
    /// A key is pressed.
    pub(super) fn press(&mut self, key: Key) -> Option<Entered> {
        match key {
            Key::Character(character) => self.before.push(character),
            Key::Enter => return Some(Entered::Line(self.enter())),
            Key::Interrupt => return Some(Entered::End),
            Key::EndOfInput if self.before.is_empty() && self.after.is_empty() => return Some(Entered::End),
            Key::EndOfInput | Key::Delete => drop(pop_front(&mut self.after)),
            Key::Backspace => drop(pop_back(&mut self.before)),
            Key::Left => {
                if let Some(moved) = pop_back(&mut self.before) {
                    self.after.insert_str(0, &moved);
                }
            }
            Key::Right => {
                if let Some(moved) = pop_front(&mut self.after) {
                    self.before.push_str(&moved);
                }
            }
            Key::Home => self.after.insert_str(0, &std::mem::take(&mut self.before)),
            Key::End => self.before.push_str(&std::mem::take(&mut self.after)),
            Key::EraseBefore => self.before.clear(),
            Key::EraseAfter => self.after.clear(),
            Key::EraseWord => {
                let kept = self.before.trim_end().trim_end_matches(|character: char| !character.is_whitespace()).len();
                self.before.truncate(kept);
            }
            Key::Up => self.look_back(self.back.saturating_add(1)),
            Key::Down => self.look_back(self.back.saturating_sub(1)),
        }
        None
    }

    /// What stands before the cursor, and after it.
    pub(super) fn halves(&self) -> (&str, &str) {
        (&self.before, &self.after)
    }

    fn enter(&mut self) -> String {
        let mut line = std::mem::take(&mut self.before);
        line.push_str(&std::mem::take(&mut self.after));
        if !line.trim().is_empty() && self.remembered.last() != Some(&line) {
            self.remembered.push(line.clone());
            let surplus = self.remembered.len().saturating_sub(REMEMBERED);
            self.remembered.drain(..surplus);
        }
        self.back = 0;
        line
    }

    /// Shows the line that was typed so many lines ago; 0: the one being typed.
    fn look_back(&mut self, back: usize) {
        if back == self.back || back > self.remembered.len() {
            return;
        }
        if self.back == 0 {
            self.aside = format!("{}{}", self.before, self.after);
        }
        let shown = match back {
            0 => Some(std::mem::take(&mut self.aside)),
            back => self.remembered.iter().nth_back(back.saturating_sub(1)).cloned(),
        };
        self.back = back;
        self.before = shown.unwrap_or_default();
        self.after.clear();
    }
}

/// Takes away the last thing that looks like one character.
fn pop_back(text: &mut String) -> Option<String> {
    let (at, _) = text.grapheme_indices(true).next_back()?;
    Some(text.split_off(at))
}

fn pop_front(text: &mut String) -> Option<String> {
    let first = text.graphemes(true).next()?.to_owned();
    text.drain(..first.len());
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &mut Line, text: &str) {
        text.chars().for_each(|character| drop(line.press(Key::Character(character))));
    }

    #[test]
    fn a_line_is_corrected_where_the_cursor_is() {
        let mut line = Line::default();
        typed(&mut line, "Helo 👩‍🚀!");
        for key in [Key::Left, Key::Left, Key::Left, Key::Left] {
            line.press(key);
        }
        typed(&mut line, "l");
        assert_eq!(line.halves(), ("Hell", "o 👩‍🚀!"));
        line.press(Key::End);
        for key in [Key::Backspace, Key::Backspace] {
            line.press(key);
        }
        assert_eq!(line.halves(), ("Hello ", ""));
        line.press(Key::EraseWord);
        assert_eq!(line.halves(), ("", ""));
    }

    #[test]
    fn enter_gives_the_whole_line_and_the_arrows_bring_it_back() {
        let mut line = Line::default();
        for text in ["one", "two"] {
            typed(&mut line, text);
            line.press(Key::Home);
            assert_eq!(line.press(Key::Enter), Some(Entered::Line(text.to_owned())));
        }
        typed(&mut line, "thr");
        let mut shown = |key| {
            line.press(key);
            line.halves().0.to_owned()
        };
        assert_eq!([shown(Key::Up), shown(Key::Up), shown(Key::Up)], ["two", "one", "one"]);
        assert_eq!([shown(Key::Down), shown(Key::Down), shown(Key::Down)], ["two", "thr", "thr"]);
    }

    #[test]
    fn the_end_comes_only_on_an_empty_line_or_by_force() {
        let mut line = Line::default();
        typed(&mut line, "x");
        assert_eq!(line.press(Key::EndOfInput), None);
        assert_eq!(line.press(Key::Interrupt), Some(Entered::End));
        line.press(Key::EraseBefore);
        assert_eq!(line.press(Key::EndOfInput), Some(Entered::End));
    }
}

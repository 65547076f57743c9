//! Characters that change the direction of the text after them. Knows nothing of the letters that have a direction of
//! their own.

use alloc::string::String;
use alloc::vec::Vec;

/// The deepest nesting of changes of direction; the standard has 125, people need two.
const OPEN_MAX: usize = 32;

const POP_EMBEDDING: char = '\u{202C}';
const POP_ISOLATE: char = '\u{2069}';

/// True if `c` begins or ends a change of direction.
pub(super) fn is_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The changes of direction that a line has begun and not ended.
#[derive(Default)]
pub(super) struct Directions {
    open: Vec<Change>,
}

/// A change of direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Embedding,
    /// Turns letters round against their nature. No language needs that, deceivers do: it is left out, and so is its end.
    Override,
    Isolate,
}

impl Directions {
    /// True if `c` may be shown; it counts as shown then.
    pub(super) fn admits(&mut self, c: char) -> bool {
        match c {
            '\u{202A}' | '\u{202B}' => self.opens(Change::Embedding),
            '\u{202D}' | '\u{202E}' => {
                self.opens(Change::Override);
                false
            }
            '\u{2066}'..='\u{2068}' => self.opens(Change::Isolate),
            POP_EMBEDDING => {
                let ended = self.open.pop_if(|change| *change != Change::Isolate);
                ended == Some(Change::Embedding)
            }
            POP_ISOLATE => self.closes_isolate(),
            _ => true,
        }
    }

    /// Writes what ends all that is open.
    pub(super) fn close_all(&mut self, line: &mut String) {
        line.extend(self.open.drain(..).rev().filter_map(|change| match change {
            Change::Embedding => Some(POP_EMBEDDING),
            Change::Isolate => Some(POP_ISOLATE),
            Change::Override => None,
        }));
    }

    fn opens(&mut self, change: Change) -> bool {
        let fits = self.open.len() < OPEN_MAX;
        self.open.extend(fits.then_some(change));
        fits
    }

    /// The end of an isolate also ends the embeddings that were begun in it.
    fn closes_isolate(&mut self) -> bool {
        let isolate = self.open.iter().rposition(|change| *change == Change::Isolate);
        self.open.truncate(isolate.unwrap_or(self.open.len()));
        isolate.is_some()
    }
}

//! The words of a text, for searching and for showing what was found. Knows nothing of where an index is kept.

mod fold;

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::chars::{EMOJI_STYLE, TEXT_STYLE, is_invisible, is_letter_or_number, is_skin, is_symbol, is_unspaced};
use fold::fold;

/// The most bytes of a word; the rest of a longer one is not looked at.
pub const WORD_BYTES_MAX: usize = 64;

/// The most terms of a query: each costs a look into the index.
pub const TERMS_MAX: usize = 32;

/// A word that a text is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// A word as [`words`] gives it.
    pub word: String,
    /// The part of a text that it is compared with.
    pub matching: Matching,
}

/// Ways to compare a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The whole word.
    Whole,
    /// The start of a word.
    Start,
}

impl Term {
    /// True if `word`, one that [`words`] gave, is what is searched for.
    pub fn matches(&self, word: &str) -> bool {
        match self.matching {
            Matching::Whole => word == self.word,
            Matching::Start => word.starts_with(&self.word),
        }
    }
}

/// The words of `text` to be found by, in small letters and without diacritics; a word may come more than once.
///
/// Anything but letters and digits stands between words; what nobody sees does not. Scripts without spaces, and Korean, whose
/// words are grown together from others, are taken character by character, and as pairs of characters that stand side
/// by side. Emoji and other symbols are words of their own, whatever their style and skin.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    with_pairs(text).map(|unit| unit.word)
}

/// The terms that `text`, as a person types it into a search box, asks for: all of them. The last word may go on.
pub fn query(text: &str) -> Vec<Term> {
    let units: Vec<Unit> = with_pairs(text).collect();
    let paired = |single: &Unit| {
        units.iter().any(|pair| {
            pair.kind == Kind::Pair && pair.range.start <= single.range.start && single.range.end <= pair.range.end
        })
    };
    let asked = units.iter().filter(|unit| unit.kind != Kind::Single || !paired(unit)).take(TERMS_MAX);
    let mut terms: Vec<Term> = Vec::new();
    let last = units.last().filter(|unit| unit.kind == Kind::Word).map(|unit| unit.range.clone());
    for unit in asked {
        let matching = if last.as_ref() == Some(&unit.range) { Matching::Start } else { Matching::Whole };
        if terms.iter().all(|term| term.word != unit.word) {
            terms.push(Term { word: unit.word.clone(), matching });
        }
    }
    terms
}

/// The ranges of `text` that one of `terms` takes, in order, without overlap; of a longer word the part that was asked for.
pub fn highlight(text: &str, terms: &[Term]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for unit in with_pairs(text) {
        let asked = terms.iter().filter(|term| term.matches(&unit.word)).map(|term| term.word.len()).max();
        let Some(end) = asked.and_then(|bytes| end_of_start(text, &unit, bytes)) else { continue };
        match found.last_mut() {
            Some(last) if unit.range.start < last.end => last.end = last.end.max(end),
            _ => found.push(unit.range.start..end),
        }
    }
    found
}

/// A part of a text that is a word of the index.
struct Unit {
    range: Range<usize>,
    kind: Kind,
    word: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A run of letters and digits.
    Word,
    /// An emoji or another symbol.
    Symbol,
    /// A character of a script without spaces.
    Single,
    /// Two of them.
    Pair,
}

/// Words, symbols and single characters, each pair after its second character.
fn with_pairs(text: &str) -> impl Iterator<Item = Unit> {
    let mut before: Option<(Range<usize>, String)> = None;
    units(text).flat_map(move |unit| {
        let pair = before
            .take()
            .filter(|(left, _)| unit.kind == Kind::Single && is_adjacent(text, left.end, unit.range.start))
            .map(|(left, word)| Unit { range: left.start..unit.range.end, kind: Kind::Pair, word: word + &unit.word });
        if unit.kind == Kind::Single {
            before = Some((unit.range.clone(), unit.word.clone()));
        }
        [Some(unit), pair].into_iter().flatten()
    })
}

/// True if nothing is seen between two places.
fn is_adjacent(text: &str, end: usize, start: usize) -> bool {
    text.get(end..start).is_some_and(|between| between.chars().all(is_invisible))
}

fn units(text: &str) -> impl Iterator<Item = Unit> {
    let mut graphemes = text.grapheme_indices(true).filter_map(|(at, part)| Some((at, part, kind(part)?))).peekable();
    core::iter::from_fn(move || {
        let (start, first, kind) = graphemes.next()?;
        let mut end = start + first.len();
        while kind == Kind::Word
            && let Some((at, next, _)) =
                graphemes.next_if(|(at, _, next)| *next == Kind::Word && is_adjacent(text, end, *at))
        {
            end = at + next.len();
        }
        let written = text.get(start..end)?;
        // `㎏` is found as `kg`, `🎉` and `1️⃣` as themselves.
        let word = Some(fold(written)).filter(|word| !word.is_empty() && !is_key(written));
        let word = word.unwrap_or_else(|| if kind == Kind::Symbol { plain_symbol(written) } else { String::new() });
        Some(Unit { range: start..end, kind, word })
    })
    .filter(|unit| !unit.word.is_empty())
}

/// The kind of a character, as a reader takes it for one; none if it stands between words or is not seen.
fn kind(grapheme: &str) -> Option<Kind> {
    let first = grapheme.chars().find(|c| !is_invisible(*c))?;
    if is_key(grapheme) || is_symbol(first) {
        return Some(Kind::Symbol);
    }
    if !grapheme.contains(|c: char| !is_invisible(c) && !is_apostrophe(c) && is_letter_or_number(c)) {
        return None;
    }
    Some(if grapheme.contains(is_unspaced) { Kind::Single } else { Kind::Word })
}

/// A digit or a sign in a key, which is an emoji.
fn is_key(grapheme: &str) -> bool {
    grapheme.ends_with('\u{20E3}') && grapheme.starts_with(|c: char| c.is_ascii())
}

/// Counts as a letter, and is written for `'` and by `'`: `п'ять` is `пʼять`.
fn is_apostrophe(c: char) -> bool {
    matches!(c, '\u{2B9}'..='\u{2BF}')
}

/// A symbol without what only says how it is drawn.
fn plain_symbol(symbol: &str) -> String {
    let alone = symbol.chars().all(is_skin);
    let plain = |c: &char| !matches!(*c, EMOJI_STYLE | TEXT_STYLE) && (alone || !is_skin(*c));
    let mut word: String = symbol.chars().filter(plain).collect();
    word.truncate(word.floor_char_boundary(WORD_BYTES_MAX));
    word
}

/// The end of the part of `unit` that makes the first `bytes` of its word.
fn end_of_start(text: &str, unit: &Unit, bytes: usize) -> Option<usize> {
    if bytes >= unit.word.len() {
        return Some(unit.range.end);
    }
    let mut folded = 0;
    let graphemes = text.get(unit.range.clone())?.grapheme_indices(true);
    let ends = graphemes.map(|(at, grapheme)| (unit.range.start + at + grapheme.len(), fold(grapheme).len()));
    for (end, length) in ends {
        folded += length;
        if folded >= bytes {
            return Some(end);
        }
    }
    Some(unit.range.end)
}

#[cfg(test)]
mod tests;

//! The words of a text, for searching and for showing what was found. Knows nothing of where an index is kept.

mod fold;

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::chars::is_unspaced;
use fold::fold;

/// The most bytes of a word; the rest of a longer one is not looked at.
pub const WORD_BYTES_MAX: usize = 64;

/// The most terms of a query: each costs a look into the index.
pub const TERMS_MAX: usize = 32;

/// What a text is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// A word as [`words`] gives it.
    pub word: String,
    /// What it is compared with.
    pub matching: Matching,
}

/// What a term is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The whole word.
    Whole,
    /// The start of a word.
    Start,
}

impl Term {
    /// Whether `word`, one that [`words`] gave, is what is searched for.
    pub fn matches(&self, word: &str) -> bool {
        match self.matching {
            Matching::Whole => word == self.word,
            Matching::Start => word.starts_with(&self.word),
        }
    }
}

/// The words of `text` to be found by, in small letters and without diacritics; a word may come more than once.
///
/// Anything but letters and digits stands between words. Scripts without spaces are taken character by character, and
/// as pairs of characters that stand side by side.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    with_pairs(text).map(|unit| unit.word)
}

/// What `text`, as a person types it into a search box, asks for: all of the terms. The last word may go on.
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

/// Where in `text` one of `terms` is, in order, without overlap; of a longer word the part that was asked for.
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
    /// Between spaces.
    Word,
    /// A character of a script without spaces.
    Single,
    /// Two of them.
    Pair,
}

/// Words and single characters, each pair after its second character.
fn with_pairs(text: &str) -> impl Iterator<Item = Unit> {
    let mut before: Option<(Range<usize>, String)> = None;
    units(text).flat_map(move |unit| {
        let pair = before
            .take()
            .filter(|(left, _)| unit.kind == Kind::Single && left.end == unit.range.start)
            .map(|(left, word)| Unit { range: left.start..unit.range.end, kind: Kind::Pair, word: word + &unit.word });
        if unit.kind == Kind::Single {
            before = Some((unit.range.clone(), unit.word.clone()));
        }
        [Some(unit), pair].into_iter().flatten()
    })
}

fn units(text: &str) -> impl Iterator<Item = Unit> {
    let mut graphemes = text.grapheme_indices(true).peekable();
    std::iter::from_fn(move || {
        let (start, first) = graphemes.find(|(_, grapheme)| is_letter(grapheme))?;
        let mut end = start + first.len();
        let kind = if is_single(first) { Kind::Single } else { Kind::Word };
        while kind == Kind::Word
            && let Some((at, next)) = graphemes.next_if(|(_, next)| is_letter(next) && !is_single(next))
        {
            end = at + next.len();
        }
        Some(Unit { range: start..end, kind, word: fold(text.get(start..end)?) })
    })
    .filter(|unit| !unit.word.is_empty())
}

fn is_letter(grapheme: &str) -> bool {
    grapheme.contains(char::is_alphanumeric)
}

fn is_single(grapheme: &str) -> bool {
    grapheme.contains(is_unspaced)
}

/// Where the part of `unit` ends that makes the first `bytes` of its word.
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

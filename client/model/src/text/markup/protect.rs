//! Keeps the Markdown parser from what we do not want understood as Markdown. Knows nothing of the document that
//! comes of it.

use alloc::string::String;
use alloc::vec::Vec;

use super::link;
use crate::text::mentions;

/// The signs that are kept from the parser.
const KEPT: [char; 6] = [':', '_', '*', '~', '.', ')'];

/// A text in which signs that are no markup have given their place to characters that are in no text.
///
/// These are the signs within addresses and names (`@_bob_`), which would end them early, the colon of `[a]: b`, which
/// the parser would understand as the definition of a link and hide, and the sign after a number with noughts before it
/// (`007.`), of which the parser would make the item of a list and leave only the value.
pub(super) struct Protected {
    /// For the parser.
    pub(super) source: String,
    stand_ins: [char; KEPT.len()],
}

impl Protected {
    /// `text` for the parser; none if it has all the characters that could stand in for others.
    pub(super) fn new(text: &str) -> Option<Self> {
        let stand_ins = unused(text)?;
        let mut kept = places(text).into_iter().peekable();
        let mut source = String::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            let keep = kept.next_if_eq(&at).is_some();
            let stand_in = KEPT.iter().zip(stand_ins).find(|(sign, _)| keep && **sign == c);
            source.push(stand_in.map_or(c, |(_, stand_in)| stand_in));
        }
        Some(Self { source, stand_ins })
    }

    /// A part of [`Protected::source`] as it was written.
    pub(super) fn restore(&self, part: &str) -> String {
        let sign =
            |c| self.stand_ins.iter().zip(KEPT).find(|(stand_in, _)| **stand_in == c).map_or(c, |(_, sign)| sign);
        part.chars().map(sign).collect()
    }
}

/// Unicode keeps these for programs; they stand for nothing.
fn unused(text: &str) -> Option<[char; KEPT.len()]> {
    let mut free = ('\u{FDD0}'..='\u{FDEF}').filter(|c| !text.contains(*c));
    let mut stand_ins = KEPT;
    for stand_in in &mut stand_ins {
        *stand_in = free.next()?;
    }
    Some(stand_ins)
}

/// The places of the signs to be kept, in order.
fn places(text: &str) -> Vec<usize> {
    let addresses = link::find(text).into_iter().map(|(range, _)| range);
    let names = mentions::find(text).into_iter().map(|range| {
        let name = text.get(range.clone()).unwrap_or_default();
        range.start..range.start + name.trim_end_matches('_').len()
    });
    let mut places: Vec<usize> = addresses
        .chain(names)
        .filter_map(|range| Some((range.start, text.get(range)?)))
        .flat_map(|(start, part)| part.match_indices(['_', '*', '~']).map(move |(at, _)| start + at))
        .chain(text.match_indices("]:").map(|(at, _)| at + 1))
        .chain(ends_of_padded_numbers(text))
        .collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// The places of full stops and brackets after a number with noughts before it.
fn ends_of_padded_numbers(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices(['.', ')']).map(|(at, _)| at).filter(|at| {
        let before = text.get(..*at).unwrap_or_default();
        let number = before.get(before.trim_end_matches(|c: char| c.is_ascii_digit()).len()..).unwrap_or_default();
        number.len() > 1 && number.starts_with('0')
    })
}

//! Names that a hurried reader takes for one another. Knows nothing of whose they are.

use alloc::string::String;
use alloc::vec::Vec;

use unicode_normalization::UnicodeNormalization;

use crate::text::chars::{is_invisible, is_mark};

/// True if a reader may take `name` for `other`: equal names look alike too.
///
/// Letters of Latin, Greek and Cyrillic that look the same count as the same, and so do capital and small letters,
/// letters with and without marks, and `0`/`o`, `1`/`i`/`l`, `rn`/`m`, `vv`/`w`. What cannot be seen counts for
/// nothing.
pub fn looks_like(name: &str, other: &str) -> bool {
    // Some letters look alike only as capitals, so that the small forms must be compared as well.
    folded(name) == folded(other) || skeleton(name) == skeleton(other)
}

/// What `name` looks like, in small and in capital letters: who has many names compares these instead of each with each.
/// Two names look alike if they have either the first or the second in common.
pub fn likeness(name: &str) -> [String; 2] {
    [folded(name), skeleton(name)]
}

fn folded(name: &str) -> String {
    visible(name).flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

fn skeleton(name: &str) -> String {
    let letters: String =
        visible(name).filter_map(look).flat_map(char::to_lowercase).map(|c| if c == 'i' { 'l' } else { c }).collect();
    letters.replace("rn", "m").replace("vv", "w")
}

/// `name` in compatible letters without marks, with single spaces.
fn visible(name: &str) -> impl Iterator<Item = char> {
    // The lunate sigma looks like a c, but its compatible form does not.
    let name = name.chars().map(|c| if matches!(c, 'ϲ' | 'Ϲ') { 'c' } else { c });
    let shown: String = name.nfkc().nfkd().filter(|c| !is_invisible(*c) && !is_mark(*c)).collect();
    let words: Vec<&str> = shown.split_whitespace().collect();
    words.join(" ").chars().collect::<Vec<char>>().into_iter()
}

/// The Latin letter that `c` looks like; itself if none; nothing for a control character.
fn look(c: char) -> Option<char> {
    let latin = match c {
        '0' | 'О' | 'о' | 'Ο' | 'ο' | 'σ' | 'Օ' | 'օ' | 'ס' => 'o',
        '1' | '|' | 'I' | 'і' | 'І' | 'Ι' | 'ι' | 'Ӏ' | 'ӏ' | 'ı' | 'ɩ' | 'ǀ' | '׀' => 'l',
        'А' | 'а' | 'Α' | 'α' | 'ɑ' => 'a',
        'В' | 'в' | 'Β' | 'ь' | 'Ь' => 'b',
        'С' | 'с' => 'c',
        'Ԁ' | 'ԁ' => 'd',
        'Е' | 'е' | 'Ε' | 'ε' => 'e',
        'ɡ' => 'g',
        'Н' | 'н' | 'Η' | 'Һ' | 'һ' => 'h',
        'Ј' | 'ј' | 'ϳ' => 'j',
        'К' | 'к' | 'Κ' | 'κ' => 'k',
        'М' | 'м' | 'Μ' => 'm',
        'Ν' | 'η' | 'п' => 'n',
        'Р' | 'р' | 'Ρ' | 'ρ' => 'p',
        'Ԛ' | 'ԛ' => 'q',
        'г' => 'r',
        'Ѕ' | 'ѕ' => 's',
        'Т' | 'т' | 'Τ' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'Ԝ' | 'ԝ' | 'ω' | 'ѡ' => 'w',
        'Х' | 'х' | 'Χ' | 'χ' => 'x',
        'У' | 'у' | 'Υ' | 'γ' | 'ү' | 'Ү' => 'y',
        'Ζ' => 'z',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2018}' | '\u{2019}' | '\u{2BC}' => '\'',
        '\u{2024}' => '.',
        _ if c.is_control() => return None,
        _ => c,
    };
    Some(latin)
}

//! One form for all the ways to write a word. Knows nothing of where words begin and end.

use alloc::string::String;

use unicode_normalization::UnicodeNormalization;

use super::WORD_BYTES_MAX;
use crate::text::chars::{is_invisible, is_letter_or_number, is_mark};

/// `word` in small letters, without diacritics, at most [`WORD_BYTES_MAX`].
pub(super) fn fold(word: &str) -> String {
    let mut folded = String::new();
    let letters = word.nfkd().filter(|c| (is_letter_or_number(*c) || is_mark(*c)) && !is_left_out(*c));
    for c in letters.flat_map(char::to_lowercase) {
        match plain_letters(c) {
            Some(plain) => folded.push_str(plain),
            None => folded.push(c),
        }
        // Composing makes a text shorter, three characters to one at most.
        if folded.len() > 4 * WORD_BYTES_MAX {
            break;
        }
    }
    let mut composed: String = folded.nfc().collect();
    composed.truncate(composed.floor_char_boundary(WORD_BYTES_MAX));
    composed
}

/// What nobody sees, what only draws a word out, and marks that people leave out when they type: elsewhere (Hindi, Thai,
/// Japanese) a mark makes another word.
fn is_left_out(c: char) -> bool {
    is_invisible(c) || matches!(c, TATWEEL | NKO_LAJANYALAN) || is_diacritic(c)
}

/// Draws Arabic words out.
const TATWEEL: char = '\u{640}';
/// Draws words of N'Ko out.
const NKO_LAJANYALAN: char = '\u{7FA}';

fn is_diacritic(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5BD}' | '\u{5BF}' | '\u{5C1}'..='\u{5C2}'
        | '\u{5C4}'..='\u{5C5}' | '\u{5C7}' | '\u{610}'..='\u{61A}' | '\u{64B}'..='\u{65F}' | '\u{670}'
        | '\u{6D6}'..='\u{6DC}' | '\u{730}'..='\u{74A}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Letters that Unicode does not take apart, and that people type otherwise: some because they cannot tell what they see
/// from another letter, as Persian and Arabic keyboards have it.
fn plain_letters(c: char) -> Option<&'static str> {
    match c {
        'ß' => Some("ss"),
        'æ' => Some("ae"),
        'œ' => Some("oe"),
        'ø' => Some("o"),
        'ł' => Some("l"),
        'đ' | 'ð' => Some("d"),
        'þ' => Some("th"),
        'ı' => Some("i"),
        'ς' => Some("σ"),
        'ى' | 'ی' => Some("ي"),
        'ک' => Some("ك"),
        'ہ' | 'ة' => Some("ه"),
        '۰' | '٠' => Some("0"),
        '۱' | '١' => Some("1"),
        '۲' | '٢' => Some("2"),
        '۳' | '٣' => Some("3"),
        '۴' | '٤' => Some("4"),
        '۵' | '٥' => Some("5"),
        '۶' | '٦' => Some("6"),
        '۷' | '٧' => Some("7"),
        '۸' | '٨' => Some("8"),
        '۹' | '٩' => Some("9"),
        _ => None,
    }
}

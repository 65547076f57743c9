//! Kinds of characters that several kinds of text work need to tell apart, by Unicode's own tables. Knows nothing of
//! what is done with them.

use icu_properties::props::{
    DefaultIgnorableCodePoint, EastAsianWidth, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup, LineBreak,
    Script, TerminalPunctuation,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Draws what is before it as an emoji.
pub(super) const EMOJI_STYLE: char = '\u{FE0F}';
/// Draws what is before it as a sign of the text.
pub(super) const TEXT_STYLE: char = '\u{FE0E}';
/// Parts words where nothing is seen between them.
pub(super) const WORD_BREAK: char = '\u{200B}';

/// It is drawn on the character before it.
pub(super) fn is_mark(c: char) -> bool {
    is_of(c, GeneralCategoryGroup::Mark)
}

/// It shows nothing of its own: joiners, direction controls, fillers, variation selectors, tags.
pub(super) fn is_invisible(c: char) -> bool {
    // The signs around annotations are meant to be looked at and yet nobody draws them.
    is_ignorable(c) || matches!(c, '\u{FFF9}'..='\u{FFFB}')
}

/// It counts as a letter or a sign, and yet only takes up room.
pub(super) fn is_blank_letter(c: char) -> bool {
    // A filler of Hangul, a cell of Braille without points, a head of a note that is not there, a filler of Khitan.
    matches!(c, '\u{2800}' | '\u{1D159}' | '\u{16FE4}')
        || (is_ignorable(c) && is_of(c, GeneralCategoryGroup::Letter) && !is_mark(c))
}

/// Alone it shows nothing, or a mark on nothing.
pub(super) fn is_unseen(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark};
    c.is_whitespace()
        || c.is_control()
        || is_invisible(c)
        || is_blank_letter(c)
        || matches!(category(c), NonspacingMark | EnclosingMark)
}

/// It belongs to a script that puts no spaces between words, or where what people look for stands within words: Chinese,
/// Japanese, Korean, Thai, Lao, Burmese, Khmer, Javanese, Balinese and others.
pub(super) fn is_unspaced(c: char) -> bool {
    use LineBreak as Break;
    let breaks = match CodePointMapData::<LineBreak>::new().get(c) {
        Break::ConditionalJapaneseStarter => true,
        // Wide letters of Latin may stand at the end of any line too.
        Break::ComplexContext | Break::Ideographic | Break::Aksara | Break::AksaraPrebase | Break::AksaraStart => {
            !is_latin(c) && !is_of_any_script(c)
        }
        _ => false,
    };
    // Signs that repeat a letter may not begin a line, and stand within words all the same.
    breaks || matches!(script(c), Script::Han | Script::Hiragana | Script::Katakana | Script::Bopomofo | Script::Hangul)
}

/// A letter of Latin, full-width ones too.
pub(super) fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || script(c) == Script::Latin
}

/// A letter, or a number in whatever digits. Signs that only count as letters, such as 🅰, are none.
pub(super) fn is_letter_or_number(c: char) -> bool {
    is_of(c, GeneralCategoryGroup::Letter) || is_of(c, GeneralCategoryGroup::Number)
}

/// A symbol beyond those of a keyboard: emoji, arrows, currencies, stars.
pub(super) fn is_symbol(c: char) -> bool {
    let symbol = is_of(c, GeneralCategoryGroup::Symbol) && category(c) != GeneralCategory::ModifierSymbol;
    !c.is_ascii() && (symbol || is_skin(c))
}

/// A picture, or a sign that may be drawn as one.
pub(super) fn is_picture(c: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(c) || matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// Changes the skin of the emoji before it.
pub(super) fn is_skin(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

/// Punctuation beyond that of ASCII.
pub(super) fn is_other_punctuation(c: char) -> bool {
    !c.is_ascii() && is_of(c, GeneralCategoryGroup::Punctuation)
}

/// Ends what stands before it, whatever follows: a sign between or after sentences, a bracket, a quotation mark, or any
/// punctuation as wide as an ideograph.
pub(super) fn parts_text(c: char) -> bool {
    use EastAsianWidth as Width;
    use GeneralCategory::{ClosePunctuation, FinalPunctuation, InitialPunctuation, OpenPunctuation};
    if !is_other_punctuation(c) {
        return false;
    }
    let quotes = matches!(category(c), ClosePunctuation | FinalPunctuation | InitialPunctuation | OpenPunctuation);
    let wide =
        matches!(CodePointMapData::<EastAsianWidth>::new().get(c), Width::Fullwidth | Width::Halfwidth | Width::Wide);
    quotes || wide || CodePointSetData::new::<TerminalPunctuation>().contains(c)
}

/// The script of a letter; marks and signs that many scripts share have none of their own.
pub(super) fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

/// True if `c` is of no script: a digit, a sign, or a mark that is put on letters of any.
pub(super) fn is_of_any_script(c: char) -> bool {
    matches!(script(c), Script::Common | Script::Inherited)
}

fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_of(c: char, group: GeneralCategoryGroup) -> bool {
    group.contains(category(c))
}

//! The fonts that come with the program, so that it looks the same on a bare panel. Knows nothing of what is written.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use skrifa::MetadataProvider;
use slint::fontique_011::fontique::{Blob, Collection, FallbackKey, FamilyId, GenericFamily, Script};

const TEXT: [&[u8]; 5] = [
    include_bytes!("../fonts/Inter-Regular.otf"),
    include_bytes!("../fonts/Inter-Italic.otf"),
    include_bytes!("../fonts/Inter-SemiBold.otf"),
    include_bytes!("../fonts/Inter-Bold.otf"),
    include_bytes!("../fonts/Inter-BoldItalic.otf"),
];
const CODE: &[u8] = include_bytes!("../fonts/JetBrainsMono-Regular.ttf");
const EMOJI: &[u8] = include_bytes!("../fonts/NotoEmoji-Regular.ttf");

/// Ways to draw emoji.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emoji {
    /// Those of the system, in colour, and ours where it has none: for a renderer that can draw them.
    System,
    /// Ours, in outline: every renderer can.
    Outline,
}

/// Stands for an emoji that no font of ours has.
const UNKNOWN: char = '\u{25a1}';

/// The fonts of the system that draw emoji in outline; none where those in colour are drawn too.
static OUTLINES: OnceLock<Vec<Blob<u8>>> = OnceLock::new();

/// The text with a box in place of each emoji that would be drawn as nothing, because it is newer than all fonts that
/// can be drawn.
pub fn visible(text: &str) -> Cow<'_, str> {
    if OUTLINES.get().is_none() || text.is_ascii() || !text.chars().any(is_missing) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_missing(c) { UNKNOWN } else { c }).collect())
}

fn is_missing(c: char) -> bool {
    // Skin tones, tags, selectors and joiners are never drawn by themselves.
    let pictured = matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1f3fa}' | '\u{1f400}'..='\u{1faff}');
    let ours = || [&EMOJI, &CODE].into_iter().chain(&TEXT).any(|font| has(font, c));
    let others = || OUTLINES.get().is_some_and(|fonts| fonts.iter().any(|font| has(font.data(), c)));
    pictured && !ours() && !others()
}

fn has(font: &[u8], c: char) -> bool {
    skrifa::FontRef::new(font).is_ok_and(|font| font.charmap().map(c).is_some())
}

/// Makes the fonts known to all windows. The platform must have been chosen before.
pub fn register(emoji: Emoji) {
    let mut collection = slint::fontique_011::shared_collection();
    let text: Vec<FamilyId> = TEXT.iter().flat_map(|font| add(&mut collection, font)).collect();
    let code = add(&mut collection, CODE);
    let ours = add(&mut collection, EMOJI);
    let system: Vec<FamilyId> = collection.generic_families(GenericFamily::Emoji).collect();
    let pictures = match emoji {
        Emoji::System => [system, ours.clone()].concat(),
        Emoji::Outline => {
            let (outlined, fonts): (Vec<FamilyId>, Vec<Blob<u8>>) =
                system.into_iter().filter_map(|family| Some((family, outlines(&mut collection, family)?))).unzip();
            // The first choice holds: all windows of a program share their fonts.
            let _ = OUTLINES.set(fonts);
            [ours.clone(), outlined].concat()
        }
    };
    // Ours come before those of the system wherever a kind of font is asked for, so that all machines draw the same.
    prefer(&mut collection, GenericFamily::Monospace, &code);
    for family in [GenericFamily::SansSerif, GenericFamily::SystemUi, GenericFamily::UiSansSerif] {
        prefer(&mut collection, family, &[&text[..], &pictures].concat());
    }
    collection.set_generic_families(GenericFamily::Emoji, pictures.into_iter());
    for script in [b"Zyyy", b"Zsye", b"Zsym"] {
        collection.append_fallbacks(FallbackKey::new(Script::from_bytes(*script), None), ours.iter().copied());
    }
}

/// Puts `first` before the others of that kind.
fn prefer(collection: &mut Collection, kind: GenericFamily, first: &[FamilyId]) {
    let others: Vec<FamilyId> = collection.generic_families(kind).collect();
    collection.set_generic_families(kind, first.iter().copied().chain(others));
}

/// Makes a font known, and tells of which families it is.
fn add(collection: &mut Collection, font: &'static [u8]) -> Vec<FamilyId> {
    collection.register_fonts(Blob::new(Arc::new(font)), None).into_iter().map(|(family, _)| family).collect()
}

/// The font of a family if every renderer can draw it: pictures in colour are of no use to all.
fn outlines(collection: &mut Collection, family: FamilyId) -> Option<Blob<u8>> {
    let info = collection.family(family)?;
    let font = info.default_font()?;
    let data = font.load(None)?;
    let face = skrifa::FontRef::from_index(data.data(), font.index()).ok()?;
    let has_table = |tag: &[u8; 4]| face.table_data(skrifa::Tag::new(tag)).is_some();
    let outlined = has_table(b"glyf") || has_table(b"CFF ") || has_table(b"CFF2");
    let coloured = [b"CBDT", b"COLR", b"sbix", b"SVG "].into_iter().any(has_table);
    (outlined && !coloured).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_that_no_font_has_is_drawn_as_a_box() {
        let newer = '\u{1f322}';
        assert_eq!(visible(&format!("ok {newer}")), format!("ok {newer}"), "a font of the system may have it");
        let _ = OUTLINES.set(Vec::new());
        assert_eq!(visible(&format!("ok 👍🏽 → 🫠 🩷 🪿 {newer}")), "ok 👍🏽 → 🫠 🩷 🪿 \u{25a1}");
        assert!(!is_missing(UNKNOWN));
    }
}

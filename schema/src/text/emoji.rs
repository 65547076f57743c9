//! What counts as one emoji, and the one way to write it. Knows nothing of what it is put to.
//!
//! The rule stands here and not in a library: all nodes must decide alike, also while their programs are of different
//! versions, and a library's tables grow with Unicode. Room that Unicode keeps for emoji to come counts as emoji.

use std::iter::Peekable;
use std::str::Chars;

/// Drawn as an emoji and not as a sign of the text.
const EMOJI_STYLE: char = '\u{FE0F}';
const JOINER: char = '\u{200D}';
const KEYCAP: char = '\u{20E3}';
const TAG_END: char = '\u{E007F}';
const BLACK_FLAG: char = '\u{1F3F4}';

/// `text` in the one way to write it, if it is one emoji and nothing else: a sign with its style or skin, several of them
/// joined, a flag of two letters or of tags, or a keycap.
///
/// Keyboards leave the style out or put it where it says nothing. Here it stands where a sign would be drawn as one of
/// the text without it, and nowhere else: `❤` is `❤️`, `👍️` is `👍`. Unicode calls that fully qualified.
pub fn normal(text: &str) -> Option<String> {
    let mut chars = text.chars().peekable();
    let mut emoji = String::with_capacity(text.len());
    loop {
        take_one(&mut chars, &mut emoji)?;
        if chars.next_if_eq(&JOINER).is_none() {
            return chars.next().is_none().then_some(emoji);
        }
        emoji.push(JOINER);
    }
}

/// Takes an emoji without what it may be joined with; none if there is none.
fn take_one(chars: &mut Peekable<Chars<'_>>, emoji: &mut String) -> Option<()> {
    let first = chars.next()?;
    emoji.push(first);
    match first {
        '0'..='9' | '#' | '*' => {
            let _style = chars.next_if_eq(&EMOJI_STYLE);
            emoji.extend([EMOJI_STYLE, chars.next_if_eq(&KEYCAP)?]);
        }
        letter if is_flag_letter(letter) => emoji.push(chars.next_if(|next| is_flag_letter(*next))?),
        sign if is_sign(sign) => {
            let _style = chars.next_if_eq(&EMOJI_STYLE);
            match chars.next_if(|next| is_skin(*next)) {
                Some(skin) => emoji.push(skin),
                None => emoji.extend(is_sign_of_text(sign).then_some(EMOJI_STYLE)),
            }
            if sign == BLACK_FLAG {
                take_tags(chars, emoji)?;
            }
        }
        skin => return is_skin(skin).then_some(()),
    }
    Some(())
}

/// Takes the tags that make a flag that of a region, if there are any; none if they have no end.
fn take_tags(chars: &mut Peekable<Chars<'_>>, emoji: &mut String) -> Option<()> {
    let is_tag = |c: &char| matches!(c, '\u{E0020}'..='\u{E007E}');
    let before = emoji.len();
    while let Some(tag) = chars.next_if(is_tag) {
        emoji.push(tag);
    }
    if emoji.len() > before {
        emoji.push(chars.next_if_eq(&TAG_END)?);
    }
    Some(())
}

fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

fn is_skin(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

/// Unicode's property `Emoji` without digits, flag letters and skins, with its room for more above U+1F300.
#[rustfmt::skip]
fn is_sign(c: char) -> bool {
    matches!(c,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{2199}'
        | '\u{21A9}'..='\u{21AA}' | '\u{231A}'..='\u{231B}' | '\u{2328}' | '\u{23CF}' | '\u{23E9}'..='\u{23F3}'
        | '\u{23F8}'..='\u{23FA}' | '\u{24C2}' | '\u{25AA}'..='\u{25AB}' | '\u{25B6}' | '\u{25C0}'
        | '\u{25FB}'..='\u{25FE}' | '\u{2600}'..='\u{2604}' | '\u{260E}' | '\u{2611}' | '\u{2614}'..='\u{2615}'
        | '\u{2618}' | '\u{261D}' | '\u{2620}' | '\u{2622}'..='\u{2623}' | '\u{2626}' | '\u{262A}'
        | '\u{262E}'..='\u{262F}' | '\u{2638}'..='\u{263A}' | '\u{2640}' | '\u{2642}' | '\u{2648}'..='\u{2653}'
        | '\u{265F}'..='\u{2660}' | '\u{2663}' | '\u{2665}'..='\u{2666}' | '\u{2668}' | '\u{267B}'
        | '\u{267E}'..='\u{267F}' | '\u{2692}'..='\u{2697}' | '\u{2699}' | '\u{269B}'..='\u{269C}'
        | '\u{26A0}'..='\u{26A1}' | '\u{26A7}' | '\u{26AA}'..='\u{26AB}' | '\u{26B0}'..='\u{26B1}'
        | '\u{26BD}'..='\u{26BE}' | '\u{26C4}'..='\u{26C5}' | '\u{26C8}' | '\u{26CE}'..='\u{26CF}' | '\u{26D1}'
        | '\u{26D3}'..='\u{26D4}' | '\u{26E9}'..='\u{26EA}' | '\u{26F0}'..='\u{26F5}' | '\u{26F7}'..='\u{26FA}'
        | '\u{26FD}' | '\u{2702}' | '\u{2705}' | '\u{2708}'..='\u{270D}' | '\u{270F}' | '\u{2712}' | '\u{2714}'
        | '\u{2716}' | '\u{271D}' | '\u{2721}' | '\u{2728}' | '\u{2733}'..='\u{2734}' | '\u{2744}' | '\u{2747}'
        | '\u{274C}' | '\u{274E}' | '\u{2753}'..='\u{2755}' | '\u{2757}' | '\u{2763}'..='\u{2764}'
        | '\u{2795}'..='\u{2797}' | '\u{27A1}' | '\u{27B0}' | '\u{27BF}' | '\u{2934}'..='\u{2935}'
        | '\u{2B05}'..='\u{2B07}' | '\u{2B1B}'..='\u{2B1C}' | '\u{2B50}' | '\u{2B55}' | '\u{3030}' | '\u{303D}'
        | '\u{3297}' | '\u{3299}' | '\u{1F004}' | '\u{1F0CF}' | '\u{1F170}'..='\u{1F171}'
        | '\u{1F17E}'..='\u{1F17F}' | '\u{1F18E}' | '\u{1F191}'..='\u{1F19A}' | '\u{1F201}'..='\u{1F202}'
        | '\u{1F21A}' | '\u{1F22F}' | '\u{1F232}'..='\u{1F23A}' | '\u{1F250}'..='\u{1F251}'
        | '\u{1F300}'..='\u{1F3FA}' | '\u{1F400}'..='\u{1F53D}' | '\u{1F546}'..='\u{1F64F}'
        | '\u{1F680}'..='\u{1F6FF}' | '\u{1F7E0}'..='\u{1F7FF}' | '\u{1F90C}'..='\u{1F93A}'
        | '\u{1F93C}'..='\u{1F945}' | '\u{1F947}'..='\u{1F9FF}' | '\u{1FA70}'..='\u{1FAFF}')
}

/// Unicode's property `Emoji` without `Emoji_Presentation`: drawn as a sign of the text unless its style says otherwise.
/// What Unicode makes an emoji from now on is drawn as one.
#[rustfmt::skip]
fn is_sign_of_text(c: char) -> bool {
    matches!(c,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{2199}' |
        '\u{21A9}'..='\u{21AA}' | '\u{2328}' | '\u{23CF}' | '\u{23ED}'..='\u{23EF}' | '\u{23F1}'..='\u{23F2}' |
        '\u{23F8}'..='\u{23FA}' | '\u{24C2}' | '\u{25AA}'..='\u{25AB}' | '\u{25B6}' | '\u{25C0}' |
        '\u{25FB}'..='\u{25FC}' | '\u{2600}'..='\u{2604}' | '\u{260E}' | '\u{2611}' | '\u{2618}' | '\u{261D}' |
        '\u{2620}' | '\u{2622}'..='\u{2623}' | '\u{2626}' | '\u{262A}' | '\u{262E}'..='\u{262F}' |
        '\u{2638}'..='\u{263A}' | '\u{2640}' | '\u{2642}' | '\u{265F}'..='\u{2660}' | '\u{2663}' |
        '\u{2665}'..='\u{2666}' | '\u{2668}' | '\u{267B}' | '\u{267E}' | '\u{2692}' | '\u{2694}'..='\u{2697}' |
        '\u{2699}' | '\u{269B}'..='\u{269C}' | '\u{26A0}' | '\u{26A7}' | '\u{26B0}'..='\u{26B1}' | '\u{26C8}' |
        '\u{26CF}' | '\u{26D1}' | '\u{26D3}' | '\u{26E9}' | '\u{26F0}'..='\u{26F1}' | '\u{26F4}' |
        '\u{26F7}'..='\u{26F9}' | '\u{2702}' | '\u{2708}'..='\u{2709}' | '\u{270C}'..='\u{270D}' | '\u{270F}' |
        '\u{2712}' | '\u{2714}' | '\u{2716}' | '\u{271D}' | '\u{2721}' | '\u{2733}'..='\u{2734}' | '\u{2744}' |
        '\u{2747}' | '\u{2763}'..='\u{2764}' | '\u{27A1}' | '\u{2934}'..='\u{2935}' | '\u{2B05}'..='\u{2B07}' |
        '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F170}'..='\u{1F171}' | '\u{1F17E}'..='\u{1F17F}' |
        '\u{1F202}' | '\u{1F237}' | '\u{1F321}' | '\u{1F324}'..='\u{1F32C}' | '\u{1F336}' | '\u{1F37D}' |
        '\u{1F396}'..='\u{1F397}' | '\u{1F399}'..='\u{1F39B}' | '\u{1F39E}'..='\u{1F39F}' |
        '\u{1F3CB}'..='\u{1F3CE}' | '\u{1F3D4}'..='\u{1F3DF}' | '\u{1F3F3}' | '\u{1F3F5}' | '\u{1F3F7}' |
        '\u{1F43F}' | '\u{1F441}' | '\u{1F4FD}' | '\u{1F549}'..='\u{1F54A}' | '\u{1F56F}'..='\u{1F570}' |
        '\u{1F573}'..='\u{1F579}' | '\u{1F587}' | '\u{1F58A}'..='\u{1F58D}' | '\u{1F590}' | '\u{1F5A5}' |
        '\u{1F5A8}' | '\u{1F5B1}'..='\u{1F5B2}' | '\u{1F5BC}' | '\u{1F5C2}'..='\u{1F5C4}' |
        '\u{1F5D1}'..='\u{1F5D3}' | '\u{1F5DC}'..='\u{1F5DE}' | '\u{1F5E1}' | '\u{1F5E3}' | '\u{1F5E8}' |
        '\u{1F5EF}' | '\u{1F5F3}' | '\u{1F5FA}' | '\u{1F6CB}' | '\u{1F6CD}'..='\u{1F6CF}' |
        '\u{1F6E0}'..='\u{1F6E5}' | '\u{1F6E9}' | '\u{1F6F0}' | '\u{1F6F3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each in the one way to write it, and otherwise.
    const WAYS: [(&str, &[&str]); 12] = [
        ("👍", &["👍\u{FE0F}"]),
        ("❤\u{FE0F}", &["❤"]),
        ("☎\u{FE0F}", &["☎"]),
        ("☝🏽", &["☝\u{FE0F}🏽"]),
        ("👍🏽", &["👍\u{FE0F}🏽"]),
        ("⛵", &["⛵\u{FE0F}"]),
        ("1\u{FE0F}\u{20E3}", &["1\u{20E3}"]),
        ("❤\u{FE0F}\u{200D}🔥", &["❤\u{200D}🔥", "❤\u{FE0F}\u{200D}🔥\u{FE0F}"]),
        ("🏳\u{FE0F}\u{200D}🌈", &["🏳\u{200D}🌈"]),
        ("👁\u{FE0F}\u{200D}🗨\u{FE0F}", &["👁\u{200D}🗨", "👁\u{FE0F}\u{200D}🗨"]),
        ("🏴\u{200D}☠\u{FE0F}", &["🏴\u{200D}☠", "🏴\u{FE0F}\u{200D}☠"]),
        ("🏋🏽\u{200D}♀\u{FE0F}", &["🏋🏽\u{200D}♀", "🏋\u{FE0F}🏽\u{200D}♀\u{FE0F}"]),
    ];

    #[test]
    fn an_emoji_is_written_in_one_way() {
        for (normal, others) in WAYS {
            for way in others.iter().chain([&normal]) {
                assert_eq!(super::normal(way).as_deref(), Some(normal), "{}", way.escape_unicode());
            }
        }
    }

    #[test]
    fn an_emoji_is_one_sign_however_many_characters_it_has() {
        for emoji in [
            "👍",
            "👍🏽",
            "❤",
            "❤️",
            "❤️‍🔥",
            "⛵",
            "☎️",
            "🏴",
            "🏴‍☠️",
            "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
            "🇩🇪",
            "🏳️‍🌈",
            "1️⃣",
            "#⃣",
            "👩‍⚕️",
            "👩🏿‍🤝‍👨🏻",
            "👩‍👩‍👧‍👦",
            "👁️‍🗨️",
            "🧑‍🦽‍➡️",
            "🏽",
            "©️",
            "🫩",
        ] {
            assert!(normal(emoji).is_some(), "{emoji}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for other in [
            "",
            " ",
            "a",
            "ok",
            "lol",
            "1",
            "#",
            "*",
            "1\u{FE0F}",
            "👍👍",
            "👍 ",
            " 👍",
            "👍!",
            "a👍",
            "👍\u{200D}",
            "\u{200D}👍",
            "\u{FE0F}",
            "👍\u{FE0F}\u{FE0F}",
            "🇩",
            "🇩🇪🇫",
            "🇩🇪🇫🇷",
            "❤\u{FE0E}",
            "🏴\u{E0067}\u{E0062}",
            "👍\u{E0067}\u{E007F}",
            "é",
            "東",
            "\u{202E}👍",
            "👍\u{301}",
            "\n",
            "★",
            "→",
            "€",
        ] {
            assert_eq!(normal(other), None, "{other:?}");
        }
    }
}

//! What people write in many scripts, in a hundred lines of each: mentions, links, search and emptiness.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod table;

use raftchat_model::text::markup::{self, Content, Role};
use raftchat_model::text::{safe, words};
use raftchat_schema::id::UserId;
use table::{SCRIPTS, Script};

const BOB: UserId = UserId(1002);

/// What nobody sees, wherever it stands.
const UNSEEN: [&str; 7] = ["\u{AD}", "\u{200B}", "\u{2060}", "\u{FEFF}", "\u{200E}", "\u{200F}", "\u{61C}"];

/// What may stand before a name without a space, in any script.
const BEFORE: [&str; 10] = ["👍", "⚠\u{FE0F}", "❤\u{FE0F}", "1\u{FE0F}\u{20E3}", "👩🏽‍🚀", "🇩🇪", "…", "—", "(", "\u{200B}"];

fn bob(name: &str) -> Option<UserId> {
    (name == "bob").then_some(BOB)
}

fn mentioned(line: &str) -> Vec<UserId> {
    markup::mentioned(line, bob)
}

/// All that is seen of the links of a text, and where they lead.
fn links(line: &str) -> Vec<(String, String)> {
    let blocks = markup::parse(line).blocks.into_iter();
    let spans = blocks.filter_map(|block| if let Content::Text(spans) = block.content { Some(spans) } else { None });
    let link = |span: markup::Span| {
        if let Role::Link(link) = &span.role { Some((span.text.clone(), link.target().to_owned())) } else { None }
    };
    spans.flatten().filter_map(link).collect()
}

fn is_found(line: &str, asked: &str) -> bool {
    let (index, terms): (Vec<String>, _) = (words::words(line).collect(), words::query(asked));
    !terms.is_empty() && terms.iter().all(|term| index.iter().any(|word| term.matches(word)))
}

/// What is marked in a line as found.
fn marked<'a>(line: &'a str, asked: &str) -> Vec<&'a str> {
    words::highlight(line, &words::query(asked)).into_iter().map(|range| line.get(range).unwrap()).collect()
}

/// Each two words with a sign between them, a hundred for each script.
fn pairs(script: &Script) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let signs = script.signs;
    let words = script.words;
    (0..100_usize).map(move |n| {
        let (one, other) = (words.get(n / 10).unwrap(), words.get(n % 10).unwrap());
        (*one, *signs.get(n % signs.len()).unwrap(), *other)
    })
}

fn is_latin(script: &Script) -> bool {
    matches!(script.name, "Vietnamese" | "Turkish")
}

#[test]
fn there_are_twenty_scripts_and_more() {
    assert!(SCRIPTS.len() >= 20);
}

#[test]
fn a_name_is_a_mention_in_the_midst_of_any_script() {
    for script in &SCRIPTS {
        for (n, (one, sign, other)) in pairs(script).enumerate() {
            let before = BEFORE.get(n % BEFORE.len()).unwrap();
            let lines = [
                format!("{one} @bob {other}"),
                format!("{one}{sign}@bob {other}"),
                format!("@bob{sign}{other}"),
                format!("{one} @bob{sign} {other}"),
                format!("{before}@bob{sign}"),
                format!("{one}{before}@bob {other}"),
                format!("{one} ＠bob{sign}"),
                format!("{one} ＠ｂｏｂ {other}"),
                format!("「@bob」{one}"),
                format!("**{one}**{sign}@bob"),
            ];
            for line in lines {
                // A hyphen or a full stop with letters after it may belong to a name.
                let goes_on = line.contains(&format!("@bob.{other}"));
                assert!(goes_on || mentioned(&line) == [BOB], "{}: {line}", script.name);
            }
            let glued = [format!("{one}@bob {other}"), format!("{one} @bob{other}"), format!("@bob\u{2060}{other}")];
            for line in glued {
                let expected: &[UserId] = if is_latin(script) { &[] } else { &[BOB] };
                assert_eq!(mentioned(&line), expected, "{}: {line}", script.name);
            }
        }
    }
}

#[test]
fn a_link_ends_where_the_sentence_goes_on_in_any_script() {
    const LINK: &str = "https://example.com/a_b";
    for script in &SCRIPTS {
        for (one, sign, other) in pairs(script) {
            let lines = [
                format!("{one} {LINK} {other}"),
                format!("{one}{sign}{LINK}"),
                format!("{LINK}{sign}"),
                format!("{LINK}{sign} {other}"),
                format!("（{LINK}）{other}"),
                format!("「{LINK}」{sign}{other}"),
                format!("{one}“{LINK}”{other}"),
            ];
            for line in lines {
                assert_eq!(links(&line), [(LINK.to_owned(), LINK.to_owned())], "{}: {line}", script.name);
            }
            let mail = format!("{one} bob@example.org{sign} {other}");
            assert_eq!(links(&mail), [("bob@example.org".to_owned(), "mailto:bob@example.org".to_owned())], "{mail}");
            let named = format!("{LINK}{sign}@bob {other}");
            let ascii = sign.starts_with(|c: char| c.is_ascii() && !c.is_whitespace());
            assert!(ascii || mentioned(&named) == [BOB] || !ends_a_link(sign), "{}: {named}", script.name);
            if !is_latin(script) {
                let glued = format!("{one}https://example.com{other}");
                let found = links(&glued);
                assert_eq!(found, [("https://example.com".to_owned(), "https://example.com".to_owned())], "{glued}");
                let glued = format!("{one}www.example.com{other}");
                let found = links(&glued);
                assert_eq!(found, [("www.example.com".to_owned(), "https://www.example.com".to_owned())], "{glued}");
            }
            let whole = format!("https://example.org/{one}");
            assert_eq!(links(&whole), [(whole.clone(), whole.clone())], "{}", script.name);
        }
    }
}

/// Signs that stand between words without ending anything: syllables of Tibetan, hyphens of Hebrew and the like.
fn ends_a_link(sign: &str) -> bool {
    !matches!(
        sign,
        "་" | "־"
            | "״"
            | "·"
            | "…"
            | "……"
            | "——"
            | "ฯ"
            | "෴"
            | "’"
            | "༑"
            | "՞"
            | "՜"
            | "՝"
            | "\u{387}"
            | "\u{200F}"
    )
}

#[test]
fn each_word_of_any_script_is_found_as_it_is_seen() {
    for script in &SCRIPTS {
        let line = script.words.join(script.space);
        for (at, word) in script.words.iter().enumerate() {
            assert!(is_found(&line, word), "{}: {word} in {line}", script.name);
            assert!(marked(word, word).concat().chars().count() > 0, "{}: {word}", script.name);
            // The others do not say it.
            let others: Vec<&str> =
                script.words.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, word)| *word).collect();
            let others = others.join(" ");
            assert!(!is_found(&others, word), "{}: {word} in {others}", script.name);
        }
        for (n, (one, sign, other)) in pairs(script).enumerate() {
            let unseen = UNSEEN.get(n % UNSEEN.len()).unwrap();
            let line = format!("{}{sign} {}", hidden(one, unseen), hidden(other, unseen));
            assert!(is_found(&line, one) && is_found(&line, other), "{}: {line:?}", script.name);
            assert!(is_found(&format!("{one} {other}"), &hidden(other, unseen)), "{}: {line:?}", script.name);
            let glued = format!("{one}🎉{other}");
            assert!(is_found(&glued, "🎉") && is_found(&glued, one) && is_found(&glued, other), "{glued}");
        }
    }
}

/// The word with something between its characters that nobody sees.
fn hidden(word: &str, unseen: &str) -> String {
    use unicode_segmentation::UnicodeSegmentation;
    word.graphemes(true).collect::<Vec<_>>().join(unseen)
}

#[test]
fn no_line_of_any_script_is_empty_or_changed() {
    for script in &SCRIPTS {
        for (one, sign, other) in pairs(script) {
            let line = format!("{one}{sign} {other}");
            assert!(!safe::is_blank(one) && !safe::is_blank(&line), "{line}");
            assert_eq!(safe::one_line(&line, 200), line, "{}", script.name);
            assert_eq!(safe::body(&line), line, "{}", script.name);
            assert_eq!(markup::parse(&line).plain(), line, "{}", script.name);
            assert!(safe::looks_like(one, &hidden(one, "\u{2060}")), "{one}");
            for unseen in UNSEEN {
                assert!(safe::is_blank(unseen) && !safe::is_blank(&format!("{unseen}{one}{unseen}")));
            }
        }
    }
}

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn texts() -> impl Strategy<Value = String> {
    let signs = prop::sample::select(
        "abéßİﬁſ ._'-@1½东京アｶがกำहिन्दी한회\u{AD}\u{200B}ـ🎉❤\u{FE0F}€ʼ\u{301}\u{200d}👩‍👧ﷺ㍿"
            .chars()
            .collect::<Vec<char>>(),
    );
    prop::collection::vec(prop_oneof![6 => signs, 1 => any::<char>()], 0..40)
        .prop_map(|chars| chars.into_iter().collect())
}

#[test]
fn a_text_is_found_by_its_words() {
    for (text, expected) in [
        ("", vec![]),
        ("  , — !", vec![]),
        ("Hello, World", vec!["hello", "world"]),
        ("Crème brûlée", vec!["creme", "brulee"]),
        ("STRASSE Straße", vec!["strasse", "strasse"]),
        ("İstanbul ısı Łódź Øl", vec!["istanbul", "isi", "lodz", "ol"]),
        ("ΟΔΟΣ οδός", vec!["οδοσ", "οδοσ"]),
        ("it's 3.14 at example.com", vec!["it", "s", "3", "14", "at", "example", "com"]),
        ("snake_case-name", vec!["snake", "case", "name"]),
        ("ｆｕｌｌ ﬁne", vec!["full", "fine"]),
        ("東京都", vec!["東", "京", "東京", "都", "京都"]),
        ("a東b京", vec!["a", "東", "b", "京"]),
        ("ガード", vec!["ガ", "ー", "ガー", "ド", "ード"]),
        ("हिन्दी", vec!["हिन्दी"]),
        ("한국어", vec!["한", "국", "한국", "어", "국어"]),
        ("👍 ok", vec!["👍", "ok"]),
        ("Donau\u{AD}dampf\u{AD}schiff", vec!["donaudampfschiff"]),
        ("foo\u{200B}bar foo\u{2060}bar foo\u{FEFF}bar", vec!["foobar", "foobar", "foobar"]),
        ("محـــمد ـ", vec!["محمد"]),
        ("می\u{200C}خواهم کتاب ٣ ۳", vec!["ميخواهم", "كتاب", "3", "3"]),
        ("東\u{200B}京", vec!["東", "京", "東京"]),
        ("❤\u{FE0F} ❤ 👍🏽 👩\u{200D}👧 🇩🇪 1\u{FE0F}\u{20E3}", vec!["❤", "❤", "👍", "👩\u{200D}👧", "🇩🇪", "1\u{20E3}"]),
        ("ok🎉ok 5€ → C++ ㎏", vec!["ok", "🎉", "ok", "5", "€", "→", "c", "kg"]),
        ("п'ять пʼять п’ять", vec!["п", "ять", "п", "ять", "п", "ять"]),
    ] {
        assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn a_long_word_is_cut_between_characters() {
    let word = words(&"aé東".replace('東', "я").repeat(50)).next().unwrap();
    assert!(word.len() <= WORD_BYTES_MAX && word.len() > WORD_BYTES_MAX - 4, "{word}");
}

#[test]
fn the_last_word_of_a_query_may_go_on() {
    let whole = |word: &str| Term { word: word.to_owned(), matching: Matching::Whole };
    let start = |word: &str| Term { word: word.to_owned(), matching: Matching::Start };
    for (text, expected) in [
        ("", vec![]),
        ("hel", vec![start("hel")]),
        ("Hello wor", vec![whole("hello"), start("wor")]),
        ("same same", vec![whole("same")]),
        ("東", vec![whole("東")]),
        ("東京都", vec![whole("東京"), whole("京都")]),
        ("회의", vec![whole("회의")]),
        ("🎉", vec![whole("🎉")]),
        ("東京 都 tok", vec![whole("東京"), whole("都"), start("tok")]),
    ] {
        assert_eq!(query(text), expected, "{text}");
    }
    assert!(query(&"a b c d e f g h ".repeat(100)).len() <= TERMS_MAX);
}

#[test]
fn what_was_asked_for_is_highlighted() {
    for (text, asked, expected) in [
        ("Hello world", "wor", vec!["wor"]),
        ("Hello world", "hello world", vec!["Hello", "world"]),
        ("work and world", "wor", vec!["wor", "wor"]),
        ("Crème brûlée", "creme bru", vec!["Crème", "brû"]),
        ("die Straße", "stras", vec!["Straß"]),
        ("die Straße", "strasse", vec!["Straße"]),
        ("cre\u{301}me", "cr", vec!["cr"]),
        ("cre\u{301}me", "cre", vec!["cre\u{301}"]),
        ("nothing here", "else", vec![]),
        ("私は東京都にいる", "東京都", vec!["東京都"]),
        ("東の京", "東京", vec![]),
        ("주간회의록", "회의", vec!["회의"]),
        ("Donau\u{AD}dampf\u{AD}schiff", "donaudampf", vec!["Donau\u{AD}dampf"]),
        ("محـــمد", "محمد", vec!["محـــمد"]),
        ("well done 🎉🎉", "🎉", vec!["🎉", "🎉"]),
    ] {
        let found: Vec<&str> =
            highlight(text, &query(asked)).into_iter().map(|range| text.get(range).unwrap()).collect();
        assert_eq!(found, expected, "{asked} in {text}");
    }
}

proptest! {
    #[test]
    fn a_text_is_found_by_each_part_of_it(text in texts()) {
        let index: Vec<String> = words(&text).collect();
        for word in &index {
            prop_assert!(!word.is_empty() && word.len() <= WORD_BYTES_MAX);
        }
        for unit in with_pairs(&text) {
            for term in query(text.get(unit.range).unwrap()) {
                prop_assert!(index.iter().any(|word| term.matches(word)), "{:?} in {:?}", term, index);
            }
        }
        for term in query(&text) {
            prop_assert!(index.iter().any(|word| term.matches(word)), "{:?} in {:?}", term, index);
        }
    }

    #[test]
    fn highlights_are_in_order_and_on_borders(text in texts(), asked in texts()) {
        let mut end = 0;
        for range in highlight(&text, &query(&asked)) {
            prop_assert!(range.start >= end && !range.is_empty());
            prop_assert!(text.get(range.clone()).is_some());
            end = range.end;
        }
    }

    #[test]
    fn a_query_that_finds_a_text_is_highlighted_in_it(text in texts()) {
        let terms = query(&text);
        prop_assert_eq!(terms.is_empty(), highlight(&text, &terms).is_empty());
    }
}

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Characters that mean trouble, among others.
fn troubled() -> impl Strategy<Value = String> {
    let trouble = prop::sample::select(
        "ab \n\r\t\u{0}\u{7f}\u{85}\u{2028}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200d}\u{301}\u{323}é👩‍👧אب東\u{3164}\u{feff}"
            .chars()
            .collect::<Vec<char>>(),
    );
    prop::collection::vec(prop_oneof![4 => trouble, 1 => any::<char>()], 0..60)
        .prop_map(|chars| chars.into_iter().collect())
}

#[test]
fn a_line_is_one_line() {
    for (text, max, expected) in [
        ("alice", 10, "alice"),
        ("  alice \r\n\t bob  ", 20, "alice bob"),
        ("a\u{0}b\u{9b}c", 10, "abc"),
        ("\u{202e}evil\u{2066}", 10, "evil"),
        ("a\u{200b}\u{feff}b\u{ad}c", 10, "abc"),
        ("\u{3164}\u{2800} \u{a0}", 10, ""),
        ("e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}", 20, "e\u{301}\u{301}\u{301}\u{301}"),
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abc def", 5, "abc…"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("", 0, ""),
        ("ae\u{301}b", 3, "a…"),
        ("x👩‍👩‍👧y", 6, "x…"),
        ("👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️", 40, "👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️"),
        ("שלום עולם", 20, "שלום עולם"),
    ] {
        assert_eq!(one_line(text, max), expected, "{text:?} in {max}");
    }
}

#[test]
fn a_body_keeps_its_lines_and_nothing_spills_out_of_them() {
    for (text, expected) in [
        ("a\tb\n\nc", "a\tb\n\nc"),
        ("a\r\nb\rc\u{2028}d\u{b}e\u{85}f", "a\nb\nc\nd\ne\nf"),
        ("a\u{1b}[31mb\u{7f}\u{90}", "a[31mb"),
        ("\u{202b}abc\ndef", "\u{202b}abc\u{202c}\ndef"),
        ("\u{2067}\u{202a}abc", "\u{2067}\u{202a}abc\u{202c}\u{2069}"),
        ("\u{2067}\u{202a}a\u{2069}b\u{202c}", "\u{2067}\u{202a}a\u{2069}b"),
        ("photo\u{202e}gnp.exe", "photognp.exe"),
        ("\u{202d}a\u{202e}b\u{202c}c\u{202c}d", "abcd"),
        ("\u{202b}a\u{202e}b\u{202c}c\u{202c}d", "\u{202b}abc\u{202c}d"),
        ("\u{202e}a\u{2067}b\u{202c}c", "a\u{2067}bc\u{2069}"),
        ("\u{2067}a\u{2069}", "\u{2067}a\u{2069}"),
        ("a\u{202c}\u{2069}b", "ab"),
        ("\u{202b}a\u{2067}b\u{202c}c", "\u{202b}a\u{2067}bc\u{2069}\u{202c}"),
        ("e\u{301}\u{301}\u{301}\u{200d}\u{301}\u{301}f\u{301}", "e\u{301}\u{301}\u{301}\u{200d}\u{301}f\u{301}"),
    ] {
        assert_eq!(body(text), expected, "{text:?}");
    }
}

#[test]
fn what_nobody_sees_is_blank() {
    for blank in [
        "",
        " \n\t",
        "\u{200B}",
        "\u{2060}",
        "\u{FEFF}",
        "\u{3164}",
        "\u{2800}",
        "\u{AD}",
        "\u{202E}",
        "\u{301}",
        "\u{115F}\u{1160}\u{FFA0}",
        "\u{FE0F}\u{200D}",
        "\u{E0041}\u{E007F}",
        "\u{180E}\u{34F}",
        "\u{0}\u{1B}",
    ] {
        assert!(is_blank(blank), "{}", blank.escape_unicode());
    }
    for seen in ["a", ".", "e\u{301}", "❤\u{FE0F}", "\u{AD}東", "\u{93E}", "\u{202E}x"] {
        assert!(!is_blank(seen), "{}", seen.escape_unicode());
    }
}

#[test]
fn nodes_refuse_no_title_that_a_client_would_take_for_one() {
    for c in '\0'..=char::MAX {
        let text = c.to_string();
        assert!(is_blank(&text) || !raftchat_schema::text::blank::is_blank(&text), "U+{:X}", u32::from(c));
    }
}

#[test]
fn names_look_alike_to_a_hurried_reader() {
    for (name, other) in [
        ("alice", "alice"),
        ("alice", "ALICE"),
        ("alice", "аlісе"),
        ("alice", "a\u{200b}lice\u{2060}"),
        ("alice", "аӏіϲе"),
        ("alice", "álicé"),
        ("alice", "ａｌｉｃｅ"),
        ("alice", "𝐚𝐥𝐢𝐜𝐞"),
        ("alice", "a1ice"),
        ("Iris", "lris"),
        ("bob", "b0b"),
        ("bob", "ЬОЬ"),
        ("Marno", "Mamo"),
        ("will", "vvill"),
        ("Alice  Smith", " Alice Smith"),
        ("Anna-Lena", "Anna‐Lena"),
        ("Νίκος", "νικοσ"),
        ("НАТА", "HATA"),
    ] {
        assert!(looks_like(name, other), "{name} {other}");
        assert!(looks_like(other, name), "{other} {name}");
    }
    for (name, other) in
        [("alice", "bob"), ("alice", "alicia"), ("alice", ""), ("Anna Lena", "Annalena"), ("bob", "bo"), ("東", "西")]
    {
        assert!(!looks_like(name, other), "{name} {other}");
    }
}

proptest! {
    #[test]
    fn a_line_fits_and_stays_as_it_is(text in troubled(), max in 0..30_usize) {
        let line = one_line(&text, max);
        prop_assert!(line.chars().count() <= max);
        prop_assert!(!line.contains(|c: char| c.is_control() || bidi::is_control(c)));
        prop_assert!(!line.contains("  "));
        prop_assert_eq!(one_line(&line, max), line);
    }

    #[test]
    fn a_body_is_balanced_in_each_line_and_stays_as_it_is(text in troubled()) {
        let clean = body(&text);
        for line in clean.split('\n') {
            let mut directions = bidi::Directions::default();
            prop_assert!(line.chars().all(|c| directions.admits(c)));
            let mut missing = String::new();
            directions.close_all(&mut missing);
            prop_assert_eq!(missing, "");
        }
        prop_assert!(!clean.contains(['\u{202d}', '\u{202e}']), "{clean:?}");
        prop_assert_eq!(body(&clean), clean);
    }

    #[test]
    fn any_name_looks_like_itself(name in any::<String>(), other in troubled()) {
        prop_assert!(looks_like(&name, &name));
        prop_assert_eq!(looks_like(&name, &other), looks_like(&other, &name));
    }
}

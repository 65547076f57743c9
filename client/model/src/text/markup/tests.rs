use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write;

use proptest::prelude::*;

use super::*;

/// A document on one line: blocks between `|`, styles as `b(…)`, links as `link(…→…)`.
fn sketch(text: &str) -> String {
    let blocks: Vec<String> = parse(text).blocks.iter().map(sketch_block).collect();
    blocks.join(" | ")
}

fn sketch_block(block: &Block) -> String {
    let mut line = ">".repeat(block.quote_level) + &".".repeat(block.list_level);
    match block.marker {
        Some(Marker::Bullet) => line.push('•'),
        Some(Marker::Number(number)) => write!(line, "{number}.").unwrap_or_default(),
        None => {}
    }
    match &block.content {
        Content::Code { language, text } => {
            write!(line, "code:{}({text})", language.as_deref().unwrap_or_default()).unwrap_or_default();
        }
        Content::Text(spans) => line.extend(spans.iter().map(sketch_span)),
    }
    line
}

fn sketch_span(span: &Span) -> String {
    let text = &span.text;
    let inner = match &span.role {
        Role::Text => text.clone(),
        Role::Code => format!("code({text})"),
        Role::Link(link) => format!("link({text}→{})", link.target()),
        Role::Name => format!("name({text})"),
        Role::Mention(user) => format!("{user}({text})"),
    };
    let styled = |on, name: &str, inner: String| if on { format!("{name}({inner})") } else { inner };
    let Style { bold, italic, strike } = span.style;
    styled(bold, "b", styled(italic, "i", styled(strike, "s", inner)))
}

fn check(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(sketch(text), *expected, "{text:?}");
    }
}

#[test]
fn people_write_paragraphs_and_emphasis() {
    check(&[
        ("", ""),
        (" \n ", ""),
        ("hello", "hello"),
        ("one\ntwo", "one\ntwo"),
        ("one  \ntwo\n\nthree", "one\ntwo | three"),
        ("**bold** and *italic* and ~~gone~~", "b(bold) and i(italic) and s(gone)"),
        ("***all ~~of~~ it***", "b(i(all ))b(i(s(of)))b(i( it))"),
        ("snake_case_name 2*3*4", "snake_case_name 2i(3)4"),
        ("`a *b* <c>` d", "code(a *b* <c>) d"),
        ("**open", "**open"),
        ("# Title\ntext", "b(Title) | text"),
        ("\\*not\\*", "*not*"),
        (" \u{a0}\n", ""),
    ]);
}

#[test]
fn people_write_code_quotes_and_lists() {
    check(&[
        ("```rust\nlet a = *b;\n\n  c\n```\nend", "code:rust(let a = *b;\n\n  c) | end"),
        ("```\na", "code:(a)"),
        ("```two words\na\n```", "code:(two words\na)"),
        ("> quoted\n> > deeper\n\nanswer", ">quoted | >>deeper | answer"),
        ("- a\n- b\n  - c", ".•a | .•b | ..•c"),
        ("3. a\n7. b", ".3.a | .7.b"),
        ("- a\n\n  more\n- b", ".•a | .more | .•b"),
        ("- a\n  - b\n    - c\n      - d", ".•a | ..•b | ...•c | ...•d"),
        ("1. - a", ".1. | ..•a"),
        ("> - `x`", ">.•code(x)"),
        (">\t1. a\n>\t2. ", ">.1.a | >.2."),
        ("- a\n\n\t1. ", ".•a | ..1."),
        ("007. Bond\n\n00) x\n\n0. y", "007. Bond | 00) x | .0.y"),
        ("<http://a.b/01.c> 02.", "link(http://a.b/01.c→http://a.b/01.c) 02."),
    ]);
}

#[test]
fn empty_lines_and_indents_stay() {
    for text in [
        "a\n\nb\n\tc\n    d",
        "a\n\n\n\nb",
        "  a\n b\n\n   c",
        "    a\n\n        b\n\tc",
        "\ta\n\t\tb\nc",
        "Dear Bob,\n\n  yes.\n\n\nAlice",
        "> a\n>   b\n> \n> c",
        "- a\n\n\n- b",
        "a\n\n---\n\n  b",
        "a\n\n    <b>\n  c",
        "東\n　西",
    ] {
        let plain = parse(text).plain();
        let expected = text.replace("- ", "• ").replace(">   b\n> \n> c", "  b\n\n> c");
        assert_eq!(plain, expected, "{text:?}");
    }
    let gaps = |text: &str| parse(text).blocks.iter().map(|block| block.gap).collect::<Vec<_>>();
    assert_eq!(gaps("\n\n\na\nb\n\n\n# c\nd"), [0, 2, 0]);
    assert_eq!(gaps("a\n\n1. - b\n   - c\n\n```\nd\n\n```\n\n\ne"), [0, 1, 0, 0, 1, 2]);
    assert_eq!(gaps(&format!("a{}b", "\n".repeat(1000))), [0, GAP_MAX]);
    assert_eq!(
        sketch("one\n  *two* and\n  [three](https://a.example)"),
        "one\n  i(two) and\n  link(three→https://a.example)"
    );
}

#[test]
fn what_is_not_ours_is_shown_as_it_was_written() {
    check(&[
        ("<b>hi</b> <script>x</script>", "<b>hi</b> <script>x</script>"),
        ("a <i>b</i> *c*", "a <i>b</i> i(c)"),
        ("<!-- hidden -->", "<!-- hidden -->"),
        ("![alt *x*](https://a.example/p.png)", "![alt i(x)](link(https://a.example/p.png→https://a.example/p.png))"),
        ("a\n\n---\n\nb", "a | --- | b"),
        ("title\n---", "title\n---"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("[^1]: note [^1]", "[^1]: note [^1]"),
        ("[a]: https://hidden.example 'b'", "[a]: link(https://hidden.example→https://hidden.example) 'b'"),
        ("[a][b] [c]\n\n[b]: x", "[a][b] [c] | [b]: x"),
        ("&lt;b&gt; &#x202E; &amp;", "&lt;b&gt; &#x202E; &amp;"),
        ("- [x] done", ".•[x] done"),
        ("    *indented*", "    *indented*"),
        ("#", "#"),
        (">", ">"),
        ("-", ".•"),
        ("```", "```"),
        ("~~~rust\n~~~", "~~~rust\n~~~"),
        ("$x$ ^a^ :smile:", "$x$ ^a^ :smile:"),
    ]);
}

#[test]
fn links_lead_to_the_web_and_to_mail_alone() {
    check(&[
        ("[text](https://a.example/x)", "link(text→https://a.example/x)"),
        ("[a **b**](http://c.example)", "link(a →http://c.example)b(link(b→http://c.example))"),
        ("see https://a.example/b_c_d.", "see link(https://a.example/b_c_d→https://a.example/b_c_d)."),
        ("(https://a.example/_b_*c*)", "(link(https://a.example/_b_*c→https://a.example/_b_*c)*)"),
        ("**https://a.example**", "b(link(https://a.example→https://a.example))"),
        ("<https://a.example>", "link(https://a.example→https://a.example)"),
        ("mail bob@b.example", "mail link(bob@b.example→mailto:bob@b.example)"),
        ("<bob@b.example>", "link(bob@b.example→mailto:bob@b.example)"),
        ("mailto:bob@b.example", "link(mailto:bob@b.example→mailto:bob@b.example)"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[x](JaVa&#115;cript:a)", "[x](JaVascript:a)"),
        ("[x](file:///etc/passwd)", "[x](file:///etc/passwd)"),
        ("[x](data:text/html,a)", "[x](data:text/html,a)"),
        ("[x](/relative)", "[x](/relative)"),
        ("<javascript:a>", "<javascript:a>"),
        ("ftp://a.example", "ftp://a.example"),
        ("[x](https://)", "[x](https://)"),
        ("[](https://a.example)", "[](link(https://a.example→https://a.example))"),
        ("[x](https://a.example \"title\")", "[x](link(https://a.example→https://a.example) \"title\")"),
        ("`https://a.example`", "code(https://a.example)"),
    ]);
}

#[test]
fn links_end_where_the_sentence_goes_on() {
    for (text, seen) in [
        ("https://example.com/a，@bob", &["https://example.com/a"][..]),
        ("（https://example.com/a）", &["https://example.com/a"]),
        ("https://example.com。@bob", &["https://example.com"]),
        ("https://example.com/a。", &["https://example.com/a"]),
        ("https://example.com/a」と", &["https://example.com/a"]),
        ("https://example.com에서 봐", &["https://example.com"]),
        ("https://example.com:8080/a에서 봐", &["https://example.com:8080/a"]),
        ("https://example.com/aを見て", &["https://example.com/a"]),
        ("https://example.com/a👍", &["https://example.com/a"]),
        ("https://example.com👍", &["https://example.com"]),
        ("https://example.com/a\u{200B}b", &["https://example.com/a"]),
        ("https://example.com/a؟", &["https://example.com/a"]),
        ("https://example.com/a۔", &["https://example.com/a"]),
        ("https://example.com/a।", &["https://example.com/a"]),
        ("https://example.com/a։", &["https://example.com/a"]),
        ("«https://example.com/a»", &["https://example.com/a"]),
        ("„https://example.com/a“", &["https://example.com/a"]),
        ("https://example.com/a…", &["https://example.com/a"]),
        ("https://example.com/a—", &["https://example.com/a"]),
        ("https://ja.wikipedia.org/wiki/東京", &["https://ja.wikipedia.org/wiki/東京"]),
        ("https://emoji.example/👍", &["https://emoji.example/👍"]),
        ("https://fr.wikipedia.org/wiki/L’Équipe", &["https://fr.wikipedia.org/wiki/L’Équipe"]),
        ("https://fa.example/می\u{200C}خواهم", &["https://fa.example/می\u{200C}خواهم"]),
        ("https://пример.рф/путь", &["https://пример.рф/путь"]),
        ("https://例え.テスト", &["https://例え.テスト"]),
        ("https://हिन्दी.भारत", &["https://हिन्दी.भारत"]),
        ("https://münchen.example", &["https://münchen.example"]),
        (
            "http://localhost:8080/x http://192.168.0.1/ http://[::1]:80/",
            &["http://localhost:8080/x", "http://192.168.0.1/", "http://[::1]:80/"],
        ),
        ("https://en.wikipedia.org/wiki/A_(b)", &["https://en.wikipedia.org/wiki/A_(b)"]),
        ("(https://example.com/a?b=c#d)", &["https://example.com/a?b=c#d"]),
        ("https://example.com/a, https://example.com/b!", &["https://example.com/a", "https://example.com/b"]),
        ("https://user:x@example.com/", &["https://user:x@example.com/"]),
        ("'https://example.com/a'", &["https://example.com/a"]),
        ("HTTPS://EXAMPLE.COM", &["HTTPS://EXAMPLE.COM"]),
        ("写信给bob@example.com吧", &["bob@example.com"]),
        ("bob@example.com에게", &["bob@example.com"]),
        ("b.o-b+x@mail.example.com.", &["b.o-b+x@mail.example.com"]),
        ("看www.example.com/a，好", &["www.example.com/a"]),
        (
            "www.example.com WWW.Example.com. awww.example.com www.x ww.example.com www..com",
            &["www.example.com", "WWW.Example.com"],
        ),
        ("svn+https://a.example xhttp://a.example https:// https://. https://v1.1 https://1.2.3", &[]),
        ("@me@a.example .@a.example a@b a@.example x@1.2", &[]),
    ] {
        assert_eq!(shown_links(text), seen, "{text}");
    }
    assert_eq!(sketch("www.a.example"), "link(www.a.example→https://www.a.example)");
}

#[test]
fn no_sign_beyond_ascii_belongs_to_the_end_of_a_link() {
    for c in ('\u{80}'..=char::MAX).filter(|c| crate::text::chars::is_other_punctuation(*c)) {
        let text = format!("https://example.com/a{c}");
        assert_eq!(shown_links(&text), ["https://example.com/a"], "U+{:X}", u32::from(c));
        assert_eq!(shown_links(&format!("https://example.com{c} x")), ["https://example.com"], "U+{:X}", u32::from(c));
    }
}

fn shown_links(text: &str) -> Vec<String> {
    let blocks = parse(text).blocks.into_iter();
    let spans = blocks.filter_map(|block| if let Content::Text(spans) = block.content { Some(spans) } else { None });
    spans.flatten().filter(|span| matches!(span.role, Role::Link(_))).map(|span| span.text).collect()
}

#[test]
fn names_are_candidates_until_members_are_known() {
    check(&[
        ("hi @bob.", "hi name(@bob.)"),
        ("**@bob**", "b(name(@bob))"),
        ("a**@bob**", "a**name(@bob)**"),
        ("`x`@bob", "code(x)@bob"),
        ("@_x_ _@bob_", "name(@_x_) i(name(@bob))"),
        (
            "[@bob](https://a.example) bob@b.example",
            "link(@bob→https://a.example) link(bob@b.example→mailto:bob@b.example)",
        ),
        ("`@bob`", "code(@bob)"),
    ]);
    let mut document = parse("hi @bob. and @dave");
    assert_eq!(document.resolve_mentions(|name| (name == "bob").then_some(UserId(1002))), [UserId(1002)]);
    let blocks: Vec<String> = document.blocks.iter().map(sketch_block).collect();
    assert_eq!(blocks, ["hi u1002(@bob). and @dave"]);
}

#[test]
fn a_link_that_shows_another_address_deceives() {
    for (text, deceives) in [
        ("https://bank.example", false),
        ("[bank](https://bank.example)", false),
        ("[bank.example](https://www.bank.example/login)", false),
        ("[https://bank.example/a](https://bank.example/b)", false),
        ("[bank.example](https://evil.example)", true),
        ("[Bank.Example.](https://bank.example)", false),
        ("[go to **bank**.example now](https://evil.example)", true),
        ("[https://bank.example](https://bank.example.evil.example)", true),
        ("[bank。example](https://evil.example)", true),
        ("[ba\u{200b}nk.example](https://evil.example)", true),
        ("[192.168.0.1](https://evil.example)", true),
        ("https://bank.example@evil.example", true),
        ("[bank](https://bank.example@evil.example)", true),
        ("[version 1.2 e.g. this](https://a.example)", false),
        ("[bob@b.example](mailto:bob@b.example)", false),
        ("[alice@b.example](mailto:bob@b.example)", true),
        ("[bob@b.example](https://evil.example)", true),
        ("mailto:bob@b.example", false),
        ("www.bank.example", false),
        ("[www.bank.example](https://evil.example)", true),
        ("[ｂａｎｋ．ｅｘａｍｐｌｅ](https://evil.example)", true),
    ] {
        let document = parse(text);
        let links: Vec<bool> = document
            .blocks
            .iter()
            .flat_map(|block| match &block.content {
                Content::Text(spans) => spans.as_slice(),
                Content::Code { .. } => &[],
            })
            .filter_map(|span| if let Role::Link(link) = &span.role { Some(link.deceives()) } else { None })
            .collect();
        assert!(!links.is_empty() && links.iter().all(|link| *link == deceives), "{text}: {links:?}");
    }
}

#[test]
fn plain_is_what_is_seen() {
    for (text, expected) in [
        ("**a** `b`\nc", "a b\nc"),
        ("> q\n\n- a\n- b\n\n3. c\n\n```rust\nd\n```", "> q\n\n• a\n• b\n\n3. c\n\nd"),
        ("[docs](https://a.example)", "docs"),
        ("[a.example **b**](https://evil.example)!", "a.example b (https://evil.example)!"),
    ] {
        assert_eq!(parse(text).plain(), expected, "{text}");
    }
}

#[test]
fn hostile_texts_are_shown_as_they_were_written() {
    for sign in [">", "> ", "- ", "[", "![", "*", "_ a", "~", "`", "<", "&", "](", "http://", "a@", "]:", "1. "] {
        let mut text = sign.repeat(TEXT_BYTES_MAX / sign.len() - 1);
        text.push('x');
        let plain = parse(&text).plain();
        assert!(plain.ends_with('x') && plain.len() + 1 >= text.trim().len(), "{sign}");
    }
    let many = "*a* ".repeat(PARTS_MAX);
    assert_eq!(parse(&many), Document::unformatted(many));
    let deep = format!("{}x", "> ".repeat(NESTING_MAX + 1));
    assert_eq!(parse(&deep).plain(), deep);
    let long = "*a* ".repeat(TEXT_BYTES_MAX);
    assert_eq!(parse(&long), Document::unformatted(long));
}

fn marked_up() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "a",
        "b",
        "Zé",
        "0",
        "1",
        " ",
        " ",
        "\n",
        "\n\n",
        "*",
        "**",
        "_",
        "~~",
        "`",
        "```",
        "> ",
        "- ",
        "1. ",
        "# ",
        "---",
        "[",
        "]",
        "(",
        ")",
        "](",
        "](http://x.y/",
        ")",
        "![",
        "<",
        ">",
        "<b>",
        "<!--",
        "]:",
        "@",
        "@bob",
        "http://c.d/e_f_",
        "m@n.op",
        "|",
        "\\",
        "\"",
        "    ",
        "\t",
        "=",
        "東",
        "\u{202e}",
        "\u{fdd0}",
        ":",
        "javascript:",
    ]);
    prop::collection::vec(parts, 0..30).prop_map(|parts| parts.concat())
}

/// All letters and digits that a document holds, wherever.
fn letters(document: &Document) -> String {
    let mut all = String::new();
    for block in &document.blocks {
        if let Some(Marker::Number(number)) = block.marker {
            all.push_str(&number.to_string());
        }
        match &block.content {
            Content::Code { language, text } => all.extend([language.as_deref().unwrap_or_default(), text]),
            Content::Text(spans) => all.extend(spans.iter().map(|span| span.text.as_str())),
        }
    }
    all.retain(char::is_alphanumeric);
    all
}

/// The document's text with the target of each link after it.
fn with_targets(document: &Document) -> String {
    let mut shown = document.clone();
    for block in &mut shown.blocks {
        let Content::Text(spans) = &mut block.content else { continue };
        let mut next: Option<Arc<Link>> = None;
        for span in spans.iter_mut().rev() {
            let Role::Link(link) = &span.role else { continue };
            if next.as_ref().is_none_or(|next| !Arc::ptr_eq(next, link)) {
                span.text.push_str(link.target());
            }
            next = Some(Arc::clone(link));
        }
    }
    letters(&shown)
}

/// True if all of `part` is in `whole`, in this order.
fn is_within(part: &str, whole: &str) -> bool {
    let mut rest = whole.chars();
    part.chars().all(|c| rest.any(|other| other == c))
}

proptest! {
    #[test]
    fn no_letter_is_made_up(text in marked_up()) {
        let shown = letters(&parse(&text));
        prop_assert!(is_within(&shown, &text), "{shown}");
    }

    #[test]
    fn no_letter_is_lost_but_the_targets_of_links(text in marked_up()) {
        let text = text.replace("](", "] (");
        let written: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        prop_assert_eq!(letters(&parse(&text)), written);
    }

    #[test]
    fn what_is_neither_seen_nor_lost_is_where_a_link_leads(text in marked_up()) {
        let written: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        let held = with_targets(&parse(&text));
        prop_assert!(is_within(&written, &held), "{held}");
    }

    #[test]
    fn nothing_shown_is_empty_or_has_controls(text in prop_oneof![marked_up(), any::<String>()]) {
        let document = parse(&text);
        for block in &document.blocks {
            prop_assert!(block.quote_level <= LEVELS_MAX && block.list_level <= LEVELS_MAX);
            if let Content::Text(spans) = &block.content {
                prop_assert!(block.marker.is_some() || !spans.is_empty());
                prop_assert!(spans.iter().all(|span| !span.text.is_empty()));
            }
        }
        prop_assert!(!document.plain().contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')));
        prop_assert_eq!(document.blocks.is_empty(), safe::body(&text).trim().is_empty());
    }

    #[test]
    fn no_change_of_direction_outlasts_its_line(text in turning()) {
        for line in parse(&text).plain().lines() {
            prop_assert!(!line.contains(['\u{202d}', '\u{202e}']), "{line:?}");
            prop_assert_eq!(left_open(line), 0, "{}", line.escape_unicode());
        }
    }
}

/// Markup with changes of direction in and around it.
fn turning() -> impl Strategy<Value = String> {
    let parts = [
        "a",
        " ",
        "\n",
        "*",
        "`",
        "> ",
        "- ",
        "[",
        "](",
        ")",
        "<",
        ">",
        "\"",
        "https://a.example",
        "```\n",
        "``` ",
        "\u{202a}",
        "\u{202b}",
        "\u{202c}",
        "\u{202d}",
        "\u{202e}",
        "\u{2066}",
        "\u{2067}",
        "\u{2068}",
        "\u{2069}",
    ];
    prop::collection::vec(prop::sample::select(parts.to_vec()), 0..40).prop_map(|parts| parts.concat())
}

/// The number of changes of direction that a line begins and does not end.
fn left_open(line: &str) -> usize {
    let mut open = Vec::new();
    for c in line.chars() {
        match c {
            '\u{202a}' | '\u{202b}' => open.push(false),
            '\u{2066}'..='\u{2068}' => open.push(true),
            '\u{202c}' => drop(open.pop_if(|isolate| !*isolate)),
            '\u{2069}' => open.truncate(open.iter().rposition(|isolate| *isolate).unwrap_or(open.len())),
            _ => {}
        }
    }
    open.len()
}

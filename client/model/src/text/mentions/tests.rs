#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use raftchat_schema::limits::MENTIONS_MAX;

use super::*;
use crate::text::markup::mentioned;

const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(1002);
const BOB_WITH_A_STOP: UserId = UserId(2003);
const CAROL: UserId = UserId(3004);
const UNDERLINED: UserId = UserId(4005);

fn member(name: &str) -> Option<UserId> {
    match name {
        "alice" => Some(ALICE),
        "bob" => Some(BOB),
        "carol" => Some(CAROL),
        "carol.w" | "bob-b." => Some(BOB_WITH_A_STOP),
        "_x_" => Some(UNDERLINED),
        _ => None,
    }
}

#[test]
fn a_message_mentions_the_members_it_names() {
    for (text, expected) in [
        ("hello", vec![]),
        ("@bob", vec![BOB]),
        ("hello @bob!", vec![BOB]),
        ("@carol and @alice, @carol again", vec![ALICE, CAROL]),
        ("@Bob", vec![BOB]),
        ("(@bob)", vec![BOB]),
        ("@bob's cat", vec![BOB]),
        ("@alice/@bob", vec![ALICE, BOB]),
        ("see @bob.", vec![BOB]),
        ("see @bob...", vec![BOB]),
        ("see @bob-b.", vec![BOB_WITH_A_STOP]),
        ("see @bob-b..", vec![BOB_WITH_A_STOP]),
        ("@carol.w", vec![BOB_WITH_A_STOP]),
        ("@bobby", vec![]),
        ("@bob.smith", vec![]),
        ("@dave", vec![]),
        ("@b", vec![]),
        ("@ bob", vec![]),
        ("@@bob", vec![]),
        ("mail bob@bob", vec![]),
        ("mail x@bob.example", vec![]),
        ("https://site.example/@bob", vec![]),
        ("@bobé and @bobe\u{301}", vec![]),
        ("问@bob好", vec![BOB]),
        ("@bob님 @alice은", vec![ALICE, BOB]),
        ("@bobさん、@alice。", vec![ALICE, BOB]),
        ("привет@bob", vec![BOB]),
        ("ל@bob", vec![BOB]),
        ("@bobको", vec![BOB]),
        ("ने@bob", vec![BOB]),
        ("⚠\u{FE0F}@bob", vec![BOB]),
        ("❤\u{FE0F}@bob", vec![BOB]),
        ("1\u{FE0F}\u{20E3}@bob 🅰@alice", vec![ALICE, BOB]),
        ("@bob❤\u{FE0F} @alice\u{FE0F}", vec![ALICE, BOB]),
        ("👩🏽‍🚀@bob🇩🇪@alice", vec![ALICE, BOB]),
        ("＠bob", vec![BOB]),
        ("＠Ｂｏｂ さん", vec![BOB]),
        ("＠ｃａｒｏｌ．ｗ", vec![BOB_WITH_A_STOP]),
        ("﹫bob", vec![BOB]),
        ("e\u{301}@bob ｘ@bob", vec![]),
        ("x\u{2060}@bob x\u{AD}@bob", vec![]),
        ("x\u{200B}@bob", vec![BOB]),
        ("@bob\u{2060}ert @bob\u{AD}e", vec![]),
        ("@bob\u{200B}ert", vec![BOB]),
        ("https://example.com/a，@bob", vec![BOB]),
        ("https://example.com。@bob", vec![BOB]),
        ("（https://example.com/a）@bob", vec![BOB]),
        ("https://example.com👍@bob", vec![BOB]),
        ("`@bob`", vec![]),
        ("```\n@bob\n```\n@alice", vec![ALICE]),
        ("**@bob** _@alice_ ~~@carol~~", vec![ALICE, BOB, CAROL]),
        ("`code`@bob", vec![]),
        ("> @bob said", vec![BOB]),
        ("- @bob\n- @alice", vec![ALICE, BOB]),
        ("@_x_", vec![UNDERLINED]),
        ("[@bob](https://bob.example)", vec![]),
    ] {
        assert_eq!(mentioned(text, member), expected, "{text}");
    }
}

#[test]
fn any_character_but_a_latin_one_may_stand_beside_a_name() {
    for c in ('!'..=char::MAX).filter(|c| !c.is_control()) {
        let joins = is_latin(c) || c.is_ascii_digit() || matches!(c, '_' | '@' | '＠' | '﹫' | '＿' | '０'..='９');
        let before = find(&format!("{c}@bob"));
        assert!(joins || before.last().is_some_and(|range| range.len() == 4), "U+{:X} before", u32::from(c));
        let of_name = joins || matches!(c, '.' | '-' | '．' | '－');
        let after = find(&format!("@bob{c}"));
        let alone = after.first().is_some_and(|range| range.len() == 4);
        assert!(of_name || is_mark(c) || alone, "U+{:X} after", u32::from(c));
    }
}

#[test]
fn only_so_many_are_mentioned() {
    let text = (0..100).map(|n| format!("@user{n}")).collect::<Vec<String>>().join(" ");
    let users = mentioned(&text, |name| name.strip_prefix("user")?.parse().ok().map(UserId));
    assert_eq!(users, (0..MENTIONS_MAX as u64).map(UserId).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn what_is_found_begins_with_the_sign(text in "[@ab._ é東-]{0,40}") {
        for range in find(&text) {
            prop_assert!(text.get(range).unwrap().starts_with('@'));
        }
    }

    #[test]
    fn any_text_has_an_answer(text in any::<String>()) {
        let users = mentioned(&text, |_| Some(BOB));
        prop_assert!(users.len() <= 1);
    }
}

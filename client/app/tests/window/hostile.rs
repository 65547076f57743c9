//! Text that wants to break or to spoof the window.

use raftchat_app::ui::{BlockKind, Timeline};
use raftchat_model::{Person, Shown};
use raftchat_schema::id::UserId;
use slint::{ComponentHandle, Model};

use crate::stage::people::{self, BOB, WITH_BOB, says};
use crate::stage::{Stage, golden};

fn plain(stage: &Stage, text: &str) -> String {
    stage.open(WITH_BOB, people::in_runs(vec![says(BOB, 1, 3, text)]));
    stage.picture();
    let row = stage.window.global::<Timeline<'_>>().get_rows().row_data(0).unwrap();
    row.blocks.iter().map(|block| block.plain.to_string()).collect::<Vec<_>>().join("\n")
}

#[test]
fn markup_that_is_not_ours_is_shown_as_it_was_written() {
    let stage = Stage::signed_in(1000.0, 700.0);
    for text in [
        "<b>bold</b> <font color=\"red\">red</font> <script>x</script>",
        "![image](https://example.org/x.png)",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "**never closed",
        "`never closed",
        "[never](closed",
        "{} {0} {n}",
        "&amp; &lt; &#x202e;",
        "\\*literally\\*",
    ] {
        assert!(!plain(&stage, text).is_empty(), "{text}");
    }
}

#[test]
fn no_text_is_too_long_or_too_deep() {
    let stage = Stage::signed_in(1000.0, 700.0);
    for text in [
        "x".repeat(64 * 1024),
        "> ".repeat(10_000),
        "*".repeat(20_000),
        "[".repeat(20_000),
        format!("a{}", "\u{301}".repeat(20_000)),
        "\u{202e}".repeat(1000) + "gnp.exe",
        "\n".repeat(5000),
    ] {
        drop(plain(&stage, &text));
    }
}

#[test]
fn what_turns_text_around_ends_with_its_line() {
    let stage = Stage::signed_in(700.0, 420.0);
    let mut evil = says(BOB, 1, 3, "Photo \u{202e}gnp.exe\nand this line reads as usual");
    evil.sender_name = "Bob\u{202e} rekaB\u{0}\nAdmin".to_owned();
    let link = says(BOB, 2, 3, "[https://bank.example](https://thief.example/login)");
    let zalgo = says(BOB, 3, 2, &format!("Z{0}a{0}l{0}g{0}o", "\u{30d}\u{310}\u{352}\u{357}\u{35b}".repeat(40)));
    stage.open(WITH_BOB, people::in_runs(vec![evil, link, zalgo]));
    let row = stage.window.global::<Timeline<'_>>().get_rows().row_data(1).unwrap();
    assert_eq!(row.blocks.row_data(0).unwrap().kind, BlockKind::Text);
    golden("hostile", &stage.picture());
}

#[test]
fn who_has_a_name_like_somebody_else_is_marked() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let Shown::Person(bob) = people::person(BOB) else { panic!("a person is a person") };
    let fake = Person {
        user: UserId(9009),
        username: "mallory".parse().unwrap(),
        display_name: "Воb Вaker".to_owned(),
        ..*bob
    };
    stage.show([Shown::Person(Box::new(fake))]);
    let rows = stage.window.global::<raftchat_app::ui::People<'_>>().get_rows();
    let fake = rows.iter().find(|row| row.username == "@mallory").unwrap();
    assert_eq!(fake.imitates, "Looks like Bob Baker, but is somebody else");
    let real = rows.iter().find(|row| row.username == "@bob").unwrap();
    assert_eq!(real.imitates, "");
}

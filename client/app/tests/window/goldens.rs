//! Pictures of the screens, as the software renderer draws them with our fonts.

use slint::ComponentHandle;

use crate::people::{self, TRIP, WITH_BOB};
use crate::stage::{Stage, golden};

const WIDE: (f32, f32) = (820.0, 560.0);
const NARROW: (f32, f32) = (390.0, 720.0);

#[test]
fn sign_in() {
    let stage = Stage::new(NARROW.0, NARROW.1);
    stage.signed_out();
    stage.show([people::online()]);
    golden("sign-in", &stage.picture());
}

#[test]
fn conversation_wide_light() {
    let stage = Stage::signed_in(WIDE.0, WIDE.1);
    stage.open(WITH_BOB, people::with_bob());
    golden("conversation-wide-light", &stage.picture());
}

#[test]
fn group_wide_dark() {
    let stage = Stage::signed_in(WIDE.0, WIDE.1);
    stage.dark();
    stage.open(TRIP, people::trip());
    golden("group-wide-dark", &stage.picture());
}

#[test]
fn list_narrow_light() {
    let stage = Stage::signed_in(NARROW.0, NARROW.1);
    golden("list-narrow-light", &stage.picture());
}

#[test]
fn conversation_narrow_dark() {
    let stage = Stage::signed_in(NARROW.0, NARROW.1);
    stage.dark();
    stage.open(WITH_BOB, people::with_bob());
    golden("conversation-narrow-dark", &stage.picture());
}

#[test]
fn conversation_narrow_german() {
    let stage = Stage::signed_in(NARROW.0, NARROW.1);
    let settings = stage.window.global::<raftchat_app::ui::Settings<'_>>();
    settings.set_language(1);
    settings.invoke_changed();
    stage.show(people::chats());
    stage.open(TRIP, people::trip());
    golden("group-narrow-german", &stage.picture());
}

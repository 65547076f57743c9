//! Acting on a message: by mouse, by finger and by keyboard.

use raftchat_app::backend::{Hit, Update};
use raftchat_app::ui::{Chats, Composer, Details, SheetKind, Shell, Timeline, Toast};
use raftchat_model::{Intent, Shown};
use raftchat_schema::command::{ConversationAct, MemberRole, Switch};
use raftchat_schema::id::Position;
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, LogicalSize, Model};

use crate::stage::people::{self, BOB, TRIP, WITH_BOB, says};
use crate::stage::{Stage, element, intents, press, row_key};

const LINKED: &str = "Bob Baker: Look: the hut, 18:54";

/// A conversation in which the last message is a link with words around it.
fn with_link(stage: &Stage) {
    let messages = vec![says(BOB, 1, 5, "Morning"), says(BOB, 2, 1, "Look: [the hut](https://hut.example.org/beds)")];
    stage.open(WITH_BOB, people::in_runs(messages));
    stage.picture();
}

fn place(stage: &Stage, label: &str, across: f32) -> LogicalPosition {
    let bubble = element(stage, label);
    let (at, size) = (bubble.absolute_position(), bubble.size());
    LogicalPosition::new(at.x + size.width * across, at.y + size.height / 2.0)
}

fn menu_is_open(stage: &Stage) -> bool {
    !stage.window.global::<Shell<'_>>().get_menu_key().is_empty()
}

#[test]
fn a_right_click_and_a_long_press_open_the_menu_of_a_message_with_a_link() {
    let stage = Stage::signed_in(1000.0, 700.0);
    with_link(&stage);
    for across in [0.1, 0.5, 0.9] {
        for (button, milliseconds) in [(PointerEventButton::Right, 10), (PointerEventButton::Left, 700)] {
            stage.hold(place(&stage, LINKED, across), button, milliseconds);
            assert!(menu_is_open(&stage), "{button:?} at {across}");
            press(&stage, Key::Escape);
            stage.picture();
            assert!(!menu_is_open(&stage));
        }
    }
    assert!(stage.desk.opened.borrow().is_empty(), "who asks for the menu does not follow the link");
}

#[test]
fn a_short_press_on_a_link_follows_it() {
    let stage = Stage::signed_in(1000.0, 700.0);
    with_link(&stage);
    stage.hold(place(&stage, LINKED, 0.75), PointerEventButton::Left, 50);
    assert_eq!(stage.desk.opened.borrow().as_slice(), ["https://hut.example.org/beds"]);
    assert!(!menu_is_open(&stage));
}

#[test]
fn a_message_that_is_nothing_but_a_link_leads_there_from_edge_to_edge() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let target = "https://hut.example.org/beds";
    stage.open(WITH_BOB, people::in_runs(vec![says(BOB, 2, 1, target)]));
    stage.picture();
    let label = format!("Bob Baker: {target}, 18:54");
    stage.hold(place(&stage, &label, 0.5), PointerEventButton::Left, 700);
    assert!(menu_is_open(&stage));
    assert!(stage.desk.opened.borrow().is_empty(), "who asks for the menu does not follow the link");
    press(&stage, Key::Escape);
    stage.picture();
    for across in [0.01, 0.5, 0.99] {
        stage.desk.opened.borrow_mut().clear();
        stage.hold(place(&stage, &label, across), PointerEventButton::Left, 50);
        assert_eq!(stage.desk.opened.borrow().as_slice(), [target], "at {across}");
    }
}

#[test]
fn a_link_is_followed_from_the_menu_too() {
    let stage = Stage::signed_in(1000.0, 700.0);
    with_link(&stage);
    element(&stage, LINKED).invoke_accessible_default_action();
    element(&stage, "Open https://hut.example.org/beds").invoke_accessible_default_action();
    assert_eq!(stage.desk.opened.borrow().as_slice(), ["https://hut.example.org/beds"]);
    assert!(!menu_is_open(&stage));
}

#[test]
fn a_quote_leads_to_what_it_quotes_and_has_the_menu_of_its_message() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.picture();
    let quote = place(&stage, "Show the message that this answers", 0.5);
    stage.hold(quote, PointerEventButton::Right, 10);
    assert!(menu_is_open(&stage));
    press(&stage, Key::Escape);
    stage.picture();
    stage.hold(quote, PointerEventButton::Left, 50);
    assert!(intents(&stage).contains(&Intent::JumpTo { position: Position(6) }));
}

#[test]
fn shift_f10_opens_the_menu_of_the_last_message_from_the_entry_field() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.picture();
    stage.window.window().dispatch_event(WindowEvent::KeyPressed { text: Key::Shift.into() });
    press(&stage, Key::F10);
    stage.window.window().dispatch_event(WindowEvent::KeyReleased { text: Key::Shift.into() });
    stage.picture();
    assert_eq!(stage.window.global::<Shell<'_>>().get_menu_key(), row_key(&stage, 10));
}

#[test]
fn arrow_keys_go_through_the_messages_and_read_each_out() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.picture();
    press(&stage, Key::F6);
    press(&stage, Key::F6);
    press(&stage, Key::UpArrow);
    press(&stage, Key::UpArrow);
    stage.picture();
    // Once by the message itself, once by what has the keyboard.
    let label = "Bob Baker: See you at 7?, 18:53";
    let readers = i_slint_backend_testing::ElementHandle::find_by_accessible_label(&stage.window, label);
    assert_eq!(readers.count(), 2);
}

#[test]
fn the_message_to_be_edited_is_gone_on_with_at_its_end() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.picture();
    press(&stage, Key::UpArrow);
    stage.picture();
    press(&stage, "!");
    assert_eq!(stage.window.global::<Composer<'_>>().get_text(), "Perfect. See you at seven!!");
}

#[test]
fn an_emoji_goes_where_the_cursor_is() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.picture();
    let composer = stage.window.global::<Composer<'_>>();
    for letter in ["a", "é", "b"] {
        press(&stage, letter);
    }
    press(&stage, Key::LeftArrow);
    stage.picture();
    composer.invoke_insert("🌊".into());
    stage.picture();
    press(&stage, "c");
    assert_eq!(composer.get_text(), "aé🌊cb");
}

#[test]
fn what_is_said_at_the_edge_does_not_cover_the_last_message() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    for width in [1000.0, 390.0] {
        stage.window.window().set_size(LogicalSize::new(width, 700.0));
        stage.pass(6000);
        stage.picture();
        stage.window.global::<Timeline<'_>>().invoke_copy(row_key(&stage, 2));
        stage.picture();
        assert_eq!(stage.window.global::<Toast<'_>>().get_text(), "Copied");
        let toast = element(&stage, "Copied");
        let last = element(&stage, "You: Perfect. See you at seven!, 18:54, Read");
        assert!(toast.absolute_position().y + toast.size().height < last.absolute_position().y);
    }
}

#[test]
fn a_group_is_left_from_its_menu_and_that_can_be_undone_for_five_seconds() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let leaves = |stage: &Stage| intents(stage).contains(&Intent::Act { chat: TRIP, act: ConversationAct::Leave });
    let ask = |stage: &Stage| {
        stage.picture();
        let line = element(
            stage,
            "Hiking in June 🥾, 3 unread messages, Carol: @alice the hut has four beds left, shall I?, 18:52",
        );
        let at = line.absolute_position();
        stage.hold(LogicalPosition::new(at.x + 80.0, at.y + 30.0), PointerEventButton::Right, 10);
        element(stage, "Leave the group").invoke_accessible_default_action();
    };
    ask(&stage);
    element(&stage, "Undo").invoke_accessible_default_action();
    stage.pass(6000);
    assert!(!leaves(&stage));
    ask(&stage);
    assert!(!leaves(&stage));
    stage.pass(6000);
    assert!(leaves(&stage));
}

#[test]
fn where_only_admins_write_there_is_no_entry_field_for_others_and_admins_have_a_switch() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let trip = |role| {
        let mut trip = people::summary(TRIP, "Hiking in June", None);
        (trip.role, trip.profile.admins_only) = (role, true);
        Shown::Chat(Box::new(trip))
    };
    stage.open(TRIP, people::trip());
    stage.show([trip(MemberRole::Member)]);
    let open = || stage.window.global::<Chats<'_>>().get_open_chat();
    assert_eq!((open().can_write, open().subtitle.as_str()), (false, "Only admins write here"));
    stage.show([trip(MemberRole::Admin)]);
    assert!(open().can_write && open().subtitle == "4 members");
    stage.window.global::<Details<'_>>().invoke_set_admins_only(false);
    let everybody = ConversationAct::SetAdminsOnly { switch: Switch::Off };
    assert!(intents(&stage).contains(&Intent::Act { chat: TRIP, act: everybody }));
}

#[test]
fn nobody_leaves_a_conversation_of_two() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.picture();
    let row = stage.window.global::<Chats<'_>>().get_rows().row_data(1).unwrap();
    let shell = stage.window.global::<Shell<'_>>();
    shell.set_menu_chat(row.id.clone());
    shell.set_menu_chat_row(row);
    stage.picture();
    assert!(!stage.is_seen("Leave the group"));
    assert!(stage.is_seen("Mute for eight hours"));
    assert_eq!(shell.get_sheet(), SheetKind::None);
}

#[test]
fn a_swipe_from_the_edge_leads_back_to_the_list() {
    let stage = Stage::signed_in(390.0, 720.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.picture();
    let window = stage.window.window();
    let at = |x: f32| LogicalPosition::new(x, 300.0);
    window.dispatch_event(WindowEvent::PointerPressed { position: at(6.0), button: PointerEventButton::Left });
    for x in [20.0, 60.0, 120.0, 200.0] {
        window.dispatch_event(WindowEvent::PointerMoved { position: at(x) });
        stage.pass(20);
    }
    window.dispatch_event(WindowEvent::PointerReleased { position: at(200.0), button: PointerEventButton::Left });
    stage.pass(600);
    assert_eq!(stage.window.global::<Chats<'_>>().get_open_id(), "");
    assert!(intents(&stage).contains(&Intent::Close));
}

#[test]
fn what_was_found_says_who_said_it_and_how_it_reads() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.window.global::<Shell<'_>>().set_sheet(SheetKind::Search);
    let hit = Hit {
        chat: TRIP,
        position: Position(4),
        sender_name: "carol".to_owned(),
        at: people::ago(3),
        text: "Bring **two** maps".to_owned(),
    };
    stage.post([Update::Hits { query: "maps".to_owned(), hits: vec![hit] }]);
    stage.picture();
    element(&stage, "Hiking in June 🥾: Carol Cohen: Bring two maps");
}

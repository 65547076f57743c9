//! What a person does, found by what a screen reader would read out, and what the client is asked because of it.

use raftchat_app::backend::{Request, Update};
use raftchat_app::ui::{Composer, People, Settings, SheetKind, Shell, Timeline};
use raftchat_model::{Delivery, Intent, Item, Notification, Shown, TimelineChange};
use raftchat_schema::command::{ConversationAct, Switch};
use raftchat_schema::id::{MessageId, Position};
use slint::platform::Key;
use slint::{ComponentHandle, Model};

use crate::stage::people::{self, ALICE, BOB, TRIP, WITH_BOB, says};
use crate::stage::{Stage, element, intents, press, row_key};

#[test]
fn alice_logs_in() {
    let stage = Stage::new(420.0, 720.0);
    stage.signed_out();
    element(&stage, "Username").set_accessible_value("Alice");
    element(&stage, "Password").set_accessible_value("correct horse");
    element(&stage, "Log in").invoke_accessible_default_action();
    let expected = Request::LogIn { username: "alice".to_owned(), password: "correct horse".to_owned() };
    assert_eq!(stage.script.requests.borrow().as_slice(), [expected]);
}

#[test]
fn alice_writes_to_bob() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    element(&stage, "Message to Bob Baker").set_accessible_value("On my way");
    element(&stage, "Send").invoke_accessible_default_action();
    let sent = intents(&stage).into_iter().find_map(|intent| match intent {
        Intent::Send { chat, text, reply_to, .. } => Some((chat, text, reply_to)),
        _ => None,
    });
    assert_eq!(sent, Some((WITH_BOB, "On my way".to_owned(), None)));
    assert_eq!(stage.window.global::<Composer<'_>>().get_text(), "");
}

#[test]
fn a_list_line_opens_its_conversation() {
    let stage = Stage::signed_in(1000.0, 700.0);
    element(&stage, "Dave Diaz, 12 unread messages, Did you see the new build times?, 16:45")
        .invoke_accessible_default_action();
    assert!(intents(&stage).iter().any(|intent| matches!(intent, Intent::Open { .. })));
}

#[test]
fn a_message_is_read_out_as_a_whole() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    element(&stage, "You, in reply to Bob Baker: Yes! I booked the table by the window, 18:51");
    element(&stage, "Bob Baker: Great, I will bring the book you lent me, 18:52, edited");
}

#[test]
fn a_reply_goes_with_what_it_answers() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.window.global::<Timeline<'_>>().invoke_reply(row_key(&stage, 9));
    assert!(stage.window.global::<Composer<'_>>().get_reply().present);
    element(&stage, "Message to Bob Baker").set_accessible_value("Yes");
    element(&stage, "Send").invoke_accessible_default_action();
    assert!(intents(&stage).iter().any(|intent| matches!(intent, Intent::Send { reply_to: Some(Position(10)), .. })));
    assert!(!stage.window.global::<Composer<'_>>().get_reply().present);
}

#[test]
fn the_last_own_message_is_edited_and_what_was_typed_comes_back() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    let composer = stage.window.global::<Composer<'_>>();
    composer.set_text("half a thought".into());
    assert!(composer.invoke_edit_last());
    assert_eq!(composer.get_text(), "Perfect. See you at seven!");
    element(&stage, "Message to Bob Baker").set_accessible_value("Perfect. See you at eight!");
    element(&stage, "Save").invoke_accessible_default_action();
    let text = "Perfect. See you at eight!".to_owned();
    assert!(intents(&stage).contains(&Intent::Edit { chat: WITH_BOB, position: Position(11), text }));
    assert_eq!(composer.get_text(), "half a thought");
}

#[test]
fn a_deleted_message_can_be_brought_back_for_five_seconds() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    let deleted = |stage: &Stage| stage.window.global::<Timeline<'_>>().get_rows().row_data(10).unwrap().deleted;
    let asked = |stage: &Stage| {
        intents(stage)
            .contains(&Intent::Act { chat: WITH_BOB, act: ConversationAct::DeleteMessage { position: Position(11) } })
    };

    stage.window.global::<Timeline<'_>>().invoke_delete(row_key(&stage, 10));
    assert!(deleted(&stage));
    element(&stage, "Undo").invoke_accessible_default_action();
    assert!(!deleted(&stage));
    stage.pass(6000);
    assert!(!asked(&stage));

    stage.window.global::<Timeline<'_>>().invoke_delete(row_key(&stage, 10));
    stage.pass(6000);
    assert!(asked(&stage));
}

#[test]
fn the_same_reaction_again_takes_it_back() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.window.global::<Timeline<'_>>().invoke_react(row_key(&stage, 2), "❤️".into());
    stage.window.global::<Timeline<'_>>().invoke_react(row_key(&stage, 2), "👍".into());
    let switches: Vec<Switch> = intents(&stage)
        .into_iter()
        .filter_map(|intent| {
            if let Intent::Act { act: ConversationAct::React { switch, .. }, .. } = intent {
                Some(switch)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(switches, [Switch::Off, Switch::On]);
}

#[test]
fn a_message_is_copied_as_it_was_written() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.window.global::<Timeline<'_>>().invoke_copy(row_key(&stage, 2));
    assert_eq!(stage.desk.copied.borrow().as_slice(), ["The photos are up, the third one is **so** good"]);
}

#[test]
fn a_notification_says_as_much_as_the_person_wants_and_goes_when_it_was_read() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let notification = Notification {
        chat: TRIP,
        title: "Hiking in June".to_owned(),
        sender: BOB,
        sender_name: "Bob Baker".to_owned(),
        message_id: MessageId([7; 16]),
        position: Position(41),
        text: "Who has the keys?".to_owned(),
        mentions_me: false,
    };
    stage.post([Update::Notify(notification.clone())]);
    assert_eq!(stage.desk.notified.borrow()[0].2, "Bob Baker: Who has the keys?");
    stage.post([Update::ClearNotification(TRIP)]);
    assert!(stage.desk.notified.borrow().is_empty());
    stage.window.global::<Settings<'_>>().set_previews(false);
    stage.post([Update::Notify(notification)]);
    assert_eq!(stage.desk.notified.borrow()[0].2, "New message");
}

/// Looks at the keys twice: at first, and after a sheet was closed.
fn keys_are_heard(stage: &Stage) {
    for moment in ["at first", "after a sheet was closed"] {
        stage.picture();
        press(stage, Key::F1);
        assert_eq!(stage.window.global::<Shell<'_>>().get_sheet(), SheetKind::Shortcuts, "{moment}");
        stage.picture();
        press(stage, Key::Escape);
        assert_eq!(stage.window.global::<Shell<'_>>().get_sheet(), SheetKind::None);
    }
}

#[test]
fn keys_are_heard_with_no_conversation_open() {
    keys_are_heard(&Stage::signed_in(1000.0, 700.0));
}

#[test]
fn keys_are_heard_on_a_narrow_screen() {
    let stage = Stage::signed_in(400.0, 700.0);
    keys_are_heard(&stage);
    stage.open(WITH_BOB, people::with_bob());
    keys_are_heard(&stage);
}

#[test]
fn where_somebody_is_looked_for_one_can_write_at_once() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.window.global::<Shell<'_>>().set_sheet(SheetKind::NewConversation);
    stage.picture();
    press(&stage, "b");
    assert_eq!(stage.window.global::<People<'_>>().get_query(), "b");
    element(&stage, "New group").invoke_accessible_default_action();
    stage.picture();
    press(&stage, "T");
    assert_eq!(element(&stage, "Title of the group").accessible_value().as_deref(), Some("T"));
}

#[test]
fn keys_mean_the_same_everywhere() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.picture();
    press(&stage, Key::F1);
    assert_eq!(stage.window.global::<Shell<'_>>().get_sheet(), SheetKind::Shortcuts);
    stage.picture();
    press(&stage, Key::Escape);
    assert_eq!(stage.window.global::<Shell<'_>>().get_sheet(), SheetKind::None);
}

#[test]
fn reading_stays_where_it_is_when_older_messages_come_and_when_newer_ones_do() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let old = (1..=80).map(|at| says(BOB, at + 100, 200 - at, &format!("Line {at}"))).collect();
    stage.open(TRIP, people::in_runs(old));
    stage.picture();
    let timeline = stage.window.global::<Timeline<'_>>();
    timeline.set_reveal_key(row_key(&stage, 15));
    stage.picture();
    let before = stage.picture();
    let item = |at, text: &str| Item::Bubble(Box::new(says(BOB, at, 1, text)));
    let newer = TimelineChange::Insert { at: 80, item: item(500, "New") };
    stage.show([Shown::Timeline { chat: TRIP, changes: vec![newer] }]);
    let after = stage.picture();
    assert!(!timeline.get_pinned());
    assert!(same(&before, &after), "a newer message moved what is read");
    let older = (0..25).map(|at| TimelineChange::Insert { at: 0, item: item(90 - at, "Older\nwith two lines") });
    stage.show([Shown::Timeline { chat: TRIP, changes: older.collect() }]);
    let after = stage.picture();
    assert!(same(&before, &after), "older messages moved what is read");
}

#[test]
fn one_is_taken_to_what_one_has_said_oneself() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let old = (1..=80).map(|at| says(BOB, at + 100, 200 - at, &format!("Line {at}"))).collect();
    stage.open(WITH_BOB, people::in_runs(old));
    stage.picture();
    stage.window.global::<Timeline<'_>>().set_reveal_key(row_key(&stage, 30));
    stage.picture();
    let mut mine = says(ALICE, 900, 0, "Here I am");
    (mine.position, mine.delivery) = (None, Some(Delivery::Sending));
    let change = TimelineChange::Insert { at: 80, item: Item::Bubble(Box::new(mine)) };
    stage.show([Shown::Timeline { chat: WITH_BOB, changes: vec![change] }]);
    stage.picture();
    assert!(stage.window.global::<Timeline<'_>>().get_pinned());
    assert!(stage.is_seen("You: Here I am, 18:55, Sending…"));
}

fn same(one: &crate::stage::Picture, other: &crate::stage::Picture) -> bool {
    // The thin line at the right edge shows the place in the window of messages: it may move.
    let (width, height) = (one.width() as usize, one.height() as usize);
    let pane = |picture: &crate::stage::Picture| -> Vec<[u8; 3]> {
        let pixels = picture.as_slice();
        let rows = (64..height - 120).flat_map(|y| (360..width - 90).map(move |x| y * width + x));
        rows.map(|at| [pixels[at].r, pixels[at].g, pixels[at].b]).collect()
    };
    pane(one) == pane(other)
}

//! What is shown is what holds now: of the connection, and of the conversation that is open.

use i_slint_backend_testing::ElementHandle;
use raftchat_app::backend::{Asked, Update};
use raftchat_app::ui::{Chats, Composer, Connection as Link, Settings, SheetKind, Shell, Timeline, Toast};
use raftchat_model::{ChatId, Connection, Intent, Item, Shown, TimelineChange, TimelineState};
use raftchat_schema::command::ConversationAct;
use raftchat_schema::id::{NodeId, Position, Stamp};
use slint::{ComponentHandle, Model};

use crate::stage::people::{self, BOB, CAROL, TRIP, WITH_BOB, says};
use crate::stage::{Stage, element, golden, intents};

fn opened(stage: &Stage, chat: ChatId) {
    let ChatId::Known(id) = chat else { panic!("only of those that are known") };
    stage.window.global::<Chats<'_>>().invoke_open(id.to_string().into());
}

fn rows(stage: &Stage) -> Vec<String> {
    stage.window.global::<Timeline<'_>>().get_rows().iter().map(|row| row.plain.to_string()).collect()
}

fn comes(chat: ChatId, at: usize, text: &str) -> Shown {
    let item = Item::Bubble(Box::new(says(BOB, 90, 0, text)));
    Shown::Timeline { chat, changes: vec![TimelineChange::Insert { at, item }] }
}

#[test]
fn how_the_connection_stands_is_seen_in_a_narrow_conversation() {
    let stage = Stage::signed_in(390.0, 720.0);
    stage.open(WITH_BOB, people::with_bob());
    stage.picture();
    let said = |stage: &Stage, text: &str| stage.is_seen(&format!("Connection: {text}"));
    assert!(!said(&stage, "Node 3 · 12 ms"), "that all is well is no news");
    for (connection, text) in [
        (Connection::Offline, "Offline"),
        (Connection::Connecting, "Connecting…"),
        (Connection::CatchingUp { node: NodeId(3), rtt_ms: 12 }, "Catching up…"),
        (Connection::ReadOnly { node: NodeId(3), rtt_ms: 12 }, "Read only: no majority"),
    ] {
        stage.show([Shown::Connection(connection)]);
        assert!(said(&stage, text), "{text}");
        let chip = element(&stage, &format!("Connection: {text}"));
        assert!(chip.absolute_position().y < 80.0, "at the upper edge, over nothing that is read last");
    }
    golden("conversation-narrow-read-only", &stage.picture());
    stage.show([people::online()]);
    stage.show([Shown::Moved { from: NodeId(1), to: NodeId(3), ms: 84 }]);
    assert!(said(&stage, "Moved to node 3 in 84 ms"));
    stage.show([Shown::Connection(Connection::ReadOnly { node: NodeId(3), rtt_ms: 12 })]);
    assert!(said(&stage, "Read only: no majority"), "where the streams went is no reason to be silent about it");
    stage.show([people::online()]);
    stage.pass(6000);
    assert!(!said(&stage, "Moved to node 3 in 84 ms"));
}

#[test]
fn a_move_is_said_where_the_connection_is_and_covers_nothing() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.show([Shown::Moved { from: NodeId(1), to: NodeId(3), ms: 84 }]);
    assert!(stage.is_seen("Connection: Moved to node 3 in 84 ms"));
    stage.pass(6000);
    assert!(stage.is_seen("Connection: Node 3 · 12 ms"));
}

#[test]
fn what_still_comes_of_a_conversation_that_was_left_is_not_drawn_in_the_one_that_is_open() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(TRIP, people::trip());
    opened(&stage, WITH_BOB);
    let left = TimelineState { jumped_to: Some(Position(4)), below: 40, at_end: false, ..people::at_end(TRIP) };
    let draft = Shown::Draft { chat: TRIP, text: "for the group".to_owned(), reply: None };
    stage.show([comes(TRIP, 0, "late"), Shown::TimelineState(left), draft]);
    assert_eq!(rows(&stage), Vec::<String>::new());
    assert_eq!(stage.window.global::<Composer<'_>>().get_text(), "");
    assert_eq!(stage.window.global::<Timeline<'_>>().get_below(), 0);
    stage.show([people::timeline(WITH_BOB, people::in_runs(vec![says(BOB, 1, 1, "of this one")]))]);
    assert_eq!(rows(&stage), ["of this one"]);
}

#[test]
fn what_still_comes_of_an_earlier_opening_of_the_same_conversation_is_not_drawn() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(TRIP, people::trip());
    opened(&stage, WITH_BOB);
    opened(&stage, TRIP);
    // Steps from the timeline of the first opening: to that of the second they would mean something else.
    let step = Shown::Timeline { chat: TRIP, changes: vec![TimelineChange::Remove { at: 0 }] };
    let whole = people::timeline(TRIP, people::in_runs(vec![says(CAROL, 1, 2, "one"), says(CAROL, 2, 1, "two")]));
    stage.show([comes(TRIP, 3, "late"), step]);
    assert_eq!(rows(&stage), Vec::<String>::new());
    stage.show([whole, comes(TRIP, 2, "three")]);
    assert_eq!(rows(&stage), ["one", "two", "three"]);
}

#[test]
fn a_conversation_that_is_being_opened_is_not_called_empty() {
    let stage = Stage::signed_in(1000.0, 700.0);
    opened(&stage, WITH_BOB);
    stage.picture();
    let empty = |stage: &Stage| {
        ElementHandle::find_by_accessible_label(&stage.window, "Nothing has been said yet").next().is_some()
    };
    assert!(!empty(&stage));
    stage.show([people::timeline(WITH_BOB, Vec::new()), Shown::TimelineState(people::at_end(WITH_BOB))]);
    stage.picture();
    assert!(empty(&stage));
}

#[test]
fn a_conversation_that_needs_no_scrolling_is_read_when_it_is_opened_and_when_something_comes() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let reads = |stage: &Stage| {
        let is_read =
            |intent: &Intent| matches!(intent, Intent::Act { chat: TRIP, act: ConversationAct::MarkRead { .. } });
        intents(stage).iter().filter(|intent| is_read(intent)).count()
    };
    stage.open(TRIP, people::in_runs(vec![says(CAROL, 1, 2, "one")]));
    assert_eq!(reads(&stage), 1);
    stage.show([comes(TRIP, 1, "two")]);
    assert_eq!(reads(&stage), 2);
}

#[test]
fn what_was_said_about_a_password_is_gone_when_the_settings_are_opened_again() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let (shell, settings) = (stage.window.global::<Shell<'_>>(), stage.window.global::<Settings<'_>>());
    shell.set_sheet(SheetKind::Settings);
    stage.picture();
    stage.post([Update::Done(Asked::ChangePassword)]);
    assert_eq!(settings.get_done(), "Your password was changed.");
    shell.set_sheet(SheetKind::None);
    stage.picture();
    shell.set_sheet(SheetKind::Settings);
    stage.picture();
    assert_eq!(settings.get_done(), "");
}

#[test]
fn a_certificate_that_ends_soon_is_told_where_one_looks_for_trouble_and_at_last_to_everybody() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let stage = Stage::signed_in(390.0, 720.0);
    let warning = |days: u64| {
        stage.post([Update::CertificateEnds(Stamp(people::NOW.0 + days * DAY))]);
        let toast = stage.window.global::<Toast<'_>>().get_text().to_string();
        (stage.window.global::<Link<'_>>().get_warning().to_string(), toast)
    };
    let ends = |days: &str| {
        format!("The certificate of this device ends in {days}: ask whoever runs the cluster for a new one")
    };
    assert_eq!(warning(700), (String::new(), String::new()));
    assert_eq!(warning(59), (ends("59 days"), String::new()));
    assert_eq!(warning(1), (ends("1 day"), ends("1 day")));
    let over = "The certificate of this device has ended: ask whoever runs the cluster for a new one".to_owned();
    assert_eq!(warning(0), (over.clone(), over));
}

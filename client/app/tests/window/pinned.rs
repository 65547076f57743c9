//! What is pinned, and what those are called who are gone.

use raftchat_app::ui::{Chats, SheetKind, Shell, Timeline};
use raftchat_model::{DELETED_ACCOUNT, Intent, Person, ReactionSummary, Shown};
use raftchat_schema::id::{Position, UserId};
use slint::{ComponentHandle, Model};

use crate::stage::people::{self, BOB, TRIP, WITH_BOB, says};
use crate::stage::{Stage, element, intents};

#[test]
fn one_pinned_message_stands_above_the_conversation_and_leads_to_where_it_was_said() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(TRIP, people::trip());
    stage.show([people::pins(TRIP, 1)]);
    stage.picture();
    element(&stage, "Pinned: @alice the hut has four beds left, shall I?").invoke_accessible_default_action();
    assert!(intents(&stage).contains(&Intent::JumpTo { position: Position(6) }));
    stage.show([people::pins(TRIP, 0)]);
    assert_eq!(stage.window.global::<Chats<'_>>().get_open_chat().pinned_message, "");
}

#[test]
fn several_pinned_messages_are_listed_also_those_that_the_window_does_not_hold() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(TRIP, people::in_runs(vec![says(BOB, 90, 1, "far below what is pinned")]));
    stage.show([people::pins(TRIP, 2)]);
    stage.picture();
    element(&stage, "2 pinned messages, the last: I have a stove.").invoke_accessible_default_action();
    let shell = stage.window.global::<Shell<'_>>();
    assert_eq!(shell.get_sheet(), SheetKind::Pinned);
    stage.picture();
    element(&stage, "Carol Cohen: @alice the hut has four beds left, shall I?").invoke_accessible_default_action();
    assert_eq!(shell.get_sheet(), SheetKind::None);
    assert!(intents(&stage).contains(&Intent::JumpTo { position: Position(6) }));
    // Another conversation has pins of its own.
    stage.open(WITH_BOB, people::with_bob());
    stage.show([people::pins(TRIP, 2)]);
    assert_eq!(stage.window.global::<Chats<'_>>().get_open_chat().pinned_count, 0);
}

#[test]
fn those_whose_account_is_gone_are_called_so_in_the_persons_language() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.speak_german();
    let mut said = says(BOB, 1, 1, "Farewell");
    said.sender_name = DELETED_ACCOUNT.to_owned();
    said.reactions =
        vec![ReactionSummary { emoji: "👋".into(), count: 1, mine: false, names: vec![DELETED_ACCOUNT.into()] }];
    stage.open(TRIP, people::in_runs(vec![said]));
    let row = stage.window.global::<Timeline<'_>>().get_rows().row_data(0).unwrap();
    assert_eq!(row.name, "Gelöschtes Konto");
    assert_eq!(row.reactions.row_data(0).unwrap().names, "Gelöschtes Konto");
}

#[test]
fn nobody_is_taken_for_another_whose_account_is_gone() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let Shown::Person(bob) = people::person(BOB) else { panic!("a person is a person") };
    let gone = |user: u64, username: &str| Person {
        user: UserId(user),
        username: username.parse().unwrap(),
        display_name: DELETED_ACCOUNT.to_owned(),
        deleted: true,
        ..(*bob).clone()
    };
    stage.show([gone(9001, "gone1"), gone(9002, "gone2")].map(|person| Shown::Person(Box::new(person))));
    let rows = stage.window.global::<raftchat_app::ui::People<'_>>().get_rows();
    assert!(rows.iter().all(|row| row.imitates.is_empty()));
}

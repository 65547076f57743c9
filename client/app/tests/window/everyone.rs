//! For everyone: what is read out, and in which language.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use i_slint_backend_testing::{AccessibleRole, ElementQuery};
use raftchat_app::backend::{Asked, Update};
use raftchat_app::ui::{Chats, Connection, Session, SheetKind, Shell};
use raftchat_model::{Body, Shown};
use raftchat_schema::error::ErrorCode;
use slint::{ComponentHandle, LogicalSize, Model};

use crate::stage::people::{self, ALICE, BOB, TRIP};
use crate::stage::{Stage, crate_dir};

const SHEETS: [SheetKind; 11] = [
    SheetKind::None,
    SheetKind::Settings,
    SheetKind::NewConversation,
    SheetKind::Details,
    SheetKind::Person,
    SheetKind::Connection,
    SheetKind::Shortcuts,
    SheetKind::Switcher,
    SheetKind::Receipts,
    SheetKind::Emoji,
    SheetKind::Search,
];

#[test]
fn every_control_has_a_role_and_a_name() {
    let stage = Stage::signed_in(1000.0, 700.0);
    stage.open(TRIP, people::trip());
    stage.window.global::<raftchat_app::ui::People<'_>>().invoke_show(BOB.to_string().into());
    for width in [1000.0, 390.0] {
        stage.window.window().set_size(LogicalSize::new(width, 700.0));
        for sheet in SHEETS {
            stage.window.global::<Shell<'_>>().set_sheet(sheet);
            stage.picture();
            for kind in ["Pressable", "Field", "Switch", "TextInput"] {
                let found = ElementQuery::from_root(&stage.window).match_inherits(kind).find_all();
                for control in found {
                    // A field gives both away to what is typed into.
                    let named = kind == "Field" || control.accessible_label().is_some_and(|label| !label.is_empty());
                    let known =
                        kind == "Field" || control.accessible_role().is_some_and(|role| role != AccessibleRole::None);
                    assert!(named && known, "{kind} {:?} {:?} in {sheet:?}", control.id(), control.type_name());
                }
            }
        }
    }
}

#[test]
fn a_refusal_is_said_in_the_persons_language() {
    let stage = Stage::new(390.0, 720.0);
    stage.signed_out();
    let problem = |code: ErrorCode| {
        stage.post([Update::Refused { request: Asked::SignIn, sentence: code.sentence().to_owned() }]);
        stage.window.global::<Session<'_>>().get_problem()
    };
    let english: Vec<_> = ErrorCode::ALL.iter().map(|code| problem(*code)).collect();
    assert!(english.iter().all(|sentence| !sentence.is_empty() && !sentence.contains("raftchatctl")));
    stage.speak_german();
    assert_eq!(problem(ErrorCode::WrongCredentials), "Der Benutzername oder das Passwort ist falsch.");
    assert!(ErrorCode::ALL.iter().zip(english).all(|(code, english)| problem(*code) != english));
}

#[test]
fn a_change_of_language_reaches_what_is_shown_already() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let mut deck = people::summary(TRIP, "Deck crew", people::preview(ALICE, 3, "Watch change at four"));
    deck.pinned = true;
    stage.show([Shown::Chat(Box::new(deck))]);
    stage.open(TRIP, people::trip());
    let said = |stage: &Stage| {
        let (chats, connection) = (stage.window.global::<Chats<'_>>(), stage.window.global::<Connection<'_>>());
        let first = chats.get_rows().row_data(0).unwrap();
        [first.preview, chats.get_open_chat().subtitle, connection.get_text()]
    };
    assert_eq!(said(&stage), ["You: Watch change at four", "4 members", "Node 3 · 12 ms"]);
    stage.speak_german();
    assert_eq!(said(&stage), ["Du: Watch change at four", "4 Mitglieder", "Knoten 3 · 12 ms"]);
}

#[test]
fn that_a_message_was_deleted_is_nothing_that_somebody_has_said() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let said = |stage: &Stage, sender| {
        let mut last = people::preview(sender, 3, "");
        last.as_mut().unwrap().body = Body::Deleted;
        let mut deck = people::summary(TRIP, "Deck crew", last);
        deck.pinned = true;
        stage.show([Shown::Chat(Box::new(deck))]);
        stage.window.global::<Chats<'_>>().get_rows().row_data(0).unwrap().preview
    };
    assert_eq!(said(&stage, ALICE), "You deleted this message");
    assert_eq!(said(&stage, BOB), "This message was deleted");
}

#[test]
fn every_sentence_is_there_in_german() {
    let ui = crate_dir().join("ui");
    let german = std::fs::read_to_string(ui.join("lang/de/LC_MESSAGES/raftchat-ui.po")).unwrap();
    let mut known = BTreeSet::new();
    let mut id = "";
    for line in german.lines() {
        if let Some(text) = line.strip_prefix("msgid ") {
            id = text;
        } else if line.starts_with("msgstr") && !line.ends_with(" \"\"") {
            known.insert(id.trim_matches('"'));
        }
    }
    let mut sentences = 0;
    for file in files(&ui) {
        let source = std::fs::read_to_string(&file).unwrap();
        for call in source.split("@tr(").skip(1) {
            let mut quoted = call.split('"');
            let (_, first) = (quoted.next(), quoted.next().unwrap());
            // A sentence may have a context before it.
            let sentence = if quoted.next().unwrap().trim() == "=>" { quoted.next().unwrap() } else { first };
            assert!(known.contains(sentence), "{}: {sentence}", file.display());
            sentences += 1;
        }
    }
    assert!(sentences > 200, "{sentences}");
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let slint = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "slint");
    files.into_iter().filter(slint).chain(dirs.iter().flat_map(|dir| self::files(dir))).collect()
}

//! Pictures of the pages of the settings.

use raftchat_app::backend::Update;
use raftchat_app::ui::{SheetKind, Shell};
use raftchat_schema::id::SessionId;
use raftchat_schema::view::SessionEntry;
use slint::platform::WindowEvent;
use slint::{ComponentHandle, LogicalPosition};

use crate::stage::look::{Look, looks};
use crate::stage::people;
use crate::stage::{Stage, element};

/// The settings, as one sees them first.
fn settings(look: Look) -> Stage {
    let stage = look.signed_in();
    stage.window.global::<Shell<'_>>().set_sheet(SheetKind::Settings);
    stage
}

/// Goes to a page.
fn page(look: Look, english: &'static str, german: &'static str) -> Stage {
    let stage = settings(look);
    go(&stage, look.word(english, german));
    stage
}

fn go(stage: &Stage, label: &str) {
    stage.picture();
    element(stage, label).invoke_accessible_default_action();
}

fn session(number: u64, device: &str, minutes_ago: u64) -> SessionEntry {
    SessionEntry {
        id: SessionId(number),
        device_name: device.to_owned(),
        created: people::ago(40 * 1440),
        last_used: people::ago(minutes_ago),
        address: "192.0.2.17".to_owned(),
        current: number == 1,
    }
}

fn devices(look: Look) -> Stage {
    let stage = page(look, "Devices and password", "Geräte und Passwort");
    let others = [session(2, "The tablet in the kitchen", 300), session(3, "office", 3 * 1440)];
    stage.post([Update::Sessions([vec![session(1, "alice-laptop", 0)], others.to_vec()].concat())]);
    stage
}

#[test]
fn overview() {
    looks("settings", settings);
}

#[test]
fn profile() {
    looks("settings-profile", |look| page(look, "Profile", "Profil"));
}

#[test]
fn appearance() {
    looks("settings-appearance", |look| page(look, "Appearance", "Aussehen"));
}

#[test]
fn notifications() {
    looks("settings-notifications", |look| page(look, "Notifications", "Mitteilungen"));
}

#[test]
fn privacy() {
    looks("settings-privacy", |look| page(look, "Privacy", "Privatsphäre"));
}

#[test]
fn sessions() {
    looks("settings-devices", devices);
}

#[test]
fn password() {
    looks("settings-password", |look| {
        let stage = devices(look);
        go(&stage, look.word("Change password", "Passwort ändern"));
        stage
    });
}

#[test]
fn about() {
    looks("settings-about", |look| page(look, "About raftchat", "Über raftchat"));
}

#[test]
fn delete_account() {
    looks("settings-delete", |look| {
        let stage = settings(look);
        stage.picture();
        // In a wide window it is the last, out of sight.
        let position = LogicalPosition::new(look.middle(), 300.0);
        let scrolled = WindowEvent::PointerScrolled { position, delta_x: 0.0, delta_y: -900.0 };
        stage.window.window().dispatch_event(scrolled);
        go(&stage, look.word("Delete account", "Konto löschen"));
        stage
    });
}

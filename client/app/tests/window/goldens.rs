//! Pictures of the screens, as the software renderer draws them with our fonts.

use crate::stage::element;
use crate::stage::look::{Look, looks};
use crate::stage::people::{self, TRIP, WITH_BOB};

#[test]
fn sign_in() {
    looks("sign-in", |look| {
        let stage = look.stage();
        stage.signed_out();
        stage.show([people::online()]);
        stage
    });
}

#[test]
fn register() {
    looks("register", |look| {
        let stage = look.stage();
        stage.signed_out();
        stage.show([people::online()]);
        stage.picture();
        element(&stage, look.word("Create an account", "Konto anlegen")).invoke_accessible_default_action();
        stage
    });
}

#[test]
fn list() {
    looks("list", Look::signed_in);
}

#[test]
fn conversation() {
    looks("conversation", |look| {
        let stage = look.signed_in();
        stage.open(WITH_BOB, people::with_bob());
        stage
    });
}

#[test]
fn group() {
    looks("group", |look| {
        let stage = look.signed_in();
        stage.open(TRIP, people::trip());
        stage.show([people::pins(TRIP, 2)]);
        stage
    });
}

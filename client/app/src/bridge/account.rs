//! Logging in, the person's own settings and sessions. Knows nothing of conversations.

use std::rc::Rc;

use raftchat_model::text::safe;
use raftchat_model::{Intent, Person};
use raftchat_schema::command::{AccountAct, OtherSessions, OwnMessages, Profile};
use raftchat_schema::view::SessionEntry;
use slint::{ComponentHandle, ModelRc, SharedString, VecModel};

use super::drawn::face;
use super::list::switch;
use super::preferences;
use super::view::{Shared, View};
use crate::backend::Request;
use crate::ui::{AppWindow, Session, SessionRow, Settings};

/// Joins the callbacks.
pub(super) fn connect(window: &AppWindow, view: &Shared) {
    connect_session(&window.global::<Session<'_>>(), view);
    let settings = window.global::<Settings<'_>>();
    settings.set_version(env!("CARGO_PKG_VERSION").into());
    connect_profile(&settings, view);
    connect_security(&settings, view);
}

fn connect_session(session: &Session<'_>, view: &Shared) {
    let shared = Rc::clone(view);
    session.on_log_in(move |username, password| {
        shared.borrow().sign_in(Request::LogIn { username: username.trim().to_lowercase(), password: password.into() });
    });
    let shared = Rc::clone(view);
    session.on_register(move |username, display_name, password| {
        shared.borrow().sign_in(Request::Register {
            username: username.trim().to_lowercase(),
            display_name: display_name.trim().to_owned(),
            password: password.into(),
        });
    });
    let shared = Rc::clone(view);
    session.on_log_out(move || shared.borrow().ask(Request::LogOut));
}

fn connect_profile(settings: &Settings<'_>, view: &Shared) {
    let shared = Rc::clone(view);
    settings.on_save_profile(move |name| {
        let name = name.trim();
        if !safe::is_blank(name) {
            let profile = Profile { display_name: Some(name.to_owned()), presence: None, receipts: None };
            shared.borrow().act(Intent::Account(AccountAct::SetProfile(profile)));
        }
    });
    let shared = Rc::clone(view);
    settings.on_privacy(move |hide_presence, receipts_off| {
        let profile = Profile {
            display_name: None,
            presence: Some(switch(!hide_presence)),
            receipts: Some(switch(!receipts_off)),
        };
        shared.borrow().act(Intent::Account(AccountAct::SetProfile(profile)));
    });
    let shared = Rc::clone(view);
    settings.on_changed(move || shared.borrow_mut().settings_changed());
}

fn connect_security(settings: &Settings<'_>, view: &Shared) {
    let shared = Rc::clone(view);
    settings.on_load_sessions(move || shared.borrow().ask(Request::Sessions));
    let shared = Rc::clone(view);
    settings.on_end_session(move |id| {
        if let Ok(id) = id.parse() {
            shared.borrow().ask(Request::EndSession(id));
        }
    });
    let shared = Rc::clone(view);
    settings.on_end_others(move || shared.borrow().ask(Request::EndOtherSessions));
    let shared = Rc::clone(view);
    settings.on_change_password(move |old, new, end_others| {
        let others = if end_others { OtherSessions::End } else { OtherSessions::Keep };
        shared.borrow().ask(Request::ChangePassword { old: old.into(), new: new.into(), others });
    });
    let shared = Rc::clone(view);
    settings.on_delete_account(move |password, messages_too| {
        let messages = if messages_too { OwnMessages::Erase } else { OwnMessages::Keep };
        shared.borrow().ask(Request::DeleteAccount { password: password.into(), messages });
    });
}

impl View {
    fn sign_in(&self, request: Request) {
        self.with_window(|window| {
            let session = window.global::<Session<'_>>();
            session.set_busy(true);
            session.set_problem(SharedString::default());
        });
        self.ask(request);
    }

    fn settings_changed(&mut self) {
        self.with_window(|window| {
            preferences::select_language(window);
            if let Some(kept) = &self.kept
                && kept.send(preferences::read(window)).is_err()
            {
                tracing::warn!("the window's settings are not kept");
            }
        });
        self.draw_anew();
    }

    /// Draws who the person is.
    pub(super) fn draw_me(&self, person: &Person) {
        let name = safe::one_line(&person.display_name, 64);
        self.with_window(|window| {
            let session = window.global::<Session<'_>>();
            session.set_my_face(face::person(person.user, &name, false));
            session.set_my_username(format!("@{}", person.username).into());
            session.set_my_name(name.as_str().into());
            let settings = window.global::<Settings<'_>>();
            settings.set_hide_presence(person.presence_hidden);
            settings.set_receipts_off(person.receipts_off);
        });
    }

    /// Draws the devices that are logged in.
    pub(super) fn draw_sessions(&self, sessions: &[SessionEntry]) {
        let rows = sessions.iter().map(|session| {
            let used = self.phrases.moment_within(session.last_used);
            let address = session.address.as_str().into();
            SessionRow {
                id: session.id.to_string().into(),
                device: safe::one_line(&session.device_name, 64).into(),
                detail: if session.current {
                    self.phrases.say(|words| words.invoke_this_device())
                } else {
                    self.phrases.say(|words| words.invoke_last_used(used, address))
                },
                current: session.current,
            }
        });
        let rows: Vec<SessionRow> = rows.collect();
        self.with_window(|window| window.global::<Settings<'_>>().set_sessions(ModelRc::new(VecModel::from(rows))));
    }
}

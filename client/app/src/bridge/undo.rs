//! Deleting and leaving can be taken back for a few seconds: until then nobody is asked to do them.

use std::rc::Rc;
use std::time::Duration;

use raftchat_model::{ChatId, Intent};
use raftchat_schema::command::ConversationAct;
use slint::{ComponentHandle, SharedString, Timer, TimerMode};

use super::view::{Shared, View};
use crate::ui::{AppWindow, Toast};

/// As long as the toast is seen.
const GRACE: Duration = Duration::from_secs(5);

/// An act that is about to be done.
pub(super) struct Undoable {
    intent: Intent,
    _timer: Timer,
}

/// Joins the callbacks.
pub(super) fn connect(window: &AppWindow, view: &Shared) {
    let toast = window.global::<Toast<'_>>();
    let shared = Rc::clone(view);
    toast.on_act(move || {
        let mut view = shared.borrow_mut();
        view.undoable = None;
        view.timeline.set_going(None);
        view.clear_toast();
    });
    let shared = Rc::clone(view);
    toast.on_gone(move || {
        let mut view = shared.borrow_mut();
        view.commit_undoable();
        view.clear_toast();
    });
}

impl View {
    /// Deletes a message, soon.
    pub(super) fn delete(&mut self, key: &str) {
        let Some((chat, position)) = self.place(key) else { return };
        self.soon(Intent::Act { chat, act: ConversationAct::DeleteMessage { position } });
        self.timeline.set_going(Some(key));
        let sentence = self.phrases.say(|words| words.invoke_message_deleted());
        self.undo_toast(&sentence);
    }

    /// Leaves a group, soon.
    pub(super) fn leave(&mut self, chat: ChatId) {
        let title = self.chats.get(chat).map(|summary| summary.title.clone()).unwrap_or_default();
        if self.open == Some(chat) {
            self.close_chat();
        }
        self.soon(Intent::Act { chat, act: ConversationAct::Leave });
        let sentence = self.phrases.say(|words| words.invoke_group_left(title.into()));
        self.undo_toast(&sentence);
    }

    /// Does now what was to be done soon.
    pub(super) fn commit_undoable(&mut self) {
        if let Some(undoable) = self.undoable.take() {
            self.act(undoable.intent);
            self.timeline.set_going(None);
        }
    }

    /// Says something at the lower edge.
    pub(super) fn toast(&self, text: &str) {
        self.show_toast(text, SharedString::default());
    }

    fn soon(&mut self, intent: Intent) {
        self.commit_undoable();
        let timer = Timer::default();
        let window = self.window.clone();
        timer.start(TimerMode::SingleShot, GRACE, move || {
            if let Some(window) = window.upgrade() {
                window.global::<Toast<'_>>().invoke_gone();
            }
        });
        self.undoable = Some(Undoable { intent, _timer: timer });
    }

    fn undo_toast(&self, text: &str) {
        self.show_toast(text, self.phrases.say(|words| words.invoke_undo()));
    }

    fn show_toast(&self, text: &str, action: SharedString) {
        self.with_window(|window| {
            let toast = window.global::<Toast<'_>>();
            toast.set_text(text.into());
            toast.set_action(action);
            toast.set_serial(toast.get_serial().wrapping_add(1));
        });
    }

    fn clear_toast(&self) {
        self.with_window(|window| window.global::<Toast<'_>>().set_text(SharedString::default()));
    }
}

//! What a person does in the list of conversations. Knows nothing of what is in them.

use std::rc::Rc;
use std::time::Duration;

use raftchat_model::Intent;
use raftchat_schema::command::{ConversationAct, Switch};
use raftchat_schema::id::Stamp;
use slint::platform::{PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, Timer};

use super::drawn::ids;
use super::view::Shared;
use crate::ui::{AppWindow, Chats, Shell};

const HOUR_MS: u64 = 3600 * 1000;

/// Joins the callbacks.
pub(super) fn connect(window: &AppWindow, view: &Shared) {
    let chats = window.global::<Chats<'_>>();
    let shared = Rc::clone(view);
    chats.on_open(move |id| {
        if let Some(chat) = ids::parse_chat(&id) {
            shared.borrow_mut().open_chat(chat);
        }
    });
    let shared = Rc::clone(view);
    chats.on_close(move || shared.borrow_mut().close_chat());
    let shared = Rc::clone(view);
    chats.on_filter(move |query| {
        let mut view = shared.borrow_mut();
        let phrases = view.phrases.clone();
        view.chats.set_query(&query);
        view.chats.settle(&phrases);
    });
    let shared = Rc::clone(view);
    chats.on_step(move |by| {
        let mut view = shared.borrow_mut();
        let by = isize::try_from(by).unwrap_or(0);
        if let Some(chat) = view.chats.step(view.open, by) {
            view.open_chat(chat);
        }
    });
    connect_marks(&chats, view);
    connect_keyboard(window);
    connect_pointer(window);
}

/// A press that was waited with, because it could have become a long one, reaches what lies below.
fn connect_pointer(window: &AppWindow) {
    let weak = window.as_weak();
    window.global::<Shell<'_>>().on_press_below(move |x, y| {
        let weak = weak.clone();
        // Not within the press that this comes from.
        Timer::single_shot(Duration::ZERO, move || {
            let Some(window) = weak.upgrade() else { return };
            // It became a long one, which has opened the menu.
            if !window.global::<Shell<'_>>().get_menu_key().is_empty() {
                return;
            }
            let (position, button) = (LogicalPosition::new(x, y), PointerEventButton::Left);
            window.global::<Shell<'_>>().set_pressing_below(true);
            window.window().dispatch_event(WindowEvent::PointerPressed { position, button });
            window.window().dispatch_event(WindowEvent::PointerReleased { position, button });
            window.global::<Shell<'_>>().set_pressing_below(false);
        });
    });
}

/// The keyboard on the screen types like one on the table.
fn connect_keyboard(window: &AppWindow) {
    let weak = window.as_weak();
    window.global::<Shell<'_>>().on_press_key(move |text| {
        if let Some(window) = weak.upgrade() {
            window.window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
            window.window().dispatch_event(WindowEvent::KeyReleased { text });
        }
    });
}

fn connect_marks(chats: &Chats<'_>, view: &Shared) {
    let shared = Rc::clone(view);
    chats.on_pin(move |id, on| {
        if let Some(chat) = ids::parse_chat(&id) {
            shared.borrow().act(Intent::Act { chat, act: ConversationAct::PinConversation { switch: switch(on) } });
        }
    });
    let shared = Rc::clone(view);
    chats.on_mute(move |id, hours| {
        let view = shared.borrow();
        let Some(chat) = ids::parse_chat(&id) else { return };
        let until = match u64::try_from(hours) {
            Ok(0) => Stamp(0),
            Ok(hours) => Stamp(view.phrases.clock.now().0.saturating_add(hours * HOUR_MS)),
            // A negative number: until further notice.
            Err(_) => Stamp(u64::MAX),
        };
        view.act(Intent::Act { chat, act: ConversationAct::Mute { until } });
    });
    let shared = Rc::clone(view);
    chats.on_mark_unread(move |id| {
        if let Some(chat) = ids::parse_chat(&id) {
            shared.borrow().act(Intent::Act { chat, act: ConversationAct::MarkUnread });
        }
    });
    let shared = Rc::clone(view);
    chats.on_mark_read(move |id| {
        let view = shared.borrow();
        if let Some(summary) = ids::parse_chat(&id).and_then(|chat| view.chats.get(chat)) {
            view.act(Intent::Act {
                chat: summary.chat,
                act: ConversationAct::MarkRead { position: summary.last_position },
            });
        }
    });
    let shared = Rc::clone(view);
    chats.on_leave(move |id| {
        if let Some(chat) = ids::parse_chat(&id) {
            shared.borrow_mut().leave(chat);
        }
    });
}

/// A switch from a truth of the window.
pub(super) fn switch(on: bool) -> Switch {
    if on { Switch::On } else { Switch::Off }
}

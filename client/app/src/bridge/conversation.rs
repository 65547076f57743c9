//! What a person does in the open conversation. Knows nothing of the others.

use std::rc::Rc;

use raftchat_model::text::safe;
use raftchat_model::{Body, Bubble, ChatId, Intent, Item, TimelineChange};
use raftchat_schema::command::{ConversationAct, Switch};
use raftchat_schema::id::{MessageId, Position};
use raftchat_schema::limits::TEXT_BYTES_MAX;
use slint::{ComponentHandle, SharedString};

use super::drawn::bubble;
use super::view::{Shared, View, Writing};
use crate::ui::{AppWindow, Composer, QuoteView, SheetKind, Shell, Timeline};

/// Joins the callbacks.
pub(super) fn connect(window: &AppWindow, view: &Shared) {
    connect_timeline(&window.global::<Timeline<'_>>(), view);
    connect_messages(&window.global::<Timeline<'_>>(), view);
    connect_composer(&window.global::<Composer<'_>>(), view);
}

fn connect_timeline(timeline: &Timeline<'_>, view: &Shared) {
    let shared = Rc::clone(view);
    timeline.on_follow_link(move |target| shared.borrow().platform.open_link(&target));
}

fn connect_messages(timeline: &Timeline<'_>, view: &Shared) {
    let shared = Rc::clone(view);
    timeline.on_react(move |key, emoji| shared.borrow().react(&key, &emoji));
    let shared = Rc::clone(view);
    timeline.on_reply(move |key| shared.borrow_mut().begin_reply(&key));
    let shared = Rc::clone(view);
    timeline.on_copy(move |key| shared.borrow().copy(&key));
    let shared = Rc::clone(view);
    timeline.on_edit(move |key| shared.borrow_mut().begin_edit(&key));
    let shared = Rc::clone(view);
    timeline.on_delete(move |key| shared.borrow_mut().delete(&key));
    let shared = Rc::clone(view);
    timeline.on_pin(move |key| shared.borrow().pin(&key));
    let shared = Rc::clone(view);
    timeline.on_retry(move |key| {
        let view = shared.borrow();
        if let Some(id) = view.message(&key).and_then(|message| message.outbox) {
            view.act(Intent::Retry { id });
        }
    });
    let shared = Rc::clone(view);
    timeline.on_discard(move |key| {
        let view = shared.borrow();
        if let Some(id) = view.message(&key).and_then(|message| message.outbox) {
            view.act(Intent::Discard { id });
        }
    });
    let shared = Rc::clone(view);
    timeline.on_show_hidden(move |key| {
        shared.borrow().with_window(|window| window.global::<Timeline<'_>>().set_shown_hidden(key));
    });
    let shared = Rc::clone(view);
    timeline.on_receipts(move |key| shared.borrow().show_receipts(&key));
    let shared = Rc::clone(view);
    timeline.on_revisions(move |key| shared.borrow().show_revisions(&key));
    let shared = Rc::clone(view);
    timeline.on_forward(move |key| shared.borrow_mut().begin_forward(&key));
}

fn connect_composer(composer: &Composer<'_>, view: &Shared) {
    let shared = Rc::clone(view);
    composer.on_edited(move |text| shared.borrow().edited(&text));
    let shared = Rc::clone(view);
    composer.on_send(move || shared.borrow_mut().send());
    let shared = Rc::clone(view);
    composer.on_cancel(move || shared.borrow_mut().cancel_writing());
    let shared = Rc::clone(view);
    composer.on_edit_last(move || shared.borrow_mut().edit_last());
    let shared = Rc::clone(view);
    composer.on_insert(move |text| shared.borrow().insert(&text));
}

impl View {
    /// Opens a conversation, or comes back to it.
    pub(super) fn open_chat(&mut self, chat: ChatId) {
        if self.open == Some(chat) {
            self.draw_open_chat();
            return;
        }
        self.leave_chat();
        self.open = Some(chat);
        self.begun = false;
        self.act(Intent::Open { chat });
        self.act(Intent::ShowMembers { chat });
        self.with_window(|window| {
            let timeline = window.global::<Timeline<'_>>();
            timeline.set_pinned(true);
            timeline.set_follow(true);
            window.global::<Shell<'_>>().set_sheet(SheetKind::None);
            window.global::<Shell<'_>>().invoke_focus_composer();
        });
        self.draw_open_chat();
    }

    /// Closes the open conversation.
    pub(super) fn close_chat(&mut self) {
        self.leave_chat();
        if self.open.take().is_some() {
            self.act(Intent::Close);
        }
        self.draw_open_chat();
    }

    fn leave_chat(&mut self) {
        self.commit_undoable();
        self.writing = Writing::default();
        self.members.clear();
        self.draw_pinned(Vec::new());
        self.forget_pane();
        self.timeline.apply(TimelineChange::Reset(Vec::new()));
        self.timeline.set_unread_line(None);
        self.put_text("");
        self.with_window(|window| {
            let composer = window.global::<Composer<'_>>();
            composer.set_reply(QuoteView::default());
            composer.set_editing(false);
            composer.set_too_long(SharedString::default());
            let timeline = window.global::<Timeline<'_>>();
            timeline.set_shown_hidden(SharedString::default());
            timeline.set_typing(SharedString::default());
        });
    }

    /// The message of that name.
    pub(super) fn message(&self, key: &str) -> Option<Bubble> {
        match self.timeline.find(key)? {
            Item::Bubble(bubble) => Some(*bubble),
            Item::Notice(_) => None,
        }
    }

    /// The place of the message of that name, in the open conversation.
    pub(super) fn place(&self, key: &str) -> Option<(ChatId, Position)> {
        Some((self.open?, self.message(key)?.position?))
    }

    /// Marks as read, unless nobody looks at the window.
    pub(super) fn mark_read(&self) {
        let Some(chat) = self.open.filter(|_| self.is_looked_at) else { return };
        let Some(summary) = self.chats.get(chat) else { return };
        if summary.unread > 0 || summary.marked_unread {
            self.act(Intent::Act { chat, act: ConversationAct::MarkRead { position: summary.last_position } });
        }
    }

    fn react(&self, key: &str, emoji: &str) {
        let (Some((chat, position)), Some(message)) = (self.place(key), self.message(key)) else { return };
        let mine = message.reactions.iter().any(|reaction| reaction.mine && reaction.emoji == emoji);
        let switch = if mine { Switch::Off } else { Switch::On };
        self.act(Intent::Act { chat, act: ConversationAct::React { position, emoji: emoji.to_owned(), switch } });
    }

    fn pin(&self, key: &str) {
        let (Some((chat, position)), Some(message)) = (self.place(key), self.message(key)) else { return };
        let switch = if message.pinned { Switch::Off } else { Switch::On };
        self.act(Intent::Act { chat, act: ConversationAct::PinMessage { position, switch } });
    }

    fn copy(&self, key: &str) {
        let Some(Body::Text(text)) = self.message(key).map(|message| message.body) else { return };
        self.platform.copy(&text);
        self.toast(&self.phrases.say(|words| words.invoke_copied()));
    }

    fn begin_reply(&mut self, key: &str) {
        let (Some(message), Some((_, position))) = (self.message(key), self.place(key)) else { return };
        self.stop_editing();
        self.writing.reply_to = Some(position);
        let original = raftchat_model::Original::Said {
            sender: message.sender,
            sender_name: message.sender_name,
            body: message.body,
        };
        let quote = bubble::quote(Some(&raftchat_model::Quote { position, original }), &self.phrases);
        self.with_window(|window| {
            window.global::<Composer<'_>>().set_reply(quote);
            window.global::<Shell<'_>>().invoke_focus_composer();
        });
        self.edited(&self.text());
    }

    fn begin_edit(&mut self, key: &str) {
        let (Some(message), Some((_, position))) = (self.message(key), self.place(key)) else { return };
        let Body::Text(text) = message.body else { return };
        if !message.own {
            return;
        }
        if self.writing.editing.is_none() {
            self.writing.put_aside = self.text();
        }
        self.writing.editing = Some(position);
        self.put_text(&text);
        let shown = QuoteView {
            present: true,
            text: bubble::one_line(&Body::Text(text), true, &self.phrases),
            ..QuoteView::default()
        };
        self.with_window(|window| {
            let composer = window.global::<Composer<'_>>();
            composer.set_editing(true);
            composer.set_reply(shown);
            window.global::<Shell<'_>>().invoke_focus_composer();
        });
    }

    fn edit_last(&mut self) -> bool {
        let mine = |item: &Item| {
            item.bubble()
                .is_some_and(|bubble| bubble.own && bubble.position.is_some() && matches!(bubble.body, Body::Text(_)))
        };
        let Some(item) = self.timeline.last(mine) else { return false };
        self.begin_edit(&super::drawn::ids::item(item.key()));
        true
    }

    fn stop_editing(&mut self) {
        if self.writing.editing.take().is_some() {
            let text = std::mem::take(&mut self.writing.put_aside);
            self.put_text(&text);
            self.with_window(|window| window.global::<Composer<'_>>().set_editing(false));
        }
    }

    fn cancel_writing(&mut self) {
        let was_editing = self.writing.editing.is_some();
        self.stop_editing();
        if !was_editing {
            self.writing.reply_to = None;
        }
        self.with_window(|window| window.global::<Composer<'_>>().set_reply(QuoteView::default()));
        self.edited(&self.text());
    }

    fn edited(&self, text: &str) {
        let over = text.len().saturating_sub(TEXT_BYTES_MAX);
        let warning = if over > 0 {
            self.phrases.say(|words| words.invoke_too_long(over.to_string().into()))
        } else {
            SharedString::default()
        };
        self.with_window(|window| window.global::<Composer<'_>>().set_too_long(warning));
        let (Some(chat), None) = (self.open, self.writing.editing) else { return };
        self.act(Intent::Draft { chat, text: text.to_owned(), reply_to: self.writing.reply_to });
        if !text.is_empty() {
            self.act(Intent::Typing { chat });
        }
    }

    /// Adds something where the cursor is.
    fn insert(&self, more: &str) {
        let mut text = self.text();
        let cursor = self.window.upgrade().map_or(0, |window| window.global::<Composer<'_>>().get_cursor());
        let at = usize::try_from(cursor).ok().filter(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        text.insert_str(at, more);
        self.put_text_at(&text, at + more.len());
        self.edited(&text);
    }

    fn send(&mut self) {
        let Some(chat) = self.open else { return };
        let text = self.text().trim().to_owned();
        if safe::is_blank(&text) || text.len() > TEXT_BYTES_MAX {
            return;
        }
        if let Some(position) = self.writing.editing {
            self.act(Intent::Edit { chat, position, text });
            self.stop_editing();
        } else {
            let message_id = MessageId(uuid::Uuid::now_v7().into_bytes());
            let reply_to = self.writing.reply_to.take();
            self.act(Intent::Send { chat, message_id, text, reply_to, forwarded_from: None });
            self.put_text("");
        }
        self.with_window(|window| window.global::<Composer<'_>>().set_reply(QuoteView::default()));
    }
}
